"""Use a trained net for another task: a new head, what is frozen, rates by depth, few images; and nets in files.

A net here is a models.CifarNet or a models.ResNet: its last child is `head`, a linear layer; the rest is the body.
"""

import contextlib
import copy
import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reslab import models, train


@dataclass(frozen=True)
class Card:
    """What must be known to use a net: its kind, its classes, and what its images looked like.

    net: "cifar20" for models.cifar_net(20), "plain20" for the plain one, or "resnet18" to "resnet152".
    size: height and width in pixels.
    mean, std: the statistics with which its images were normalised, three numbers each, in units of 0..1.
    story: where the weights come from, a sentence.
    """

    net: str
    classes: tuple[str, ...]
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    story: str = ""

    def build(self) -> nn.Module:
        """A net of this kind with fresh weights. Raises ValueError for a kind that is not known."""
        found = re.fullmatch(r"(cifar|plain|resnet)(\d+)", self.net)
        if not found:
            raise ValueError(f"unknown net {self.net!r}: cifar20, for example, or resnet18")
        depth, num_classes = int(found[2]), len(self.classes)
        if found[1] == "resnet":
            return models.imagenet_net(depth, num_classes)
        return models.cifar_net(depth, residual=found[1] == "cifar", num_classes=num_classes)

    def normalised(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W) in 0..1 as the net has learned to see them."""
        mean, std = (torch.tensor(values, dtype=x.dtype, device=x.device) for values in (self.mean, self.std))
        return (x - mean[:, None, None]).div_(std[:, None, None])


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, replaced in one move: a kill leaves the old one or the new.

    Raises OSError, naming the file, the cause and the cure, if it cannot be written; an older one stays whole.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise OSError(f"cannot write {path} ({error}): free some space or choose another file") from error


def save_net(path: str | Path, model: nn.Module, card: Card) -> None:
    """Write weights and card to one safetensors file, as write_whole does."""
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    write_whole(Path(path), safetensors.torch.save(state, {"reslab": json.dumps(asdict(card))}))


def load_net(path: str | Path) -> tuple[nn.Module, Card]:
    """The net in a file that `save_net` wrote, in eval mode, and its card.

    A safetensors file holds numbers and text only: opening one runs no code. Raises FileNotFoundError, or ValueError,
    naming the file, the cause and the cure.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: check the path, or make it with python -m reslab.finetune")
    cure = "make it anew with python -m reslab.finetune"
    try:
        with safetensors.safe_open(path, "pt") as file:
            values = json.loads((file.metadata() or {})["reslab"])
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no dict
        card = Card(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
        model = card.build()
        model.load_state_dict(state)
    except KeyError:
        raise ValueError(f"{path} has no card of reslab in it, only weights: {cure}") from None
    except Exception as error:  # a damaged file can raise nearly anything
        cause = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"cannot read a net from {path} ({cause}): {cure}") from error
    return model.eval(), card


def outlines_net() -> tuple[nn.Module, Card]:
    """The book's own pre-trained net: ResNet-20 on the 100 classes of data.outlines32, at 16x16 pixels."""
    return load_net(Path(__file__).parent / "weights" / "outlines.safetensors")


def new_head(model: nn.Module, num_classes: int) -> nn.Module:
    """A fresh linear layer for `num_classes` classes in place of the old head. Changes the model, and returns it."""
    weight = model.head.weight
    model.head = nn.Linear(model.head.in_features, num_classes, device=weight.device, dtype=weight.dtype)
    return model


def freeze_body(model: nn.Module) -> None:
    """Only the head gets gradients from here on."""
    model.requires_grad_(False)
    model.head.requires_grad_(True)


def train_mode(model: nn.Module) -> None:
    """Train mode, but batch norm keeps to its running statistics: it neither uses the batch's nor updates its own."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def parameter_groups(model: nn.Module, lr: float, factor: float) -> list[dict]:
    """Groups for torch.optim: the head gets `lr`, and each child before it `factor` times the rate of the next.

    Howard and Ruder 2018, arXiv 1801.06146, section 3.2, name such rates discriminative.
    """
    children = reversed(list(model.children()))
    return [{"params": list(child.parameters()), "lr": lr * factor**k} for k, child in enumerate(children)]


def features(model: nn.Module, x: Tensor, batch_size: int = 500) -> Tensor:
    """What the head gets for each image, (N, C), in eval mode and without gradients. Shape: x (N, 3, H, W)."""
    kept = []
    hook = model.head.register_forward_pre_hook(lambda head, given: kept.append(given[0].cpu()))
    try:
        with train.evaluating(model):
            for batch in x.split(batch_size):
                model(batch.to(model.head.weight.device))
    finally:
        hook.remove()
    return torch.cat(kept)


def fit_head(model: nn.Module, x: Tensor, y: Tensor, decay: float = 1e-2) -> None:
    """Fit the head to the features of the images x by logistic regression: the linear probe. The body is not touched.

    The features are standardised for the fit, and the scale is put into the head afterwards. decay: of the weights,
    in the loss of an image, as decay / 2 * the squared norm. Raises ValueError if a feature is not finite.
    """
    found = features(model, x)
    if not found.isfinite().all():
        raise ValueError(
            "the body gives features that are not finite: choose another base, and look for NaN in the images"
        )
    mean, std = found.mean(0), found.std(0, correction=0) + 1e-2
    found = (found - mean) / std
    head = nn.Linear(found.shape[1], model.head.out_features)
    nn.init.zeros_(head.weight), nn.init.zeros_(head.bias)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(head(found), y.cpu()) + decay / 2 * head.weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        model.head.weight.copy_(head.weight / std)
        model.head.bias.copy_(head.bias - (head.weight / std) @ mean)


def tune(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    steps: int,
    *,
    lr: float,
    factor: float = 1.0,
    freeze_norms: bool = False,
    batch_size: int = 32,
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
    generator: torch.Generator | None = None,
) -> list[float]:
    """Fine-tune in place for `steps` random batches, with SGD and one cycle of the rate. Returns the losses.

    factor: see parameter_groups. freeze_norms: see train_mode. Frozen parameters stay as they are.
    Shapes: x (N, 3, H, W) normalised, y (N,).
    """
    optimizer = torch.optim.SGD(parameter_groups(model, lr, factor), lr, momentum=0.9, weight_decay=1e-4)
    peaks = [group["lr"] for group in optimizer.param_groups]
    config, losses = train.TrainConfig(lr=1.0), []
    set_mode = train_mode if freeze_norms else nn.Module.train
    for step in range(steps):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * train.learning_rate(step, steps, config)
        set_mode(model)
        batch = torch.randperm(len(x), generator=generator)[:batch_size]
        images = x[batch] if augment is None else augment(x[batch], generator)
        loss, _ = train.train_step(model, optimizer, images, y[batch])
        losses.append(loss)
    return losses


def few_per_class(labels: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Indices of n random images of each class that occurs in labels (N,). Raises ValueError if a class has fewer."""
    chosen = []
    for label in labels.unique():
        places = (labels == label).nonzero()[:, 0]
        if len(places) < n:
            raise ValueError(f"class {label} has {len(places)} images, fewer than {n}: ask for fewer, or leave it out")
        chosen.append(places[torch.randperm(len(places), generator=generator)[:n]])
    return torch.cat(chosen)


def interpolated(a: dict[str, Tensor], b: dict[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """The state dict (1 - alpha) a + alpha b; counts are b's. Wortsman and others 2022, arXiv 2109.01903 (WiSE-FT)."""
    return {
        name: (1 - alpha) * a[name] + alpha * b[name] if b[name].is_floating_point() else b[name].clone() for name in b
    }


def method(name: str, base: nn.Module, num_classes: int, x: Tensor, y: Tensor, seed: int = 0) -> nn.Module:
    """A net for (x, y), made by one of METHODS from a copy of `base`. Its rates were chosen on seed 100."""
    torch.manual_seed(seed)
    model = copy.deepcopy(base)
    if name == "from scratch":
        for module in model.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        models.initialise(model)
    new_head(model, num_classes)
    steps, options = METHODS[name]
    if name in ("linear probe", "probe, then full"):
        fit_head(model, x, y)
    if steps:
        tune(model, x, y, steps, generator=torch.Generator().manual_seed(seed), **options)
    return model.eval()


METHODS = {  # steps of fine-tuning, and how
    "from scratch": (200, {"lr": 0.1}),
    "linear probe": (0, {}),
    "full": (200, {"lr": 0.03}),
    "probe, then full": (200, {"lr": 0.03}),
    "rates by depth": (200, {"lr": 0.1, "factor": 0.6}),
    "frozen batch norm": (200, {"lr": 0.01, "freeze_norms": True}),
}

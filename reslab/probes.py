"""Look inside a network: gradient norms, captured activations, counts of parameters, layers and multiply-adds."""

import contextlib
import copy
from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def weighted_layers(model: nn.Module) -> dict[str, nn.Module]:
    """The convolutions and linear layers on the main path, by name, in order of depth.

    These are the layers that "56" counts. Projections are left out: they lie on shortcuts (He et al. 2015, Table 3).
    """
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and "shortcut" not in name.split(".")
    }


def parameter_count(model: nn.Module) -> int:
    """How many numbers training can change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def named(model: nn.Module, names: Iterable[str]) -> dict[str, nn.Module]:
    """The modules of these names. Raises ValueError, with names that exist, for a name that does not."""
    modules, names = dict(model.named_modules()), list(names)
    unknown = [name for name in names if name not in modules]
    if unknown:
        raise ValueError(f"no module named {', '.join(unknown)}; there are {', '.join(filter(None, modules))}")
    return {name: modules[name] for name in names}


@contextlib.contextmanager
def capture(model: nn.Module, names: Iterable[str]) -> Iterator[dict[str, Tensor]]:
    """Keep the outputs of the named modules while the context is open; the hooks are gone when it closes.

        with capture(model, ["stage1.0", "stage3.8"]) as activations:
            model(x)
        activations["stage1.0"]  # (N, C, H, W), detached

    Raises ValueError, with names that exist, for a name that does not.
    """
    activations = {}

    def keep(name):
        def hook(module, inputs, output):
            activations[name] = output.detach()

        return hook

    hooks = [module.register_forward_hook(keep(name)) for name, module in named(model, names).items()]
    try:
        yield activations
    finally:
        for hook in hooks:
            hook.remove()


def gradient_norms(model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """The L2 norm of d(cross-entropy)/d(weight) for each weighted layer, in order of depth, in train mode.

    Works on a copy: gradients, batch-norm statistics and mode of `model` stay as they are, and so does torch's random
    state. Frozen layers are measured too. Shapes: x (N, 3, H, W), y (N,).
    """
    model = copy.deepcopy(model).train().requires_grad_(True)
    layers = weighted_layers(model)
    with torch.random.fork_rng():  # for layers that draw numbers, such as dropout
        loss = F.cross_entropy(model(x), y)
    gradients = torch.autograd.grad(loss, [layer.weight for layer in layers.values()])
    return {name: gradient.norm().item() for name, gradient in zip(layers, gradients, strict=True)}


def signals(model: nn.Module, names: Iterable[str], x: Tensor, y: Tensor) -> tuple[dict[str, float], dict[str, float]]:
    """How large the signal is at the outputs of the named modules: on its way forward, and back; in train mode.

    Forward is the root mean square of an output; back is the L2 norm of d(cross-entropy)/d(output). Works on a copy,
    as gradient_norms does. Shapes: x (N, ...), y (N,). Raises ValueError as capture does.
    """
    model, outputs = copy.deepcopy(model).train().requires_grad_(True), {}

    def keep(name):
        def hook(module, inputs, output):
            outputs[name] = output

        return hook

    modules = named(model, names)
    for name, module in modules.items():
        module.register_forward_hook(keep(name))
    with torch.random.fork_rng():
        loss = F.cross_entropy(model(x), y)
    gradients = torch.autograd.grad(loss, [outputs[name] for name in modules])
    forward = {name: outputs[name].detach().square().mean().sqrt().item() for name in modules}
    return forward, {name: gradient.norm().item() for name, gradient in zip(modules, gradients, strict=True)}


def response_std(model: nn.Module, x: Tensor) -> list[float]:
    """How much each layer says: the standard deviation of its response, in order of depth; He et al. 2015, Fig. 7.

    A response is the output of a batch norm on the main path, before ReLU or addition: all numbers of (N, C, H, W)
    together, in eval mode. Works on a copy. Shapes: x (N, 3, H, W).
    """
    model = copy.deepcopy(model).eval()
    norms = (name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d))
    with torch.no_grad(), capture(model, [name for name in norms if "shortcut" not in name.split(".")]) as responses:
        model(x)
    return [response.std().item() for response in responses.values()]


def block_names(model: nn.Module) -> list[str]:
    """The names of all blocks, modules with a `residual`, in order of depth: "stage1.0", "stage1.1", ..."""
    return [name for name, module in model.named_modules() if hasattr(module, "residual")]


def without_block(model: nn.Module, name: str) -> nn.Module:
    """A copy of a net in which only the shortcut of one block is left; Veit et al. 2016, arXiv 1605.06431, section 4.

    A plain block is left out, which needs one that keeps the shape. Raises ValueError for one that does not, and as
    capture does.
    """
    model = copy.deepcopy(model)
    block = named(model, [name])[name]
    convolution, shortcut = block.conv1, block.shortcut
    keeps_shape = convolution.in_channels == convolution.out_channels and convolution.stride == (1, 1)
    if isinstance(shortcut, nn.Identity) and not keeps_shape:
        raise ValueError(f"{name} changes the shape and has no shortcut: leave out a block that keeps the shape")
    model.set_submodule(name, nn.Sequential(shortcut, nn.ReLU()))
    return model


def mac_count(model: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """Multiply-adds of all convolutions and linear layers for one image (C, H, W), shortcuts included.

    The paper's "FLOPs" count the same thing. Additions, batch norm and ReLU are not counted.
    """
    model = copy.deepcopy(model).eval()  # the hooks and the mode are the copy's
    total = 0

    def add(module, inputs, output):
        nonlocal total
        per_output = module.weight[0].numel()  # inputs that one output number is summed over
        total += per_output * output[0].numel()

    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(add)
    weight = next(model.parameters())
    with torch.no_grad():
        model(torch.zeros(1, *image_shape, dtype=weight.dtype, device=weight.device))
    return total

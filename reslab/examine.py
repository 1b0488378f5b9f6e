"""Recorded for chapter 14: what is inside trained nets; how large each layer's response is, what each block is worth.

    python -m reslab.examine results/cifar10/*.safetensors --data cifar10-jpeg.npz
    python -m reslab.examine peer-resnet20-cifar10.th peer-resnet56-cifar10.th --data cifar10-mini.npz

Each file of weights gets a record of its own, results/examined/DATA/FILE.json; what is there is not done again.
A .th file is one of github.com/akamaster/pytorch_resnet_cifar10.
"""

import argparse
import datetime
import hashlib
import json
import pathlib
import sys
import time

import torch
from torch import Tensor, nn

from reslab import data, models, probes, runs, train, transfer


def published_net(path: pathlib.Path) -> tuple[nn.Module, transfer.Card]:
    """A net of akamaster/pytorch_resnet_cifar10 from its file, in eval mode, and a card for it.

    Raises FileNotFoundError or ValueError, naming the file, the cause and the cure.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: get it from github.com/akamaster/pytorch_resnet_cifar10")
    try:
        state = models.from_akamaster(torch.load(path, map_location="cpu", weights_only=True)["state_dict"])
        n = len({name.split(".")[1] for name in state if name.startswith("stage1.")})
        card = transfer.Card(
            net=f"cifar{6 * n + 2}",
            classes=tuple(str(k) for k in range(len(state["head.bias"]))),
            size=32,
            mean=(0.485, 0.456, 0.406),  # ImageNet's, as its trainer.py has them
            std=(0.229, 0.224, 0.225),
            story=f"{path.name}, Yerlan Idelbayev, github.com/akamaster/pytorch_resnet_cifar10, BSD-2-Clause",
        )
        model = card.build()
        model.load_state_dict(state)
    except Exception as error:  # a damaged file can raise nearly anything
        cause = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"cannot read a net from {path} ({cause}): give a .th file of that repository") from error
    return model.eval(), card


def residual_shares(model: nn.Module, x: Tensor) -> dict[str, float]:
    """For each block the size of F(x) beside that of its shortcut: a ratio of root mean squares. x: (N, 3, H, W)."""
    names, shares = probes.block_names(model), {}

    def compare(name):
        def hook(block, inputs):
            (x,) = inputs
            shares[name] = (block.residual(x).norm() / block.shortcut(x).norm()).item()

        return hook

    hooks = [model.get_submodule(name).register_forward_pre_hook(compare(name)) for name in names]
    try:
        with train.evaluating(model):
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return shares


def lesions(model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """The error without each block in turn, by name; of a plain net only the blocks that keep the shape."""
    errors = {}
    for name in probes.block_names(model):
        try:
            lesioned = probes.without_block(model, name)
        except ValueError:  # a plain block that changes the shape
            continue
        errors[name] = train.evaluate(lesioned, x, y)["error"]
    return errors


def examine(path: pathlib.Path, images: data.ImageData, count: int) -> dict:
    """All that is measured of one trained net: the error on all test images, the rest on the first `count` of them.

    With count 0 only the error. Raises ValueError if the net and the images do not fit together.
    """
    model, card = published_net(path) if path.suffix == ".th" else transfer.load_net(path)
    if len(card.classes) != len(images.classes) or card.size != images.test_x.shape[-1]:
        net = f"{len(card.classes)} classes, {card.size} pixels"
        seen = f"{len(images.classes)} classes, {images.test_x.shape[-1]} pixels"
        raise ValueError(f"{path.name} has {net}, {images.name} has {seen}: give the images it was trained for")
    x = card.normalised(images.test_x * images.std[:, None, None] + images.mean[:, None, None])
    found = {
        "net": card.net,
        "story": card.story,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "test_error": train.evaluate(model, x, images.test_y)["error"],
    }
    if count == 0:
        return found
    few, labels = x[:count], images.test_y[:count]
    residual = not card.net.startswith("plain")
    return found | {
        "images": len(few),
        "error": train.evaluate(model, few, labels)["error"],
        "response_std": [round(value, 5) for value in probes.response_std(model, few)],
        "residual_share": {k: round(v, 5) for k, v in residual_shares(model, few).items()} if residual else {},
        "lesions": lesions(model, few, labels),
    }


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m reslab.examine", description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", type=pathlib.Path, help="weights: .safetensors of reslab, or a peer's .th")
    parser.add_argument("--data", default="cifar10", help="cifar10 (downloaded once), or an .npz file")
    parser.add_argument(
        "--images", type=int, default=2000, help="test images for all but the error; 0: the error alone"
    )
    parser.add_argument("--results", type=pathlib.Path, help="folder for the records, in place of the book's results")
    options = parser.parse_args(arguments)
    try:
        images = runs.load(options.data)
        folder = (options.results or runs.results_folder()) / "examined" / images.name
        folder.mkdir(parents=True, exist_ok=True)
        for path in options.files:
            file = folder / f"{path.stem}.json"
            if file.exists():
                kept = json.loads(file.read_text(encoding="utf-8"))
                if kept["sha256"] != hashlib.sha256(path.read_bytes()).hexdigest():
                    raise ValueError(f"{file} was measured on other weights: move it away first")
                print(f"{path.name}: done")
                continue
            print(f"{path.name} on {images.name} ...", flush=True)
            start = time.monotonic()
            names = " ".join(other.name for other in options.files)
            made = {
                "command": f"python -m reslab.examine {names} --data {pathlib.Path(options.data).name}",
                "date": datetime.date.today().isoformat(),
                "versions": runs.versions(),
                "machine": runs.machine(),
                "data": {"name": images.name, "test_images": len(images.test_x), "sha256": images.digest},
            }
            found = examine(path, images, options.images)
            runs.write(file, made | found | {"seconds": round(time.monotonic() - start, 1)})
            print(f"  test error {found['test_error']:.4f}, {time.monotonic() - start:.0f} s", flush=True)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

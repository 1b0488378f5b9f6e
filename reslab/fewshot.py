"""Recorded for chapter 16: a net pre-trained on outlines, and six ways to use it with few images.

python -m reslab.fewshot pretrain
python -m reslab.fewshot compare
"""

import argparse
import dataclasses
import datetime
import itertools
import json
import pathlib
import sys
import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from reslab import data, models, probes, runs, train, transfer

WEIGHTS = pathlib.Path(__file__).parent / "weights"


def record_of(**parts) -> dict:
    """What a record holds besides its results: when and where, and with which versions."""
    made = {"date": datetime.date.today().isoformat(), "versions": runs.versions(), "machine": runs.machine()}
    return parts | made


def pretrain(options: argparse.Namespace) -> None:
    """Train ResNet-20 on data.outlines32, halved; write the weights and, in results/pretraining, the record."""
    images = data.outlines32(options.images).halved()
    config = train.TrainConfig(epochs=options.epochs, execution="bfloat16 channels_last")
    folder = runs.results_folder() / "pretraining"
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "outlines.checkpoint"
    torch.manual_seed(config.seed)
    model = models.cifar_net(20, num_classes=len(images.classes))
    history = train.train(model, images, config, checkpoint=checkpoint, on_epoch=train.progress(config.epochs))
    command = f"python -m reslab.fewshot pretrain --images {options.images} --epochs {options.epochs}"
    card = transfer.Card(
        net="cifar20",
        classes=images.classes,
        size=images.train_x.shape[-1],
        mean=tuple(images.mean.tolist()),
        std=tuple(images.std.tolist()),
        story=f"{command}; test error {history[-1]['test_error']:.3f}",
    )
    WEIGHTS.mkdir(exist_ok=True)
    transfer.save_net(WEIGHTS / "outlines.safetensors", model.to(memory_format=torch.contiguous_format), card)
    record = record_of(
        command=command,
        config=dataclasses.asdict(config),
        data={"name": images.name, "train_images": len(images.train_x), "sha256": images.digest},
        parameters=probes.parameter_count(model),
        seconds=round(sum(epoch["seconds"] for epoch in history), 1),
        history=history,
    )
    runs.write(folder / "outlines.json", record)
    checkpoint.unlink(missing_ok=True)


@dataclass(frozen=True, eq=False)
class Task:
    """Images (N, 3, 16, 16) in 0..1 and labels (N,): 100 of each of ten classes to draw from, a test set, another one.

    The images of shifted_x differ from the others in a way that was not to be learned.
    """

    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor
    shifted_x: Tensor
    shifted_y: Tensor


def shapes_task(seed: int) -> Task:
    """The shapes of shapes32, halved; shifted: colours that say nothing of the class."""

    def drawn(stream: int, hue_spread: float = 0.12) -> tuple[Tensor, Tensor]:
        x, y = data.draw_shapes(1000, np.random.default_rng([seed, stream]), hue_spread=hue_spread)
        return F.avg_pool2d(torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255, 2), torch.from_numpy(y)

    return Task(*drawn(4), *drawn(5), *drawn(6, hue_spread=1.0))


def digits_task(seed: int) -> Task:
    """1,797 handwritten digits, scanned, 8x8 brought to 16x16 (scikit-learn's copy of the UCI set); shifted: inverted.

    Alpaydin and Kaynak 1998, doi.org/10.24432/C50P49.
    """
    from sklearn.datasets import load_digits  # here, as importing scikit-learn changes the environment

    digits = load_digits()
    x = torch.from_numpy(digits.images).float()[:, None] / 16
    x = F.interpolate(x, size=(16, 16), mode="bilinear").expand(-1, 3, -1, -1).contiguous()
    y = torch.from_numpy(digits.target)
    pool = transfer.few_per_class(y, 100, torch.Generator().manual_seed(seed))
    rest = torch.ones(len(y), dtype=torch.bool)
    rest[pool] = False
    return Task(x[pool], y[pool], x[rest], y[rest], 1 - x[rest], y[rest])


TASKS = {"shapes": shapes_task, "digits": digits_task}
PER_CLASS = (1, 5, 20, 100)


def compare(options: argparse.Namespace) -> None:
    """Each of transfer.METHODS with 1, 5, 20 and 100 images of each class; results/fine_tuning/TASK-SEED.json.

    Each result is written at once; what is there already is not done again. Raises ValueError if a file there was made
    from another base or with other settings.
    """
    base, card = transfer.outlines_net()
    folder = runs.results_folder() / "fine_tuning"
    folder.mkdir(parents=True, exist_ok=True)
    methods = {key: [steps, settings] for key, (steps, settings) in transfer.METHODS.items()}
    for seed, task in itertools.product(range(options.seeds), TASKS):
        file = folder / f"{task}-{seed}.json"
        record = {"base": card.story, "methods": methods, "history": []}
        if file.exists():
            kept = json.loads(file.read_text(encoding="utf-8"))
            if any(kept[key] != record[key] for key in ("base", "methods")):
                raise ValueError(f"{file} was made from another base or with other settings: move it away first")
            record = kept
        done = {(row["method"], row["images"]) for row in record["history"]}
        images = TASKS[task](seed)
        for per_class, name in itertools.product(PER_CLASS, transfer.METHODS):
            if (name, per_class) in done:
                continue
            row = {"method": name, "images": per_class} | result(name, per_class, images, base, card, seed)
            print(task, seed, row, flush=True)
            record = record_of(
                command="python -m reslab.fewshot compare",
                task=task,
                seed=seed,
                base=card.story,
                methods=methods,
                history=[*record["history"], row],
            )
            runs.write(file, record)


def result(name: str, per_class: int, images: Task, base, card: transfer.Card, seed: int) -> dict:
    """Errors of one method on its own training images, on the test images and on the shifted ones; and the seconds."""
    start = time.monotonic()
    few = transfer.few_per_class(images.y, per_class, torch.Generator().manual_seed(seed))
    x, y = card.normalised(images.x[few]), images.y[few]
    model = transfer.method(name, base, 10, x, y, seed)
    seconds = time.monotonic() - start
    pairs = {
        "train_error": (x, y),
        "test_error": (card.normalised(images.test_x), images.test_y),
        "shifted_error": (card.normalised(images.shifted_x), images.shifted_y),
    }
    errors = {key: round(train.evaluate(model, *pair)["error"], 4) for key, pair in pairs.items()}
    return errors | {"seconds": round(seconds, 1)}


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m reslab.fewshot", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("pretrain", help=pretrain.__doc__.split(";")[0])
    command.add_argument("--images", type=int, default=40_000)
    command.add_argument("--epochs", type=int, default=15)
    command.set_defaults(work=pretrain)
    command = commands.add_parser("compare", help=compare.__doc__.split(";")[0])
    command.add_argument("--seeds", type=int, default=5)
    command.set_defaults(work=compare)
    options = parser.parse_args(arguments)
    try:
        options.work(options)
    except (OSError, ValueError, train.Diverged) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

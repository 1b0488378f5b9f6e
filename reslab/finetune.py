"""Fine-tune a trained net on your own folder of images, and use the result.

    python -m reslab.finetune FOLDER --out model.safetensors
    python -m reslab.finetune predict model.safetensors PICTURE_OR_FOLDER

FOLDER has a folder of images for each class. The net comes from --base: "outlines" (the book's own, small, no
download), "resnet18", "resnet34" or "resnet50" (trained on ImageNet's photographs; downloaded once), or a file that
this program wrote. Beside model.safetensors it writes model.md, the model card, and model.png, the confusion matrix.
"""

import argparse
import copy
import dataclasses
import datetime
import hashlib
import io
import math
import pathlib
import shlex
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator

import matplotlib.figure
import numpy as np
import torch
from torch import Tensor, nn
from torchvision import models as torchvision_models
from torchvision.transforms import v2

from reslab import data, models, plots, runs, train, transfer

FEWEST = 4  # images of a class: three to learn from and one to choose on
MOST_BYTES = 4 * 2**30  # of images in memory
MOST_INCHES = 60  # of the confusion matrix, which grows with the classes
TORCHVISION = ("resnet18", "resnet34", "resnet50")
PARTS = {"train", "training", "val", "valid", "validation", "test", "testing"}  # of a data set; no classes


def base_net(name: str) -> tuple[nn.Module, transfer.Card]:
    """A trained net by word or file, and its card. Raises ConnectionError if weights cannot be downloaded, ValueError
    or FileNotFoundError for a word or a file that is none, each with the cure.
    """
    if name == "outlines":
        return transfer.outlines_net()
    if name not in TORCHVISION:
        if not pathlib.Path(name).is_file():
            raise FileNotFoundError(
                f"no net {name}: give outlines, {', '.join(TORCHVISION)} or a file of this program"
            )
        return transfer.load_net(name)
    weights = torchvision_models.get_model_weights(name).DEFAULT
    try:
        theirs = torchvision_models.get_model(name, weights=weights)
    except (OSError, RuntimeError) as error:  # no network, or a download with a wrong checksum
        cure = "try again with a network, or use --base outlines, which needs none"
        raise ConnectionError(f"cannot download the weights of {name} ({error}): {cure}") from error
    prepared = weights.transforms()
    card = transfer.Card(
        net=name,
        classes=tuple(weights.meta["categories"]),
        size=prepared.crop_size[0],
        mean=tuple(prepared.mean),
        std=tuple(prepared.std),
        story=f"torchvision's {weights}, trained on ImageNet",
    )
    model = card.build()
    model.load_state_dict(models.from_torchvision(theirs.state_dict()))
    return model.eval(), card


def pixels_of(path: str | pathlib.Path, size: int) -> Tensor:
    """The picture in a file, its shorter side brought to `size` and the middle cut out: uint8 (3, size, size).

    Raises ValueError, naming the file and the cause, if it holds none.
    """
    picture = data.read_image(path)
    picture = v2.functional.center_crop(picture, [min(picture.size)] * 2)  # first, as a long strip would grow huge
    return v2.functional.pil_to_tensor(v2.functional.resize(picture, [size, size]))


def read_folder(root: str | pathlib.Path, size: int) -> tuple[Tensor, Tensor, list[str], list[str]]:
    """Images (N, 3, size, size) in 0..1, labels (N,), class names, and a line for each file that was left out.

    Left out are files that are no images, files beside the classes' folders, and second copies of a file. Raises
    ValueError, naming the cause and the cure: no or one class, an empty class, fewer than four images in one, folders
    that are the parts of a data set and no classes, more than the memory holds.
    """
    root = pathlib.Path(root)
    images, problems = data.image_folder(root)
    if {name.lower() for name in images.classes} <= PARTS:
        learned_from = root / max(images.classes, key=lambda name: "train" in name.lower())
        raise ValueError(
            f"{root} has the folders {', '.join(images.classes)}, which are parts of a data set and no classes: give "
            f"{learned_from}, if the folders in it are the classes"
        )
    loose = [file for file in sorted(root.iterdir()) if file.is_file() and file.name[0] != "."]
    problems += [f"{file}: lies in no folder of a class" for file in loose]
    seen, kept = {}, []
    for path, label in images.samples:
        digest = hashlib.sha256(pathlib.Path(path).read_bytes()).digest()
        if digest in seen:
            problems.append(f"{path}: the same file as {seen[digest]}")
        else:
            seen[digest] = path
            kept.append((path, label))
    left_out = "".join(f"\n  {problem}" for problem in problems)
    left_out = left_out and f"; left out:{left_out}"
    if len(images.classes) < 2:
        raise ValueError(
            f"{root} has one class, {images.classes[0]}: a net learns to tell classes apart, so give it a second "
            f"folder of images, of all that is not {images.classes[0]} for example{left_out}"
        )
    counts = np.bincount([label for _, label in kept], minlength=len(images.classes))
    few = [f"{name} has {n}" for name, n in zip(images.classes, counts, strict=True) if n < FEWEST]
    if few:
        cure = f"each class needs {FEWEST}, better 20: add some, or move the folder away"
        raise ValueError(f"too few images: {', '.join(few)}; {cure}{left_out}")
    if len(kept) * 3 * size * size * 4 > MOST_BYTES:
        raise ValueError(f"{len(kept)} images of {size}x{size} are more than {MOST_BYTES >> 30} GiB: lower --size")
    x = torch.stack([pixels_of(path, size) for path, _ in kept]).float().div_(255)
    return x, torch.tensor([label for _, label in kept]), images.classes, problems


def split(y: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Indices for training and for validation: of each class the `share`, rounded, at least one image."""
    held = torch.zeros(len(y), dtype=torch.bool)
    for label in y.unique():
        places = (y == label).nonzero()[:, 0]
        n = min(max(1, round(share * len(places))), len(places) - 1)
        held[places[torch.randperm(len(places), generator=generator)[:n]]] = True
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


def rank(record: dict) -> tuple[float, float]:
    """What is lowest in the best epoch: the validation error, then its loss. Infinite if a loss is not finite."""
    finite = math.isfinite(record["train_loss"]) and math.isfinite(record["test_loss"])
    return (record["test_error"], record["test_loss"]) if finite else (math.inf, math.inf)


def tune_until_best(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    val_x: Tensor,
    val_y: Tensor,
    *,
    epochs: int = 20,
    patience: int = 5,
    lr: float = 0.01,
    batch_size: int = 32,
    mirror: bool = True,
    seed: int = 0,
    on_epoch: Callable[[dict], None] | None = None,
) -> list[dict]:
    """Linear probe, then all weights (LP-FT: Kumar and others 2022, arXiv 2202.10054), stopped early on validation.

    Batch norm keeps the base's statistics, since a small folder has too few images to replace them. The model ends
    with the weights of its best epoch; epoch 0 is the probe alone. Returns a record for each epoch: epoch, train_loss,
    test_loss and test_error; "test" are the validation images, on which it chooses. A loss that is not finite ends
    the run; its epoch is the last record. Raises ValueError as fit_head.
    Shapes: x, val_x (N, 3, H, W) normalised; y, val_y (N,).
    """
    transfer.fit_head(model, x, y)
    tested = train.evaluate(model, val_x, val_y, batch_size=batch_size)
    start = train.evaluate(model, x, y, batch_size=batch_size)
    history = [{"epoch": 0, "train_loss": start["loss"], "test_loss": tested["loss"], "test_error": tested["error"]}]
    best, kept = history[0], copy.deepcopy(model.state_dict())
    generator, device = torch.Generator().manual_seed(seed), model.head.weight.device

    def augment(images: Tensor, generator: torch.Generator) -> Tensor:
        return data.random_crop_flip(images, generator, pad=images.shape[-1] // 8, flip=mirror)

    optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9, weight_decay=1e-4)
    steps = max(1, len(x) // batch_size)
    config = train.TrainConfig(lr=lr)
    for epoch in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        losses = []
        transfer.train_mode(model)
        for i in range(steps):
            optimizer.param_groups[0]["lr"] = train.learning_rate(epoch * steps + i, epochs * steps, config)
            batch = order[i * batch_size : (i + 1) * batch_size]
            images = augment(x[batch], generator).to(device)
            loss, _ = train.train_step(model, optimizer, images, y[batch].to(device))
            losses.append(loss)
            if not math.isfinite(loss):
                break
        tested = train.evaluate(model, val_x, val_y, batch_size=batch_size)
        record = {"epoch": epoch + 1, "train_loss": float(np.mean(losses)), "test_loss": tested["loss"]}
        history.append(record | {"test_error": tested["error"]})
        if rank(history[-1]) < rank(best):
            best, kept = history[-1], copy.deepcopy(model.state_dict())
        if on_epoch is not None:
            on_epoch(history[-1])
        if math.isinf(rank(history[-1])[0]) or epoch + 1 - best["epoch"] >= patience:
            break
    model.load_state_dict(kept)
    model.eval()
    return history


def fine_tune_folder(
    folder: str | pathlib.Path,
    out: str | pathlib.Path,
    *,
    base: str = "outlines",
    size: int | None = None,
    validation: float = 0.2,
    seed: int = 0,
    device: str = "cpu",
    command: str = "",
    say: Callable[[str], None] = print,
    **options,
) -> dict:
    """Fine-tune `base` on the images in folder/CLASS/; write the net to `out`, and a card and a confusion matrix.

    size: in pixels, by default the base's. validation: the share of images that is kept back to choose on. options:
    those of `tune_until_best`. Returns {"classes", "history", "confusion" (truth, answer), "best"}, measured on the
    images of validation. Raises ValueError, or OSError, with the cause and the cure; files that an
    earlier run wrote to `out` are then as they were.
    """
    out = pathlib.Path(out)
    check_out(out, pathlib.Path(folder))
    model, card = base_net(base)
    size = size or card.size
    say(f"reading the images in {folder}")
    x, y, classes, problems = read_folder(folder, size)
    for problem in problems:
        say(f"left out: {problem}")
    kept, held = split(y, validation, torch.Generator().manual_seed(seed))
    say(f"{len(classes)} classes, {len(kept)} images to learn from, {len(held)} to choose on, {size}x{size} pixels")

    transfer.new_head(model, len(classes)).to(device)
    new_card = dataclasses.replace(
        card, classes=tuple(classes), size=size, story=f"fine-tuned from {base} ({card.story})"
    )
    x = card.normalised(x)
    history = tune_until_best(model, x[kept], y[kept], x[held], y[held], seed=seed, **options)
    best = min(history, key=rank)
    if math.isinf(rank(history[-1])[0]):
        say(f"epoch {history[-1]['epoch']} had a loss that is not finite, and was the last: lower the learning rate")
    with train.evaluating(model):
        answers = torch.cat([model(part.to(device)).argmax(1).cpu() for part in x[held].split(32)])
    confusion = np.zeros((len(classes), len(classes)), int)
    np.add.at(confusion, (y[held].numpy(), answers.numpy()), 1)

    figure = matplotlib.figure.Figure(figsize=(min(2 + 0.5 * len(classes), MOST_INCHES),) * 2, layout="constrained")
    names = [name.replace("$", r"\$") for name in classes]  # matplotlib sets what is between two of them as a formula
    plots.confusion(figure.add_subplot(), confusion, names)
    picture = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that the font lacks is drawn as a box
        figure.savefig(picture, dpi=150)
    counts = np.bincount(y, minlength=len(classes))
    text = model_card(new_card, counts, problems, history, best, confusion, command)
    transfer.save_net(out, model, new_card)
    transfer.write_whole(out.with_suffix(".png"), picture.getvalue())
    transfer.write_whole(out.with_suffix(".md"), text.encode())
    say(f"kept epoch {best['epoch']}: validation error {best['test_error']:.3f} ({len(held)} images)")
    say(f"written: {out}, {out.with_suffix('.md').name}, {out.with_suffix('.png').name}")
    return {"classes": classes, "history": history, "confusion": confusion, "best": best}


def check_out(out: pathlib.Path, folder: pathlib.Path) -> None:
    """Make the folder of `out`. Raises ValueError or OSError, with the cure, if the net cannot be written there.

    Better now than after an hour of training.
    """
    if out.suffix != ".safetensors":
        raise ValueError(f"the net is written as safetensors: give NAME.safetensors, not {out}")
    if folder.resolve() in out.parent.resolve().parents:
        raise ValueError(f"{out.parent} lies in {folder}, whose folders are the classes: write the net elsewhere")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
        for file in (out, out.with_suffix(".md"), out.with_suffix(".png")):
            if file.is_dir():
                raise IsADirectoryError(f"{file} is a folder")
            if file.exists() and not out.exists():
                raise FileExistsError(f"{file} is there without a net, so it may be yours, and would be replaced")
    except OSError as error:
        raise OSError(f"cannot write {out} ({error}): choose another file") from error


def model_card(card, counts, problems, history, best, confusion, command) -> str:
    """The model card in Markdown: what the net is for, what made it, how it was measured, and what is not known."""
    held, wrong = int(confusion.sum()), int(confusion.sum() - confusion.trace())
    low, high = wilson(wrong, held)
    largest = int(confusion.sum(1).argmax())
    guessing = 1 - confusion[largest].sum() / held
    rows = [
        f"| {name.replace('|', chr(92) + '|')} | {count} | {row.sum()} | {row.sum() - row[k]} |"
        for k, (name, count, row) in enumerate(zip(card.classes, counts, confusion, strict=True))
    ]
    versions = ", ".join(f"{name} {version}" for name, version in runs.versions().items())
    left_out = [f"- {problem}" for problem in problems] or ["- none"]
    return "\n".join(
        [
            f"# A net for {len(card.classes)} classes",
            "",
            f"- Network: {card.net}, {card.story}.",
            f"- Made: {datetime.date.today().isoformat()}, with {versions}.",
            f"- Command: `{command or 'reslab.finetune.fine_tune_folder'}`",
            f"- Images: shorter side to {card.size} pixels, the middle cut out; mean {rounded(card.mean)}, "
            f"standard deviation {rounded(card.std)}.",
            f"- Training: {len(history) - 1} epochs were run; kept is epoch {best['epoch']} (0: the head alone was "
            "fitted), the one with the lowest validation error.",
            "",
            f"**Validation error: {wrong} of {held} images, {wrong / held:.3f}** (95 %: {low:.3f} to {high:.3f}). "
            f"A net that always says {card.classes[largest]} would have {guessing:.3f}. "
            "The epoch was chosen on these images, so expect a little more on new ones. Measure it on images that "
            "were not in the folder.",
            "",
            "| class | images | for validation | of these wrong |",
            "|---|---|---|---|",
            *rows,
            "",
            "**Not known:** what it says to images unlike those in the folder: other cameras, other light, other "
            "classes. It always names one of its classes. Its probabilities were not calibrated.",
            "",
            "Left out:",
            "",
            *left_out,
            "",
        ]
    )


def rounded(values) -> str:
    """Three numbers, as a card shows them."""
    return ", ".join(f"{value:.3f}" for value in values)


def wilson(wrong: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval for an error rate; it also holds for few errors or none. Wilson 1927, JASA 22."""
    p = wrong / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n))


def predictions(
    net: str | pathlib.Path, path: str | pathlib.Path, problems: list[str] | None = None
) -> Iterator[tuple[str, str, float]]:
    """Yield (file, class, probability) for a picture, or for each picture in a folder and the folders in it, by name.

    Hidden files are passed over, and files that are no pictures; for each of these a line is put into `problems`.
    Raises FileNotFoundError, or ValueError if the net or a single picture cannot be read.
    """
    model, card = transfer.load_net(net)
    path = pathlib.Path(path)
    if not path.exists():
        raise FileNotFoundError(f"nothing at {path}: check the path")
    files = [file for file in sorted(path.rglob("*")) if file.is_file()]
    seen = [file for file in files if not any(part[0] == "." for part in file.relative_to(path).parts)]
    for file in seen if path.is_dir() else [path]:
        try:
            x = card.normalised(pixels_of(file, card.size)[None].float() / 255)
        except ValueError as problem:
            if not path.is_dir():
                raise
            if problems is not None:
                problems.append(str(problem))
            continue
        with torch.no_grad():
            probability, answer = model(x).softmax(1)[0].max(0)
        yield str(file), card.classes[answer], probability.item()


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments[:1] == ["predict"]:
            return predict_command(arguments[1:])
        return fine_tune_command(arguments)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped: no file was changed", file=sys.stderr)
        return 130


def fine_tune_command(arguments: list[str]) -> int:
    """Parse and do `python -m reslab.finetune FOLDER --out FILE`."""
    first, _, rest = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m reslab.finetune",
        description=first,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", help="has a folder of images for each class")
    parser.add_argument("--out", required=True, help="the file to write, NAME.safetensors")
    parser.add_argument("--base", default="outlines", help="outlines, resnet18, resnet34, resnet50, or a file")
    parser.add_argument("--size", type=int, help="of the images in pixels; by default the base's own")
    parser.add_argument("--epochs", type=int, default=20, help="at most; 0 fits the head alone")
    parser.add_argument("--patience", type=int, default=5, help="epochs without a gain before it stops")
    parser.add_argument("--lr", type=float, default=0.01, help="the highest learning rate")
    parser.add_argument("--validation", type=float, default=0.2, help="the share of images to choose on")
    parser.add_argument(
        "--no-mirror", dest="mirror", action="store_false", help="for letters and digits: do not mirror images"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu or cuda")
    options = parser.parse_args(arguments)
    if options.epochs < 0 or options.patience < 1 or not 0 < options.lr < math.inf or not 0 < options.validation < 1:
        parser.error("--epochs from 0, --patience from 1, --lr above 0, --validation between 0 and 1")
    if options.size is not None and options.size < 8:
        parser.error("--size from 8 pixels")
    fine_tune_folder(
        **vars(options),
        say=lambda line: print(line.ljust(79), flush=True),  # a shorter one would leave the end of the progress line
        command=shlex.join(["python", "-m", "reslab.finetune", *arguments]),
        on_epoch=train.progress(options.epochs, "validation"),
    )
    return 0


def predict_command(arguments: list[str]) -> int:
    """Parse and do `python -m reslab.finetune predict FILE PATH`."""
    parser = argparse.ArgumentParser(
        prog="python -m reslab.finetune predict", description="Name the class of a picture, or of each in a folder."
    )
    parser.add_argument("net", help="a file that python -m reslab.finetune wrote")
    parser.add_argument("path", help="a picture, or a folder of pictures")
    options = parser.parse_args(arguments)
    problems, truths, names = [], [], []
    for file, name, probability in predictions(options.net, options.path, problems):
        print(f"{file}\t{name}\t{probability:.3f}")
        truths.append(pathlib.Path(file).parent.name)
        names.append(name)
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    if not names:
        raise ValueError(f"no picture in {options.path}")
    if set(truths) <= set(transfer.load_net(options.net)[1].classes):
        wrong = sum(truth != name for truth, name in zip(truths, names, strict=True))
        low, high = wilson(wrong, len(names))
        told = f"{wrong} of {len(names)} wrong, {wrong / len(names):.3f} (95 %: {low:.3f} to {high:.3f})"
        print(f"if the folders' names are the truth: {told}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

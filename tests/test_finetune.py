"""The fine-tuning tool: folders as readers have them, what it trains on, what it writes, and what it says."""

import errno
import importlib.metadata
import itertools
import math
import os
import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import models as torchvision_models

from reslab import finetune, models, transfer

COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}
STORY = r"fine-tuned from outlines"


def picture(colour, seed, size=(20, 16)):
    """A noisy picture of (width, height) around a colour."""
    noise = np.random.default_rng(seed).normal(0, 40, (size[1], size[0], 3))
    return Image.fromarray((np.array(colour) + noise).clip(0, 255).astype(np.uint8))


def fill(root, names=("red", "green"), n=5):
    """root/CLASS/0.png, 1.png, ..., `n` of each or as many as the list n says."""
    for k, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for i in range(n[k] if isinstance(n, list) else n):
            picture(COLOURS.get(name, (90, 90, 90)), [k, i]).save(root / name / f"{i}.png")
    return root


@pytest.fixture
def folder(tmp_path):
    return fill(tmp_path / "my pictures")


@pytest.fixture
def small_net():
    """A net with its own statistics, for images of 8x8, and its card."""
    torch.manual_seed(0)
    card = transfer.Card("cifar8", ("a", "b"), 8, (0.5, 0.4, 0.3), (0.2, 0.3, 0.25))
    return card.build().eval(), card


@pytest.fixture
def base(small_net, tmp_path):
    path = tmp_path / "base.safetensors"
    transfer.save_net(path, *small_net)
    return str(path)


@pytest.fixture
def run(folder, base, tmp_path):
    """Fine-tune the small net on the folder; returns what the function returns. What it says is in run.said."""

    def go(**options):
        options = {
            "base": base,
            "epochs": 2,
            "say": go.said.append,
            "out": tmp_path / "out" / "net.safetensors",
        } | options
        return finetune.fine_tune_folder(options.pop("folder", folder), options.pop("out"), **options)

    go.said = []
    return go


# Reading


def test_a_picture_is_its_middle_at_the_size(tmp_path):
    values = np.zeros((8, 24, 3), np.uint8)
    values[:, :8], values[:, 8:16], values[:, 16:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    Image.fromarray(values).save(tmp_path / "wide.png")
    Image.fromarray(values.transpose(1, 0, 2)).save(tmp_path / "high.png")
    for name in ("wide.png", "high.png"):
        pixels = finetune.pixels_of(tmp_path / name, 4)
        assert pixels.shape == (3, 4, 4) and pixels.dtype == torch.uint8
        assert (pixels[1] == 255).all() and (pixels[[0, 2]] == 0).all()


def test_shrinking_takes_means(tmp_path):
    board = np.indices((64, 64)).sum(0) % 2 * 255
    Image.fromarray(board.astype(np.uint8)).save(tmp_path / "board.png")
    pixels = finetune.pixels_of(tmp_path / "board.png", 8).int()
    assert (pixels - 127).abs().max() <= 4


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (30000, 2), (7, 5)])
def test_odd_sizes(tmp_path, size):
    Image.new("RGB", size, (10, 20, 30)).save(tmp_path / "odd.png")
    assert finetune.pixels_of(tmp_path / "odd.png", 224)[:, 100, 100].tolist() == [10, 20, 30]


def test_a_long_strip_does_not_grow(tmp_path, monkeypatch):
    given = []
    resize = finetune.v2.functional.resize
    monkeypatch.setattr(
        finetune.v2.functional, "resize", lambda p, *a, **k: given.append(p.size) or resize(p, *a, **k)
    )
    Image.new("RGB", (1, 9000)).save(tmp_path / "strip.png")
    finetune.pixels_of(tmp_path / "strip.png", 64)
    assert given == [(1, 1)]


def test_a_folder_as_readers_have_it(tmp_path):
    root = fill(tmp_path / "größe mit Leerzeichen", ("red", "weiß blau"), 4)
    red = root / "red"
    (red / "more").mkdir()
    picture(COLOURS["red"], 77).convert("L").save(red / "more" / "nested.jpg")
    picture(COLOURS["red"], 78).convert("RGBA").save(red / "with alpha.png")
    grey = np.asarray(picture(COLOURS["red"], 79, (40, 9)).convert("L")).astype(np.uint16) * 257
    Image.fromarray(grey).save(red / "sixteen.png")
    picture(COLOURS["red"], 80).save(red / "moving.gif")
    (red / "copy.png").write_bytes((red / "0.png").read_bytes())
    (root / "weiß blau" / "another.png").write_bytes((red / "1.png").read_bytes())
    (red / "labels.csv").write_text("a,b")
    (red / "zero.jpg").touch()
    (red / ".hidden.png").write_text("x")
    (root / "labels.csv").write_text("a,b")
    (root / ".DS_Store").write_text("x")
    picture(COLOURS["red"], 81).save(root / "loose.png")
    x, y, classes, problems = finetune.read_folder(root, 8)
    assert classes == ["red", "weiß blau"] and y.tolist() == [0] * 8 + [1] * 4 and y.dtype == torch.int64
    assert x.shape == (12, 3, 8, 8) and x.dtype == torch.float32 and 0 <= x.min() < 0.3 and 0.6 < x.max() <= 1
    assert torch.equal(x[0], finetune.pixels_of(red / "0.png", 8) / 255)
    left_out = {str(pathlib.Path(line.split(": ")[0]).relative_to(root)): line.split(": ", 1)[1] for line in problems}
    assert left_out == {
        "red/labels.csv": "not an image that Pillow can read",
        "red/zero.jpg": "the file is empty",
        "red/copy.png": f"the same file as {red / '0.png'}",
        "weiß blau/another.png": f"the same file as {red / '1.png'}",
        "labels.csv": "lies in no folder of a class",
        "loose.png": "lies in no folder of a class",
    }


def one_class(root):
    fill(root, ["red"])


def one_class_and_damage(root):
    fill(root, ["red"])
    (root / "red" / "bad.png").write_text("x")


def empty_class(root):
    fill(root)
    (root / "blue").mkdir()
    (root / "blue" / "bad.png").write_text("x")


def too_few(root):
    fill(root, ("blue", "green", "red"), [4, 3, 2])
    (root / "red" / "bad.png").write_text("x")


def few_but_for_copies(root):
    fill(root, n=[4, 3])
    (root / "green" / "copy.png").write_bytes((root / "green" / "0.png").read_bytes())


def parts(root):
    fill(root, ["train/red", "train/green", "Val/red"])


REFUSED = {
    "nowhere": (lambda root: None, r"^no folder .*f: check the path, and put the images of each class into a folder"),
    "a file": (lambda root: root.write_text("x"), r"^no folder .*f: check the path, and put the images"),
    "nothing": (lambda root: root.mkdir(), r"put the images of each class into a folder of its own, .*/f/CLASS/"),
    "one class": (one_class, r"f has one class, red: .* so give it a second folder of images, of all that is not red"),
    "one class, damage": (one_class_and_damage, r"(?s)one class, red: .*left out:\n  .*bad.png: not an image"),
    "empty class": (empty_class, r"(?s)classes? blue.*put the images.*left out:\n  .*bad.png: not an image"),
    "too few": (
        too_few,
        r"(?s)^too few images: green has 3, red has 2; each class needs 4, better 20: add some, or move.*bad.png: not",
    ),
    "copies": (few_but_for_copies, r"(?s)^too few images: green has 3; .*copy.png: the same file as .*0.png"),
    "parts": (
        parts,
        r"f has the folders Val, train, which are parts of a data set and no classes: give .*f/train, if",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_folder_that_cannot_be_used(case, tmp_path, capsys):
    make, words = REFUSED[case]
    make(tmp_path / "f")
    out = tmp_path / "net.safetensors"
    out.write_text("an older net")
    with pytest.raises(ValueError, match=words):
        finetune.read_folder(tmp_path / "f", 8)
    assert finetune.main([str(tmp_path / "f"), "--out", str(out)]) == 1
    assert re.search(words, capsys.readouterr().err)
    assert out.read_text() == "an older net" and not list(tmp_path.glob("net.[mp]*"))


def test_more_than_the_memory_holds(folder, monkeypatch):
    monkeypatch.setattr(finetune, "MOST_BYTES", 10 * 3 * 8 * 8 * 4)
    assert len(finetune.read_folder(folder, 8)[0]) == 10
    with pytest.raises(ValueError, match=r"^10 images of 9x9 are more than 0 GiB: lower --size"):
        finetune.read_folder(folder, 9)


# Splitting


@pytest.mark.parametrize(
    ("counts", "share", "held"),
    [([10, 5, 4], 0.2, [2, 1, 1]), ([2, 2], 0.9, [1, 1]), ([4, 1000], 0.01, [1, 10]), ([10, 10], 0.5, [5, 5])],
)
def test_each_class_is_split_by_its_share(counts, share, held):
    y = torch.tensor([k for k, n in enumerate(counts) for _ in range(n)])
    y = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(3))]
    kept, val = finetune.split(y, share, torch.Generator().manual_seed(0))
    assert sorted([*kept.tolist(), *val.tolist()]) == list(range(len(y)))
    assert y[val].bincount().tolist() == held
    again = finetune.split(y, share, torch.Generator().manual_seed(0))[1]
    assert torch.equal(val, again)
    others = [finetune.split(y, share, torch.Generator().manual_seed(s))[1] for s in range(1, 9)]
    assert any(not torch.equal(val, other) for other in others)


# Training


@pytest.fixture
def task():
    """Noisy images of three classes (x, y) and others to choose on."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 3
    x = torch.randn(60, 3, 8, 8, generator=generator)
    x[range(60), y] += 0.5
    return x[:45], y[:45], x[45:], y[45:]


@pytest.fixture
def net():
    torch.manual_seed(0)
    return models.cifar_net(8, num_classes=3)


def measured(model, task):
    return finetune.train.evaluate(model, *task[2:])


def test_the_net_ends_with_its_best_epoch(net, task):
    shown = []
    history = finetune.tune_until_best(net, *task, epochs=5, patience=9, lr=0.1, on_epoch=shown.append)
    assert [record["epoch"] for record in history] == list(range(6)) and shown == history[1:]
    assert all(record.keys() == {"epoch", "train_loss", "test_loss", "test_error"} for record in history)
    best = min(history, key=lambda record: (record["test_error"], record["test_loss"]))
    assert best is not history[-1], "a task on which the last epoch is the best shows nothing"
    assert measured(net, task)["loss"] == pytest.approx(best["test_loss"], abs=1e-6) and not net.training


def test_no_epochs_is_the_probe(net, task):
    probe = finetune.copy.deepcopy(net)
    transfer.fit_head(probe, *task[:2])
    history = finetune.tune_until_best(net, *task, epochs=0)
    assert len(history) == 1 and all(map(torch.equal, net.state_dict().values(), probe.state_dict().values()))
    train_loss = finetune.train.evaluate(probe, *task[:2])["loss"]
    assert history[0]["train_loss"] == pytest.approx(train_loss) and not net.training


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_it_stops_when_nothing_is_gained(net, task, monkeypatch, patience):
    errors = iter([0.3, 0.2, 0.4, 0.2, 0.2, 0.2, 0.2])

    def evaluate(model, x, y, batch_size):
        return {"loss": 1.0, "error": next(errors) if len(x) == len(task[2]) else 0.0}

    monkeypatch.setattr(finetune.train, "evaluate", evaluate)
    history = finetune.tune_until_best(net, *task, epochs=6, patience=patience)
    assert history[-1]["epoch"] == 1 + patience


def test_of_equal_errors_the_lower_loss_is_the_better(net, task, monkeypatch):
    left = iter([2.0, 1.0, 3.0])
    states = []

    def evaluate(model, x, y, batch_size):
        if len(x) != len(task[2]):
            return {"loss": 0.0, "error": 0.0}
        states.append(model.head.weight.clone())
        return {"loss": next(left), "error": 0.5}

    monkeypatch.setattr(finetune.train, "evaluate", evaluate)
    finetune.tune_until_best(net, *task, epochs=2)
    assert torch.equal(net.head.weight, states[1]) and not torch.equal(states[0], states[1])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["train", "validation"])
def test_a_loss_that_is_not_finite_ends_it_and_the_best_is_kept(net, task, monkeypatch, bad, where):
    states, steps = [], []
    step = finetune.train.train_step

    def evaluate(model, x, y, batch_size):
        if len(x) != len(task[2]):
            return {"loss": 0.0, "error": 0.0}
        states.append(model.head.weight.clone())
        # What diverged seems to be the best: the answers of a broken net may all be right by chance.
        return {"loss": bad if len(states) == 3 and where == "validation" else 1.0, "error": 0.5 - 0.1 * len(states)}

    def train_step(*arguments):
        steps.append(1)
        loss, scores = step(*arguments)
        return (bad if len(steps) == 4 and where == "train" else loss), scores

    monkeypatch.setattr(finetune.train, "evaluate", evaluate)
    monkeypatch.setattr(finetune.train, "train_step", train_step)
    history = finetune.tune_until_best(net, *task, epochs=9, batch_size=15)  # three steps an epoch
    assert [record["epoch"] for record in history] == [0, 1, 2] and len(steps) == (4 if where == "train" else 6)
    assert torch.equal(net.head.weight, states[1]) and min(history, key=finetune.rank) is history[1]


def test_a_base_with_broken_weights(net, task):
    with torch.no_grad():
        net.stem[0].weight[0] = math.nan
    with pytest.raises(
        ValueError, match=r"^the body gives features that are not finite: choose another base, and look for"
    ):
        finetune.tune_until_best(net, *task, epochs=1)


def test_a_rate_that_is_far_too_high(run):
    found = run(lr=1e9, epochs=8)
    assert [line for line in run.said if re.match(r"epoch \d had a loss that is not finite, .*: lower the lear", line)]
    assert found["best"]["epoch"] < len(found["history"]) - 1 and math.isfinite(found["best"]["test_loss"])
    assert not any("not finite" in line for line in (run.said.clear(), run(epochs=1), run.said)[2])


def test_it_learns_in_batches_with_a_rate_that_rises_and_falls(net, task, monkeypatch):
    rates, batches = [], []

    def train_step(model, optimizer, x, y):
        rates.append(optimizer.param_groups[0]["lr"])
        batches.append((len(x), model.training))
        return 1.0, None

    monkeypatch.setattr(finetune.train, "train_step", train_step)
    finetune.tune_until_best(net, *task, epochs=10, patience=99, lr=0.4, batch_size=20)
    assert batches == [(20, True)] * 20 and max(rates) == 0.4 and rates[0] < 0.4 and rates[-1] < 0.1
    batches.clear()
    finetune.tune_until_best(net, *task, epochs=1, batch_size=400)
    assert batches == [(45, True)]


def test_batch_norm_keeps_the_statistics_of_the_base(net, task):
    def numbers(part):
        return torch.cat([value.flatten().clone() for name, value in net.state_dict().items() if part in name])

    before, weights = numbers("running"), numbers("stem")
    seen = []
    finetune.tune_until_best(
        net, *task, epochs=1, on_epoch=lambda _: seen.extend([numbers("running"), numbers("stem")])
    )
    assert torch.equal(seen[0], before) and not torch.equal(seen[1], weights)


def test_every_image_is_met_once_an_epoch_moved_and_mirrored(net, task, monkeypatch):
    given = []

    def moved(images, generator, pad, flip):
        given.append((images, pad, flip))
        return images * 0

    monkeypatch.setattr(finetune.data, "random_crop_flip", moved)
    met = []
    step = finetune.train.train_step
    monkeypatch.setattr(finetune.train, "train_step", lambda m, o, x, y: met.append(x.abs().max()) or step(m, o, x, y))
    finetune.tune_until_best(net, *task, epochs=1, batch_size=15)
    assert sorted(x.sum().item() for images, _, _ in given for x in images) == sorted(x.sum().item() for x in task[0])
    assert [(pad, flip) for _, pad, flip in given] == [(1, True)] * 3 and met == [0] * 3
    first = given[0][0]
    finetune.tune_until_best(net, *task, epochs=2, batch_size=15, mirror=False, seed=1)
    assert {flip for _, _, flip in given[3:]} == {False}
    assert not torch.equal(given[3][0], first) and not torch.equal(given[3][0], given[6][0])


def test_validation_images_are_never_trained_on(run, folder, monkeypatch):
    """Each image has a level of its own; those that a step or the probe meets are not those of validation."""
    for i, path in enumerate(sorted(folder.rglob("*.png"))):
        Image.new("RGB", (9, 9), (20 * i + 10,) * 3).save(path)
    learned, chosen = set(), set()
    step, fit_head, evaluate = finetune.train.train_step, transfer.fit_head, finetune.train.evaluate

    def levels(x):
        return {round(value, 2) for value in x[:, 0, 4, 4].tolist()}

    def spy_step(model, optimizer, x, y):
        learned.update(levels(x))
        return step(model, optimizer, x, y)

    def spy_head(model, x, y):
        learned.update(levels(x))
        fit_head(model, x, y)

    def spy_evaluate(model, x, y, **options):
        if len(x) == 4:
            chosen.update(levels(x))
        return evaluate(model, x, y, **options)

    monkeypatch.setattr(finetune.train, "train_step", spy_step)
    monkeypatch.setattr(transfer, "fit_head", spy_head)
    monkeypatch.setattr(finetune.train, "evaluate", spy_evaluate)
    found = run(validation=0.4)
    assert len(learned) == 6 and len(chosen) == 4 and not learned & chosen and found["confusion"].sum() == 4


# The whole way


def test_a_folder_becomes_a_net_a_card_and_a_picture(run, tmp_path, base, small_net):
    (tmp_path / "my pictures" / "red" / "page.html").write_text("x")
    found = run(validation=0.4, command="the command")
    out = tmp_path / "out"
    assert {file.name for file in out.iterdir()} == {"net.safetensors", "net.md", "net.png"}
    _, card = transfer.load_net(out / "net.safetensors")
    assert card.classes == ("green", "red") and found["classes"] == ["green", "red"]
    assert (card.net, card.size, card.mean, card.std) == ("cifar8", 8, small_net[1].mean, small_net[1].std)
    assert card.story.startswith(f"fine-tuned from {base}")
    assert found["confusion"].shape == (2, 2) and found["confusion"].sum(1).tolist() == [2, 2]
    best = found["best"]
    assert best == min(found["history"], key=lambda record: (record["test_error"], record["test_loss"]))
    wrong = found["confusion"].sum() - found["confusion"].trace()
    assert wrong / 4 == best["test_error"]
    with Image.open(out / "net.png") as image:
        assert image.size == (450, 450)
    text = (out / "net.md").read_text(encoding="utf-8")
    assert f"**Validation error: {wrong} of 4 images, {wrong / 4:.3f}**" in text and "`the command`" in text
    assert "| green | 5 | 2 |" in text and "| red | 5 | 2 |" in text
    assert "red/page.html: not an image" in text and importlib.metadata.version("torch") in text
    assert f"kept is epoch {best['epoch']}" in text
    assert "2 classes, 6 images to learn from, 4 to choose on, 8x8 pixels" in run.said
    assert any(re.match(r"left out: .*page.html: not an image", line) for line in run.said)
    assert f"kept epoch {best['epoch']}: validation error {best['test_error']:.3f} (4 images)" in run.said
    assert run.said[-1] == f"written: {out / 'net.safetensors'}, net.md, net.png"


def test_rows_of_the_confusion_matrix_are_the_truth(run, monkeypatch):
    """The net always answers "green", the first class: all of its answers are in the first column."""

    def fit(model, *arguments, **options):
        nn.init.zeros_(model.head.weight)
        model.head.bias.data = torch.tensor([1.0, 0.0])
        model.eval()
        return [{"epoch": 0, "train_loss": 1.0, "test_loss": 1.0, "test_error": 0.5}]

    monkeypatch.setattr(finetune, "tune_until_best", fit)
    assert run(validation=0.4)["confusion"].tolist() == [[2, 0], [2, 0]]


def test_the_saved_net_is_the_measured_one(run, folder, tmp_path):
    found = run(validation=0.4)
    x, y, _, _ = finetune.read_folder(folder, 8)
    _, held = finetune.split(y, 0.4, torch.Generator().manual_seed(0))
    model, card = transfer.load_net(tmp_path / "out" / "net.safetensors")
    answers = model(card.normalised(x[held])).argmax(1)
    for truth, answer in itertools.product(range(2), repeat=2):
        assert ((y[held] == truth) & (answers == answer)).sum() == found["confusion"][truth, answer]


def test_the_same_command_gives_the_same_bits(run, tmp_path):
    files = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.manual_seed(len(files))
        run(out=tmp_path / name / "net.safetensors", seed=seed)
        files[name] = [(tmp_path / name / f"net.{end}").read_bytes() for end in ("safetensors", "png", "md")]
    assert files["a"] == files["b"] and files["a"][0] != files["c"][0]


def test_a_fine_tuned_net_is_a_base_and_the_size_may_change(run, tmp_path):
    run()
    first = tmp_path / "out" / "net.safetensors"
    found = run(base=str(first), size=12, out=tmp_path / "second.safetensors")
    assert transfer.load_net(tmp_path / "second.safetensors")[1].size == 12 and found["classes"] == ["green", "red"]
    assert "8 images" not in run.said[-1] and any("12x12 pixels" in line for line in run.said)


def test_many_classes_and_odd_names(run, tmp_path):
    names = ["$x^$ and 5", "a|b", *(f"class {k}" for k in range(28))]
    found = run(folder=fill(tmp_path / "many", names, 4), epochs=0)
    assert found["confusion"].sum(1).tolist() == [1] * 30
    text = (tmp_path / "out" / "net.md").read_text(encoding="utf-8")
    assert r"| a\|b | 4 | 1 |" in text
    with Image.open(tmp_path / "out" / "net.png") as image:
        assert image.size == (17 * 150, 17 * 150)


def test_the_picture_of_very_many_classes_does_not_grow_without_end(run, tmp_path, monkeypatch):
    monkeypatch.setattr(finetune, "MOST_INCHES", 2.5)
    run(epochs=0)
    with Image.open(tmp_path / "out" / "net.png") as image:
        assert image.size == (375, 375)


# What can go wrong before, in and after the training


@pytest.fixture
def kept(run, tmp_path):
    """An older net's files; after the test they must be as they were."""
    run(epochs=0)
    out = tmp_path / "out"
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    yield out
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, RuntimeError])
def test_a_run_that_breaks_off_keeps_the_older_net(kept, run, error):
    def stop(record):
        raise error

    with pytest.raises(error):
        run(on_epoch=stop)


def test_a_full_disk_keeps_the_older_net(kept, run, monkeypatch):
    def full(path, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pathlib.Path, "replace", full)
        with pytest.raises(
            OSError, match=r"cannot write .*net.safetensors .*No space left.*: free some space or choose"
        ):
            run(epochs=1, seed=3)


@pytest.mark.parametrize("part", ["confusion", "model_card"])
def test_a_picture_or_a_card_that_cannot_be_made_keeps_the_older_net(kept, run, monkeypatch, part):
    with monkeypatch.context() as patch:
        patch.setattr(finetune.plots if part == "confusion" else finetune, part, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(epochs=1, seed=3)


@pytest.mark.parametrize("name", ["net.md", "net.png"])
def test_a_file_of_yours_is_not_replaced(run, tmp_path, monkeypatch, name):
    untrained(monkeypatch)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(OSError, match=rf"cannot write .*{name} is there without a net.*\): choose another file"):
        run()
    assert (tmp_path / "out" / name).read_text() == "mine"


@pytest.mark.filterwarnings("error")
def test_letters_that_the_font_lacks(run, tmp_path):
    run(folder=fill(tmp_path / "more", ["猫", "犬"]), epochs=0)
    assert transfer.load_net(tmp_path / "out" / "net.safetensors")[1].classes == ("犬", "猫")


def test_the_card_says_what_guessing_gives(run, tmp_path):
    run(folder=fill(tmp_path / "more", ["red", "green"], [8, 4]), epochs=0, validation=0.5)
    text = (tmp_path / "out" / "net.md").read_text(encoding="utf-8")
    assert "A net that always says red would have 0.333." in text


def untrained(monkeypatch):
    monkeypatch.setattr(finetune, "base_net", lambda name: pytest.fail("it began before it looked at --out"))


@pytest.mark.parametrize("name", ["net", "net.pt", "net.safetensors.gz", "", "."])
def test_another_suffix(run, tmp_path, monkeypatch, name):
    untrained(monkeypatch)
    with pytest.raises(ValueError, match=r"the net is written as safetensors: give NAME.safetensors, not "):
        run(out=tmp_path / "there" / name if name else "")
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("name", ["net.safetensors", "net.md", "net.png"])
def test_a_folder_where_a_file_should_be(run, tmp_path, monkeypatch, name):
    untrained(monkeypatch)
    (tmp_path / "out" / name).mkdir(parents=True)
    with pytest.raises(
        OSError, match=rf"cannot write .*net.safetensors \(.*{name} is a folder\): choose another file"
    ):
        run()


def test_a_file_where_the_folder_should_be(run, tmp_path, monkeypatch):
    untrained(monkeypatch)
    (tmp_path / "out").write_text("x")
    with pytest.raises(OSError, match=r"cannot write .*net.safetensors \(.*exists.*\): choose another file"):
        run()


def test_a_folder_without_the_right_to_write(run, tmp_path, monkeypatch):
    untrained(monkeypatch)

    def refuse(dir):
        assert dir == tmp_path / "out"
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(finetune.tempfile, "TemporaryFile", refuse)
    with pytest.raises(OSError, match=r"cannot write .*net.safetensors \(.*Permission denied\): choose another file"):
        run()


@pytest.mark.parametrize("where", ["red", "models", "red/deep"])
def test_the_net_is_no_picture_of_a_class(run, folder, monkeypatch, where):
    untrained(monkeypatch)
    with pytest.raises(ValueError, match=r"lies in .*my pictures, whose folders are the classes: write .* elsewhere"):
        run(out=folder / where / "net.safetensors")
    assert not (folder / "models").exists()


def test_the_folder_may_be_the_one_you_are_in(run, folder, monkeypatch):
    untrained(monkeypatch)
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match=r"models lies in \., whose folders are the classes"):
        run(folder=".", out="models/net.safetensors")
    with pytest.raises(ValueError, match=r"lies in .*my pictures, whose"):
        run(out="models/net.safetensors")


def test_the_net_may_lie_beside_the_classes(run, folder):
    run(out=folder / "net.safetensors", epochs=0)
    run(out=folder / "net.safetensors", epochs=0)
    assert any(re.match(r"left out: .*net.png: lies in no folder of a class", line) for line in run.said)


# The base


@pytest.fixture
def theirs(monkeypatch):
    """The resnet18 of torchvision, as a download would give it, with statistics that are not the first ones."""
    torch.manual_seed(0)
    model = torchvision_models.resnet18(weights=None)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    asked = []
    monkeypatch.setattr(
        torchvision_models, "get_model", lambda *given, **options: asked.append((given, options)) or model
    )
    model.asked = asked
    return model.eval()


def test_torchvisions_net_gives_torchvisions_scores(theirs):
    model, card = finetune.base_net("resnet18")
    weights = torchvision_models.ResNet18_Weights.DEFAULT
    assert theirs.asked == [(("resnet18",), {"weights": weights})]
    assert card.net == "resnet18" and card.size == 224 and len(card.classes) == 1000 and not model.training
    assert card.classes[0] == "tench" and "ImageNet" in card.story and "torchvision" in card.story
    images = torch.rand(2, 3, 64, 64)
    prepared = weights.transforms(crop_size=64, resize_size=64)(images)
    assert torch.allclose(card.normalised(images), prepared, atol=1e-5)
    with torch.no_grad():
        assert torch.allclose(model(card.normalised(images)), theirs(prepared), atol=1e-4)


def test_torchvisions_net_on_a_folder(theirs, run, tmp_path):
    run(base="resnet18", size=32, epochs=1)
    model, card = transfer.load_net(tmp_path / "out" / "net.safetensors")
    assert isinstance(model, models.ResNet) and card.net == "resnet18" and card.size == 32
    assert card.mean == (0.485, 0.456, 0.406) and model.head.out_features == 2
    assert "ImageNet" in (tmp_path / "out" / "net.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("error", [OSError("no route to host"), RuntimeError("invalid hash value")])
@pytest.mark.parametrize("name", finetune.TORCHVISION)
def test_weights_that_cannot_be_downloaded(run, monkeypatch, error, name):
    def fail(*given, **options):
        raise error

    monkeypatch.setattr(torchvision_models, "get_model", fail)
    words = rf"cannot download the weights of {name} \({error}\): try again with a network, or use --base outlines"
    with pytest.raises(ConnectionError, match=words):
        run(base=name)


def test_the_books_net_is_the_base_by_default(folder, tmp_path):
    found = finetune.fine_tune_folder(folder, tmp_path / "net.safetensors", epochs=0, say=lambda line: None)
    _, card = transfer.load_net(tmp_path / "net.safetensors")
    assert card.net == "cifar20" and card.size == 16 and card.story.startswith(STORY)
    assert found["confusion"].sum() == 2


def test_a_base_that_is_none(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no net resnet19: give outlines, resnet18, .*resnet50 or a file"):
        finetune.base_net("resnet19")
    (tmp_path / "x").write_text("x")
    with pytest.raises(ValueError, match=r"cannot read a net from .*x .*: make it anew"):
        finetune.base_net(str(tmp_path / "x"))


# Using it


def test_predictions_are_the_same_alone_and_in_a_folder(run, folder, tmp_path):
    run()
    net = tmp_path / "out" / "net.safetensors"
    (folder / "page.html").write_text("x")
    for hidden in (folder / ".x.png", folder / ".checkpoints" / "0.png"):
        hidden.parent.mkdir(exist_ok=True)
        picture((0, 0, 0), 0).save(hidden)
    problems = []
    found = list(finetune.predictions(net, folder, problems))
    files = [file for file, _, _ in found]
    assert files == sorted(str(path) for name in ("green", "red") for path in (folder / name).iterdir())
    assert problems == [f"{folder / 'page.html'}: not an image that Pillow can read"]
    assert list(finetune.predictions(net, folder)) == found
    for line in found:
        assert list(finetune.predictions(net, line[0])) == [line]


def test_a_prediction_is_what_the_net_says(run, folder, tmp_path):
    run()
    net = tmp_path / "out" / "net.safetensors"
    model, card = transfer.load_net(net)
    for file, name, probability in finetune.predictions(net, folder):
        pixels = finetune.pixels_of(file, 8).float() / 255
        expected = model(
            (pixels - torch.tensor(card.mean)[:, None, None])[None] / torch.tensor(card.std)[:, None, None]
        )
        expected = expected.detach().softmax(1)[0]
        assert name == card.classes[expected.argmax()] and probability == pytest.approx(
            expected.max().item(), abs=1e-5
        )


def test_a_net_in_a_hidden_place_sees_its_pictures(run, tmp_path):
    run()
    (tmp_path / ".cache").mkdir()
    picture((0, 0, 0), 0).save(tmp_path / ".cache" / "a.png")
    assert len(list(finetune.predictions(tmp_path / "out" / "net.safetensors", tmp_path / ".cache"))) == 1


def test_nothing_to_predict(run, tmp_path):
    run()
    net = tmp_path / "out" / "net.safetensors"
    with pytest.raises(FileNotFoundError, match=r"nothing at .*none: check the path"):
        list(finetune.predictions(net, tmp_path / "none"))
    (tmp_path / "x.png").write_text("x")
    with pytest.raises(ValueError, match=r"x\.png: not an image"):
        list(finetune.predictions(net, tmp_path / "x.png"))


# Numbers


@pytest.mark.parametrize(
    ("wrong", "n", "expected"),
    [(0, 10, (0, 0.2775)), (10, 10, (0.7225, 1)), (5, 10, (0.2366, 0.7634)), (1, 50, (0.0035, 0.1050))],
)
def test_wilsons_interval(wrong, n, expected):
    assert finetune.wilson(wrong, n) == pytest.approx(expected, abs=1e-4)


# The command line


def test_the_command_line_from_a_folder_to_a_prediction(folder, base, tmp_path, capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)  # in a notebook, progress would be shown otherwise
    out = tmp_path / "net.safetensors"
    arguments = [str(folder), "--out", str(out), "--base", base, "--epochs", "2", "--patience", "9", "--no-mirror"]
    assert finetune.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("[")] == [
        "[##########..........]",
        "[####################]",
    ]
    assert sum("validation error" in line for line in lines) == 3 and all(len(line) >= 60 for line in lines)
    text = (tmp_path / "net.md").read_text(encoding="utf-8")
    command = re.search("Command: `(.*)`", text)[1]
    assert shlex.split(command) == ["python", "-m", "reslab.finetune", *arguments]
    (folder / "page.html").write_text("x")
    assert finetune.main(["predict", str(out), str(folder)]) == 0
    said = capsys.readouterr()
    assert re.fullmatch(r"(\S.*\.png\t(red|green)\t[01]\.\d{3}\n){10}", said.out)
    left_out, counted = said.err.splitlines()
    assert left_out == f"left out: {folder / 'page.html'}: not an image that Pillow can read"
    wrong = sum(line.split("/")[-2] != line.split("\t")[1] for line in said.out.splitlines())
    assert counted.startswith(f"if the folders' names are the truth: {wrong} of 10 wrong, {wrong / 10:.3f} (95 %: ")
    (folder / "red").rename(folder / "of no class")
    assert finetune.main(["predict", str(out), str(folder)]) == 0
    assert "truth" not in capsys.readouterr().err


def test_the_options_reach_the_training(folder, monkeypatch):
    given = {}
    monkeypatch.setattr(finetune, "fine_tune_folder", lambda **options: given.update(options))
    options = "--base b --size 9 --epochs 3 --patience 4 --lr 0.5 --validation 0.3 --no-mirror --seed 6"
    assert finetune.main([str(folder), "--out", "x.safetensors", *options.split()]) == 0
    expected = {
        "folder": str(folder),
        "out": "x.safetensors",
        "base": "b",
        "size": 9,
        "epochs": 3,
        "patience": 4,
        "lr": 0.5,
        "validation": 0.3,
        "seed": 6,
    }
    assert given | expected == given and given["mirror"] is False
    finetune.main([str(folder), "--out", "x.safetensors"])
    expected = {"base": "outlines", "size": None, "epochs": 20, "patience": 5, "lr": 0.01, "mirror": True, "seed": 0}
    assert given | expected == given and given["validation"] == 0.2


@pytest.mark.parametrize(
    "option",
    [
        *(
            "--epochs -1",
            "--patience 0",
            "--lr 0",
            "--lr nan",
            "--lr -1",
            "--lr inf",
            "--validation 0",
            "--validation 1",
        ),
        *("--validation nan", "--size 7", "--epochs x", "--colour red"),
    ],
)
def test_options_that_make_no_sense(folder, tmp_path, option, capsys):
    with pytest.raises(SystemExit) as stop:
        finetune.main([str(folder), "--out", str(tmp_path / "net.safetensors"), *option.split()])
    assert stop.value.code == 2 and option.split()[0] in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "net.safetensors").exists()


def test_errors_are_a_line_and_a_status(tmp_path, base, capsys):
    assert finetune.main(["predict", str(tmp_path / "none"), "x"]) == 1
    assert re.match(r"no file .*none: check the path, or make it with", capsys.readouterr().err)
    (tmp_path / "empty").mkdir()
    assert finetune.main(["predict", base, str(tmp_path / "empty")]) == 1
    assert capsys.readouterr().err == f"no picture in {tmp_path / 'empty'}\n"


def test_stopped_by_hand(folder, tmp_path, monkeypatch, capsys):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(finetune, "tune_until_best", interrupted)
    assert finetune.main([str(folder), "--out", str(tmp_path / "net.safetensors")]) == 130
    assert (
        capsys.readouterr().err == "\nstopped: no file was changed\n" and not (tmp_path / "net.safetensors").exists()
    )


def test_it_runs_as_a_module_and_explains_itself(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "reslab.finetune", "--help"], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0 and "python -m reslab.finetune predict model.safetensors" in done.stdout
    assert all(word in done.stdout for word in ("--out", "--no-mirror", "outlines", "confusion matrix"))

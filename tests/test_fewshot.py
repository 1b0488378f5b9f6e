"""Chapter 16's recorded experiment: weights as recorded, tasks as told, a stop that loses nothing."""

import argparse
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reslab import data, fewshot, runs, train, transfer


def test_the_weights_in_the_package_are_the_recorded_ones():
    model, card = transfer.outlines_net()
    record = runs.read("pretraining")["outlines"]
    assert card.story.startswith(record["command"]) and card.classes == data.OUTLINES
    x, y = data.draw_outlines(4000, np.random.default_rng([0, 3]))  # the test images of the recorded run
    x = F.avg_pool2d(torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255, 2)
    error = train.evaluate(model, card.normalised(x), torch.from_numpy(y))["error"]
    assert error == pytest.approx(record["history"][-1]["test_error"], abs=0.01)  # recorded in bfloat16


@pytest.mark.parametrize("name", fewshot.TASKS)
def test_a_task_has_a_hundred_of_each_class_and_other_images_to_test(name):
    task, again, other = (fewshot.TASKS[name](seed) for seed in (3, 3, 4))
    assert task.y.bincount().tolist() == [100] * 10 and task.x.shape == (1000, 3, 16, 16)
    for images in (task.x, task.test_x, task.shifted_x):
        assert images.dtype == torch.float32 and images.min() >= 0 and images.max() <= 1
    assert len(task.test_x) == len(task.test_y) and len(task.shifted_x) == len(task.shifted_y)
    nearest = torch.cdist(task.test_x.flatten(1)[:200], task.x.flatten(1)).min()
    assert nearest > 0, "a test image is among the training images"
    assert torch.equal(task.x, again.x) and not torch.equal(task.x, other.x)


def test_shifted_shapes_lose_their_colours_and_shifted_digits_are_inverted():
    shapes, digits = fewshot.shapes_task(0), fewshot.digits_task(0)

    def by_colour(x, y):
        """The error of the nearest mean colour of a class."""
        colours = shapes.x.mean((2, 3))
        means = torch.stack([colours[shapes.y == k].mean(0) for k in range(10)])
        return (torch.cdist(x.mean((2, 3)), means).argmin(1) != y).float().mean().item()

    assert by_colour(shapes.test_x, shapes.test_y) < 0.75 < 0.85 < by_colour(shapes.shifted_x, shapes.shifted_y)
    assert torch.equal(digits.shifted_x, 1 - digits.test_x) and torch.equal(digits.shifted_y, digits.test_y)
    assert len(digits.x) + len(digits.test_x) == 1797


def test_a_comparison_that_was_stopped_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runs, "results_folder", lambda: tmp_path)
    monkeypatch.setattr(fewshot, "PER_CLASS", (1, 5))
    monkeypatch.setattr(fewshot, "TASKS", {"digits": fewshot.digits_task})
    quick = {"linear probe": (0, {}), "full": (1, {"lr": 0.01})}
    monkeypatch.setattr(transfer, "METHODS", quick)
    done = fewshot.result
    calls = []

    def until_the_third(name, per_class, *rest):
        calls.append((name, per_class))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return done(name, per_class, *rest)

    monkeypatch.setattr(fewshot, "result", until_the_third)
    options = argparse.Namespace(seeds=1)
    with pytest.raises(KeyboardInterrupt):
        fewshot.compare(options)
    fewshot.compare(options)
    assert calls == [("linear probe", 1), ("full", 1), ("linear probe", 5), ("linear probe", 5), ("full", 5)]
    record = json.loads((tmp_path / "fine_tuning" / "digits-0.json").read_text())
    assert [(row["method"], row["images"]) for row in record["history"]] == [*calls[:2], *calls[3:]]
    assert record["task"] == "digits" and record["methods"]["full"] == [1, {"lr": 0.01}]
    assert all(0 <= row["test_error"] <= 1 and row["train_error"] == 0 for row in record["history"][::2])
    fewshot.compare(options)
    assert len(calls) == 5
    before = (tmp_path / "fine_tuning" / "digits-0.json").read_bytes()
    monkeypatch.setattr(transfer, "METHODS", quick | {"full": (1, {"lr": 0.02})})
    assert fewshot.main(["compare", "--seeds", "1"]) == 1
    assert "with other settings: move it away first" in capsys.readouterr().err
    assert len(calls) == 5 and (tmp_path / "fine_tuning" / "digits-0.json").read_bytes() == before


def test_pre_training_writes_weights_that_can_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "results_folder", lambda: tmp_path)
    monkeypatch.setattr(fewshot, "WEIGHTS", tmp_path / "weights")
    assert fewshot.main(["pretrain", "--images", "1000", "--epochs", "1"]) == 0
    model, card = transfer.load_net(tmp_path / "weights" / "outlines.safetensors")
    record = json.loads((tmp_path / "pretraining" / "outlines.json").read_text())
    assert card.story.startswith(record["command"]) and record["command"].endswith("--images 1000 --epochs 1")
    assert card.size == 16 and model.head.out_features == 100
    assert not list(tmp_path.rglob("*.checkpoint"))

"""Recorded runs: a run goes on after a break, is never overwritten, and tells all that made it except the host."""

import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import reslab
from reslab import data, models, probes, runs, train, transfer

ROOT = Path(__file__).resolve().parent.parent
CONFIG = train.TrainConfig(epochs=3, batch_size=50, lr=0.05, test_every=2)


def tiny(init="he", residual=True, **changes):
    return runs.Run(depth=8, residual=residual, init=init, width=4, config=dataclasses.replace(CONFIG, **changes))


@pytest.fixture
def plan(monkeypatch):
    """The only plan there is, `tiny`: a list that a test may change."""
    plan = [tiny()]
    monkeypatch.setattr(runs, "PLANS", {"tiny": lambda: plan})
    return plan


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "results_folder", lambda: tmp_path / "results")
    return tmp_path / "results" / "tiny"


def save_images(path, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 256, (120, 8, 8, 3), dtype=np.uint8), np.arange(120) % 3
    np.savez(path, train_x=x[:100], train_y=y[:100], test_x=x[100:], test_y=y[100:])
    return str(path)


@pytest.fixture
def npz(tmp_path):
    return save_images(tmp_path / "mine.npz", seed=0)


@pytest.fixture
def record(plan, folder, npz):
    """The record of the plan's one run."""
    assert runs.main(["tiny", "--data", npz]) == 0
    (record,) = runs.read("tiny").values()
    return record


def strings(value):
    if isinstance(value, dict):
        value = [*value, *value.values()]
    return (
        [s for part in value for s in strings(part)] if isinstance(value, list) else [value] * isinstance(value, str)
    )


def names_a_place(text):
    """Whether `text` has an absolute path, or this machine's or its user's name."""
    mine = {platform.node(), os.environ.get("USER", "")} - {"", "localhost", "root"}
    return bool(re.search(r"(^|[\s=\"'])(/\w|~/|[A-Z]:\\)", text)) or any(
        re.search(rf"\b{re.escape(m)}\b", text) for m in mine
    )


def test_what_a_record_holds(record, plan, npz):
    images = data.load_npz(npz)
    assert record["run"] == dataclasses.asdict(plan[0]) and record["run"]["config"]["seed"] == 0
    assert record["command"] == "python -m reslab.runs tiny --data mine.npz"
    assert abs(datetime.date.fromisoformat(record["date"]) - datetime.date.today()).days <= 1
    assert {"python", "torch", "torchvision", "numpy", "reslab"} <= set(record["versions"])
    assert (
        record["versions"]["torch"] == torch.__version__.split("+")[0]
        or record["versions"]["torch"] == torch.__version__
    )
    assert record["machine"]["threads"] == torch.get_num_threads() and record["machine"]["device"] == "cpu"
    assert {"name": "mine", "train_images": 100, "test_images": 20, "sha256": images.digest}.items() <= record[
        "data"
    ].items()
    assert record["data"]["image_size"] == [3, 8, 8]
    assert record["parameters"] == probes.parameter_count(models.cifar_net(8, width=4, num_classes=3))
    assert record["seconds"] == pytest.approx(sum(e["seconds"] for e in record["history"][1:]), abs=0.06)
    assert [epoch["epoch"] for epoch in record["history"]] == [0, 1, 2, 3]
    assert all(len(epoch["gradient_norms"]) == 8 for epoch in record["history"])
    assert ["test_error" in epoch for epoch in record["history"]] == [False, False, True, True]
    assert not any(map(names_a_place, strings(record)))
    line = runs.provenance(record)
    assert all(
        word in line for word in (record["command"], "mine, 100 images", record["date"], record["versions"]["torch"])
    )


def test_the_search_for_places_finds_them():
    for text in ("--data /home/me/x.npz", "~/x", "C:\\Users", "at " + platform.node()):
        assert names_a_place(text) or platform.node() in ("localhost", "")
    assert not any(map(names_a_place, ("python -m reslab.runs tiny --data x.npz", "Intel(R) Xeon(R) @ 2.6 GHz, 1/2")))


def test_it_is_the_run_that_train_makes(record, plan, npz):
    torch.manual_seed(0)
    model = models.cifar_net(8, width=4, num_classes=3)
    history = train.train(model, data.load_npz(npz), plan[0].config)
    assert [e["train_loss"] for e in history] == [e["train_loss"] for e in record["history"][1:]]


def test_zero_gamma_is_applied(plan, folder, npz):
    plan[:] = [tiny(), tiny(init="zero_gamma"), tiny(residual=False)]
    assert runs.main(["tiny", "--data", npz]) == 0
    he, zero, plain = (runs.read("tiny")[run.name]["history"][0]["gradient_norms"] for run in plan)
    assert min(he) > 0 and min(plain) > 0 and he != plain
    assert [norm == 0 for norm in zero] == [False, *[True] * 6, False]  # F = 0, and nothing flows through it yet


@pytest.mark.parametrize("residual", [True, False])
def test_the_weights_of_a_run_are_kept_if_it_says_so(plan, folder, npz, residual):
    run = dataclasses.replace(tiny(residual=residual), width=16)
    plan[:] = [run]
    assert runs.main(["tiny", "--data", npz]) == 0 and not list(folder.glob("*.safetensors"))
    plan[:] = [dataclasses.replace(run, keep=True)]
    assert runs.main(["tiny", "--data", npz]) == 0  # the record is there, the weights are not: it is run again
    net, card = transfer.load_net(folder / f"{run.name}.safetensors")
    images = data.load_npz(npz)
    (record,) = runs.read("tiny").values()
    tested = train.evaluate(net, images.test_x, images.test_y)
    assert tested["error"] == record["history"][-1]["test_error"] and card.mean == tuple(images.mean.tolist())
    stamp = (folder / f"{run.name}.json").stat().st_mtime_ns
    assert runs.main(["tiny", "--data", npz]) == 0 and (folder / f"{run.name}.json").stat().st_mtime_ns == stamp


def test_a_record_of_other_data_is_not_replaced_to_keep_the_weights(plan, folder, npz, tmp_path, capsys):
    plan[:] = [dataclasses.replace(tiny(), width=16)]
    assert runs.main(["tiny", "--data", npz]) == 0
    before = (folder / f"{plan[0].name}.json").read_bytes()
    plan[:] = [dataclasses.replace(plan[0], keep=True)]
    assert runs.main(["tiny", "--data", save_images(tmp_path / "other.npz", seed=1)]) == 1
    assert "other data: move it away first" in capsys.readouterr().err
    assert (folder / f"{plan[0].name}.json").read_bytes() == before and not list(folder.glob("*.safetensors"))


def test_names_tell_the_runs_of_a_plan_apart():
    for make in runs.PLANS.values():
        names = [run.name for run in make()]
        assert names and len(set(names)) == len(names)


def test_the_options_of_a_run_reach_its_network(plan, folder, npz):
    options = [{}, {"shortcut": "B"}, {"shortcut": "C"}, {"block": "late_skip"}, {"augment": True}]
    plan[:] = [dataclasses.replace(tiny(), residual=True, **option) for option in options]
    assert runs.main(["tiny", "--data", npz]) == 0
    kept = [json.loads((folder / f"{run.name}.json").read_text()) for run in plan]
    parameters = [record["parameters"] for record in kept]
    assert parameters[0] == parameters[3] == parameters[4] < parameters[1] < parameters[2]
    assert len({record["history"][-1]["train_loss"] for record in kept}) == 5
    assert [run.name.split("-")[0] for run in plan] == ["residual"] * 3 + ["late_skip", "residual"]
    assert "crop_flip" in plan[4].name


def test_a_record_from_before_there_were_options_is_known(record, folder, npz, capsys):
    (file,) = folder.iterdir()
    old = json.loads(file.read_text())
    for option in ("shortcut", "block", "augment"):
        del old["run"][option]
    for setting in ("decay_vectors", "label_smoothing"):
        del old["run"]["config"][setting]
    file.write_text(json.dumps(old))
    assert runs.main(["tiny", "--data", npz]) == 0 and "done" in capsys.readouterr().out


def test_a_done_run_is_skipped(record, folder, npz, monkeypatch, capsys):
    (file,) = folder.iterdir()
    before = file.read_bytes()
    monkeypatch.setattr(runs, "execute", lambda *_, **__: pytest.fail("done again"))
    assert runs.main(["tiny", "--data", npz]) == 0
    assert file.read_bytes() == before and "done" in capsys.readouterr().out


def test_a_kill_after_the_record_leaves_no_checkpoint(record, plan, folder, npz):
    (folder / f"{plan[0].name}.checkpoint").write_bytes(b"left over")
    assert runs.main(["tiny", "--data", npz]) == 0
    assert [path.suffix for path in folder.iterdir()] == [".json"]


def test_a_checkout_that_is_not_installed_has_a_version_too(monkeypatch):
    def version(name):
        if name == "reslab":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert runs.versions()["reslab"] == reslab.__version__ and runs.versions()["torch"] == "1.0"


@pytest.mark.parametrize("other", ["config", "network", "data"])
def test_another_record_is_left_alone(record, plan, folder, npz, tmp_path, capsys, other):
    (file,) = folder.iterdir()
    before = file.read_bytes()
    if other == "config":
        plan[:] = [tiny(momentum=0.5)]
    elif other == "network":
        plan[:] = [dataclasses.replace(tiny(), width=8)]
    else:
        npz = save_images(tmp_path / "other.npz", seed=1)
    assert runs.main(["tiny", "--data", npz]) == 1
    told = capsys.readouterr().err
    assert file.name in told and "another config or other data" in told and "move it away" in told
    assert file.read_bytes() == before and list(folder.iterdir()) == [file]


def comparable(record):
    text = json.dumps({key: value for key, value in record.items() if key not in ("seconds", "date")})
    return re.sub(r'"seconds": [\d.e-]+', "", text)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_run_that_was_cut_off_goes_on(record, folder, npz, monkeypatch, capsys, after):
    (file,) = folder.iterdir()
    file.unlink()
    saved, save = [], train.save_checkpoint

    def save_and_stop(*args):
        save(*args)
        saved.append(1)
        if len(saved) == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train, "save_checkpoint", save_and_stop)
        runs.main(["tiny", "--data", npz])
    assert [path.suffix for path in folder.iterdir()] == [".checkpoint"]
    with pytest.raises(FileNotFoundError):
        runs.read("tiny")
    capsys.readouterr()
    assert runs.main(["--list"]) == 0 and f"{after}/3 epochs" in capsys.readouterr().out
    assert runs.main(["tiny", "--data", npz]) == 0
    told = capsys.readouterr().out
    assert all((f"epoch {epoch}/3" in told) == (epoch > after) for epoch in (1, 2, 3))
    assert list(folder.iterdir()) == [file] and comparable(runs.read("tiny")[file.stem]) == comparable(record)


def test_list_says_what_is_done_and_what_is_missing(record, plan, folder, monkeypatch, capsys):
    plan.append(tiny(seed=1))
    monkeypatch.setattr(runs, "load", lambda *_: pytest.fail("no images are needed"))
    monkeypatch.setattr(runs, "execute", lambda *_: pytest.fail("nothing is run"))
    for arguments in (["--list"], ["tiny", "--list"]):
        capsys.readouterr()
        assert runs.main(arguments) == 0
        assert capsys.readouterr().out.splitlines() == [
            f"tiny/{plan[0].name}: done, {record['seconds'] / 60:.1f} min",
            f"tiny/{plan[1].name}: 0/3 epochs, about {record['seconds'] / 60:.0f} min left",
        ]


def test_list_tells_how_long_by_the_runs_that_are_done(plan, folder, npz, capsys):
    plan[:] = [tiny(), dataclasses.replace(tiny(seed=1), depth=14, width=8)]
    assert runs.main(["tiny", "--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"tiny/{run.name}: 0/3 epochs" for run in plan]
    assert runs.main(["tiny", "--data", npz, "--seed", "0"]) == 0
    file = folder / f"{plan[0].name}.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"seconds": 600}))
    capsys.readouterr()
    assert runs.main(["tiny", "--list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith(": 0/3 epochs, about 70 min left")  # 14 / 8 * 4 * 10 min


def test_only_some_runs(plan, folder, npz):
    plan[:] = [tiny(), tiny(seed=1), tiny(residual=False, seed=1), tiny(residual=False)]
    assert runs.main(["tiny", "--data", npz, "--seed", "1", "--only", "plain"]) == 0
    assert list(runs.read("tiny")) == [plan[2].name]


@pytest.mark.parametrize("arguments", [["nope"], [], ["tiny", "--seed", "x"]])
def test_a_command_that_makes_no_sense(plan, folder, arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        runs.main(arguments)
    assert stopped.value.code == 2 and "usage: python -m reslab.runs" in capsys.readouterr().err
    assert not folder.exists()


def test_no_run_matches(plan, folder, npz, capsys):
    assert runs.main(["tiny", "--data", npz, "--only", "resnet"]) == 1
    assert "no run" in capsys.readouterr().err and not folder.exists()


def test_data_that_is_not_there(plan, folder, tmp_path, capsys):
    (tmp_path / "words.npz").write_text("not images")
    for path, words in (("gone.npz", "no file "), ("words.npz", "cannot read ")):
        assert runs.main(["tiny", "--data", str(tmp_path / path)]) == 1
        assert words in (told := capsys.readouterr().err) and path in told and "Traceback" not in told
    assert not folder.exists()


@pytest.mark.parametrize("trouble", ["damaged checkpoint", "other checkpoint", "folder is a file", "diverged"])
def test_trouble_is_told_without_a_traceback(plan, folder, npz, capsys, trouble):
    checkpoint = folder / f"{plan[0].name}.checkpoint"
    folder.parent.mkdir()
    if trouble == "folder is a file":
        folder.write_text("mine")
    else:
        folder.mkdir()
    if trouble == "damaged checkpoint":
        checkpoint.write_bytes(b"damaged")
    if trouble == "other checkpoint":
        config = dataclasses.replace(CONFIG, epochs=1, momentum=0.5)
        train.train(models.cifar_net(8, width=4, num_classes=3), data.load_npz(npz), config, checkpoint=checkpoint)
    if trouble == "diverged":
        plan[:] = [tiny(lr=1e30)]
    before = checkpoint.read_bytes() if checkpoint.exists() else None
    assert runs.main(["tiny", "--data", npz]) == 1
    words = {
        "damaged checkpoint": "is not a checkpoint, or is damaged",
        "other checkpoint": "momentum 0.5 there, 0.9 here",
        "folder is a file": "tiny",
        "diverged": "the loss is",
    }
    assert words[trouble] in capsys.readouterr().err
    assert (checkpoint.read_bytes() if checkpoint.exists() else None) == before
    if trouble == "damaged checkpoint":
        assert runs.main(["--list"]) == 1 and checkpoint.name in capsys.readouterr().err


def test_load_by_word(monkeypatch, npz):
    monkeypatch.setattr(data, "cifar10", lambda: "cifar10")
    monkeypatch.setattr(data, "shapes32", lambda *n: "shapes32")
    assert (runs.load("cifar10"), runs.load("shapes32"), runs.load(npz).name) == ("cifar10", "shapes32", "mine")


def test_records_in_a_folder_of_your_own(record, folder, npz, tmp_path):
    mine = tmp_path / "mine"
    with pytest.raises(FileNotFoundError, match=r"mine.tiny: make them with `python -m reslab.runs tiny --results "):
        runs.read("tiny", mine)
    other = save_images(tmp_path / "other.npz", seed=1)  # with these images the book's own folder would be refused
    assert runs.main(["tiny", "--data", other, "--results", str(mine)]) == 0
    assert [path.parent for path in mine.rglob("*.json")] == [mine / "tiny"]
    assert runs.read("tiny", mine).keys() == runs.read("tiny").keys() and runs.read("tiny", mine) != runs.read("tiny")
    assert runs.main(["tiny", "--data", npz]) == 0, "the book's record is as it was"


def test_the_papers_plan_is_the_papers_recipe():
    plan = runs.PLANS["paper"]()
    assert {run.depth for run in plan} == {20, 32, 44, 56, 110} and len(plan) == 5 * 2 * 3
    for run in plan:
        config = run.config
        steps = 50_000 // config.batch_size * config.epochs
        rates = [train.learning_rate(step, steps, config) for step in range(steps)]
        drops = [step for step in range(1, steps) if rates[step] < rates[step - 1]]
        assert abs(steps - 64_000) < 50 and abs(drops[0] - 32_000) < 50 and abs(drops[1] - 48_000) < 50
        assert len(drops) == 2 and (rates[0] < 0.02) == (run.depth == 110) and rates[400] == 0.1
        assert (config.batch_size, config.momentum, config.weight_decay) == (128, 0.9, 1e-4)
        assert run.augment and run.shortcut == "A" and run.width == 16 and run.init == "he"


def test_read_names_the_command(folder):
    with pytest.raises(FileNotFoundError, match=r"no recorded runs in results/tiny.*`python -m reslab\.runs tiny`"):
        runs.read("tiny")


def test_write_and_read(folder):
    folder.mkdir(parents=True)
    record = {
        "text": 'é ✓ "quoted"\n',
        "n": 0.1 + 0.2,
        "history": [{"epoch": 0, "x": [1e-9]}, {"epoch": 1}],
        "none": None,
    }
    runs.write(folder / "a.json", record)
    (folder / "b.json.part").write_text("half")
    (folder / "c.checkpoint").write_bytes(b"x")
    assert runs.read("tiny") == {"a": record}


@pytest.mark.parametrize("moment", ["pathlib.Path.replace", "os.fsync"])
def test_a_kill_while_writing_leaves_the_old_file(folder, monkeypatch, moment):
    def killed(*_):
        raise KeyboardInterrupt

    folder.mkdir(parents=True)
    runs.write(folder / "a.json", {"n": 1})
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(moment, killed)
        runs.write(folder / "a.json", {"n": 2})
    assert runs.read("tiny") == {"a": {"n": 1}}
    runs.write(folder / "a.json", {"n": 3})
    assert runs.read("tiny") == {"a": {"n": 3}} and len(list(folder.iterdir())) == 1


def test_the_books_records_are_whole():
    for file in sorted((ROOT / "results").glob("*/*.json")):
        record = json.loads(file.read_text(encoding="utf-8"))
        if "run" in record:  # fewshot's records have another form
            assert len(record["history"]) == record["run"]["config"]["epochs"] + 1, file
        assert not any(map(names_a_place, strings(record))), file


def test_results_stand_beside_the_package_in_a_checkout():
    assert runs.results_folder() == ROOT / "results" or (Path(runs.__file__).parent / "results").is_dir()

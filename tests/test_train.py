"""Training: the schedule, the loop to the last bit, and runs that stop in every way and go on as if they had not."""

import itertools
import os
import pickle
import subprocess
import sys
import types
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from reslab import data, models, probes, train
from reslab.train import TrainConfig, learning_rate

CONFIG = TrainConfig(epochs=3, batch_size=50, lr=0.05, seed=4)


@pytest.fixture(scope="module")
def images():
    return data.shapes32(200, seed=0).halved()


def net(seed=0, depth=8, **options):
    torch.manual_seed(seed)
    return models.cifar_net(depth, **{"width": 4, **options})


def same_bits(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def without_seconds(history):
    return [{key: value for key, value in record.items() if key != "seconds"} for record in history]


def rates(total, **options):
    return [learning_rate(step, total, TrainConfig(lr=0.4, **options)) for step in range(total)]


def test_one_cycle():
    found = rates(100, schedule="one_cycle", warmup=0.2)
    assert found[0] == pytest.approx(0.4 / 20) and found[-1] == pytest.approx(0.4 / 80)
    assert max(found) == found[19] == found[20] == 0.4
    up, down = ([b - a for a, b in itertools.pairwise(part)] for part in (found[:20], found[20:]))
    assert up == pytest.approx([0.4 / 20] * 19) and down == pytest.approx([-0.4 / 80] * 79)


@pytest.mark.parametrize(("total", "warmup"), [(1, 0.2), (3, 0.2), (7, 0.99), (50, 0.0), (10, 0.29)])
def test_one_cycle_never_stands_still(total, warmup):
    found = rates(total, warmup=warmup)
    assert all(0 < rate <= 0.4 + 1e-12 for rate in found) and max(found) == pytest.approx(0.4)


@pytest.mark.parametrize("total", [64, 7])
def test_steps_and_constant(total):
    expected = [0.4 if s < total / 2 else 0.04 if s < total * 3 / 4 else 0.004 for s in range(total)]
    assert rates(total, schedule="steps") == pytest.approx(expected)
    assert rates(total, schedule="constant") == [0.4] * total


def test_the_papers_schedule_for_110_layers_starts_low():
    found = [rate / 4 for rate in rates(64_000, schedule="steps", low_steps=400)]  # for 0.4 in place of 0.1
    expected = [0.01] * 400 + [0.1] * 31_600 + [0.01] * 16_000 + [0.001] * 16_000
    assert found == pytest.approx(expected)


def test_the_schedule_is_pure():
    steps = [5, 80, 5, 0, 99, 5]
    found = {step: {learning_rate(step, 100, CONFIG) for _ in range(3)} for step in steps}
    assert all(len(rates) == 1 for rates in found.values())
    with pytest.raises(AttributeError):
        CONFIG.lr = 1.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"low_steps": 400}, "low_steps must be >= 0, and belongs to the schedule 'steps'"),
        ({"low_steps": -1, "schedule": "steps"}, "low_steps must be >= 0"),
        ({"schedule": "cosine"}, "unknown schedule 'cosine'.*one_cycle, steps, constant"),
        ({"execution": "fp16"}, "unknown execution 'fp16'.*'auto'.*bfloat16 channels_last"),
        ({"epochs": 0}, "epochs.* must be >= 1"),
        ({"batch_size": 0}, "batch_size.* must be >= 1"),
        ({"test_every": -1}, "test_every.* must be >= 1"),
        ({"warmup": 1.0}, "warmup < 1"),
        ({"warmup": -0.1}, "0 <= warmup"),
        ({"lr": 0.0}, "lr > 0"),
        ({"lr": float("nan")}, "lr > 0"),
    ],
)
def test_a_config_that_makes_no_sense(change, words):
    with pytest.raises(ValueError, match=words):
        TrainConfig(**change)


@pytest.mark.parametrize("augment", [None, data.random_crop_flip])
def test_train_is_the_loop_you_would_write(images, augment):
    ours, theirs, x, y = net(), net(), images.train_x, images.train_y
    history = train.train(ours, images, CONFIG, augment=augment)

    optimizer = torch.optim.SGD(theirs.parameters(), momentum=0.9, weight_decay=1e-4)
    losses, step = [], 0
    for epoch in range(3):
        generator = torch.Generator().manual_seed(1_000_003 * 4 + epoch)
        for chosen in torch.randperm(200, generator=generator).split(50):
            optimizer.param_groups[0]["lr"] = learning_rate(step, 12, CONFIG)
            batch = x[chosen] if augment is None else augment(x[chosen], generator).contiguous()
            loss = F.cross_entropy(theirs(batch), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            step += 1
    assert same_bits(ours, theirs)
    assert [record["train_loss"] for record in history] == [sum(losses[i : i + 4]) / 4 for i in (0, 4, 8)]
    assert history[-1]["test_loss"] == train.evaluate(theirs, images.test_x, images.test_y)["loss"]


def test_what_a_record_holds(images):
    model, told = net(), []
    config = replace(CONFIG, epochs=5, batch_size=64, test_every=2)  # 3 steps of 64, 8 images wait
    history = train.train(model, images, config, measure=lambda m: {"is_net": m is model}, on_epoch=told.append)
    assert told == history and [record["epoch"] for record in history] == [1, 2, 3, 4, 5]
    assert [record["epoch"] for record in history if "test_error" in record] == [2, 4, 5]
    assert all("test_loss" in record for record in history if "test_error" in record)
    assert [record["lr"] for record in history] == [learning_rate(3 * e + 2, 15, config) for e in range(5)]
    assert all(r["execution"] == "float32" and r["seconds"] > 0 and r["is_net"] for r in history)
    assert all(0 <= r["train_error"] <= 1 and (r["train_error"] * 192) % 1 < 1e-9 for r in history)


def test_training_error_counts_the_images_as_they_were_met(images):
    first, model = net(), net()
    record = train.train(model, images, replace(CONFIG, epochs=1, batch_size=200))[0]
    scores = first(images.train_x[torch.randperm(200, generator=torch.Generator().manual_seed(1_000_003 * 4))])
    order = torch.randperm(200, generator=torch.Generator().manual_seed(1_000_003 * 4))
    assert record["train_error"] == (scores.argmax(1) != images.train_y[order]).double().mean()


def test_the_seed_chooses_the_order(images):
    runs = [train.train(net(), images, replace(CONFIG, epochs=1, seed=seed))[0]["train_loss"] for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_a_small_net_learns(images):
    history = train.train(net(width=8), images, replace(CONFIG, epochs=8, lr=0.1))
    assert history[-1]["train_loss"] < 0.8 * history[0]["train_loss"]


def test_evaluate_by_hand(images):
    model, x, y = net(), images.test_x, images.test_y
    train.train(model, images, replace(CONFIG, epochs=1))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = train.evaluate(model, x, y)
    with torch.no_grad():
        chances = model.eval()(x).softmax(1)
    expected = -chances[range(len(y)), y].log().mean().item()
    assert found == {"loss": pytest.approx(expected, rel=1e-5), "error": (chances.argmax(1) != y).float().mean()}
    for size in (1, 7, 40):
        assert train.evaluate(model, x, y, batch_size=size) == pytest.approx(found, rel=1e-5)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert train.evaluate(model, x, y, execution="bfloat16 channels_last")["loss"] == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("mode", [True, False])
def test_evaluate_puts_each_modules_mode_back(images, mode):
    model = net().train(mode)
    model.stage1.train(not mode)  # as a fine-tuned net with frozen batch norm has it
    modes = [module.training for module in model.modules()]
    train.evaluate(model, images.test_x, images.test_y)
    assert [module.training for module in model.modules()] == modes
    with pytest.raises(RuntimeError):
        train.evaluate(model, torch.zeros(4, 3, 0, 0), torch.zeros(4, dtype=torch.int64))
    assert [module.training for module in model.modules()] == modes


def changed(images, part, change):
    return replace(images, **{part: change(getattr(images, part))})


WRONG = {
    "channels last": (
        "x",
        lambda x: x.permute(0, 2, 3, 1),
        r"\(N, 3, H, W\).* got .*, 3\): .*x\.permute\(0, 3, 1, 2\)",
    ),
    "no channels": ("x", lambda x: x[:, 0], r"images must be \(N, 3, H, W\) .*got .*, 16, 16\)$"),
    "grey": ("x", lambda x: x[:, :1], r"images must be \(N, 3, H, W\) .*got .*, 1, 16, 16\)$"),
    "no images": ("x", lambda x: x[:0], "with N > 0"),
    "bytes": ("x", lambda x: x.to(torch.uint8), r"images must be torch.float32, got torch.uint8.*from_arrays"),
    "double": ("x", lambda x: x.double(), r"images must be torch.float32, got torch.float64"),
    "too few": ("x", lambda x: x[:-1], r"labels must be int64 of shape"),
    "int32": ("y", lambda y: y.int(), r"labels must be int64 .*got torch.int32"),
    "float": ("y", lambda y: y.float(), r"labels must be int64 .*got torch.float32"),
    "column": ("y", lambda y: y[:, None], r"labels must be int64 of shape .*, 1\)"),
    "below": ("y", lambda y: y - 1, r"labels must lie in 0\.\.9, got -1\.\.8: .*num_classes"),
    "above": ("y", lambda y: y + 1, r"labels must lie in 0\.\.9, got 1\.\.10: .*num_classes"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_images_and_labels(images, case):
    part, change, words = WRONG[case]
    for where in ("train", "test"):
        model = net()
        with pytest.raises(ValueError, match=words):
            train.train(model, changed(images, f"{where}_{part}", change), CONFIG)
        assert same_bits(model, net())
    bad = {"x": images.test_x, "y": images.test_y}
    bad[part] = change(bad[part])
    with pytest.raises(ValueError, match=words):
        train.evaluate(net(), bad["x"], bad["y"])


def test_a_batch_larger_than_the_set(images):
    with pytest.raises(ValueError, match=r"batch_size 201 is larger than the training set \(200\)"):
        train.train(net(), images, replace(CONFIG, batch_size=201))


@pytest.mark.parametrize("kept", [True, False])
def test_a_loss_that_is_not_a_number(images, tmp_path, kept):
    path = tmp_path / "run.checkpoint" if kept else None
    spoil = {"left": 6}

    def augment(x, generator):  # the seventh batch, step 6, is the third of epoch 2
        spoil["left"] -= 1
        return x * float("nan") if spoil["left"] < 0 else x

    model = net()
    words = "epoch 1 is kept in .*run.checkpoint" if kept else "no checkpoint was kept"
    with pytest.raises(train.Diverged, match=rf"loss is nan at step 6 \(epoch 2, lr 0\.0.*{words}"):
        train.train(model, images, CONFIG, augment=augment, checkpoint=path)
    assert all(p.isfinite().all() for p in model.parameters())
    if kept:  # the checkpoint is good: with clean batches the run goes on from it
        history = train.train(model, images, CONFIG, checkpoint=path)
        assert len(history) == 3 and all(value.isfinite().all() for value in model.state_dict().values())


def test_no_epoch_was_done_before_the_loss_went(images, tmp_path):
    path = tmp_path / "run.checkpoint"
    with pytest.raises(train.Diverged, match=r"step 0 .*no checkpoint was kept"):
        train.train(net(), images, CONFIG, augment=lambda x, g: x * torch.inf, checkpoint=path)
    assert not path.exists()


def test_fastest_execution_changes_nothing(images):
    model = net().eval()
    model.stage1[0].conv1.weight.grad = torch.ones(4, 4, 3, 3)
    before, state = {key: value.clone() for key, value in model.state_dict().items()}, torch.get_rng_state()
    assert train.fastest_execution(model, images.train_x[:50], images.train_y[:50], repeats=1) in train.EXECUTIONS
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(p.is_contiguous() and p.dtype == torch.float32 for p in model.parameters())
    assert model.stage1[0].conv1.weight.grad.sum() == 144 and model.stage3[0].conv1.weight.grad is None
    assert not model.training and torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("fast", train.EXECUTIONS)
def test_fastest_execution_is_the_fastest(images, monkeypatch, fast):
    now = {"time": 0.0}

    def step(model, optimizer, x, y, execution):
        now["time"] += 1 if execution == fast else 2

    monkeypatch.setattr(train, "train_step", step)
    monkeypatch.setattr(train.time, "perf_counter", lambda: now["time"])
    assert train.fastest_execution(net(), images.train_x[:9], images.train_y[:9]) == fast


class Stopped(Exception):
    """Stands for whatever ends a run between two epochs."""


def stop_after(epoch):
    def on_epoch(record):
        if record["epoch"] == epoch:
            raise Stopped

    return on_epoch


@pytest.mark.parametrize("execution", train.EXECUTIONS)
@pytest.mark.parametrize("dropout", [False, True])
def test_a_stopped_run_goes_on_to_the_same_bits(images, tmp_path, execution, dropout):
    def build():
        model = net()
        if dropout:
            model.head = torch.nn.Sequential(torch.nn.Dropout(0.3), model.head)
        return model

    config, path = replace(CONFIG, execution=execution), tmp_path / "run.checkpoint"
    options = {"augment": data.random_crop_flip, "measure": lambda m: {"parameters": probes.parameter_count(m)}}
    whole = build()
    expected = train.train(whole, images, config, **options)
    for epoch in (1, 2):
        with pytest.raises(Stopped):
            train.train(build(), images, config, checkpoint=path, on_epoch=stop_after(epoch), **options)
        assert len(train.history_of(path)) == epoch
    last = build()
    torch.rand(7)  # the random state at the restart must not matter
    history = train.train(last, images, config, checkpoint=path, **options)
    assert same_bits(last, whole) and without_seconds(history) == without_seconds(expected)
    done = build()
    assert train.train(done, images, config, checkpoint=path, **options) == history and same_bits(done, whole)


def test_a_resumed_run_keeps_its_execution(images, tmp_path, monkeypatch):
    config, path = replace(CONFIG, execution="auto"), tmp_path / "run.checkpoint"
    monkeypatch.setattr(train, "fastest_execution", lambda *_: "float32 channels_last")
    with pytest.raises(Stopped):
        train.train(net(), images, config, checkpoint=path, on_epoch=stop_after(1))
    monkeypatch.setattr(train, "fastest_execution", lambda *_: pytest.fail("timed again"))
    history = train.train(net(), images, config, checkpoint=path)
    assert [record["execution"] for record in history] == ["float32 channels_last"] * 3


def test_a_checkpoint_holds_plain_numbers_only(images, tmp_path):
    path = tmp_path / "run.checkpoint"
    measure = lambda m: {"depth": {8: torch.ones(2).numpy().astype("float64")[0]}}  # noqa: E731
    history = train.train(net(), images, replace(CONFIG, epochs=1), measure=measure, checkpoint=path)
    assert train.history_of(path) == history and type(history[0]["depth"]["8"]) is float
    with pytest.raises(TypeError, match="Tensor"):  # at once, and not when the run is to go on
        train.train(net(), images, CONFIG, measure=lambda m: {"x": torch.ones(1)})


# Runs in its own process: trains, each time in a child that is killed at a given moment, until the run is whole.
KILLS = """
import os, pathlib, random, signal, sys, time
import torch
from reslab import data, models, train

torch.set_num_threads(1)
images = data.shapes32(200).halved()

def run(checkpoint):
    torch.manual_seed(0)
    model = models.cifar_net(8, width=4)
    config = train.TrainConfig(epochs=6, batch_size=50, lr=0.05, execution=execution)
    train.train(model, images, config, augment=augment, checkpoint=checkpoint)
    return {name: value.clone() for name, value in model.state_dict().items()}

die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
save, replace = torch.save, pathlib.Path.replace

def half_a_file(state, file):
    save(state, file)
    file.truncate(file.tell() // 2)
    die()

def after_the_move(path, target):
    replace(path, target)
    die()

moments = {
    "half a file": lambda: setattr(torch, "save", half_a_file),
    "not on the disk": lambda: setattr(os, "fsync", die),
    "before the move": lambda: setattr(pathlib.Path, "replace", die),
    "after the move": lambda: setattr(pathlib.Path, "replace", after_the_move),
}

def child(prepare, after=None):
    pid = os.fork()
    if pid == 0:
        prepare()
        run(folder / "run")
        os._exit(0)
    if after is not None:
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])

def epochs():
    return len(train.history_of(folder / "run"))

random.seed(0)
for execution in ("float32", "bfloat16 channels_last"):
    for augment in (None, data.random_crop_flip):
        folder = pathlib.Path(sys.argv[1]) / f"{execution} {augment is None}"
        run(None)  # warm up
        start = time.monotonic()
        whole = run(folder / "other")
        seconds = time.monotonic() - start
        for name in ("after the move", *moments):
            before = epochs()
            assert child(moments[name]), name
            assert epochs() == before + (name == "after the move"), name
        for _ in range(5):
            child(lambda: None, after=random.uniform(0, seconds / 3))
        print(execution, augment, "goes on from epoch", epochs())
        last = run(folder / "run")
        assert all(torch.equal(last[name], whole[name]) for name in whole), "other bits"
print("same bits")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_killed_at_any_moment(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", KILLS, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert result.returncode == 0 and result.stdout.endswith("same bits\n"), result.stdout + result.stderr


@pytest.fixture
def checkpoint(images, tmp_path):
    """The checkpoint of a run that was stopped after epoch 1."""
    path = tmp_path / "run.checkpoint"
    with pytest.raises(Stopped):
        train.train(net(), images, CONFIG, checkpoint=path, on_epoch=stop_after(1))
    return path


class Trap:
    """Unpickling this fails the test."""

    def __reduce__(self):
        return (pytest.fail, ("code from the file was run",))


def damage(path, kind):
    whole = path.read_bytes()
    if kind == "code":
        torch.save({**torch.load(path, weights_only=True), "history": Trap()}, path)
    elif kind == "a pickle":
        path.write_bytes(pickle.dumps(Trap(), protocol=2))
    elif kind == "weights alone":
        torch.save(net().state_dict(), path)
    elif kind == "a tensor":
        torch.save(torch.ones(3), path)
    elif kind == "no state":
        state = torch.load(path, weights_only=True)
        torch.save({"history": state["history"]}, path)
    else:
        left = {"empty": b"", "words": b"not a checkpoint", "cut short": whole[:-50], "half": whole[: len(whole) // 2]}
        path.write_bytes(left[kind])


KINDS = ["empty", "words", "cut short", "half", "code", "a pickle", "weights alone", "a tensor", "no state"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_checkpoint(images, checkpoint, kind):
    damage(checkpoint, kind)
    before, model = checkpoint.read_bytes(), net()
    with pytest.raises(ValueError, match=r"run\.checkpoint is not a checkpoint, or is damaged.*: delete it, or"):
        train.train(model, images, CONFIG, checkpoint=checkpoint)
    assert checkpoint.read_bytes() == before and same_bits(model, net())
    if kind != "no state":
        with pytest.raises(ValueError, match=r"run\.checkpoint is not a checkpoint, or is damaged.*: delete it, or"):
            train.history_of(checkpoint)


OTHERS = {
    "config": (
        {"config": replace(CONFIG, lr=0.1, epochs=9)},
        "another config .*epochs 3 there, 9 here; lr 0.05 there, 0.1",
    ),
    "data": ({"digest": "0"}, "other data"),
    "depth": ({"model": {"depth": 14}}, "another model"),
    "width": ({"model": {"width": 6}}, r"another model .*Conv2d\(3, 4.* there, .*Conv2d\(3, 6.* here"),
    "classes": ({"model": {"num_classes": 12}}, "another model"),
    "shortcut": ({"model": {"shortcut": "B"}}, "another model"),
    "plain": ({"model": {"residual": False}}, "another model .*BasicBlock.* there, .*PlainBlock.* here"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_checkpoint_of_another_run(images, checkpoint, other):
    change, words = OTHERS[other]
    before, model = checkpoint.read_bytes(), net(**change.get("model", {}))
    source = replace(images, digest=change.get("digest", images.digest))
    with pytest.raises(ValueError, match=rf"checkpoint belongs to .*{words}.*: delete .*run\.checkpoint, or"):
        train.train(model, source, change.get("config", CONFIG), checkpoint=checkpoint)
    assert checkpoint.read_bytes() == before and same_bits(model, net(**change.get("model", {})))


def test_the_disk_is_full(images, checkpoint):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    before = checkpoint.read_bytes()
    checkpoint.with_name("run.checkpoint.part").symlink_to("/dev/full")
    words = r"cannot write the checkpoint .*run\.checkpoint.*No space left.*epoch 1 is kept; free some space or choose"
    with pytest.raises(OSError, match=words):
        train.train(net(), images, CONFIG, checkpoint=checkpoint)
    assert checkpoint.read_bytes() == before and len(train.history_of(checkpoint)) == 1
    whole, last = net(), net()
    train.train(whole, images, CONFIG)
    train.train(last, images, CONFIG, checkpoint=checkpoint)
    assert same_bits(whole, last)


@pytest.mark.parametrize(
    ("owner", "name", "error"),
    [
        ("pathlib.Path", "open", PermissionError(13, "Permission denied")),
        ("torch", "save", RuntimeError("PytorchStreamWriter failed writing file: file write failed")),
        ("os", "fsync", OSError(28, "No space left on device")),
        ("pathlib.Path", "replace", OSError(30, "Read-only file system")),
    ],
)
def test_a_checkpoint_that_cannot_be_written(images, tmp_path, monkeypatch, owner, name, error):
    def broken(*_, **__):
        raise error

    path = tmp_path / "new" / "run.checkpoint"
    with monkeypatch.context() as patch:
        patch.setattr(f"{owner}.{name}", broken)
        words = f"cannot write the checkpoint .*run.checkpoint .*{error.args[-1]}.*none to go back to.*another folder"
        with pytest.raises(OSError, match=words):
            train.train(net(), images, CONFIG, checkpoint=path)
    assert list(tmp_path.rglob("run*")) == []


def test_the_folder_is_a_file(images, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match=r"cannot write the checkpoint .*choose another folder"):
        train.train(net(), images, CONFIG, checkpoint=tmp_path / "file" / "run")
    assert (tmp_path / "file").read_text() == "mine"


def test_any_data_with_the_right_names_will_do(images):
    names = ("train_x", "train_y", "test_x", "test_y", "digest")
    bare = types.SimpleNamespace(**{name: getattr(images, name) for name in names})
    assert without_seconds(train.train(net(), bare, CONFIG)) == without_seconds(train.train(net(), images, CONFIG))


def small_task():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(200, 6, generator=generator)
    torch.manual_seed(0)
    net = torch.nn.Linear(6, 2)
    return net, torch.optim.SGD(net.parameters(), lr=0.5), x, (x[:, 0] > 0).long()


def test_fit_is_plain_gradient_descent():
    net, optimizer, x, y = small_task()
    w, b = net.weight.detach().clone(), net.bias.detach().clone()
    losses = train.fit(net, optimizer, x, y, 3, batch_size=20, generator=torch.Generator().manual_seed(5))
    generator, expected = torch.Generator().manual_seed(5), []
    for _ in range(3):
        batch = torch.randint(200, (20,), generator=generator)
        p = (x[batch] @ w.T + b).softmax(1)
        expected.append(-p[torch.arange(20), y[batch]].log().mean().item())
        delta = (p - torch.nn.functional.one_hot(y[batch], 2)) / 20
        w, b = w - 0.5 * delta.T @ x[batch], b - 0.5 * delta.sum(0)
    assert losses == pytest.approx(expected, rel=1e-4) and losses[-1] < losses[0]
    assert torch.allclose(net.weight, w, atol=1e-5) and torch.allclose(net.bias, b, atol=1e-5)


def test_fit_clips_and_watches():
    net, optimizer, x, y = small_task()
    seen = []
    train.fit(net, optimizer, 1000 * x, y, 2, clip=0.1, watch=lambda model: seen.append(model.weight.detach().clone()))
    step = seen[1] - seen[0]
    assert len(seen) == 2 and 0.02 < step.norm() <= 0.5 * 0.1 + 1e-6  # the bias has its share of the norm


def test_fit_stops_at_a_loss_that_is_no_number():
    net, optimizer, x, y = small_task()
    x[:] = float("nan")
    before = net.weight.detach().clone()
    losses = train.fit(net, optimizer, x, y, 50)
    assert len(losses) == 1 and losses[0] != losses[0] and torch.equal(net.weight, before)


@pytest.mark.parametrize("wrong", [-0.1, 1.0])
def test_a_smoothing_that_makes_no_sense(wrong):
    with pytest.raises(ValueError, match=f"label_smoothing must lie in 0..1, 1 left out, got {wrong}"):
        TrainConfig(label_smoothing=wrong)


def test_label_smoothing_is_in_the_training_loss_alone(images):
    config = replace(CONFIG, epochs=1, label_smoothing=0.3, lr=1e-9)  # the net stays as it is
    plain, smooth = (train.train(net(), images, c)[0] for c in (replace(config, label_smoothing=0.0), config))
    order = torch.randperm(200, generator=torch.Generator().manual_seed(1_000_003 * 4))
    model, total = net().train(), 0.0
    for i in range(4):
        chosen = order[50 * i : 50 * i + 50]
        log_p = model(images.train_x[chosen]).log_softmax(1)
        right = log_p[torch.arange(50), images.train_y[chosen]]
        total -= (0.7 * right + 0.3 * log_p.mean(1)).mean().item() / 4
    assert abs(smooth["train_loss"] - total) < 1e-5
    assert abs(smooth["train_loss"] - plain["train_loss"]) > 1e-3
    assert abs(smooth["test_loss"] - plain["test_loss"]) < 1e-5


def test_vectors_may_be_left_out_of_the_decay(images):
    model = net()
    groups = train.decay_groups(model, 0.5)
    decayed, others = ({id(p) for p in group["params"]} for group in groups)
    names = {name: id(p) in decayed for name, p in model.named_parameters()}
    assert not decayed & others and len(decayed | others) == len(names)
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0]
    assert all(kept == ("conv" in n or n in ("stem.0.weight", "head.weight")) for n, kept in names.items())

    config = replace(CONFIG, epochs=1, schedule="constant", lr=0.1, weight_decay=5.0, momentum=0.0)
    norms = {}
    for vectors in (True, False):
        model = net()
        train.train(model, images, replace(config, decay_vectors=vectors))
        norms[vectors] = model.stem[1].weight.norm().item()
    assert norms[True] < 0.5 * norms[False]  # four steps, each halves what decays


def test_a_checkpoint_from_before_there_were_these_settings(images, tmp_path):
    file = tmp_path / "run.checkpoint"
    train.train(net(), images, CONFIG, checkpoint=file)
    state = torch.load(file, weights_only=True)
    del state["config"]["decay_vectors"], state["config"]["label_smoothing"]
    torch.save(state, file)
    assert len(train.train(net(), images, CONFIG, checkpoint=file)) == 3
    with pytest.raises(ValueError, match="another config"):
        train.train(net(), images, replace(CONFIG, label_smoothing=0.1), checkpoint=file)


RECORDS = [{"epoch": i, "train_loss": 1 / i, "test_error": 0.5} for i in (1, 2, 3)]


def test_progress_in_a_log_is_a_line_for_each_epoch(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    show = train.progress(3)
    for record in RECORDS:
        show(record)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("  ")[0] for line in lines] == [
        "[#######.............] 1/3",
        "[#############.......] 2/3",
        "[####################] 3/3",
    ]
    assert "loss 0.333, test error 0.500  0 s left" in lines[2]


def test_progress_says_on_which_images(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    train.progress(3, "validation")(RECORDS[2])
    train.progress(3, "validation")({"epoch": 3, "train_loss": 1.0})
    tested, untested = capsys.readouterr().out.splitlines()
    assert "loss 0.333, validation error 0.500  " in tested and "error" not in untested


def test_progress_in_a_terminal_is_one_line(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    show = train.progress(3)
    for record in RECORDS:
        show(record)
    out = capsys.readouterr().out
    assert out.count("\r") == 2 and out.count("\n") == 1 and out.endswith("\n")


def test_progress_in_a_notebook_is_one_output(monkeypatch):
    shown = []

    class Handle:
        def update(self, content, raw):
            shown[-1] = content["text/plain"]

    def display(content, raw, display_id):
        assert raw and display_id
        shown.append(content["text/plain"])
        return Handle()

    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    show = train.progress(3)
    for record in RECORDS:
        show(record)
    assert len(shown) == 1 and "3/3" in shown[0]


def test_the_time_left_counts_only_epochs_done_now(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    clock = iter([0.0, 10.0, 20.0])
    monkeypatch.setattr(train.time, "monotonic", lambda: next(clock))
    show = train.progress(10)
    show({"epoch": 8, "train_loss": 1.0})  # the first seven were done before a break
    show({"epoch": 9, "train_loss": 1.0})
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("20 s left") and second.endswith("10 s left")

"""Train and evaluate a classifier: the whole loop, a pure learning-rate schedule, checkpoints that resume bitwise."""

import contextlib
import copy
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SCHEDULES = ("one_cycle", "steps", "constant")
# How the arithmetic is done: the dtype of convolutions and products, and the order of an image batch in memory.
EXECUTIONS = {
    "float32": (torch.float32, torch.contiguous_format),
    "float32 channels_last": (torch.float32, torch.channels_last),
    "bfloat16 channels_last": (torch.bfloat16, torch.channels_last),
}


PARTS = {"config", "data", "history", "execution", "network", "model", "optimizer", "random_state"}  # of a checkpoint


class Diverged(ArithmeticError):
    """The training loss is no longer finite."""


@dataclass(frozen=True)
class TrainConfig:
    """The recipe of one run: SGD with momentum, and a schedule for its learning rate.

    lr: peak learning rate. schedule: "one_cycle" (linear up for the fraction `warmup` of all steps, then linear down
    to zero), "steps" (divided by 10 at 1/2 and at 3/4 of all steps, as He et al. 2015, section 4.2) or "constant".
    low_steps: how many steps "steps" begins with at a tenth of lr; the paper has about 400 of them for 110 layers.
    decay_vectors: whether weight decay takes biases and batch norm's weights too (decay_groups leaves them out).
    label_smoothing: the share of the target that is spread over all classes; train_loss has it, test_loss has not.
    execution: a key of EXECUTIONS, or "auto" for the fastest of them on this machine.
    test_every: epochs between evaluations on the test images; the last epoch is always evaluated.
    """

    epochs: int = 10
    batch_size: int = 128
    lr: float = 0.1
    schedule: str = "one_cycle"
    warmup: float = 0.2
    low_steps: int = 0
    momentum: float = 0.9
    weight_decay: float = 1e-4
    decay_vectors: bool = True
    label_smoothing: float = 0.0
    execution: str = "float32"
    test_every: int = 1
    seed: int = 0

    def __post_init__(self):
        if self.schedule not in SCHEDULES:
            raise ValueError(f"unknown schedule {self.schedule!r}: choose one of {', '.join(SCHEDULES)}")
        if self.execution not in (*EXECUTIONS, "auto"):
            raise ValueError(f"unknown execution {self.execution!r}: choose 'auto' or one of {', '.join(EXECUTIONS)}")
        if min(self.epochs, self.batch_size, self.test_every) < 1 or not 0 <= self.warmup < 1 or not self.lr > 0:
            raise ValueError(f"epochs, batch_size, test_every must be >= 1, lr > 0 and 0 <= warmup < 1, got {self}")
        if self.low_steps < 0 or (self.low_steps and self.schedule != "steps"):
            raise ValueError(f"low_steps must be >= 0, and belongs to the schedule 'steps', got {self}")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must lie in 0..1, 1 left out, got {self.label_smoothing}")


def learning_rate(step: int, total_steps: int, config: TrainConfig) -> float:
    """The learning rate of step 0, 1, ..., total_steps - 1. Pure: the same arguments give the same rate."""
    if config.schedule == "constant":
        return config.lr
    if config.schedule == "steps" and step < config.low_steps:
        return config.lr * 0.1
    if config.schedule == "steps":
        return config.lr * 0.1 ** ((2 * step >= total_steps) + (4 * step >= 3 * total_steps))
    rising = int(config.warmup * total_steps)
    if step < rising:
        return config.lr * (step + 1) / rising
    return config.lr * (total_steps - step) / (total_steps - rising)


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Parameters for torch.optim in two groups: weight decay for matrices and filters, none for biases and norms.

    He and others 2019, arXiv 1812.01187, section 3.1: "no bias decay".
    """
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


@contextlib.contextmanager
def evaluating(model: nn.Module):
    """Eval mode and no gradients; each module's own mode is put back, as a fine-tuned net may have frozen parts."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def check_batch(model: nn.Module, x: Tensor, y: Tensor) -> None:
    """Raise ValueError unless x is (N, 3, H, W) of the model's dtype and y is (N,) int64, classes the model knows."""
    weight = next(model.parameters())
    if x.ndim != 4 or x.shape[1] != 3 or len(x) == 0:
        hint = ": move the channels first with x.permute(0, 3, 1, 2)" if x.ndim == 4 and x.shape[3] == 3 else ""
        raise ValueError(f"images must be (N, 3, H, W) with N > 0, got {tuple(x.shape)}{hint}")
    if x.dtype != weight.dtype:
        raise ValueError(f"images must be {weight.dtype}, got {x.dtype}: reslab.data.from_arrays makes them so")
    if y.dtype != torch.int64 or y.shape != x.shape[:1]:
        raise ValueError(f"labels must be int64 of shape ({len(x)},), got {y.dtype} of shape {tuple(y.shape)}")
    with evaluating(model):
        classes = model(x[:1].to(weight.device)).shape[1]
    if y.min() < 0 or y.max() >= classes:
        cure = "number the classes from 0, or build the model with another num_classes"
        raise ValueError(f"labels must lie in 0..{classes - 1}, got {y.min()}..{y.max()}: {cure}")


@contextlib.contextmanager
def autocast(execution: str, device: torch.device):
    """Run convolutions and products in the dtype that `execution` names."""
    dtype, _ = EXECUTIONS[execution]
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        yield


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    y: Tensor,
    execution: str = "float32",
    label_smoothing: float = 0.0,
) -> tuple[float, Tensor]:
    """One step of gradient descent. Returns the loss before the step and the scores (N, classes)."""
    with autocast(execution, x.device):
        scores = model(x)
        loss = F.cross_entropy(scores, y, label_smoothing=label_smoothing)
    optimizer.zero_grad()
    loss.backward()
    value = loss.item()
    if value - value == 0:  # neither infinite nor NaN
        optimizer.step()
    return value, scores.detach()


def fastest_execution(model: nn.Module, x: Tensor, y: Tensor, repeats: int = 3) -> str:
    """The key of EXECUTIONS that takes the least time for a training step on this machine. `model` is not changed.

    Processors without bfloat16 instructions are slower in bfloat16, so the choice is measured, not assumed.
    """
    seconds = {}
    for execution, (_, memory_format) in EXECUTIONS.items():
        trial = copy.deepcopy(model).to(memory_format=memory_format)
        optimizer = torch.optim.SGD(trial.parameters(), 0.0)
        batch = x.contiguous(memory_format=memory_format)
        times = []
        for _ in range(repeats + 1):
            start = time.perf_counter()
            train_step(trial, optimizer, batch, y, execution)
            times.append(time.perf_counter() - start)
        seconds[execution] = statistics.median(times[1:])  # the first one includes set-up
    return min(seconds, key=seconds.get)


def evaluate(model: nn.Module, x: Tensor, y: Tensor, *, batch_size: int = 500, execution: str = "float32") -> dict:
    """Mean loss and error (a fraction) in eval mode: {"loss", "error"}. Each module's mode is put back.

    Shapes: x (N, 3, H, W), y (N,).
    """
    check_batch(model, x, y)
    device = next(model.parameters()).device
    loss, wrong = 0.0, 0
    with evaluating(model):
        for start in range(0, len(x), batch_size):
            images, labels = (part[start : start + batch_size].to(device) for part in (x, y))
            with autocast(execution, device):
                scores = model(images)
                loss += F.cross_entropy(scores, labels, reduction="sum").item()
            wrong += (scores.argmax(1) != labels).sum().item()
    return {"loss": loss / len(x), "error": wrong / len(x)}


def fit(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    y: Tensor,
    steps: int,
    *,
    batch_size: int = 64,
    clip: float | None = None,
    watch: Callable[[nn.Module], None] | None = None,
    generator: torch.Generator | None = None,
) -> list[float]:
    """The shortest loop: `steps` random batches, one optimizer. Returns the losses. `train` has all that is needed.

    clip: the longest joint L2 norm of the gradient. watch(model) is called before each step. A loss that is not
    finite ends the run; it is the last in the list. Shapes: x (N, ...), y (N,).
    """
    losses = []
    model.train()
    for _ in range(steps):
        if watch is not None:
            watch(model)
        batch = torch.randint(len(x), (batch_size,), generator=generator)
        loss = F.cross_entropy(model(x[batch]), y[batch])
        losses.append(loss.item())
        if not loss.isfinite():
            break
        optimizer.zero_grad()
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
    return losses


def train(
    model: nn.Module,
    data,
    config: TrainConfig,
    *,
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
    measure: Callable[[nn.Module], dict] | None = None,
    checkpoint: str | Path | None = None,
    on_epoch: Callable[[dict], None] | None = None,
) -> list[dict]:
    """Train `model` in place, on the device it is on, and return one record for each epoch.

    data: has train_x (N, 3, H, W) float32, train_y (N,) int64, test_x, test_y and digest, as reslab.data.ImageData.
    augment(x, generator): a changed copy of a batch. measure(model): a dict to add to the epoch's record, of what
    JSON can hold.
    checkpoint: a file written after each epoch; if it exists the run goes on from it, to the same bits as without
    the break. on_epoch(record): called after each epoch, to show progress.

    A record holds epoch (from 1), lr (of its last step), train_loss, train_error (means over the epoch's batches, as
    they were met), seconds, execution, and at evaluated epochs test_loss and test_error.
    Raises Diverged if the loss is not finite, ValueError for a checkpoint of another run.
    """
    check_batch(model, data.train_x, data.train_y)
    check_batch(model, data.test_x, data.test_y)
    steps = len(data.train_x) // config.batch_size  # the images left over wait for another epoch's shuffle
    if steps == 0:
        raise ValueError(f"batch_size {config.batch_size} is larger than the training set ({len(data.train_x)})")
    device = next(model.parameters()).device
    parameters = model.parameters() if config.decay_vectors else decay_groups(model, config.weight_decay)
    optimizer = torch.optim.SGD(parameters, config.lr, momentum=config.momentum, weight_decay=config.weight_decay)
    history, execution = [], config.execution
    if checkpoint is not None and Path(checkpoint).exists():
        history, execution = load_checkpoint(checkpoint, model, optimizer, config, data.digest)
    elif execution == "auto":
        batch = (data.train_x[: config.batch_size].to(device), data.train_y[: config.batch_size].to(device))
        execution = fastest_execution(model, *batch)
    _, memory_format = EXECUTIONS[execution]
    model.to(memory_format=memory_format)
    train_x, train_y = data.train_x.to(device), data.train_y.to(device)

    for epoch in range(len(history), config.epochs):
        start = time.perf_counter()
        # Each epoch has its own random stream, so that a resumed run draws the same numbers.
        generator = torch.Generator().manual_seed(1_000_003 * config.seed + epoch)
        order = torch.randperm(len(train_x), generator=generator)
        model.train()
        losses, wrong = [], 0
        for i in range(steps):
            step = epoch * steps + i
            lr = learning_rate(step, steps * config.epochs, config)
            for group in optimizer.param_groups:
                group["lr"] = lr
            chosen = order[i * config.batch_size : (i + 1) * config.batch_size].to(device)
            x, y = train_x[chosen], train_y[chosen]
            if augment is not None:
                x = augment(x, generator)
            x = x.contiguous(memory_format=memory_format)
            loss, scores = train_step(model, optimizer, x, y, execution, config.label_smoothing)
            if loss - loss != 0:
                kept = f"epoch {epoch} is kept in {checkpoint}" if checkpoint and history else "no checkpoint was kept"
                raise Diverged(f"the loss is {loss} at step {step} (epoch {epoch + 1}, lr {lr:.3g}); {kept}; lower lr")
            losses.append(loss)
            wrong += (scores.argmax(1) != y).sum().item()
        record = {
            "epoch": epoch + 1,
            "lr": lr,
            "train_loss": statistics.fmean(losses),
            "train_error": wrong / (steps * config.batch_size),
        }
        if (epoch + 1) % config.test_every == 0 or epoch + 1 == config.epochs:
            tested = evaluate(model, data.test_x, data.test_y, execution=execution)
            record |= {"test_loss": tested["loss"], "test_error": tested["error"]}
        record |= {"seconds": time.perf_counter() - start, "execution": execution}
        if measure is not None:
            record |= json.loads(json.dumps(measure(model)))  # plain numbers only, as a checkpoint can hold them
        history.append(record)
        if checkpoint is not None:
            save_checkpoint(checkpoint, model, optimizer, config, data.digest, history, execution)
        if on_epoch is not None:
            on_epoch(record)
    return history


def progress(epochs: int, tested_on: str = "test") -> Callable[[dict], None]:
    """A bar for `on_epoch` of train: one line that is written anew in Jupyter, Colab or a terminal, and in a log file
    a new line for each epoch. tested_on: what the images of "test_error" are called.
    """
    start, done_before, display = time.monotonic(), None, None

    def show(record: dict) -> None:
        nonlocal done_before, display
        done = record["epoch"]
        if done_before is None:
            done_before = done - 1  # a resumed run did those some other time
        left = (time.monotonic() - start) / (done - done_before) * (epochs - done)
        bar = "#" * round(20 * done / epochs)
        tested = f", {tested_on} error {record['test_error']:.3f}" if "test_error" in record else ""
        line = f"[{bar:.<20}] {done}/{epochs}  loss {record['train_loss']:.3f}{tested}  {left:.0f} s left"
        if "ipykernel" in sys.modules:
            from IPython.display import display as show_in_notebook

            if display is None:
                display = show_in_notebook({"text/plain": line}, raw=True, display_id=True)
            else:
                display.update({"text/plain": line}, raw=True)
        else:
            end = "\n" if done == epochs or not sys.stdout.isatty() else "\r"
            print(line, end=end, flush=True)

    return show


def save_checkpoint(path, model, optimizer, config, data_digest, history, execution) -> None:
    """Write everything that `train` needs to go on. The file is replaced in one move, so a kill leaves the old or new.

    Raises OSError, naming the file, the cause and the cure, if the file cannot be written; an older one stays whole.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    state = {
        "config": asdict(config),
        "data": data_digest,
        "history": history,
        "execution": execution,
        "network": describe(model),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "random_state": torch.get_rng_state(),  # for layers that draw numbers, such as dropout
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        kept = f"the one of epoch {len(history) - 1} is kept" if path.exists() else "there is none to go back to"
        raise OSError(
            f"cannot write the checkpoint {path} ({error}): {kept}; free some space or choose another folder"
        ) from error


def describe(model: nn.Module) -> list[str]:
    """The modules and the shapes of their state, a line each: equal for two models only if they compute the same."""
    return str(model).splitlines() + [f"{name} {tuple(value.shape)}" for name, value in model.state_dict().items()]


def read_checkpoint(path: str | Path) -> dict:
    """What save_checkpoint wrote. Raises ValueError, naming the file and the cure, for any other file."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        missing = PARTS - set(state)
        if missing:
            raise KeyError(*sorted(missing))
    except Exception as error:  # a damaged file can raise nearly anything
        cure = "delete it, or give the new run another file"
        raise ValueError(f"{path} is not a checkpoint, or is damaged ({type(error).__name__}): {cure}") from error
    return state


def history_of(path: str | Path) -> list[dict]:
    """The records of the epochs that a checkpoint holds; none if there is no file."""
    return read_checkpoint(path)["history"] if Path(path).exists() else []


def load_checkpoint(path, model, optimizer, config, data_digest) -> tuple[list[dict], str]:
    """Put the saved state into `model` and `optimizer`; return the history and the execution.

    Raises ValueError, naming the file, the cause and the cure, if it is no checkpoint or belongs to another run.
    """
    state = read_checkpoint(path)
    cure = f"delete {path}, or give the new run another file"
    saved, wanted = asdict(TrainConfig()) | state["config"], asdict(config)  # an older file lacks the newest settings
    differ = [f"{key} {saved[key]} there, {value} here" for key, value in wanted.items() if saved[key] != value]
    if differ:
        raise ValueError(f"the checkpoint belongs to another config ({'; '.join(differ)}): {cure}")
    if state["data"] != data_digest:
        raise ValueError(f"the checkpoint belongs to a run on other data: {cure}")
    for there, here in itertools.zip_longest(state["network"], describe(model), fillvalue="nothing"):
        if there != here:
            difference = f"{there.strip()} there, {here.strip()} here"
            raise ValueError(f"the checkpoint belongs to another model ({difference}): {cure}")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random_state"])
    return state["history"], state["execution"]

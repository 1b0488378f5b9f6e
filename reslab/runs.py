"""Recorded runs: experiments too long for a chapter, with all that made them.

    python -m reslab.runs --list
    python -m reslab.runs degradation --data cifar10-mini.npz
    python -m reslab.runs learning_rates --data shapes16
    python -m reslab.runs cifar10 --data cifar10 --results my_results

A plan is a list of runs. Each run is written to results/PLAN/RUN.json, or into another folder in place of results, and
skipped if that file is there; a run that was cut off goes on from its last epoch. A file holds the run, command,
versions, machine, data, seconds and history.
"""

import argparse
import dataclasses
import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import statistics
import sys
import time
from dataclasses import dataclass

import torch

import reslab
from reslab import data, models, probes, train, transfer


@dataclass(frozen=True)
class Run:
    """One network, trained once. `shortcut` and `block` are options of models.cifar_net.

    init: "he", or "zero_gamma" for models.zero_init_residual. augment: with data.random_crop_flip. keep: the trained
    weights are kept beside the record, in NAME.safetensors; for the nets that transfer.Card can build.
    """

    depth: int
    residual: bool
    init: str
    width: int
    config: train.TrainConfig
    shortcut: str = "A"
    block: str = "residual"
    augment: bool = False
    keep: bool = False

    @property
    def name(self) -> str:
        """For example residual-56-zero_gamma-lr0.1-seed0."""
        kind = self.block if self.residual else "plain"
        init = "" if self.init == "he" else f"-{self.init}"
        init += "" if self.shortcut == "A" else f"-{self.shortcut}"
        init += "-crop_flip" if self.augment else ""
        return f"{kind}-{self.depth}{init}-lr{self.config.lr:g}-seed{self.config.seed}"


def degradation_plan() -> list[Run]:
    """Plain and residual nets under one recipe, on images that stay as they are."""
    kinds = [(False, "he"), (True, "he"), (True, "zero_gamma")]
    return [
        Run(depth, residual, init, 16, train.TrainConfig(epochs=12, batch_size=64, execution="auto", seed=seed))
        for depths in ((20, 56), (32, 44))  # the ends first
        for seed in (0, 1, 2)
        for depth in depths
        for residual, init in kinds
    ]


def learning_rates_plan() -> list[Run]:
    """Is a plain net only trained at the wrong rate? The live experiment of chapter 4 at a range of rates."""
    return [
        Run(depth, residual, "he", 8, train.TrainConfig(epochs=5, batch_size=64, lr=lr, test_every=5, seed=seed))
        for seed in (0, 1, 2)
        for lr in (0.0125, 0.025, 0.05, 0.1, 0.2, 0.4)
        for depth, residual in ((56, False), (56, True), (20, False))
    ]


def depths_plan() -> list[Run]:
    """The live experiment of chapter 4 over ten seeds, and residual nets with zero gamma beside it."""
    return [
        Run(depth, residual, init, 8, train.TrainConfig(epochs=5, batch_size=64, test_every=5, seed=seed))
        for seed in range(10)
        for depth in (8, 20, 32, 56)
        for residual, init in ((False, "he"), (True, "he"), (True, "zero_gamma"))
    ]


def longer_plan() -> list[Run]:
    """Does degradation pass with time? The live experiment of chapter 4 with four times the steps."""
    return [
        Run(depth, residual, "he", 8, train.TrainConfig(epochs=20, batch_size=64, test_every=20, seed=seed))
        for seed in range(3)
        for depth in (8, 20, 32, 56)
        for residual in (False, True)
    ]


def shortcuts_plan() -> list[Run]:
    """Options B and C beside option A, of which "depths" has the runs: the live recipe of chapters 4 and 6."""
    return [
        Run(depth, True, "he", 8, train.TrainConfig(epochs=5, batch_size=64, test_every=5, seed=seed), option)
        for seed in range(10)
        for depth in (20, 56)
        for option in ("B", "C")
    ]


def orders_plan() -> list[Run]:
    """Residual blocks with their layers in another order; "depths" has the plain and the right ones beside them."""
    return [
        Run(depth, True, "he", 8, train.TrainConfig(epochs=5, batch_size=64, test_every=5, seed=seed), "A", block)
        for seed in range(10)
        for depth in (20, 56)
        for block in models.BLOCKS
        if block != "residual"
    ]


def cifar10_plan() -> list[Run]:
    """The paper's rates, decay, batch and augmentation, in ten epochs of one cycle: what a laptop's CPU can do."""
    return [
        Run(
            depth,
            residual,
            "he",
            16,
            train.TrainConfig(execution="auto", seed=seed),
            augment=True,
            keep=seed == 0 and depth in (20, 56),
        )
        for depths in ((20,), (56,), (32, 44))
        for seed in (0, 1, 2)
        for depth in depths
        for residual in (True, False)
    ]


def paper_plan() -> list[Run]:
    """The paper's whole recipe on CIFAR-10, for a GPU: 164 epochs of 390 steps, 40 fewer than its 64,000."""
    return [
        Run(
            depth,
            residual,
            "he",
            16,
            train.TrainConfig(
                epochs=164,
                schedule="steps",
                low_steps=400 if depth == 110 else 0,
                execution="auto",
                seed=seed,
            ),
            augment=True,
            keep=seed == 0 and depth in (20, 56),
        )
        for seed in (0, 1, 2)
        for depth in (20, 32, 44, 56, 110)
        for residual in (True, False)
    ]


PLANS = {
    "cifar10": cifar10_plan,
    "degradation": degradation_plan,
    "depths": depths_plan,
    "learning_rates": learning_rates_plan,
    "longer": longer_plan,
    "orders": orders_plan,
    "paper": paper_plan,
    "shortcuts": shortcuts_plan,
}


def results_folder() -> pathlib.Path:
    """The folder of recorded runs: inside the package where reslab was installed, beside it in a checkout."""
    package = pathlib.Path(__file__).parent
    installed = package / "results"
    return installed if installed.is_dir() else package.parent / "results"


def read(plan: str, results: str | pathlib.Path | None = None) -> dict[str, dict]:
    """The recorded runs of a plan, by run name; from your own folder, if you give one.

    Raises FileNotFoundError, naming the command, if there are none.
    """
    files = sorted((pathlib.Path(results or results_folder()) / plan).glob("*.json"))
    if not files:
        yours = f" --results {results}" if results else ""
        command = f"python -m reslab.runs {plan}{yours}"
        raise FileNotFoundError(f"no recorded runs in {results or 'results'}/{plan}: make them with `{command}`")
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def provenance(record: dict) -> str:
    """One line: what made a recorded run."""
    return (
        f"{record['command']} | {record['data']['name']}, {record['data']['train_images']} images | "
        f"{record['machine']['processor']}, {record['machine']['threads']} threads | "
        f"{record['history'][-1]['execution']}, torch {record['versions']['torch']} | "
        f"{record['date']} | {record['seconds']:.0f} s"
    )


def write(path: pathlib.Path, record: dict) -> None:
    """Write JSON so that a kill leaves the old file or the new one, never half of one; an epoch takes one line."""
    lines = []
    for key, value in record.items():
        text = json.dumps(value, ensure_ascii=False)
        if key == "history":
            text = "[\n  " + ",\n  ".join(json.dumps(epoch) for epoch in value) + "\n ]"
        lines.append(f" {json.dumps(key)}: {text}")
    transfer.write_whole(path, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def versions() -> dict[str, str]:
    """The versions that may change a result."""
    packages = {name: importlib.metadata.version(name) for name in ("torch", "torchvision", "numpy")}
    return {"python": platform.python_version(), **packages, "reslab": reslab.__version__}


def machine() -> dict:
    """What kind of machine this is; nothing that tells which one."""
    processor = platform.processor() or platform.machine()
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        processor = found[1] if found else processor
    return {"processor": processor, "cores": os.cpu_count(), "threads": torch.get_num_threads()}


def execute(run: Run, images: data.ImageData, *, folder: pathlib.Path, command: str, device: str = "cpu") -> dict:
    """Do one run, or what is left of it, and write its record to `folder`/NAME.json. Returns the record."""
    torch.manual_seed(run.config.seed)
    options = {"residual": run.residual, "shortcut": run.shortcut, "block": run.block, "width": run.width}
    model = models.cifar_net(run.depth, **options, num_classes=len(images.classes))
    if run.init == "zero_gamma":
        models.zero_init_residual(model)
    model.to(device)
    probe = images.train_x[:128].to(device), images.train_y[:128].to(device)

    def measure(model) -> dict:
        return {"gradient_norms": [float(f"{v:.4g}") for v in probes.gradient_norms(model, *probe).values()]}

    started = {"epoch": 0} | measure(model)
    checkpoint = folder / f"{run.name}.checkpoint"
    start = time.monotonic()

    def show(record):
        left = (time.monotonic() - start) / max(1, record["epoch"] - done) * (run.config.epochs - record["epoch"])
        tested = f", test error {record['test_error']:.3f}" if "test_error" in record else ""
        told = f"epoch {record['epoch']}/{run.config.epochs}: train loss {record['train_loss']:.3f}{tested}"
        print(f"  {run.name} {told}, about {left / 60:.1f} min left", flush=True)

    done = len(train.history_of(checkpoint))
    options = {"measure": measure, "checkpoint": checkpoint, "on_epoch": show}
    if run.augment:
        options["augment"] = data.random_crop_flip
    history = train.train(model, images, run.config, **options)
    record = {
        "run": dataclasses.asdict(run),
        "command": command,
        "date": datetime.date.today().isoformat(),
        "versions": versions(),
        "machine": machine() | {"device": torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu"},
        "data": {
            "name": images.name,
            "train_images": len(images.train_x),
            "test_images": len(images.test_x),
            "image_size": list(images.train_x.shape[1:]),
            "sha256": images.digest,
        },
        "parameters": probes.parameter_count(model),
        "seconds": round(sum(epoch["seconds"] for epoch in history), 1),
        "history": [started, *history],
    }
    if run.keep:
        card = transfer.Card(
            net=f"{'cifar' if run.residual else 'plain'}{run.depth}",
            classes=images.classes,
            size=images.train_x.shape[-1],
            mean=tuple(images.mean.tolist()),
            std=tuple(images.std.tolist()),
            story=f"{command}, {run.name}",
        )
        transfer.save_net(folder / f"{run.name}.safetensors", model, card)
    write(folder / f"{run.name}.json", record)
    checkpoint.unlink(missing_ok=True)
    return record


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m reslab.runs", description=__doc__.split("\n")[0])
    parser.add_argument("plan", nargs="?", choices=sorted(PLANS), help="which runs to do")
    sources = "cifar10 (downloaded once), shapes32, shapes16 (chapter 4's images), or an .npz file"
    parser.add_argument("--data", default="cifar10", help=sources)
    parser.add_argument("--results", help="folder for the records, in place of the book's own results")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, help="only the runs of this seed")
    parser.add_argument("--only", default="", help="only runs whose name contains this")
    parser.add_argument("--list", action="store_true", help="show what is done and what is missing, and stop")
    options = parser.parse_args(arguments)
    if options.plan is None and not options.list:
        parser.error("name a plan, or ask for --list")

    try:
        for plan in [options.plan] if options.plan else sorted(PLANS):
            work(plan, options)
    except (OSError, ValueError, train.Diverged) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def work(plan: str, options: argparse.Namespace) -> None:
    """List the runs of a plan, or do those that are missing. Raises ValueError if a record there is another run's."""
    folder = pathlib.Path(options.results or results_folder()) / plan
    todo = [run for run in PLANS[plan]() if options.only in run.name and options.seed in (None, run.config.seed)]
    if options.list:
        for run in todo:
            print(f"{plan}/{run.name}: {state(run, folder)}")
        return
    if not todo:
        raise ValueError(f"no run of {plan} matches --seed and --only: see --list")
    images = load(options.data)
    folder.mkdir(parents=True, exist_ok=True)
    command = f"python -m reslab.runs {plan} --data {pathlib.Path(options.data).name}"
    for run in todo:
        file = folder / f"{run.name}.json"
        if file.exists():
            kept = json.loads(file.read_text(encoding="utf-8"))
            # The oldest records do not name the newest settings.
            made = {"shortcut": "A", "block": "residual", "augment": False} | kept["run"] | {"keep": run.keep}
            made["config"] = dataclasses.asdict(train.TrainConfig()) | made["config"]
            if made != dataclasses.asdict(run) or kept["data"]["sha256"] != images.digest:
                raise ValueError(f"{file} holds a run of another config or other data: move it away first")
        if not is_done(run, folder):
            print(f"{run.name}:", flush=True)
            execute(run, images, folder=folder, command=command, device=options.device)
            continue
        (folder / f"{run.name}.checkpoint").unlink(missing_ok=True)  # left by a kill just after the record was written
        print(f"{run.name}: done", flush=True)


def is_done(run: Run, folder: pathlib.Path) -> bool:
    """Whether the record is there, and the weights, if they are to be kept."""
    file = folder / f"{run.name}.json"
    return file.exists() and not (run.keep and not file.with_suffix(".safetensors").exists())


def state(run: Run, folder: pathlib.Path) -> str:
    """How far a run is, and about how long the rest takes, by the runs of its plan that are done."""
    kept = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.json")}
    if is_done(run, folder):
        return f"done, {kept[run.name]['seconds'] / 60:.1f} min"
    checkpoint = folder / f"{run.name}.checkpoint"
    epochs = len(train.history_of(checkpoint))
    told = f"{epochs}/{run.config.epochs} epochs"
    if epochs:
        told += f", the last one {(time.time() - checkpoint.stat().st_mtime) / 60:.0f} min ago"
    if kept:  # time goes with depth, width squared and epochs, roughly
        rates = [
            record["seconds"] / (made["depth"] * made["width"] ** 2 * made["config"]["epochs"])
            for record in kept.values()
            for made in [record["run"]]
        ]
        left = statistics.median(rates) * run.depth * run.width**2 * (run.config.epochs - epochs)
        told += f", about {left / 60:.0f} min left"
    return told


def load(source: str) -> data.ImageData:
    """Images by word or path: "cifar10", "shapes32", "shapes16" (chapter 4's images), or an .npz file."""
    if source == "cifar10":
        return data.cifar10()
    if source == "shapes32":
        return data.shapes32()
    if source == "shapes16":
        return data.shapes32(2560).halved()
    return data.load_npz(source)


if __name__ == "__main__":
    sys.exit(main())

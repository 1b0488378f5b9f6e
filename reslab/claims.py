"""A claim is one sentence and one condition. It prints a line that never changes, or it stops the notebook.

    python -m reslab.claims notebooks/04_degradation.ipynb --seeds 10

runs a notebook once for each seed 0, 1, ... and records in results/claims_NAME.json where each claim held, and by
what margin.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import sys
import tempfile

import numpy as np

# Names a file to which claims are appended as JSON lines instead of stopping at the first that fails.
LOG_VARIABLE = "RESLAB_CLAIMS_LOG"
SEED_LINE = re.compile(r"^SEED = 0$", re.MULTILINE)


class ClaimFailed(AssertionError):
    """A sentence of the book does not hold."""


def claim(id: str, sentence: str, holds: bool, *, margin: float | None = None, recorded: int | None = None) -> None:
    """Print "check mark, id, sentence" if `holds`; raise ClaimFailed if not.

    margin: how far the measured value lies on the right side of its threshold, in the value's own unit; it is not
    printed, but recorded over seeds. A claim without a margin is exact: it counts or compares, with nothing to spare.
    recorded: for a claim on recorded runs, over how many seeds they go; only the ledger uses it.
    Raises TypeError if `holds` is not one truth value, so that a forgotten comparison cannot pass, and ValueError if
    the claim holds by a margin that is negative or no number.
    """
    if not isinstance(holds, bool | np.bool_):
        kind = type(holds).__name__
        cure = "end with .all().item()" if hasattr(holds, "shape") else "compare something"
        raise TypeError(f"claim {id}: `holds` must be True or False, got {kind}: {cure}")
    if holds and margin is not None and not margin >= 0:
        raise ValueError(f"claim {id} holds, but by a margin of {margin}: compute the margin from the same threshold")
    log = os.environ.get(LOG_VARIABLE)
    if log:
        margin = None if margin is None else float(f"{float(margin):.4g}")
        with open(log, "a", encoding="utf-8") as file:
            file.write(json.dumps({"id": id, "sentence": sentence, "held": bool(holds), "margin": margin}) + "\n")
    if holds:
        print(f"✓ {id}  {sentence}")
    elif log:
        print(f"✗ {id}  {sentence}")
    else:
        by = "" if margin is None else f" (margin {margin:.3g})"
        raise ClaimFailed(f"✗ {id}  {sentence}{by}")


def run_once(notebook: pathlib.Path, seed: int) -> list[dict]:
    """Run `notebook` with this seed in a fresh kernel, and return what it claims, in order.

    Raises ValueError, naming the seed and the cause, if the line `SEED = 0` does not stand in it once, if the run
    breaks off, or if it makes no claim or one claim twice; TimeoutError if a cell takes more than 300 s.
    """
    import nbformat  # the book's tools, not needed to read the chapters
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    book = nbformat.read(notebook, as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    found = sum(len(SEED_LINE.findall(cell.source)) for cell in code)
    if found != 1:
        raise ValueError(f"{notebook}: the line `SEED = 0` must stand there exactly once, found {found}")
    for cell in code:
        cell.source = SEED_LINE.sub(f"SEED = {seed}", cell.source)
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "claims.jsonl"
        log.touch()
        client = NotebookClient(book, timeout=300, resources={"metadata": {"path": str(notebook.parent)}})
        try:
            client.execute(env=os.environ | {LOG_VARIABLE: str(log)})
        except CellExecutionError as error:
            raise ValueError(f"{notebook}, seed {seed}: broke off with {error.ename}: {error.evalue}") from None
        except CellTimeoutError as error:
            raise TimeoutError(f"{notebook}, seed {seed}: a cell came to no end in {client.timeout} s") from error
        except DeadKernelError as error:
            raise ValueError(f"{notebook}, seed {seed}: broke off ({type(error).__name__})") from error
        entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    ids = [entry["id"] for entry in entries]
    twice = [id for id in ids if ids.count(id) > 1]
    if twice or not ids:
        problem = f"claim {twice[0]} is made twice" if twice else "no claim is made"
        raise ValueError(f"{notebook}, seed {seed}: {problem}")
    return entries


def record(notebook: pathlib.Path, seeds: range) -> dict:
    """Run `notebook` once for each seed and return every claim's outcomes and margins.

    Raises ValueError as run_once does, and if the seeds do not make the same claims, word for word.
    """
    from reslab import runs

    claims: dict[str, dict] = {}
    for seed in seeds:
        try:
            entries = run_once(notebook, seed)
        except TimeoutError as error:  # a kernel can lose a request, and waits for ever
            print(f"{error}; once more", flush=True)
            entries = run_once(notebook, seed)
        made = {entry["id"]: entry["sentence"] for entry in entries}
        known = {id: outcome["sentence"] for id, outcome in claims.items()} or made
        if made != known:
            differ = ", ".join(id for id in made | known if made.get(id) != known.get(id))
            raise ValueError(f"{notebook}: seeds {seeds[0]} and {seed} do not make the same claims: {differ}")
        for entry in entries:
            outcome = claims.setdefault(entry["id"], {"sentence": entry["sentence"], "held": [], "margin": []})
            outcome["held"].append(entry["held"])
            outcome["margin"].append(entry["margin"])
        print(f"seed {seed}: {sum(entry['held'] for entry in entries)} of {len(entries)} claims held", flush=True)
    for outcome in claims.values():
        if None in outcome["margin"]:
            outcome["margin"] = None
    return {
        "notebook": notebook.stem,
        "seeds": list(seeds),
        "claims": claims,
        "provenance": {
            "command": f"python -m reslab.claims notebooks/{notebook.name} --seeds {len(seeds)}",
            "date": datetime.date.today().isoformat(),
            "machine": runs.machine(),
            "versions": runs.versions(),
        },
    }


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns 1 if a claim failed for some seed, or if a run broke off and nothing was recorded."""
    from reslab import runs

    parser = argparse.ArgumentParser(prog="python -m reslab.claims", description="Run a notebook's claims over seeds.")
    parser.add_argument("notebook", type=pathlib.Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds, from 0")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error(f"--seeds must be at least 1, got {options.seeds}")
    failed = False
    for notebook in options.notebook:
        try:
            outcomes = record(notebook, range(options.seeds))
        except (ValueError, OSError) as error:
            print(f"{error}; nothing recorded", file=sys.stderr)
            failed = True
            continue
        runs.write(runs.results_folder() / f"claims_{notebook.stem}.json", outcomes)
        for id, outcome in outcomes["claims"].items():
            margin = "exact" if outcome["margin"] is None else f"smallest margin {min(outcome['margin']):.3g}"
            print(f"{id}: held in {sum(outcome['held'])} of {options.seeds}, {margin}")
            failed |= not all(outcome["held"])
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

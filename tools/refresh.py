"""Run notebooks from top to bottom in a fresh kernel and store their outputs.

    python tools/refresh.py [NOTEBOOK ...]       # all of notebooks/ when none is named

A second refresh changes nothing but the bytes of pictures: no times are stored, and the random ids that Jupyter
gives to cells without one and to widgets are numbered instead.
"""

import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
WIDGETS = "application/vnd.jupyter.widget-state+json"


def refresh(path):
    """Execute one notebook in place; return the seconds it took and the slowest cell as `(seconds, index)`."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("widgets", None)
    started, cells = {}, [(0.0, 0)]
    client = NotebookClient(
        notebook,
        timeout=200,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=lambda cell, cell_index: started.update({cell_index: time.perf_counter()}),
        on_cell_executed=lambda cell, cell_index, execute_reply: cells.append(
            (time.perf_counter() - started[cell_index], cell_index)
        ),
    )
    start = time.perf_counter()
    client.execute()
    seconds = time.perf_counter() - start
    notebook.metadata.get("language_info", {}).pop("version", None)
    notebook = number_widgets(notebook)
    merge_streams(notebook)
    # A stored slider moves nothing without a kernel, and its scripts would double a page's weight.
    notebook.metadata.pop("widgets", None)
    nbformat.write(notebook, path)
    return seconds, max(cells)


def number_widgets(notebook):
    """Return the notebook with the random id of each widget model replaced by its number, in order of creation."""
    text = nbformat.writes(notebook)
    for number, model in enumerate(notebook.metadata.get("widgets", {}).get(WIDGETS, {}).get("state", {})):
        text = text.replace(model, f"{number:032x}")
    return nbformat.reads(text, as_version=4)


def merge_streams(notebook):
    """Join what a cell printed in pieces, in place: a kernel may send its text so, and the page would show a gap."""
    for cell in notebook.cells:
        merged = []
        for output in cell.get("outputs", []):
            last = merged[-1] if merged else {}
            if output.output_type == "stream" and output.name == last.get("name"):
                last.text += output.text
            else:
                merged.append(output)
        if cell.cell_type == "code":
            cell.outputs = merged


def main():
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in `make test`, so that both see the same numbers
    paths = [Path(name).resolve() for name in sys.argv[1:]] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    for path in paths:
        seconds, (slowest, index) = refresh(path)
        print(f"{path.name}: {seconds:.1f} s, slowest cell {index} with {slowest:.1f} s", flush=True)


if __name__ == "__main__":
    main()

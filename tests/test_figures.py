"""The pictures outside the chapters show the recorded runs as they are now."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_first_page_figure_is_current():
    """`python tools/figures.py` after new runs, or this fails."""
    spec = importlib.util.spec_from_file_location("figures", ROOT / "tools" / "figures.py")
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    losses = figures.final_losses()
    assert {kind: sorted(of) for kind, of in losses.items()} == {kind: [8, 20, 32, 56] for kind in losses}
    assert all(len(values) == 10 for of in losses.values() for values in of.values())
    drawn = (ROOT / "book" / "_static" / "degradation.svg").read_text(encoding="utf-8")
    assert figures.digest(losses) in drawn, "book/_static/degradation.svg is older than the runs: run tools/figures.py"

"""Draw the two pictures that stand outside the chapters, from the recorded runs of chapter 4.

    python tools/figures.py

book/_static/degradation.svg is the figure of the first page, book/_static/social_card.png (1200 x 630) what is shown
when a page is shared. tests/test_figures.py fails when they are older than the runs.
"""

import hashlib
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from reslab import plots, runs

STATIC = Path(__file__).resolve().parent.parent / "book" / "_static"
PAPER = "#FDFDFB"


def final_losses():
    """{"plain": {depth: [final training loss of each seed]}, "residual": {...}} of the plan `depths`."""
    losses = {"plain": {}, "residual": {}}
    for record in runs.read("depths").values():
        run = record["run"]
        if run["init"] == "he":
            kind = "residual" if run["residual"] else "plain"
            losses[kind].setdefault(run["depth"], []).append(record["history"][-1]["train_loss"])
    return losses


def digest(losses):
    """A fingerprint of the numbers that the pictures show; it stands in the SVG's metadata."""
    return hashlib.sha256(repr([sorted(of.items()) for of in losses.values()]).encode()).hexdigest()


def first_page(losses):
    """Final training loss against depth, ten seeds."""
    figure, axes = plt.subplots(figsize=(8, 3.8))
    plots.by_depth(axes, losses, title="The same layers and parameters, without and with one addition in each block")
    figure.savefig(STATIC / "degradation.svg", metadata={"Date": None, "Source": digest(losses)})


def social_card(losses):
    """The title of the book over the same two lines, without numbers: they would be too small to read."""
    figure = plt.figure(figsize=(12, 6.3), dpi=100, facecolor=PAPER)
    figure.text(0.065, 0.76, "The Residual Lab", size=54, weight="bold", color=plots.INK)
    figure.text(0.067, 0.655, "ResNets, from vanishing gradients to fine-tuning,", size=23, color=plots.INK)
    figure.text(0.067, 0.585, "every claim tested.", size=23, color=plots.INK)
    axes = figure.add_axes((0.067, 0.12, 0.76, 0.4), facecolor=PAPER)
    for kind, by_depth in losses.items():
        depths = sorted(by_depth)
        means = [np.mean(by_depth[depth]) for depth in depths]
        axes.plot(depths, means, color=plots.COLOURS[kind], linewidth=6, solid_capstyle="round", clip_on=False)
        axes.text(depths[-1] + 1, means[-1], kind, size=24, color=plots.COLOURS[kind], va="center")
    axes.set(ylim=(0, None), xticks=depths, yticks=[])
    axes.tick_params(labelsize=18)
    axes.set_xlabel("layers", size=19, loc="right")
    axes.set_ylabel("training loss", size=19, loc="top")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(False)
    figure.savefig(STATIC / "social_card.png", metadata={"Software": None})


def main():
    """Draw both."""
    losses = final_losses()
    with plt.rc_context(plots.STYLE | {"svg.hashsalt": "residual-lab", "figure.constrained_layout.use": False}):
        social_card(losses)
    with plt.rc_context(plots.STYLE | {"svg.hashsalt": "residual-lab"}):
        first_page(losses)


if __name__ == "__main__":
    main()

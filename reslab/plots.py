"""Figures of the book: dicts and lists in, an `ax` drawn on. One palette, and labels on the lines.

Plain and residual keep their colours in every chapter (Okabe and Ito's, told apart by colour-blind readers too), and
so do the activations.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

COLOURS = {"plain": "#D55E00", "residual": "#0072B2", "sigmoid": "#AA3377", "tanh": "#009E73", "relu": "#8C6D00"}
INK, FAINT = "#333333", "#BBBBBB"

STYLE = {
    "figure.figsize": (5.8, 3.6),
    "figure.dpi": 100,
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "axes.axisbelow": True,
    "lines.linewidth": 2,
}


def shade(colour: str, strength: float) -> tuple[float, float, float]:
    """`colour` mixed with white: 0 is white, 1 the colour itself."""
    return tuple(1 - strength * (1 - value) for value in to_rgb(colour))


def darker(colour) -> tuple[float, float, float]:
    """A shade of `colour` that is easy to read as text on white."""
    return tuple(0.75 * value for value in to_rgb(colour))


def label_ends(ax: Axes, ends: Sequence[tuple[float, float, str, object]], gap: float = 0.065) -> None:
    """Write a label beside the right end (x, y) of each line, at least `gap` of the axis height apart.

    ends: (x, y, text, colour). Call it last: it reads the limits of the axes, which may be linear or logarithmic.
    """
    ax.get_xlim(), ax.get_ylim()  # matplotlib settles the limits when they are asked for
    to_axes = ax.transData + ax.transAxes.inverted()
    placed = sorted(((*to_axes.transform((x, y)), text, colour) for x, y, text, colour in ends), key=lambda p: p[1])
    heights = [height for _, height, _, _ in placed]
    for i in range(1, len(heights)):
        heights[i] = max(heights[i], heights[i - 1] + gap)
    for i in reversed(range(len(heights))):  # what was pushed out at the top comes back, and pushes the others down
        ceiling = 1.0 if i == len(heights) - 1 else heights[i + 1] - gap
        heights[i] = min(heights[i], ceiling)
    for height, (right, _, text, colour) in zip(heights, placed, strict=True):
        place = 1.015 if right > 0.8 else right + 0.03
        ax.text(place, height, text, color=darker(colour), transform=ax.transAxes, va="center", fontsize=10)


def training_curves(ax: Axes, curves: Mapping[str, Mapping[int, Sequence[float]]], title: str = "") -> None:
    """Training loss by epoch. curves: {"plain": {depth: losses}, "residual": {...}}; a darker line is a deeper net."""
    ends = []
    for kind, by_depth in curves.items():
        for i, (depth, losses) in enumerate(sorted(by_depth.items())):
            colour = shade(COLOURS[kind], 0.4 + 0.6 * (i + 1) / len(by_depth))
            ax.plot(range(1, len(losses) + 1), losses, color=colour, ls="-" if kind == "residual" else "--")
            ends.append((len(losses), losses[-1], f"{kind} {depth}", COLOURS[kind]))
    ax.set(xlabel="epoch", ylabel="training loss", title=title, ylim=(0, None))
    ax.xaxis.get_major_locator().set_params(integer=True)
    label_ends(ax, ends)


def by_depth(
    ax: Axes, values: Mapping[str, Mapping[int, Sequence[float]]], ylabel: str = "final training loss", title: str = ""
) -> None:
    """One value against depth, a dot for each seed and a line through the means.

    values: {"plain": {depth: [one for each seed]}, "residual": {...}}. Dots stand a little beside their depth, so
    that no kind hides another.
    """
    ends = []
    for i, (kind, of_depth) in enumerate(values.items()):
        beside = 0.7 * (i - (len(values) - 1) / 2)  # in layers
        depths = sorted(of_depth)
        means = [np.mean(of_depth[depth]) for depth in depths]
        colour = COLOURS.get(kind.split(",")[0], INK)
        line = "-" if kind == "residual" else "--" if kind == "plain" else ":"
        ax.plot(depths, means, line, color=colour)
        fill = "white" if line == ":" else colour
        for depth in depths:
            ax.plot([depth + beside] * len(of_depth[depth]), of_depth[depth], "o", ms=5, mec=colour, mfc=fill, mew=1)
        ends.append((depths[-1], means[-1], kind, colour))
    ax.set(xlabel="depth (layers with weights)", ylabel=ylabel, title=title, ylim=(0, None))
    ax.set_xticks(sorted(set().union(*values.values())))
    label_ends(ax, ends)


def gradient_profile(ax: Axes, norms: Mapping[str, Sequence[float]], title: str = "") -> None:
    """Gradient norm of each layer's weights, input side left, on a log axis. norms: {label: [layer 1, layer 2, ...]}.

    The first word of a label, "plain" (dashed) or "residual", chooses its colour; a second line of a kind is thicker.
    """
    ends, seen = [], set()
    for label, values in norms.items():
        kind = label.split()[0]
        style = {"ls": "--" if kind == "plain" else "-", "lw": 2.6 if kind in seen else 1.4}
        ax.semilogy(range(1, len(values) + 1), values, color=COLOURS.get(kind, INK), **style)
        seen.add(kind)
        ends.append((len(values), values[-1], label, COLOURS.get(kind, INK)))
    ax.set(xlabel="layer, from input to output", ylabel="gradient norm (log axis)", title=title)
    label_ends(ax, ends)


def images(axes: Sequence[Axes], pictures: np.ndarray, titles: Sequence[str]) -> None:
    """One picture (H, W, 3) in 0..1 on each of `axes`, with its title above."""
    for ax, picture, title in zip(axes, pictures, titles, strict=True):
        ax.imshow(picture, interpolation="nearest")
        ax.set_title(title, fontsize=10, loc="center")
        ax.axis("off")


def degradation_at(ax: Axes, curves: Mapping[str, Mapping[int, np.ndarray]], depth: int, epoch: int) -> None:
    """Training loss of both kinds of net at one depth, with the losses at `epoch` read off; other depths are faint.

    curves: {"plain": {depth: array (seeds, epochs)}, "residual": {...}}. Lines are means, bands reach from the
    lowest seed to the highest. epoch counts from 1.
    """
    ends = []
    for kind, of_depth in curves.items():
        for other, losses in of_depth.items():
            epochs = np.arange(1, losses.shape[1] + 1)
            if other != depth:
                ax.plot(epochs, losses.mean(0), color=FAINT, lw=1, zorder=1)
                continue
            ax.fill_between(epochs, losses.min(0), losses.max(0), color=COLOURS[kind], alpha=0.2, lw=0)
            ax.plot(epochs, losses.mean(0), "--" if kind == "plain" else "-", color=COLOURS[kind])
            here = losses.mean(0)[epoch - 1]
            ax.plot(epoch, here, "o", color=COLOURS[kind], ms=8)
            ends.append((epochs[-1], losses.mean(0)[-1], f"{kind}: {here:.2f}\nat epoch {epoch}", COLOURS[kind]))
    ax.axvline(epoch, color=INK, lw=0.8)
    ax.set(xlabel="epoch", ylabel="training loss", title=f"{depth} layers; other depths in grey", ylim=(0, None))
    label_ends(ax, ends, gap=0.13)


def by_rate(ax: Axes, losses: Mapping[str, Mapping[float, Sequence[float]]]) -> None:
    """Final training loss against learning rate (log axis). losses: {"plain 56": {rate: [one for each seed]}, ...}.

    Dots are seeds, lines join their means; the first word of a label chooses the colour, a shallower net is paler.
    """
    ends = []
    deepest = max(int(label.split()[1]) for label in losses)
    for label, of_rate in losses.items():
        kind, depth = label.split()
        colour = COLOURS[kind] if int(depth) == deepest else shade(COLOURS[kind], 0.6)
        rates = sorted(of_rate)
        means = [np.mean(of_rate[rate]) for rate in rates]
        ax.semilogx(rates, means, "--" if kind == "plain" else "-", color=colour)
        for rate in rates:
            ax.plot([rate] * len(of_rate[rate]), of_rate[rate], "o", ms=5, color=colour, mew=0)
        ends.append((rates[-1], means[-1], label, COLOURS[kind]))
    ax.set(xlabel="peak learning rate (log axis)", ylabel="final training loss", ylim=(0, None))
    rates = sorted(set().union(*losses.values()))
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    ax.minorticks_off()
    label_ends(ax, ends)


def heat_map(ax: Axes, sizes: np.ndarray, title: str = "", decades: float = 4) -> None:
    """The size of a signal by layer and training step: red is larger than 1, blue smaller, white is 1.

    sizes: (layers, steps), not negative; nan is left grey. Colours span 10^-decades to 10^decades, in units of log10:
    `fig.colorbar(ax.images[0])` shows them.
    """
    with np.errstate(divide="ignore"):
        logs = np.clip(np.log10(sizes), -decades, decades)
    ax.set_facecolor(FAINT)
    ax.imshow(logs, cmap="RdBu_r", vmin=-decades, vmax=decades, aspect="auto", interpolation="nearest")
    ax.set(xlabel="training step", ylabel="layer", title=title)
    ax.set_yticks([0, len(sizes) - 1], ["1", f"{len(sizes)}"])
    ax.grid(False)

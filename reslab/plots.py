"""Figures of the book: dicts and lists in, an `ax` drawn on; a module in for a diagram, which is read from what the
module computes. One palette, and labels on the lines.

Plain and residual keep their colours in every chapter (Okabe and Ito's, told apart by colour-blind readers too), and
so do the activations.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import fx, nn

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


def confusion(ax: Axes, counts: np.ndarray, classes: Sequence[str]) -> None:
    """A confusion matrix with its numbers: counts[truth, answer], (K, K)."""
    ax.imshow(counts, cmap="Blues")
    for i, j in zip(*np.nonzero(counts), strict=True):
        colour = "white" if counts[i, j] > counts.max() / 2 else INK
        ax.text(j, i, counts[i, j], ha="center", va="center", fontsize=9, color=colour)
    ax.set_xticks(range(len(classes)), classes, rotation=60)
    ax.set_yticks(range(len(classes)), classes)
    ax.set(xlabel="answer", ylabel="truth")
    ax.grid(False)


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


class Parts(fx.Tracer):
    """Follows a module's forward down to its parts: all that is not a container or the module itself stays whole."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether `m` is drawn as one box."""
        return not isinstance(m, nn.Sequential)


def block_graph(module: nn.Module) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """What `module` computes, step by step: the label of each step by name, in order, and the edges between steps.

    Read from `forward` by torch.fx, so what is not computed is not there, and a result that nothing uses has no edge
    out. Identities are left out. Raises ValueError where forward branches on values, which fx cannot follow.
    """
    try:
        graph = Parts().trace(module)
    except fx.proxy.TraceError as error:
        raise ValueError(f"cannot draw {type(module).__name__}: its forward branches on values ({error})") from error
    labels, edges, source = {}, [], {}
    for node in graph.nodes:
        inputs = [source[other] for other in node.all_input_nodes if other in source]
        target = module.get_submodule(node.target) if node.op == "call_module" else node.target
        if isinstance(target, nn.Identity):
            source[node] = inputs[0]
        elif node.op == "placeholder" or inputs:  # the rest is numbers and parameters
            source[node] = node.name
            labels[node.name] = "output" if node.op == "output" else step_label(target)
            edges += [(other, node.name) for other in dict.fromkeys(inputs)]
    return labels, edges


def step_label(step) -> str:
    """What is written in the box of one step: a module, a function, or the name of an input."""
    if isinstance(step, nn.Conv2d):
        stride = f", /{step.stride[0]}" if step.stride[0] > 1 else ""
        return f"{step.kernel_size[0]}x{step.kernel_size[1]} conv\n{step.out_channels}{stride}"
    if isinstance(step, nn.Linear):
        return f"linear\n{step.out_features}"
    name = type(step).__name__ if isinstance(step, nn.Module) else getattr(step, "__name__", str(step))
    name = name.strip("_")  # relu_ and iadd work in place
    words = {"BatchNorm2d": "BN", "BatchNorm1d": "BN", "ZeroPadShortcut": "zero-pad", "relu": "ReLU", "add": "+"}
    words |= {"iadd": "+", "mul": "\u00d7", "mean": "mean over\npixels"}
    return words.get(name, name.replace("Block", "\nblock"))


def block_diagram(ax: Axes, module: nn.Module, title: str = "") -> None:
    """Draw what `module` computes, from top to bottom; a step whose result nothing uses is marked. See block_graph."""
    labels, edges = block_graph(module)
    row = dict.fromkeys(labels, 0)  # the longest way from an input
    for start, end in edges:  # in order of computation
        row[end] = max(row[end], row[start] + 1)
    main, at = set(), list(labels)[-1]
    while at:  # back from the output along the longest way
        main.add(at)
        at = next((start for start, end in edges if end == at and row[start] == row[at] - 1), None)
    used = {start for start, _ in edges}
    place = {name: (0.0 if name in main else 1.5, -row[name]) for name in labels}
    for start, end in edges:
        (x0, y0), (x1, y1) = place[start], place[end]
        skips, colour = x0 == x1 and y0 - y1 > 1, COLOURS["residual"] if {start, end} - main else INK
        if skips:  # round the boxes between
            ends, bend, colour = [(x0 + 0.6, y0), (x1 + 0.6, y1)], -0.5, COLOURS["residual"]
        else:
            ends, bend = [(x0, y0 - 0.32), (x1 + 0.6 * (x0 > x1), y1 + 0.32 * (x0 <= x1))], 0
        arrow = {"arrowstyle": "-|>", "mutation_scale": 11, "color": colour, "lw": 1.2 if colour == INK else 2}
        ax.add_patch(FancyArrowPatch(*ends, connectionstyle=f"arc3,rad={bend}", shrinkA=0, shrinkB=0, **arrow))
    for name, (x, y) in place.items():
        lost = name not in used and name not in main
        style = {"ec": "#B00020", "ls": "--"} if lost else {"ec": INK}
        ax.add_patch(FancyBboxPatch((x - 0.54, y - 0.26), 1.08, 0.52, boxstyle="round,pad=0.05", fc="white", **style))
        ax.text(x, y, labels[name], ha="center", va="center", fontsize=9, linespacing=0.95)
        if lost:
            ax.text(x, y - 0.36, "goes nowhere", ha="center", va="top", fontsize=9, color="#B00020")
    ax.set(xlim=(-0.65, 2.15), ylim=(-max(row.values()) - 0.4, 0.4), title=title)
    ax.axis("off")

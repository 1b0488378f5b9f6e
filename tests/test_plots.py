"""The figures: each function draws what it was given on the ax it was given, and its labels can be read."""

import ast
import inspect
import itertools
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import rgb_to_hsv, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import nn

from reslab import models, plots

CURVES = {
    "plain": {56: [2.2, 2.0, 1.9], 8: [2.0, 1.2, 1.0], 20: [2.1, 1.4, 1.21]},
    "residual": {8: [2.0, 1.3, 1.1], 20: [1.9, 1.0, 0.9], 56: [1.9, 1.0, 0.89]},
}
BANDS = {kind: {depth: np.array([c, np.add(c, 0.2)]) for depth, c in of.items()} for kind, of in CURVES.items()}
SEEDS = {kind: {depth: curve for depth, curve in of.items()} for kind, of in CURVES.items()}
SEEDS["residual, zero gamma"] = {8: [0.7, 0.8], 20: [0.6, 0.7], 56: [0.5, 0.6]}
NORMS = {"plain 56": [30.0, 10, 1, 0.5], "residual 56": [0.3, 0.2, 0.25, 0.4], "plain 56, later": [2.0, 1, 1, 0.45]}
RATES = {
    "plain 56": {0.1: [1.9, 2.0], 0.05: [1.5, 1.6]},
    "plain 20": {0.05: [1.2], 0.1: [1.1]},
    "residual 56": {0.05: [1.0], 0.1: [1.05]},
}

FIGURES = {
    "training_curves": (lambda ax: plots.training_curves(ax, CURVES, "A title"), 6),
    "by_depth": (lambda ax: plots.by_depth(ax, SEEDS, "loss", "A title"), 3),
    "gradient_profile": (lambda ax: plots.gradient_profile(ax, NORMS, "A title"), 3),
    "degradation_at": (lambda ax: plots.degradation_at(ax, BANDS, 20, 2), 2),
    "by_rate": (lambda ax: plots.by_rate(ax, RATES), 3),
    "heat_map": (lambda ax: plots.heat_map(ax, np.array([[1.0, 0.1], [1e9, 0], [np.nan, 2]]), "A title"), 0),
}


def draw(function):
    """The ax after `function` drew on it, rendered in the book's style."""
    with matplotlib.rc_context(plots.STYLE):
        figure = Figure()
        FigureCanvasAgg(figure)
        ax = figure.add_subplot()
        assert function(ax) is None
        figure.canvas.draw()
    return ax


@pytest.fixture(params=FIGURES)
def figure(request):
    function, labels = FIGURES[request.param]
    return draw(function), labels


def boxes(ax):
    renderer = ax.figure.canvas.get_renderer()
    return [text.get_window_extent(renderer) for text in ax.texts]


def overlap(a, b):
    """How deep box a lies over box b, in pixels of height."""
    return max(0, min(a.y1, b.y1) - max(a.y0, b.y0)) if min(a.x1, b.x1) > max(a.x0, b.x0) else 0


def lines(ax, style):
    return [line for line in ax.lines if line.get_linestyle() == style]


def colour(line):
    return to_hex(line.get_color()).upper()


def test_labels_can_be_read(figure):
    ax, labels = figure
    assert len(ax.texts) == labels and ax.get_xlabel() and ax.get_ylabel()
    texts = [*ax.texts, ax.title, *ax.get_xticklabels(), *ax.get_yticklabels(), ax.xaxis.label, ax.yaxis.label]
    assert min(text.get_fontsize() for text in texts) >= 9
    assert all(overlap(a, b) <= 1 for a, b in itertools.combinations(boxes(ax), 2))
    axes, page = ax.get_window_extent(), ax.figure.bbox
    for box in boxes(ax):  # beside the axes, not over the lines, and on the page
        assert box.x0 >= axes.x1 and box.x1 <= page.x1 and box.y0 >= page.y0 and box.y1 <= page.y1
    scales = {"log": "log axis"}
    for axis in (ax.xaxis, ax.yaxis):
        assert scales.get(axis.get_scale(), "") in axis.label.get_text()


def test_nothing_is_cut_off(figure):
    ax, _ = figure
    left, right = sorted(ax.get_xlim())
    bottom, top = sorted(ax.get_ylim())
    for line in ax.lines:
        x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
        if line.get_transform() == ax.transData:
            assert (x >= left).all() and (x <= right).all() and (y >= bottom).all() and (y <= top).all()


def luminance(rgb):
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast_with_white(colour):
    return 1.05 / (luminance(to_rgb(colour)) + 0.05)


def test_the_formula_of_wcag():
    assert contrast_with_white("black") == pytest.approx(21) and contrast_with_white("#767676") == pytest.approx(
        4.54, abs=0.01
    )


def test_colours_stand_out(figure):
    for name in (*plots.COLOURS.values(), plots.INK):
        assert contrast_with_white(name) >= 3
    ax, _ = figure
    for text in ax.texts:
        assert contrast_with_white(text.get_color()) >= 4.5, text.get_text()  # WCAG AA for text; 3 for lines


def test_plain_and_residual_keep_their_colours(figure):
    assert (plots.COLOURS["plain"], plots.COLOURS["residual"]) == ("#D55E00", "#0072B2")
    ax, _ = figure
    for text in ax.texts:
        kind = text.get_text().split()[0].strip(":,")
        hues = [rgb_to_hsv(to_rgb(colour))[0] for colour in (text.get_color(), plots.COLOURS[kind])]
        assert hues[0] == pytest.approx(hues[1], abs=0.01)  # paler or darker, but the same colour


def test_shade():
    assert plots.shade("#0072B2", 0) == (1, 1, 1) and to_hex(plots.shade("#0072B2", 1)).upper() == "#0072B2"
    assert plots.shade("#000000", 0.25) == (0.75, 0.75, 0.75)


def test_training_curves_hold_their_data():
    ax = draw(FIGURES["training_curves"][0])
    for kind, style in (("plain", "--"), ("residual", "-")):
        drawn = lines(ax, style)
        assert [list(line.get_ydata()) for line in drawn] == [CURVES[kind][depth] for depth in (8, 20, 56)]
        assert all(list(line.get_xdata()) == [1, 2, 3] for line in drawn)
        assert colour(drawn[-1]) == plots.COLOURS[kind]  # the deepest is the darkest
        depths = [luminance(to_rgb(line.get_color())) for line in drawn]
        assert depths[0] > depths[1] > depths[2]
    assert {text.get_text() for text in ax.texts} == {f"{kind} {depth}" for kind in CURVES for depth in (8, 20, 56)}
    assert ax.get_title(loc="left") == "A title" and ax.get_ylim()[0] == 0
    assert all(float(tick).is_integer() for tick in ax.get_xticks())


def test_by_depth_holds_its_data():
    ax = draw(lambda ax: plots.by_depth(ax, SEEDS | {"plain": {8: [1.0, 1.2, 1.3], 110: [2.5]}}))
    (plain,), (residual,), (zero,) = lines(ax, "--"), lines(ax, "-"), lines(ax, ":")
    assert list(plain.get_xdata()) == [8, 110] and list(plain.get_ydata()) == pytest.approx([3.5 / 3, 2.5])
    assert list(residual.get_xdata()) == [8, 20, 56] and residual.get_ydata()[0] == pytest.approx(4.4 / 3)
    assert list(zero.get_ydata()) == pytest.approx([0.75, 0.65, 0.55])
    assert [colour(line) for line in (plain, residual, zero)] == [
        plots.COLOURS[k] for k in ("plain", "residual", "residual")
    ]
    dots = [(x, y) for line in lines(ax, "None") for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]
    assert len(dots) == 4 + 9 + 6 and (8 - 0.7, 1.3) in dots and (56 + 0.7, 0.6) in dots  # beside each other
    assert list(ax.get_xticks()) == [8, 20, 56, 110]  # every depth of every kind


def test_gradient_profile_holds_its_data():
    ax = draw(FIGURES["gradient_profile"][0])
    assert ax.get_yscale() == "log"
    assert [list(line.get_ydata()) for line in ax.lines] == list(NORMS.values())
    assert [line.get_linestyle() for line in ax.lines] == ["--" if "plain" in label else "-" for label in NORMS]
    assert [line.get_linewidth() for line in ax.lines] == [1.4, 1.4, 2.6]  # the second line of a kind stands out
    assert [colour(line) for line in ax.lines] == [plots.COLOURS[label.split()[0]] for label in NORMS]


def test_by_rate_holds_its_data():
    ax = draw(lambda ax: plots.by_rate(ax, {"plain 8": {0.2: [0.8]}, **RATES}))
    means = [line for line in ax.lines if line.get_linestyle() != "None"]
    assert ax.get_xscale() == "log" and list(ax.get_xticks()) == [0.05, 0.1, 0.2]
    assert [list(line.get_xdata()) for line in means] == [[0.2], *[[0.05, 0.1]] * 3]
    assert [list(line.get_ydata()) for line in means] == [[0.8], [1.55, 1.95], [1.2, 1.1], [1.0, 1.05]]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0.05", "0.1", "0.2"]


@pytest.mark.parametrize(("depth", "epoch"), [(20, 1), (56, 3)])
def test_degradation_at_reads_off_the_epoch(depth, epoch):
    ax = draw(lambda ax: plots.degradation_at(ax, BANDS, depth, epoch))
    for kind, style in (("plain", "--"), ("residual", "-")):
        mean = np.mean(BANDS[kind][depth], axis=0)
        (line,) = [line for line in lines(ax, style) if colour(line) == plots.COLOURS[kind]]
        np.testing.assert_allclose(line.get_ydata(), mean)
        (dot,) = [line for line in lines(ax, "None") if colour(line) == plots.COLOURS[kind]] or [None]
        assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (epoch, mean[epoch - 1])
        (text,) = [text for text in ax.texts if text.get_text().startswith(kind)]
        assert text.get_text() == f"{kind}: {mean[epoch - 1]:.2f}\nat epoch {epoch}"
    faint = [line for line in ax.lines if colour(line) == plots.FAINT]
    assert len(faint) == 4 and len(ax.collections) == 2
    band = ax.collections[0].get_paths()[0].get_extents()
    assert (band.y0, band.y1) == (BANDS["plain"][depth].min(), BANDS["plain"][depth].max())
    assert f"{depth} layers" in ax.get_title(loc="left") and "grey" in ax.get_title(loc="left")


def test_heat_map_clips_to_its_decades_and_leaves_what_is_not_finite():
    (picture,) = draw(FIGURES["heat_map"][0]).images
    values = picture.get_array()
    assert values.filled(np.nan)[:2].tolist() == [[0, -1], [4, -4]] and values.mask.tolist()[2] == [True, False]
    assert picture.get_clim() == (-4, 4)


def test_images():
    figure, pictures = Figure(), np.random.default_rng(0).random((3, 8, 8, 3))
    axes = figure.subplots(1, 3)
    assert plots.images(axes, pictures, ["a", "b", "c"]) is None
    for ax, picture, title in zip(axes, pictures, "abc", strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), picture)
        assert ax.images[0].get_interpolation() == "nearest" and ax.get_title() == title and not ax.axison
    with pytest.raises(ValueError):
        plots.images(axes, pictures, ["a", "b"])


def test_confusion_shows_its_counts():
    counts = np.array([[9, 0, 1], [2, 4, 0], [0, 0, 30]])
    ax = draw(lambda ax: plots.confusion(ax, counts, ["cat", "dog", "eel"]))
    shown = {(text.get_position()[1], text.get_position()[0]): int(text.get_text()) for text in ax.texts}
    assert shown == {(i, j): n for (i, j), n in np.ndenumerate(counts) if n}  # row: truth; column: answer
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("answer", "truth")
    for axis in (ax.xaxis, ax.yaxis):
        assert list(axis.get_ticklocs()) == [0, 1, 2]
        assert [label.get_text() for label in axis.get_ticklabels()] == ["cat", "dog", "eel"]
        assert not any(line.get_visible() for line in axis.get_gridlines())
    image = ax.images[0]
    assert (image.get_array() == counts).all() and ax.get_ylim()[0] > ax.get_ylim()[1]  # the first class is on top
    for text in ax.texts:
        j, i = text.get_position()
        under = image.to_rgba(counts)[i, j, :3]
        lighter, darker = sorted((luminance(under), luminance(to_rgb(text.get_color()))), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5 and text.get_fontsize() >= 9


def test_confusion_of_no_images():
    assert not draw(lambda ax: plots.confusion(ax, np.zeros((2, 2), int), "ab")).texts


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("heights", [[1, 1, 1, 1], [0.1, 0.11, 5, 10], [9.9, 9.8, 10, 10, 9.9], [1e-3, 10], [5], []])
def test_label_ends_moves_labels_apart_and_keeps_their_order(scale, heights):
    def function(ax):
        ax.plot([0, 1], [1e-3, 10])
        ax.set(yscale=scale, ylim=(1e-3, 10))
        plots.label_ends(ax, [(1, y, f"{y} {i}", "black") for i, y in enumerate(heights)])

    ax = draw(function)
    placed = {text.get_text(): text.get_position()[1] for text in ax.texts}
    order = [height for _, height in sorted((float(text.split()[0]), height) for text, height in placed.items())]
    assert len(placed) == len(heights) and order == sorted(order)
    assert all(b - a >= 0.065 - 1e-9 for a, b in itertools.pairwise(order))
    assert all(-0.001 <= height <= 1.001 for height in order)
    if heights == [1e-3, 10]:
        assert order == pytest.approx([0, 1], abs=1e-6)  # no need to move: where the lines end
    assert all(overlap(a, b) <= 1 for a, b in itertools.combinations(boxes(ax), 2))


class Odd(nn.Module):
    """Two inputs, a step that nothing uses, an addition in place, and a number."""

    def __init__(self):
        super().__init__()
        self.linear, self.lost, self.same = nn.Linear(3, 4), nn.Conv2d(2, 5, 3, stride=2), nn.Identity()
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(self, x, z):
        self.lost(x)
        x = self.same(x)
        h = self.linear(x) * self.alpha
        h += self.same(z)
        return torch.relu_(h)


def named_edges(module):
    labels, edges = plots.block_graph(module)
    return [tuple(labels[name].replace("\n", " ") for name in edge) for edge in edges]


def test_the_graph_of_a_block_is_what_it_computes():
    conv = "3x3 conv 6"
    main = [("x", conv), (conv, "BN"), ("BN", "ReLU"), ("ReLU", conv), (conv, "BN")]
    end = [("ReLU", "output")]
    assert named_edges(models.PlainBlock(6, 6)) == [*main, ("BN", "ReLU"), *end]
    assert named_edges(models.BasicBlock(6, 6)) == [*main, ("BN", "+"), ("x", "+"), ("+", "ReLU"), *end]
    assert named_edges(models.ReLUBeforeSum(6, 6)) == [
        *main,
        ("BN", "ReLU"),
        ("ReLU", "+"),
        ("x", "+"),
        ("+", "output"),
    ]
    _, edges = plots.block_graph(models.LateSkip(6, 6))
    assert ("relu", "add") in edges and ("x", "add") not in edges


def test_the_graph_of_shortcuts_that_change_the_shape():
    projected = named_edges(models.BasicBlock(6, 8, 2, models.projection(6, 8, 2)))
    assert {("x", "3x3 conv 8, /2"), ("x", "1x1 conv 8, /2"), ("1x1 conv 8, /2", "BN")} <= set(projected)
    padded = named_edges(models.BasicBlock(6, 8, 2, models.ZeroPadShortcut(6, 8, 2)))
    assert {("x", "zero-pad"), ("zero-pad", "+")} <= set(padded)


def test_the_graph_of_an_odd_module():
    labels, edges = plots.block_graph(Odd())
    steps = ["x", "z", "3x3 conv\n5, /2", "linear\n4", "\u00d7", "+", "ReLU", "output"]
    assert list(labels.values()) == steps
    starts = {start for start, _ in edges}
    assert "lost" in labels and "lost" not in starts and ("z", "add") in edges


def test_a_forward_that_branches_on_values_cannot_be_drawn():
    class Branches(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(ValueError, match="cannot draw Branches: its forward branches on values"):
        plots.block_graph(Branches())


@pytest.mark.parametrize(
    "module",
    [
        models.BasicBlock(16, 16),
        models.BasicBlock(64, 128, 2, models.projection(64, 128, 2)),
        models.BasicBlock(16, 32, 2, models.ZeroPadShortcut(16, 32, 2)),
        models.cifar_net(8),
        Odd(),
    ],
    ids=["identity", "projection", "zero-padding", "net", "odd"],
)
def test_a_diagram_shows_the_graph_and_can_be_read(module):
    labels, edges = plots.block_graph(module)
    with matplotlib.rc_context(plots.STYLE):
        figure = Figure(figsize=(6.2, 5.6))
        FigureCanvasAgg(figure)
        ax = figure.subplots(1, 3)[0]
        plots.block_diagram(ax, module, "A title")
        figure.canvas.draw()
    drawn = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    assert len(drawn) == len(labels) and len(arrows) == len(edges) and ax.get_title(loc="left") == "A title"
    frames, words = [patch.get_window_extent() for patch in drawn], boxes(ax)
    assert all(overlap(a, b) == 0 for a, b in itertools.combinations(frames, 2))
    texts = dict(zip((text.get_text() for text in ax.texts), ax.texts, strict=False))
    assert set(labels.values()) <= set(texts) and min(text.get_fontsize() for text in ax.texts) >= 9
    inside = [w for w, text in zip(words, ax.texts, strict=True) if text.get_text() != "goes nowhere"]
    for frame, word in zip(frames, inside, strict=True):
        assert frame.x0 <= word.x0 and word.x1 <= frame.x1 and frame.y0 <= word.y0 and word.y1 <= frame.y1
    assert (
        sum(patch.get_linestyle() == "--" for patch in drawn) == ("goes nowhere" in texts) == isinstance(module, Odd)
    )
    blue = [arrow for arrow in arrows if to_hex(arrow.get_edgecolor()).upper() == plots.COLOURS["residual"]]
    assert bool(blue) == (not isinstance(module, models.CifarNet))


def test_pyplot_is_not_used():
    """Pyplot keeps figures alive in a hidden list; a function that is given an ax has no need of it."""
    for node in ast.walk(ast.parse(Path(plots.__file__).read_text(encoding="utf-8"))):
        assert "pyplot" not in (getattr(node, "module", None) or "") and getattr(node, "name", None) != "pyplot"
        assert not (isinstance(node, ast.Import) and any("pyplot" in name.name for name in node.names))
    before = plt.get_fignums()
    for function, _ in FIGURES.values():
        draw(function)
    assert plt.get_fignums() == before


def test_every_figure_is_tested_here():
    public = {
        name for name, value in inspect.getmembers(plots, inspect.isfunction) if value.__module__ == plots.__name__
    }
    takes_an_ax = {name for name in public if "ax" in inspect.signature(getattr(plots, name)).parameters}
    assert takes_an_ax - {"label_ends", "block_diagram", "confusion"} == set(FIGURES)

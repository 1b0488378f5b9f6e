"""Checkers of chapter 11, ResNet-18 to ResNet-152."""

import math
import numbers
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import zip_longest

import numpy as np
import torch
from torch import Tensor, nn

from reslab.checks.exercise import Wrong, blame, exercise, first_line, number_from


def blame_formula(
    mistakes: Iterable[tuple[Callable[..., float], str, str]], cases: Sequence[tuple], found: Sequence[float]
) -> None:
    """Raise Wrong for the first of the rows (formula, message, hint) that explains what was found in all cases."""
    blame(mistakes, lambda formula: all(math.isclose(formula(*c), f) for c, f in zip(cases, found, strict=True)))


def is_whole(value) -> bool:
    """Whether this is a whole number by its type: 5.0 is none."""
    return isinstance(value.item() if isinstance(value, Tensor | np.ndarray) else value, numbers.Integral)


def per_block(bottleneck: bool) -> int:
    """The convolutions on the main path of one block."""
    return 3 if bottleneck else 2


@exercise("11.2", "Blocks times layers, and two layers at the ends: the names of all five nets are counts.")
def check_layers_in(layers_in: Callable[[tuple[int, ...], bool], int]) -> None:
    """Exercise 11.2: `layers_in(blocks, bottleneck)` is a whole number: the layers with weights on the main path."""
    paper = [
        ((2, 2, 2, 2), False),
        ((3, 4, 6, 3), False),
        *(((3, n, m, 3), True) for n, m in ((4, 6), (4, 23), (8, 36))),
    ]
    cases = [*paper, ((4, 1, 3, 2, 7), False), ((2, 5, 1), True), ((7,), True), ((6, 2), False)]
    table = "Count: from `blocks` the blocks in all, from `bottleneck` the convolutions in each block."
    ends = "The stem begins with a convolution, and the head is a linear layer: each counts once."
    inside = "A basic block has two convolutions, a bottleneck three. Nothing else in it counts."
    main = "The names count the main path. A projection stands on the shortcut."
    found = []
    for case in cases:
        try:
            result = layers_in(*case)
        except KeyError as error:
            raise Wrong(
                f"Your table has no entry for {first_line(error)}. Other nets are possible, too.", table
            ) from None
        if result is None and len(found) >= len(paper):
            raise Wrong(f"For {case} you give None, as if there were only the nets of the paper.", table)
        found.append(number_from(result, "layers_in(blocks, bottleneck)"))
        if not is_whole(result) and found[-1].is_integer():
            raise Wrong(
                f"You give {found[-1]}, of type {type(result).__name__}. A count is a whole number.", "Give an int."
            )
    right = [per_block(bottleneck) * sum(blocks) + 2 for blocks, bottleneck in cases]
    if found == right:
        return
    k = per_block
    few = "You are one layer short in each net: the blocks are not all of it."
    norms = "You count the batch norms, too. The names do not."
    mistakes = [
        (lambda b, n: found[0], f"You give {found[0]:g}, whatever the arguments are.", table),
        (lambda b, n: k(n) * sum(b), "You count the layers in the blocks only.", ends),
        (lambda b, n: k(n) * sum(b) + 1, few, ends),
        (lambda b, n: k(n) * sum(b) + 3, "You are one layer too high in each net. Pooling has no weights.", ends),
        (lambda b, n: k(n) * sum(b) + 4, "You are two layers too high in each net. Pooling has no weights.", ends),
        (lambda b, n: k(n) * sum(b) + 2 + len(b) - (not n), "You count the projections, too.", main),
        (lambda b, n: k(n) * sum(b) + 6 - (not n), "You count the projections, too.", main),
        (lambda b, n: k(n) * sum(b) + 2 + len(b), "You add a layer for each stage.", main),
        (lambda b, n: k(n) * sum(b) + 1 + len(b), "You add a layer for each stage but one.", main),
        (lambda b, n: 2 * k(n) * sum(b) + 2, norms, inside),
        (lambda b, n: 2 * k(n) * sum(b) + 3, norms, inside),
        (lambda b, n: (k(n) + 1) * sum(b) + 2, "You count one layer too many in each block.", inside),
        (lambda b, n: sum(b) + 2, "You count one layer for each block.", inside),
        (lambda b, n: sum(b), "You count blocks, not layers.", inside),
        (lambda b, n: 2 * sum(b) + 2, "You count all blocks as basic blocks. Use `bottleneck`.", inside),
        (lambda b, n: 3 * sum(b) + 2, "You count all blocks as bottlenecks. Use `bottleneck`.", inside),
        (lambda b, n: (5 - k(n)) * sum(b) + 2, "You exchange the two kinds of block.", inside),
        (
            lambda b, n: k(n) * len(b) + 2,
            "You count one block in each stage.",
            "`blocks` holds the blocks of each stage.",
        ),
        (lambda b, n: k(n) * b[0] + 2, "You count the first stage only.", "Add up the blocks of all stages."),
        (lambda b, n: k(n) * b[-1] + 2, "You count the last stage only.", "Add up the blocks of all stages."),
        (lambda b, n: k(n) * sum(b[1:]) + 2, "You leave out the first stage.", "Add up the blocks of all stages."),
        (lambda b, n: k(n) * sum(b[:-1]) + 2, "You leave out the last stage.", "Add up the blocks of all stages."),
        (lambda b, n: k(n) * (sum(b) - len(b)) + 2, "You leave out one block of each stage.", "Each block counts."),
        (lambda b, n: k(n) * max(b) + 2, "You count the longest stage only.", "Add up the blocks of all stages."),
        (
            lambda b, n: k(n) * math.prod(b) + 2,
            "You multiply the stages. They follow each other.",
            "Add up the blocks.",
        ),
        (lambda b, n: k(n) * (sum(b) + 2), "You multiply the layers at the ends, too: mind the brackets.", ends),
        (lambda b, n: sum(b) + k(n) + 2, "You add the layers of one block. Each block has them.", inside),
    ]
    blame_formula(mistakes, cases, found)
    only = "Right for the nets of the paper, but for" if found[: len(paper)] == right[: len(paper)] else "For"
    (blocks, bottleneck), number, truth = next(r for r in zip(cases, found, right, strict=True) if r[1] != r[2])
    raise Wrong(f"{only} blocks = {blocks}, bottleneck = {bottleneck} you give {number:g}.", f"It is {truth}. {table}")


def changes(c: int, n: int, s: int) -> bool:
    """Whether a bottleneck with c channels in, n inner ones and stride s needs a projection."""
    return s != 1 or c != 4 * n


def neck_size(c, n, s, *, kernels=(1, 3, 1), way=1, out=4, bias=0, norm=2, way_bias=None, way_norm=None, when=changes):
    """The learnable numbers in a bottleneck, or what a mistake makes of them; norm and bias: numbers per channel."""
    way_bias, way_norm = (bias if way_bias is None else way_bias), (norm if way_norm is None else way_norm)
    sizes = zip(kernels, (c, n, n), (n, n, out * n), strict=True)
    branch = sum(kernel**2 * a * b + (bias + norm) * b for kernel, a, b in sizes)
    return branch + when(c, n, s) * out * n * (way**2 * c + way_bias + way_norm)


@exercise("11.1", "You can tell the size of any bottleneck without building it, and of a net of them, too.")
def check_bottleneck_parameters(bottleneck_parameters: Callable[[int, int, int], int]) -> None:
    """Exercise 11.1: `bottleneck_parameters(in_channels, inner, stride)` is how many learnable numbers it has."""
    cases = [  # in_channels, inner, stride
        (64, 64, 1),
        (256, 64, 1),
        (256, 64, 2),
        (256, 128, 2),
        (512, 32, 1),
        (24, 5, 3),
        (16, 8, 1),
        (12, 3, 4),
        (8, 8, 2),
    ]
    size = neck_size
    sizes = "A convolution without bias has kernel * kernel * channels in * channels out weights."
    order = "1x1 from in_channels to inner, 3x3 from inner to inner, 1x1 from inner to 4 * inner; BN after each."
    norm = "Batch norm learns a weight and a bias for each channel that leaves the convolution."
    when = "x fits F(x) only if the stride is 1 *and* in_channels is 4 * inner. Else there is a projection."
    way = "The projection is a 1x1 convolution from in_channels to 4 * inner, with a batch norm."
    free = "The stride says where the kernel stands. It has no weights of its own."
    statistics = "You count running statistics. Batch norm measures them; they are not learned."
    basic = "That is the basic block of two 3x3 convolutions."
    mistakes = [
        (partial(size, norm=0), "The batch norms are missing.", norm),
        (partial(size, norm=1), "You count one number for each channel after a convolution. There are more.", norm),
        (partial(size, norm=4), statistics, norm),
        (lambda *c: size(*c, norm=4) + 3 + changes(*c), statistics, "Sum over .parameters(), not over .state_dict()."),
        (partial(size, norm=2, way_norm=0), "The batch norm of the projection is missing.", way),
        (partial(size, norm=0, way_norm=2), "The batch norms of F are missing.", norm),
        (partial(size, bias=1), "You count biases of the convolutions. They have none.", sizes),
        (partial(size, bias=1, way_bias=0), "You count biases of the convolutions of F. They have none.", sizes),
        (partial(size, way_bias=1), "You count a bias in the projection. It has none.", way),
        (partial(size, when=lambda c, n, s: False), "The projection is missing where the shape changes.", when),
        (partial(size, when=lambda c, n, s: True), "You count a projection where x fits F(x) as it is.", when),
        (partial(size, when=lambda c, n, s: s != 1), "The projection is missing where the channels change.", when),
        (partial(size, when=lambda c, n, s: c != 4 * n), "The projection is missing where the size changes.", when),
        (
            partial(size, when=lambda c, n, s: s != 1 and c != 4 * n),
            "You count the projection only where both the size and the channels change.",
            when,
        ),
        (partial(size, when=lambda c, n, s: s == 2), "You project only where the stride is 2.", when),
        (partial(size, when=lambda c, n, s: s == 2 or c != 4 * n), "You project for a stride of 2 only.", when),
        (partial(size, when=lambda c, n, s: s != 1 or c < 4 * n), "You project only where channels are added.", when),
        (partial(size, when=lambda c, n, s: s != 1 or c != n), "You compare in_channels with inner.", when),
        (partial(size, when=lambda c, n, s: not changes(c, n, s)), "Your condition is upside down.", when),
        (partial(size, kernels=(1, 1, 1)), "You count the 3x3 convolution as a 1x1.", sizes),
        (partial(size, kernels=(3, 3, 3)), "You count all convolutions of F as 3x3.", order),
        (partial(size, kernels=(3, 3, 3), way=3), "You count all convolutions as 3x3.", order),
        (partial(size, kernels=(3, 1, 3)), "You exchange the kernels: 3x3, 1x1, 3x3.", order),
        (lambda c, n, s: size(c, n, s) - 6 * n * n, "A 3x3 kernel has more than three numbers.", sizes),
        (partial(size, way=3), "You count the projection as a 3x3 convolution.", way),
        (partial(size, out=1, when=lambda c, n, s: s != 1 or c != n), "Your block ends with inner channels.", order),
        (partial(size, out=2, when=lambda c, n, s: s != 1 or c != 2 * n), "Your block widens by 2 only.", order),
        (lambda c, n, s: size(c, n, s) - 6 * n, "You count the last batch norm of F as narrow as the others.", norm),
        (lambda c, n, s: size(c, n, s) + 2 * c - 8 * n, "You count each batch norm before its convolution.", norm),
        (lambda c, n, s: size(c, n, s) - c * n - 2 * n, "The first convolution is missing.", order),
        (lambda c, n, s: size(c, n, s) - 9 * n * n - 2 * n, "The second convolution is missing.", order),
        (lambda c, n, s: size(c, n, s) - 4 * n * n - 8 * n, "The third convolution is missing.", order),
        (lambda c, n, s: size(c, n, s) + 9 * (c - n) * n, "You let the 3x3 convolution read in_channels.", order),
        (lambda c, n, s: size(c, n, s) + 4 * (c - n) * n, "You let the last convolution read in_channels.", order),
        (lambda c, n, s: size(c, n, s) + 27 * n * n, "You let the 3x3 convolution widen. It must be cheap.", order),
        (lambda c, n, s: 9 * n * (c + n) + 4 * n + (s != 1 or c != n) * (c + 2) * n, basic, order),
        (lambda c, n, s: 36 * n * (c + 4 * n) + 16 * n + changes(c, n, s) * (c + 2) * 4 * n, basic, order),
        (lambda c, n, s: size(c, n, s) + changes(c, n, s) * 4 * (n - c) * n, "Your projection reads inner.", way),
        (lambda c, n, s: size(c, n, s) - changes(c, n, s) * 3 * n * (c + 2), "Your projection is too narrow.", way),
        (lambda c, n, s: size(c, n, s) * s, "You multiply by the stride.", free),
        (lambda c, n, s: size(c, n, s) + 9 * n * n * (s - 1), "You multiply the 3x3 weights by the stride.", free),
        (lambda c, n, s: size(c, n, s) + 4 * c * n * (s - 1), "You multiply the projection by the stride.", free),
        (lambda c, n, s: size(c, n // 4, s), "You divide inner by 4. It is the narrow width already.", order),
        (lambda c, n, s: size(4 * n, n, s), "You do not use in_channels.", order),
        (lambda *c: 9 + 3 * changes(*c), "You count the tensors, not the numbers in them.", "Sum up p.numel()."),
    ]
    found = [number_from(bottleneck_parameters(*case), "bottleneck_parameters(...)") for case in cases]
    right = [neck_size(*case) for case in cases]
    if found == right:
        return
    if len(set(found)) == 1:
        raise Wrong(f"You give {found[0]:.10g}, whatever the arguments are.", order)
    blame_formula(mistakes, cases, found)
    case, number, truth = next(row for row in zip(cases, found, right, strict=True) if row[1] != row[2])
    raise Wrong(f"For (in_channels, inner, stride) = {case} you give {number:.10g}.", f"It is {truth}. {order}")


def walk(layers: Sequence[tuple[int, int]], step: Callable[..., float], r: float = 1) -> float:
    """What `step(r, jump, kernel, stride)` makes of r, layer by layer; jump is the product of the strides so far."""
    jump = 1
    for kernel, stride in layers:
        r = step(r, jump, kernel, stride)
        jump *= stride
    return r


def seen(layers: Sequence[tuple[int, int]], r: float = 1) -> float:
    """The receptive field of these layers."""
    return walk(layers, lambda r, j, k, s: r + (k - 1) * j, r)


@exercise("11.5", "You can tell how much of an image one number sees, before any weight is there.")
def check_receptive_field(receptive_field: Callable[[list[tuple[int, int]]], int]) -> None:
    """Exercise 11.5: `receptive_field(layers)` is one number, for a list of (kernel, stride); with no layers, 1."""
    cases = [
        [(7, 2), (3, 2), (3, 1), (3, 1)],
        [(5, 2), (1, 1), (3, 3), (2, 1)],
        [(3, 2), (5, 1), (2, 2), (4, 1)],
        [(2, 3), (6, 1)],
        [(1, 2), (3, 4), (7, 5)],
        [(4, 3)],
    ]
    grow = "Start with 1. A layer adds (kernel - 1) steps; a step is as long as the product of all *earlier* strides."
    back = "From the last layer to the first, starting with 1: r = (r - 1) * stride + kernel."
    later = "A stride makes the steps of *later* layers longer, not those of its own kernel."
    side = "Draw two 3x3 layers of stride 1. One output number sees 5 input pixels along a side."
    order = "You use the layers in the wrong order: your formula needs the other end first."
    mistakes = [
        (lambda ls: walk(ls, lambda r, j, k, s: r + k - 1), "You ignore the strides.", later),
        (lambda ls: walk(ls, lambda r, j, k, s: r + (k - 1) * j * s), "You use a stride one layer too early.", later),
        (lambda ls: walk(ls, lambda r, j, k, s: r + (k - 1) * s), "You use only the layer's own stride.", later),
        (lambda ls: walk(ls, lambda r, j, k, s: r + k * j), "Each layer adds one step too many.", side),
        (
            lambda ls: walk(ls, lambda r, j, k, s: r + k * j, 0),
            "Neighbouring kernels overlap by all but a step.",
            side,
        ),
        (lambda ls: seen(ls, 0), "You are one pixel short: with no layer at all, a number sees itself.", grow),
        (lambda ls: seen(ls) + 1, "You count one pixel too many.", grow),
        (lambda ls: math.prod(s for _, s in ls), "That is the total stride, not what one number sees.", grow),
        (lambda ls: seen(ls) * math.prod(s for _, s in ls), "You multiply by the total stride at the end.", later),
        (lambda ls: seen(ls) ** 2, "You count the pixels of the whole region. Its side is asked for.", side),
        (lambda ls: seen(ls) // 2, "You give half of the side.", side),
        (lambda ls: seen(ls) / 2, "You give half of the side.", side),
        (lambda ls: walk(ls, lambda r, j, k, s: r + k // 2 * j), "You count one side of each kernel only.", side),
        (lambda ls: walk(ls, lambda r, j, k, s: r + 2 * j), "You take all kernels as 3x3.", grow),
        (lambda ls: walk(ls, lambda r, j, k, s: r + j), "You ignore the sizes of the kernels.", grow),
        (lambda ls: math.prod(k for k, _ in ls), "You multiply the kernels.", side),
        (lambda ls: sum(k for k, _ in ls), "You add up the kernels.", side),
        (lambda ls: max(k for k, _ in ls), "You give the largest kernel.", side),
        (lambda ls: ls[0][0], "You use the first kernel only.", side),
        (lambda ls: ls[-1][0], "You use the last kernel only.", side),
        (lambda ls: seen(ls[:-1]), "You leave out the last layer.", grow),
        (lambda ls: seen(ls[1:]), "You leave out the first layer.", grow),
        (lambda ls: seen(ls[::-1]), order, back),
        (
            lambda ls: walk(ls, lambda r, j, k, s: r * s + k - 1),
            "You go from the input on, and stretch what it saw.",
            back,
        ),
        (
            lambda ls: walk(ls, lambda r, j, k, s: r * s + k),
            "You go from the input on, and stretch what it saw.",
            back,
        ),
        (lambda ls: walk(ls, lambda r, j, k, s: (r + k - 1) * s), "You stretch what earlier layers saw.", back),
        (lambda ls: walk(ls[::-1], lambda r, j, k, s: r * s + k - 1), "r pixels have fewer than r gaps.", back),
        (lambda ls: walk(ls[::-1], lambda r, j, k, s: r * s + k), "Your steps back overlap too little.", back),
        (
            lambda ls: walk(ls[::-1], lambda r, j, k, s: (r + k - 1) * s),
            "Your steps back widen before they stretch.",
            back,
        ),
        (
            lambda ls: 1 + sum((k - 1) * (1 + sum(s for _, s in ls[:i])) for i, (k, _) in enumerate(ls)),
            "You add up the strides. They multiply.",
            grow,
        ),
        (
            lambda ls: 1 + sum((k - 1) * s for (k, _), s in zip(ls, [1, *(s for _, s in ls[:-1])], strict=True)),
            "You use only the stride of the layer before. All earlier ones count.",
            grow,
        ),
        (lambda ls: seen([(k, s - 1) for k, s in ls]), "You take 1 from each stride. It belongs to the kernel.", grow),
        (
            lambda ls: seen([(s, k) for k, s in ls]),
            "You exchange the kernel and the stride.",
            "A pair is (kernel, stride).",
        ),
    ]

    def ask(layers: list[tuple[int, int]], call: str) -> float:
        """The answer for these layers; Wrong if it changes them."""
        given = list(layers)
        result = receptive_field(given)
        if given != layers:
            hint = "Work on a copy: list(layers)."
            raise Wrong("After the call, the list `layers` is not what it was before.", hint)
        return number_from(result, call)

    found = [ask(layers, "receptive_field(layers)") for layers in cases]
    right = [seen(layers) for layers in cases]
    if found != right:
        if len(set(found)) == 1:
            raise Wrong(f"You give {found[0]:g}, whatever the layers are.", grow)
        blame_formula(mistakes, [(layers,) for layers in cases], found)
        layers, number, truth = next(row for row in zip(cases, found, right, strict=True) if row[1] != row[2])
        raise Wrong(f"For layers = {layers} you give {number:g}.", f"It is {truth}. {back}")
    try:
        none = ask([], "receptive_field([])")
    except (IndexError, TypeError, ValueError) as error:
        said = f"For an empty list your code stops with {type(error).__name__}. With no layers there is an answer."
        raise Wrong(said, grow) from None
    if none != 1:
        raise Wrong(f"For an empty list you give {none:g}.", "With no layers the output is the input: it sees itself.")


def their_keys() -> list[str]:
    """Keys of torchvision's nets: the stem, blocks of all stages, the first and others, and the head."""
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    keys = ["conv1.weight", *(f"bn1.{end}" for end in norm)]
    for stage, block in ((1, 0), (1, 2), (2, 0), (2, 7), (3, 0), (3, 22), (4, 0), (4, 1)):
        ends = [f"{i}.{end}" for i in (1, 2, 3) for end in norm]
        keys += [f"layer{stage}.{block}.conv{i}.weight" for i in (1, 2, 3)]
        keys += [f"layer{stage}.{block}.bn{end}" for end in ends]
    keys += [f"layer{stage}.0.downsample.0.weight" for stage in (1, 2, 3, 4)]
    keys += [f"layer{stage}.0.downsample.1.{end}" for stage in (1, 2, 3, 4) for end in norm]
    return [*keys, "fc.weight", "fc.bias"]


def book_key(key: str) -> str:
    """The book's name for torchvision's key."""
    first, rest = key.split(".", 1)
    first = {"conv1": "stem.0", "bn1": "stem.1", "fc": "head"}.get(first, first.replace("layer", "stage"))
    return f"{first}.{rest.replace('downsample', 'shortcut')}"


@exercise("11.3", "Weights of torchvision's nets fit yours now: only the names were in the way.")
def check_our_name(our_name: Callable[[str], str]) -> None:
    """Exercise 11.3: `our_name(their_name)` is one name, a string, for one key of torchvision's nets."""
    found = {}
    for key in their_keys():
        try:
            name = our_name(key)
        except KeyError:
            hint = "Write rules for the parts of a name, and leave alone what no rule is for."
            raise Wrong(f"Your code stops with KeyError at {key!r}: a table cannot hold all names.", hint) from None
        if name is None:
            hint = "Each path through the function needs its own `return`. print only shows the name."
            raise Wrong(f"For {key!r} you give None.", hint)
        if not isinstance(name, str):
            raise Wrong(f"For {key!r} you give a {type(name).__name__}, not a name.", "Return one string.")
        found[key] = name
    if len(set(found.values())) == 1:
        raise Wrong(f"You give {name!r}, whatever the name is.", "Start from their_name, and change its parts.")
    for key, name in found.items():
        if name != book_key(key):
            blame_name(key, name)


def joined(name: str) -> str:
    """The name without dots and what may stand in their place."""
    return re.sub("[._]", "", name)


def blame_name(key: str, name: str) -> None:
    """Raise Wrong for one wrong name."""
    (first, *rest), (start, *others) = key.split("."), [*name.split("."), "", ""]
    became, right = f"{key!r} becomes {name!r}", book_key(key)
    in_stem, in_stage, in_head = first in ("conv1", "bn1"), first.startswith("layer"), first == "fc"
    on_way = in_stage and rest[1] == "downsample"
    words = "conv1 and bn1 are layers 0 and 1 of the stem, layer is stage, downsample is shortcut, fc is head."
    stem = "Our stem is a Sequential. Its layers are counted from 0: the convolution, then the batch norm."
    exact = "Look at the first part of the name alone: is it conv1, or does it only contain it somewhere?"
    stay = "Numbers, conv1, bn1 and so on inside a block stay, and so does the last part."
    way = "The shortcut is a Sequential in both nets, with the same numbers. Only its name differs."
    mistakes = [
        (name == key, f"You leave {key!r} as it is.", words),
        (in_stage and "stem" in name, f"Your rule for the stem hits inside a block, too: {became}.", exact),
        (in_stage and "head" in name, f"Your rule for the head hits inside a block, too: {became}.", words),
        (name.lower() == right, f"{became}. Capital letters count.", words),
        (name.strip() == right, f"{became}. A blank is a letter, too.", "Leave out the blank."),
        (joined(name) == joined(right), f"{became}. All is right, but the dots are not.", "Mind the dots."),
        (right.startswith(f"{name}."), f"{became}. Its end is lost.", stay),
        (in_stem and start == "stem" and others[0].isdigit(), f"{became}. That is another layer.", stem),
        (in_stem and start == "stem", f"{became}. A layer of our stem has a number.", stem),
        (in_head and start == "head", f"{became}. Our head is one layer, with a weight and a bias.", words),
        ("layer" in name, f"{became}. Our nets have no `layer`.", words),
        (in_stage and start in ("stage", "stages"), f"{became}. The stage's number is not in its place.", words),
        (
            in_stage and re.fullmatch(r"stage\d+", start) and start[5:] != first[5:],
            f"{became}. That is another stage.",
            "The stages are counted from 1 in both nets.",
        ),
        (name == right.replace(f".{rest[0]}.", ".", 1), f"{became}. Which block is it?", stay),
        (in_stage and others[0].isdigit() and others[0] != rest[0], f"{became}. That is another block.", stay),
        ("downsample" in name, f"{became}. Our nets have no `downsample`.", words),
        (others[1] == "shortcut" and others[2].isdigit(), f"{became}. That is another layer of the shortcut.", way),
        (others[1] == "shortcut", f"{became}. A layer of the shortcut has a number.", way),
        (on_way, f"{became}. Our shortcut has another name.", words),
        (
            name.startswith(f"stage{first[5:]}.{rest[0]}."),
            f"{became}. The parts inside a block are named alike in both nets.",
            stay,
        ),
    ]
    blame(mistakes)
    raise Wrong(f"{became}. That is no name in our net.", words)


def tensors_of(*nets: nn.Module) -> list[tuple[str, Tensor]]:
    """Names and parameters of these nets, in order."""
    return [named for net in nets for named in net.named_parameters()]


def listed(tensors: Iterable[tuple[str, Tensor]]) -> list[tuple[str, tuple[int, ...]]]:
    """Name and shape of each."""
    return [(name, tuple(tensor.shape)) for name, tensor in tensors]


def shapes_in(net: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes of a net's parameters, in order."""
    return listed(tensors_of(net))


def differing(mine: list, yours: list, differ: Callable = lambda a, b: a != b) -> list[tuple]:
    """A row of names and shapes for each place where two lists `differ` in shape."""
    pairs = zip_longest(mine, yours, fillvalue=("", ()))
    return [(*a, *b) for a, b in pairs if differ(a[1], b[1])]


def net_of(**parts: nn.Module) -> nn.Sequential:
    """A net of these parts, with these names."""
    return nn.Sequential(OrderedDict(parts))


def pairs_of_nets() -> list[tuple[nn.Module, nn.Module]]:
    """Small nets, two by two; no two wrong ideas give the same rows for all of them."""
    stem = net_of(conv=nn.Conv2d(3, 4, 3, bias=False), norm=nn.BatchNorm2d(4))
    frozen = nn.Linear(3, 4).requires_grad_(False)
    base = net_of(stem=stem, head=nn.Linear(4, 5))
    theirs = {"conv1": nn.Conv2d(3, 4, 7, bias=False), "bn1": nn.BatchNorm2d(4)}
    wide, tall = nn.Linear(5, 3, bias=False), nn.Linear(3, 5, bias=False)
    return [
        (base, net_of(**theirs, fc=nn.Linear(4, 6))),
        (base, net_of(conv1=nn.Conv2d(3, 4, 3, bias=False), bn1=nn.BatchNorm2d(4), fc=nn.Linear(4, 5))),
        (net_of(b=wide, a=tall), net_of(a=tall, b=wide)),
        (net_of(**theirs), base),
        (net_of(last=nn.Conv2d(4, 4, 1)), net_of(last=nn.Linear(4, 4))),
        (net_of(first=frozen, last=nn.Linear(4, 2)), net_of(first=nn.Linear(3, 5), last=nn.Linear(5, 2))),
        (base, net_of(stem=stem.conv, head=nn.Linear(4, 5))),
    ]


def rows_from(answer) -> list[tuple]:
    """The rows as tuples of a name, a shape, a name and a shape; Wrong if they are something else."""
    four = "A row is (our_name, our_shape, their_name, their_shape)."
    if answer is None:
        raise Wrong(
            "parameter_diff gives None.", "Its last line must be `return ...` with the list. print only shows it."
        )
    if not isinstance(answer, list | tuple):
        raise Wrong(f"parameter_diff gives a {type(answer).__name__}, not a list of rows.", f"Return a list. {four}")
    for row in answer:
        if not isinstance(row, list | tuple) or len(row) != 4:
            size = f" of {len(row)}" if isinstance(row, list | tuple) else ""
            raise Wrong(f"A row of yours is a {type(row).__name__}{size}. It needs two names and two shapes.", four)
        texts = [isinstance(part, str) for part in row]
        kinds = {type(part).__name__ for part in row if not isinstance(part, str | tuple | list)}
        missing, tuples = (
            'A missing name is "", and a missing shape is ().',
            "A shape is a tuple, such as (64, 3, 7, 7).",
        )
        kind = f"A row of yours holds a value of type {min(kinds, default='')}, not only names and shapes."
        mistakes = [
            ("NoneType" in kinds, "Where a net has run out, you give None.", missing),
            (bool(kinds), kind, tuples),
            (sum(texts) > 2, "A row of yours has a text where a shape belongs.", f"{tuples} A missing one is ()."),
            (texts != [True, False, True, False], "The things in a row are in the wrong order.", four),
        ]
        blame(mistakes)
        if any(name == "" and len(shape) for name, shape in (row[:2], row[2:])):
            raise Wrong("Where a net has run out, your row has a shape with numbers in it.", missing)
    return [(row[0], tuple(row[1]), row[2], tuple(row[3])) for row in answer]


@exercise("11.4", "An empty list is what you want to see before you load weights. Else, it says where to look.")
def check_parameter_diff(parameter_diff: Callable[[nn.Module, nn.Module], list[tuple]]) -> None:
    """Exercise 11.4: `parameter_diff(ours, theirs)` is a list: a row of names and shapes where shapes differ."""
    pairs = pairs_of_nets()
    found = []
    for nets in pairs:
        before = [(name, value.clone()) for name, value in tensors_of(*nets)]
        try:
            answer = parameter_diff(*nets)
        except KeyError as error:
            hint = "Pair the first with the first, the second with the second, and so on."
            raise Wrong(f"You look for {first_line(error)} in a net that has no such name.", hint) from None
        found.append(rows_from(answer))
        after = tensors_of(*nets)
        same = [torch.equal(value, old) for (_, value), (_, old) in zip(after, before, strict=False)]
        if len(after) != len(before) or not all(same):
            raise Wrong("You change a net that you only compare.", "Read names and shapes, and assign nothing.")
    right = [differing(*map(shapes_in, nets)) for nets in pairs]
    if found != right:
        blame_rows(pairs, found, right)


def blame_rows(pairs: list[tuple[nn.Module, nn.Module]], found: list[list], right: list[list]) -> None:
    """Raise Wrong for the idea that gives these rows, or for the first pair of nets whose rows are wrong."""
    place = "Pair the first with the first, and so on to the end of the longer net. Compare the two shapes of a pair."
    names = "The nets name things differently. The names tell where; only the shapes count."
    end = 'Where one net has run out, go on with the other: the missing name is "" and the missing shape ().'
    whole = "Compare the whole shapes, as tuples: (3, 5) is not (5, 3)."
    learned = "named_parameters() has what is learned, and nothing else."
    order = "Keep the order in which named_parameters() gives them."

    def by_name(ours: nn.Module, theirs: nn.Module, common: bool, rest: bool) -> list[tuple]:
        """Rows of what has the same name; with what only ours has, unless `common`, and what only theirs has."""
        mine, yours = dict(shapes_in(ours)), dict(shapes_in(theirs))
        pairs = [(n, mine[n], n, yours[n]) if n in yours else (n, mine[n], "", ()) for n in mine]
        pairs += [("", (), n, yours[n]) for n in yours if n not in mine and rest]
        return [row for row in pairs if row[1] != row[3] and (row[2] or not common)]

    def compared(differ: Callable) -> Callable:
        """The rows of the pairs of shapes that `differ`."""
        return lambda ours, theirs: differing(shapes_in(ours), shapes_in(theirs), differ)

    def filtered(keep: Callable) -> Callable:
        """The rows if only parameters to `keep` are paired."""
        return lambda *nets: differing(*([(n, tuple(p.shape)) for n, p in tensors_of(net) if keep(p)] for net in nets))

    def chosen(choose: Callable) -> Callable:
        """The right rows, but only those that `choose` leaves."""
        return lambda ours, theirs: choose(differing(shapes_in(ours), shapes_in(theirs)))

    def all_rows(ours: nn.Module, theirs: nn.Module) -> list[tuple]:
        return differing(shapes_in(ours), shapes_in(theirs), lambda a, b: True)

    def values(ours: nn.Module, theirs: nn.Module) -> list[tuple]:
        """Rows where the numbers differ."""
        tensors = zip_longest(tensors_of(ours), tensors_of(theirs), fillvalue=("", torch.zeros(())))
        same = [torch.equal(a, b) for (_, a), (_, b) in tensors]
        return [row for row, equal in zip(all_rows(ours, theirs), same, strict=True) if not equal]

    mistakes = [
        (lambda *nets: [], "You give an empty list, whatever the nets are.", place),
        (chosen(lambda rows: [r for r in rows if r[0] and r[2]]), "You stop where the shorter net ends.", end),
        (chosen(lambda rows: [r for r in rows if r[0]]), "You leave out what only the second net has.", end),
        (chosen(lambda rows: [r for r in rows if r[2]]), "You leave out what only the first net has.", end),
        (chosen(lambda rows: rows[:1]), "You give the first difference only.", "Do not return inside the loop."),
        (chosen(lambda rows: rows[-1:]), "You give the last difference only.", "Make the list before the loop."),
        (chosen(lambda rows: sorted(rows)), "You sort the rows.", order),
        (chosen(lambda rows: rows[::-1]), "Your rows go from the last to the first.", order),
        (lambda *nets: differing(*(sorted(shapes_in(n)) for n in nets)), "You sort the names, then pair them.", order),
        (all_rows, "You give a row for each place, not only for those where the shapes differ.", place),
        (compared(lambda a, b: a == b), "You give the places where the shapes agree.", place),
        (lambda *nets: [r for r in all_rows(*nets) if r[0] != r[2]], "You compare the names.", names),
        (lambda *nets: [r for r in all_rows(*nets) if r[:2] != r[2:]], "You compare the names, too.", names),
        (values, "You compare the numbers in the parameters. Weights may differ, shapes may not.", place),
        (compared(lambda a, b: math.prod(a) != math.prod(b)), "You compare how many numbers there are.", whole),
        (compared(lambda a, b: sorted(a) != sorted(b)), "You compare sizes, and forget their order.", whole),
        (compared(lambda a, b: len(a) != len(b)), "You compare how many axes there are.", whole),
        (compared(lambda a, b: a[:1] != b[:1]), "You compare the first axis only.", whole),
        (compared(lambda a, b: a[-1:] != b[-1:]), "You compare the last axis only.", whole),
        (
            lambda *nets: differing(*(listed(net.state_dict().items()) for net in nets)),
            "You compare the running statistics, too.",
            learned,
        ),
        (filtered(lambda p: p.ndim > 1), "You leave out biases and batch norms.", learned),
        (filtered(lambda p: p.requires_grad), "You leave out what is frozen. It is a parameter still.", learned),
        (partial(by_name, common=False, rest=True), "You pair what has the same name.", names),
        (partial(by_name, common=False, rest=False), "You look up each name of the first net in the second.", names),
        (partial(by_name, common=True, rest=False), "You compare only what has the same name.", names),
        (lambda ours, theirs: [(*row[2:], *row[:2]) for row in differing(shapes_in(ours), shapes_in(theirs))],
         "You exchange the two nets: ours comes first.", "A row is (our_name, our_shape, their_name, their_shape)."),
    ]  # fmt: skip
    blame(mistakes, lambda rows: [rows(*nets) for nets in pairs] == found)
    for nets, given, wanted in zip(pairs, found, right, strict=True):
        known = [[name for name, _ in shapes_in(net)] for net in nets]
        for row in given:
            for name, those in zip(row[::2], known, strict=True):
                if name and name not in those:
                    raise Wrong(f"You give the name {name!r}, which is no parameter of that net.", learned)
        strange = [row for row in given if row not in wanted]
        if strange:
            raise Wrong(f"The row {strange[0]} does not belong in the list.", place)
        lost = [row for row in wanted if row not in given]
        if lost:
            raise Wrong("For two of our nets, a row is missing in your list.", f"It is {lost[0]}.")
        if given != wanted:
            raise Wrong("Your rows are right, but in another order, or some of them come twice.", order)


@exercise("11.6", "Weights take a fixed part of the memory, and the rest is for images: that sets the batch.")
def check_largest_batch(largest_batch: Callable[[int, int, int], int]) -> None:
    """Exercise 11.6: `largest_batch(parameters, per_image, memory)` is a whole number of images, 0 if none fits."""
    cases = [  # numbers to learn, numbers kept for an image, bytes
        (1000, 50, 16_000),
        (1000, 50, 16_199),
        (25_557_032, 11_000_000, 16 * 2**30),
        (10, 1000, 4_119),
        (10, 1000, 4_120),
        (10, 1000, 100),
        (900, 10, 4_000),
    ]
    fixed = (
        "For each parameter three numbers stay in memory: weight, gradient, momentum. They do not depend on the batch."
    )
    float32 = "A float32 number has 4 bytes. All that is stored here is float32."
    keep = "Each image of the batch keeps per_image numbers, of 4 bytes each, until the backward pass."
    down = "A part of an image does not fit in. Round down."
    bytes_ = "`memory` is in bytes already."
    whole = (
        "All is in the same unit: (memory - bytes of the fixed part) divided by the bytes of one image, rounded down."
    )

    def batch(p: int, a: int, m: int, each: float = 12, image: float = 4) -> float:
        """Images that fit if a parameter takes `each` bytes, and a number of an image `image` bytes."""
        return (m - each * p) / (image * a)

    def whole_batch(*case: int) -> int:
        return max(0, math.floor(batch(*case)))

    adam = "You count four numbers for each parameter, as Adam keeps. Here it is SGD with momentum."
    two = "You count two numbers for each parameter. Momentum keeps one more, and so does the gradient."
    mistakes = [
        (partial(batch, each=3, image=1), "You count numbers, but the memory is in bytes.", float32),
        (partial(batch, each=3), "The numbers for the parameters are not in bytes.", float32),
        (partial(batch, image=1), "The numbers of an image are not in bytes.", float32),
        (partial(batch, each=24, image=8), "You take 8 bytes for a number: that is float64.", float32),
        (partial(batch, each=96, image=32), "You count bits, but the memory is in bytes.", float32),
        (partial(batch, each=6, image=2), "You take 2 bytes for a number: that is half precision.", float32),
        (partial(batch, each=8), two, fixed),
        (partial(batch, each=4), "You count the weights only. Training keeps more for each of them.", fixed),
        (partial(batch, each=16), adam, fixed),
        (partial(batch, each=0), "You leave out what the parameters take.", fixed),
        (partial(batch, each=-12), "You add what the parameters take to the memory.", fixed),
        (lambda p, a, m: m / (12 * p + 4 * a), "You count the parameters anew for each image.", fixed),
        (lambda p, a, m: (m - 12 * p) / (4 * (a + p)), "You count the weights again for each image.", fixed),
        (lambda p, a, m: (m - 4 * p) / (4 * a + 8 * p), "Your gradients and momentum grow with the batch.", fixed),
        (partial(batch, image=8), "You count the numbers of an image twice. Only what is kept counts here.", keep),
        (partial(batch, image=12), "You count the numbers of an image three times. They have no momentum.", keep),
        (lambda p, a, m: math.ceil(batch(p, a, m)), "You round up, so the last image does not fit.", down),
        (lambda p, a, m: round(batch(p, a, m)), "You round to the nearest number.", down),
        (lambda *c: max(1, batch(*c)), "You give 1 where not even one image fits.", "The smallest answer is 0."),
        (lambda *c: whole_batch(*c) + 1, "You are one image too high.", down),
        (lambda *c: whole_batch(*c) - 1, "You are one image too low.", down),
        (
            lambda p, a, m: (m - 12 * p - 1) // (4 * a),
            "You are one image too low where the batch fits exactly.",
            "Memory may be full to the last byte: compare with <=.",
        ),
        (
            lambda *c: 2 ** int(math.log2(whole_batch(*c))) if whole_batch(*c) else 0,
            "You round down to a power of two. That is common, but the largest batch is asked for.",
            whole,
        ),
        (lambda p, a, m: 4 * a / (m - 12 * p), "Your division is upside down.", whole),
        (lambda p, a, m: m - 12 * p, "You give the bytes that are left, not how many images they hold.", keep),
        (lambda p, a, m: 4 * a + 12 * p, "You give the bytes of a batch of one image.", whole),
        (lambda p, a, m: batch(p, a, m * 2**10), "You take the memory as KiB.", bytes_),
        (lambda p, a, m: batch(p, a, m * 2**30), "You take the memory as GiB.", bytes_),
    ]
    results = [largest_batch(*case) for case in cases]
    found = [number_from(result, "largest_batch(parameters, per_image, memory)") for result in results]
    if not all(map(math.isfinite, found)):
        raise Wrong("You give nan or inf.", whole)
    clean, right = [max(0, math.floor(number)) for number in found], [whole_batch(*case) for case in cases]
    if len(set(found)) == 1:
        raise Wrong(f"You give {found[0]:g}, whatever the arguments are.", whole)
    if clean != right:
        blame_formula([(lambda *c, f=f: max(0, math.floor(f(*c))), *said) for f, *said in mistakes], cases, clean)
        case, number, truth = next(
            row for row in zip(cases, found, right, strict=True) if math.floor(row[1]) != row[2]
        )
        raise Wrong(f"For (parameters, per_image, memory) = {case} you give {number:.10g}.", f"It is {truth}. {whole}")
    none = "The fixed part alone may be too large. Then give 0."
    signs = [
        (lambda number: not number.is_integer(), "A part of an image is no image.", down),
        (lambda number: number < 0, "No batch is smaller than 0.", none),
    ]
    for sign, said, hint in signs:
        for case, number in zip(cases, found, strict=True):
            if sign(number):
                raise Wrong(f"For {case} you give {number:.10g}. {said}", hint)
    if not all(map(is_whole, results)):
        raise Wrong(f"You give {found[0]:.1f}, a number with a point. A batch is counted.", "Give an int.")

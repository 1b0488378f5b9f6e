"""Checkers of chapter 1, Depth, a history."""

import bisect
import itertools
import math
import operator
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from reslab.checks.exercise import Wrong, blame, exercise, number_from

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
XOR = np.array([0, 1, 1, 0])
GATES = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "NAND": [1, 1, 1, 0], "NOR": [1, 0, 0, 0], "XNOR": [1, 0, 0, 1]}
BY_HAND = "Put (0, 1) and (1, 1) into your net by hand: W1 x + b1, then ReLU, then W2 and b2."


def relu(z: np.ndarray) -> np.ndarray:
    """ReLU, for NumPy."""
    return np.maximum(z, 0)


def threshold(z: np.ndarray) -> np.ndarray:
    """The activation of the perceptron: 1 where z > 0, else 0."""
    return (z > 0).astype(float)


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)), in a form that cannot overflow."""
    return (1 + np.tanh(z / 2)) / 2


def two_layer_net(W1, b1, W2, b2, x=CORNERS, activation=relu) -> np.ndarray:
    """W2 activation(W1 x + b1) + b2, for each row of x."""
    return activation(x @ W1.T + b1) @ W2.ravel() + b2.item()


def without_tensors(value):
    """The value, with a NumPy array in place of each tensor, in lists too."""
    if isinstance(value, tuple | list):
        return [without_tensors(part) for part in value]
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else value


def weights_from(answer) -> list[np.ndarray]:
    """W1, b1, W2 and b2 as NumPy arrays; Wrong if they are not four arrays of numbers."""
    four = "The last line must be `return W1, b1, W2, b2`. A bias that is zero must be there too."
    if answer is None:
        raise Wrong("xor_weights() gives None.", four)
    if not isinstance(answer, tuple | list):
        raise Wrong(f"xor_weights() gives one {type(answer).__name__}, not the four (W1, b1, W2, b2).", four)
    if len(answer) != 4:
        raise Wrong(f"xor_weights() must give four things, (W1, b1, W2, b2), but gives {len(answer)}.", four)
    arrays = []
    for name, value in zip(("W1", "b1", "W2", "b2"), answer, strict=True):
        try:
            arrays.append(np.array(without_tensors(value), dtype=float))
        except (TypeError, ValueError):
            rows = "Use an array, or lists of numbers. All rows of a matrix are equally long."
            raise Wrong(f"{name} is not an array of numbers.", rows) from None
    return arrays


def misfits(W1, b1, W2, b2) -> list[tuple[bool, str, str]]:
    """A row for each of the four: whether its shape is wrong, the message, the hint."""
    units = len(W1) if W1.ndim else 0
    rows = "With three hidden units W1 has shape (3, 2): a row for each unit, a column for each input."
    unit = "Each hidden unit has one row of W1, one number in b1, and one number in W2."
    return [
        (
            W1.shape != (max(units, 1), 2),
            f"W1 has shape {W1.shape}. Each hidden unit needs a row of two numbers.",
            rows,
        ),
        (b1.shape != (units,), f"b1 has shape {b1.shape}. It needs one number for each row of W1.", unit),
        (
            W2.shape not in ((1, units), (units,)),
            f"W2 has shape {W2.shape}. It needs one row, a number for each unit.",
            unit,
        ),
        (b2.size != 1, f"b2 has shape {b2.shape}, but the net has one output.", "b2 is a single number."),
    ]


def is_xor(weights) -> bool:
    """Whether the four arrays fit together, and the net computes XOR."""
    fit = not any(wrong for wrong, *_ in misfits(*weights))
    return fit and np.allclose(two_layer_net(*weights), XOR, atol=1e-3)


@exercise("1.1", "With a ReLU between them, two layers compute what no single layer can.")
@np.errstate(all="ignore")
def check_xor(xor_weights: Callable[[], tuple]) -> None:
    """Exercise 1.1: `xor_weights()` is (W1, b1, W2, b2), and W2 relu(W1 x + b1) + b2 is XOR of the two inputs."""
    weights = W1, b1, W2, b2 = weights_from(xor_weights())
    if is_xor(weights):
        return
    rows = "Row i of W1 holds the two weights that go into hidden unit i."
    column = "W2 is one row, with a number for each hidden unit."
    plus = "A bias is added, never subtracted."
    repairs = [
        ((W1.T, b1, W2, b2), "Rows and columns of W1 are exchanged. Otherwise your net is XOR.", rows),
        ((W1, b1, W2.T, b2), "Rows and columns of W2 are exchanged. Otherwise your net is XOR.", column),
        ((W1.T, b1, W2.T, b2), "W1 and W2 are made for x W1. Here the matrix stands in front: W1 x.", rows),
        ((W1, -b1, W2, b2), "With the other sign of b1 your net would be XOR.", plus),
        ((W1, b1, W2, -b2), "With the other sign of b2 your net would be XOR.", plus),
        ((-W1, b1, W2, b2), "With the other sign of W1 your net would be XOR.", BY_HAND),
        ((W1, b1, -W2, b2), "With the other sign of W2 your net would be XOR.", BY_HAND),
        ((W1, b1[::-1] if b1.ndim else b1, W2, b2), "With b1 in reverse order your net would be XOR.", BY_HAND),
        ((W1, 0 * b1, W2, b2), "Without b1 your net would be XOR.", BY_HAND),
    ]
    blame(repairs, is_xor)
    swapped = any(map(is_xor, itertools.permutations(weights)))
    infinite = not all(np.isfinite(array).all() for array in weights)
    mistakes = [
        (swapped, "The four stand in the wrong order.", "Return W1, b1, W2, b2."),
        *misfits(*weights),
        (infinite, "One of the weights is not a finite number.", "Print all four, and look for nan and inf."),
    ]
    blame(mistakes)
    check_corners(*weights)


def check_corners(W1, b1, W2, b2) -> None:
    """The outputs at the four corners are not XOR: say what they are."""
    weights = W1, b1, W2, b2
    y, before = two_layer_net(*weights), CORNERS @ W1.T + b1
    seen = ", ".join(f"{value:.3g}" for value in y)

    def equal(a, b, atol=1e-3):
        return np.allclose(a, b, atol=atol)

    signed = two_layer_net(*weights, x=2 * CORNERS - 1)
    stepped, smooth = (two_layer_net(*weights, activation=activation) for activation in (threshold, sigmoid))
    with_steps = before.all() and equal(threshold(stepped), XOR)
    with_sigmoids = equal(smooth, XOR, atol=0.1) or equal(sigmoid(smooth), XOR, atol=0.1)
    above, below = min(y[1:3]) > max(y[::3]), max(y[1:3]) < min(y[::3])
    one_way = equal(y, [0, 1, 0, 0]) or equal(y, [0, 0, 1, 0])
    opposite = equal(y, [0, y[1], -y[1], 0]) and not equal(y[1], 0)
    off, linear = (before <= 0).all(), ((before >= 0).all(axis=0) | (before <= 0).all(axis=0)).all()
    corners = "The inputs are 0 and 1. Put all four pairs into your net by hand."
    both = "Two hidden units can share the work: relu(x1 - x2) sees (1, 0). Which one sees (0, 1)?"
    sums = "Let one unit be relu(x1 + x2), and let another bite only at (1, 1). How must W2 mix them?"
    scale = "Choose other numbers in W2 and b2, so that the outputs are 0, 1, 1, 0 with nothing after them."
    bite = "A unit bites if its number in W1 x + b1 is positive for some inputs and negative for others."
    mistakes = [
        (equal(signed, XOR) or equal(signed, 2 * XOR - 1), "Your net is XOR for inputs of -1 and 1.", corners),
        (equal(y - XOR, y[0]), f"All four outputs are off by the same amount: {y[0]:.3g}.", "Look at b2."),
        (equal(relu(y), XOR), f"Your outputs are {seen}. A second ReLU would help, but the net has only one.", scale),
        *((equal(y, outputs), f"Your net computes {gate}.", sums) for gate, outputs in GATES.items()),
        (one_way, "Your net gives 1 for only one of (0, 1) and (1, 0).", both),
        (opposite, f"For (0, 1) and (1, 0) your net gives {y[1]:.3g} and {y[2]:.3g}. Both must be 1.", both),
        (above, f"Your outputs are {seen}. A threshold would make XOR of them, but there is none.", scale),
        (with_sigmoids, f"Your outputs are {seen}. With sigmoids in place of ReLUs you would have XOR.", sums),
        (with_steps, f"Your outputs are {seen}. With the steps of a perceptron you would have XOR.", sums),
        (off, f"Every hidden unit is 0 for all four inputs, so the output is always {y[0]:.3g}.", bite),
        (linear, "No ReLU bites on the four inputs, so your net is linear there. XOR is not.", bite),
        (below, f"Your outputs are {seen}: lowest where XOR is 1.", sums),
        (len(W1) == 1, "One hidden unit cannot make XOR, whatever its weights are.", sums),
    ]
    blame(mistakes)
    worst = np.abs(y - XOR).argmax()
    raise Wrong(f"For {tuple(CORNERS[worst].tolist())} your net gives {y[worst]:.3g}, not {XOR[worst]}.", sums)


ERRORS = [
    {2010: 28.2, 2011: 25.8, 2012: 16.4, 2013: 11.7, 2014: 6.7, 2015: 3.57, 2016: 2.99, 2017: 2.25},  # ImageNet
    {2015: 20.0, 2012: 60.0, 2018: 14.0, 2013: 35.0, 2019: 16.0, 2020: 15.0},  # not in order
    {2000: 20.0, 2001: 9.0, 2002: 26.0, 2003: 14.0, 2004: 8.0, 2005: 9.0},  # with rises
    {1990: 40.0, 2000: 10.0, 2001: 6.0},  # with a gap
    {2010: 16.0, 2012: 8.0, 2013: 7.0},
    {2016: 9.0, 2017: 12.0, 2018: 7.0, 2019: 5.0},  # the largest fall after a rise
    {2019: 16.0, 2020: 8.0},  # one step only
]


def fraction(old: float, new: float) -> float:
    """The part of the old error that is gone."""
    return (old - new) / old


def best_step(errors: dict[int, float], size: Callable = fraction, order: Callable = sorted, pick: Callable = max):
    """The year before the largest step, and the year of the step."""
    return pick(itertools.pairwise(order(errors)), key=lambda years: size(errors[years[0]], errors[years[1]]))


@exercise("1.2", "You divide each fall by what was left to fall, so early and late steps can be compared.")
def check_largest_step(largest_step: Callable[[dict[int, float]], int]) -> None:
    """Exercise 1.2: `largest_step(errors)` is the year of the largest relative fall. Some years may be missing."""
    answers = [largest_step(dict(errors)) for errors in ERRORS]
    for errors, answer in zip(ERRORS, answers, strict=True):
        if answer is None:
            kept = "The last line must be `return` and a year. Print the fraction of each step: which one do you keep?"
            raise Wrong(f"For {errors} you give None.", kept)
    found = [number_from(answer, "largest_step(errors)") for answer in answers]

    right = [best_step(errors)[1] for errors in ERRORS]
    if found == right:
        return

    def years(**how):
        return [best_step(errors, **how)[1] for errors in ERRORS]

    def last_fall(errors):
        return max(b for a, b in itertools.pairwise(sorted(errors)) if errors[b] < errors[a])

    def per_year(errors):
        rates = {b: fraction(errors[a], errors[b]) / (b - a) for a, b in itertools.pairwise(sorted(errors))}
        return max(rates, key=rates.get)

    def without_gaps(errors):
        falls = {year: fraction(errors[year - 1], errors[year]) for year in errors if year - 1 in errors}
        return max(falls, key=falls.get, default=0)

    before = [best_step(errors)[0] for errors in ERRORS]
    steps = [(errors[a], errors[b]) for errors, a, b in zip(ERRORS, before, right, strict=True)]
    fractions, falls = ([size(old, new) for old, new in steps] for size in (fraction, operator.sub))
    places = [sorted(errors).index(year) for errors, year in zip(ERRORS, right, strict=True)]
    size = "Divide each fall by the error from which it starts."
    order = "Take the years in order, with sorted(errors), and compare each with the one just before it."
    keep = "Keep the year beside the largest fraction so far, and return that year."
    later = "A step leads from one year to the next. Return the later one."
    gap = "`year - 1` may be missing. The year before is the one just before in sorted(errors)."
    sign = "old - new is positive for a fall and negative for a rise. Look for the largest."
    after = "`return` must stand after the loop, so that you have seen all steps."
    whole = "Take the step from one listed year to the next as a whole, however long it took."
    mistakes = [
        (years(size=operator.sub), "You give the largest fall in points. That is not the largest fraction.", size),
        ([min(e, key=e.get) for e in ERRORS], "You give the year of the lowest error.", order),
        ([max(e, key=e.get) for e in ERRORS], "You give the year of the highest error.", order),
        (before, "You give the year before the step.", later),
        (years(order=list), "You take the years as the dict lists them. They may stand in any order.", order),
        (years(pick=min), "You give the smallest fall, or the largest rise.", sign),
        (years(size=lambda old, new: abs(old - new) / old), "You take a rise for a fall.", sign),
        (list(map(per_year, ERRORS)), "You divide by the number of years between.", whole),
        (list(map(without_gaps, ERRORS)), "You leave out a step if years are missing in it.", gap),
        (list(map(last_fall, ERRORS)), "You give the year of the last fall, not of the largest.", keep),
        (fractions, "You give the fraction, not the year.", keep),
        ([100 * part for part in fractions], "You give the fall in percent, not the year.", keep),
        ([1 - part for part in fractions], "You give the fraction that is left, not the year.", keep),
        (falls, "You give the fall in points, not the year.", keep),
        ([new for _, new in steps], "You give the error after the step, not the year.", keep),
        (places, "You give the place of the step in the list, not its year.", keep),
        ([place - 1 for place in places], "You give the place of the step in the list, not its year.", keep),
        ([sorted(errors)[1] for errors in ERRORS], "You give the second year each time.", after),
        (list(map(min, ERRORS)), "You give the first year each time.", order),
        (list(map(max, ERRORS)), "You give the last year each time.", order),
    ]
    blame(mistakes, lambda wrong: np.allclose(wrong, found, rtol=1e-9, atol=1e-9))
    errors, year, truth = next(row for row in zip(ERRORS, found, right, strict=True) if row[1] != row[2])
    raise Wrong(f"For {errors} you give {year:g}.", f"It is {truth}. {order} {size}")


def parameters_of(sizes: list[int]) -> int:
    """The weights and the biases of linear layers from each size to the next."""
    return sum(a * b + b for a, b in itertools.pairwise(sizes))


def weights_of(sizes: list[int]) -> int:
    """The weights alone."""
    return sum(a * b for a, b in itertools.pairwise(sizes))


def sizes_of(width: int, depth: int, inputs: int, outputs: int) -> list[int]:
    """The inputs, the units of each hidden layer, and the outputs of an MLP with `depth` linear layers."""
    return [inputs] + [width] * (depth - 1) + [outputs]


def widest(parameters: int, *shape: int, sizes: Callable = sizes_of, count: Callable = parameters_of) -> int:
    """The largest width that `parameters` pay for; shape: depth, inputs, outputs."""
    return bisect.bisect_right(range(1, parameters + 1), parameters, key=lambda width: count(sizes(width, *shape)))


def real_width(parameters: int, depth: int, inputs: int, outputs: int) -> float:
    """The width at which the count is exactly `parameters`: the positive root of a w^2 + b w + c."""
    a, b, c = depth - 2, inputs + depth - 1 + outputs, outputs - parameters
    return (math.sqrt(b * b - 4 * a * c) - b) / (2 * a) if a else -c / b


# Parameters, depth, inputs, outputs. Depth 20 comes first: in a shallow net a search with a wrong count may never end.
WIDTHS = [
    [
        (8078, 20, 3, 40),
        (3313, 20, 100, 2),
        (10718, 20, 10, 60),
        (2765, 20, 30, 4),
        (10233, 20, 64, 10),
        (5160, 20, 12, 4),
        (18004, 20, 12, 4),
    ],
    [(567, 3, 2, 1), (1379, 3, 30, 4), (147, 3, 3, 5)],
    [(100, 2, 2, 1), (704, 2, 30, 4), (703, 2, 30, 4)],
]


@exercise("1.5", "Now nets of different depth can have the same number of parameters.")
def check_width_for(width_for: Callable[[int, int, int, int], int]) -> None:
    """Exercise 1.5: `width_for(parameters, depth, inputs, outputs)` is the largest width, an int; depth >= 2."""
    answers = []
    for cases in WIDTHS:
        answers += [width_for(*case) for case in cases]
        numbers = [number_from(answer, "width_for(...)") for answer in answers[-len(cases) :]]
        found, right = np.floor(numbers).tolist(), [widest(*case) for case in cases]
        if found == right:
            continue
        if cases is WIDTHS[0]:
            blame(wrong_widths(cases), lambda wrong, found=found: wrong == found)
        i = next(i for i, width in enumerate(found) if width != right[i])
        said, hint = f"width_for{cases[i]} gives {numbers[i]:g}", f"It is {right[i]}. Count layer by layer."
        if not found[i] > 0:
            raise Wrong(f"{said}. A width is at least 1.", hint)
        count = parameters_of(sizes_of(found[i], *cases[i][1:]))
        more = (
            f"A net of width {found[i]:g} has {count:g} parameters."
            if found[i] > right[i]
            else "A wider net fits too."
        )
        raise Wrong(f"{said}. {more}", hint)
    for answer in answers:
        try:
            operator.index(answer)
        except TypeError:
            whole = "int(...) and math.floor(...) round down to an int."
            raise Wrong(f"Your width is {answer!r}. A layer needs an int.", whole) from None


def wrong_widths(cases: list[tuple]) -> list[tuple[list[int], str, str]]:
    """The widths that wrong counts give in these cases, each with the message and the hint."""

    def fitting(sizes=sizes_of, count=parameters_of):
        return [widest(*case, sizes=sizes, count=count) for case in cases]

    def each(rule):
        return [rule(*case) for case in cases]

    one_bias = fitting(count=lambda sizes: weights_of(sizes) + len(sizes) - 1)
    some_biases = fitting(count=lambda sizes: weights_of(sizes) + sum(sizes[2:-1]))
    two_biases = fitting(count=lambda sizes: parameters_of(sizes) + sum(sizes[:-1]))
    roots = [math.isqrt(parameters // depth) for parameters, depth, *_ in cases]
    shares = [parameters // depth for parameters, depth, *_ in cases]
    total = "A layer from a units to b units has a * b weights and b biases."
    layers = "Write down the sizes, from inputs to outputs. Each pair of neighbours is a layer: `depth` of them."
    last = "Take the last width for which the count is <= parameters."
    down = "Round down: the net must not have more than `parameters`."
    square = "Add up all layers. Between two hidden layers there are w * w weights and w biases."
    return [
        (fitting(count=weights_of), "You leave out the biases.", total),
        (one_bias, "You count one bias for each layer. A layer has one for each of its units.", total),
        (each(lambda p, d, i, o: widest(p + o, d, i, o)), "You leave out the biases of the outputs.", total),
        (some_biases, "You leave out some of the biases.", total),
        (two_biases, "You count a bias for each input of a layer too.", total),
        (each(lambda p, d, i, o: widest(p, d, o, i)), "You count biases of the inputs, not of the outputs.", total),
        (each(lambda p, d, *io: widest(p, d + 1, *io)), "You count one layer from w to w too many.", layers),
        (each(lambda p, d, *io: widest(p, d + 2, *io)), "You count two layers from w to w too many.", layers),
        (each(lambda p, d, *io: widest(p, d - 1, *io)), "You count one layer from w to w too few.", layers),
        (fitting(lambda *shape: sizes_of(*shape)[1:]), "You leave out the first layer.", layers),
        (fitting(lambda *shape: sizes_of(*shape)[:-1]), "You leave out the last layer.", layers),
        (fitting(lambda *shape: sizes_of(*shape)[1:-1]), "You leave out the first and the last layer.", layers),
        (fitting(lambda w, d, *_: [w] * (d + 1)), "You count every layer as one from w to w.", layers),
        (each(lambda p, d, *io: widest(p, 2, *io)), "You count as if the depth were always 2.", layers),
        (each(lambda p, d, *io: widest(p, 3, *io)), "You count as if the depth were always 3.", layers),
        (each(lambda p, *shape: widest(p - 1, *shape)), "You stop too early when a width fits exactly.", last),
        (each(lambda *case: widest(*case) - 1), "Your width is one too small: the next one still fits.", last),
        (each(lambda *case: widest(*case) + 1), "Your width is one too large: that net no longer fits.", last),
        (each(lambda *case: math.ceil(real_width(*case))), "Your width is rounded up: the net may not fit.", down),
        (each(lambda *case: round(real_width(*case))), "Your width is rounded to the nearest: it may not fit.", down),
        (roots, "Your width is the root of parameters / depth. Not all layers are w * w.", square),
        (shares, "Your width is parameters / depth. A layer of width w has many more than w.", square),
    ]


CURVES = [  # each piece as (slope, number of grid intervals)
    [(2, 6), (-2, 6)],  # the tent
    [(1.5, 9)],  # one straight line
    [(0, 5), (1, 6)],  # a ReLU
    [(1, 4), (3, 5), (3.0625, 4), (-0.5, 3)],  # slopes of one sign, and a weak kink
    [(2, 3), (-2, 4), (2, 3), (-2, 5)],  # slopes that come back
    [(1, 1), (-1, 1), (0.5, 3), (-1.5, 1)],  # pieces of one interval
    [(-2, 4), (0, 3), (-2, 3), (-1, 5)],  # a step
]
EVEN, UNEVEN = [1 / 8], [1 / 8, 1 / 32, 1 / 16]
NOISE = 1e-12


def sampled(pieces: list[tuple[float, int]], gaps: list[float], noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Points on a curve; the gaps repeat. All are binary fractions: without noise the slopes are exact."""
    slopes = np.repeat(*zip(*pieces, strict=True)).astype(float)
    widths = np.resize(gaps, len(slopes))
    x, y = (np.concatenate([[0.0], np.cumsum(steps)]) for steps in (widths, widths * slopes))
    return x - 1, y + noise * np.random.default_rng(0).uniform(-1, 1, len(y))


@exercise("1.3", "A kink is a point where the slope changes, and n kinks make n + 1 pieces.")
def check_count_pieces(count_pieces: Callable[[np.ndarray, np.ndarray], int]) -> None:
    """Exercise 1.3: `count_pieces(x, y)` is the number of straight pieces of a curve through the points."""

    def counts(gaps=UNEVEN, noise=NOISE):
        points = [sampled(pieces, gaps, noise) for pieces in CURVES]
        return [number_from(count_pieces(*xy), "count_pieces(x, y)") for xy in points]

    right = [len(pieces) for pieces in CURVES]
    found = counts()
    if found == right:
        return
    tolerance = "Call two slopes equal if they differ by less than 1e-6, say."
    uneven = "A slope is a difference in y divided by the difference in x."
    both = f"{uneven} {tolerance}"
    mistakes = [
        (counts(noise=0), "You count right only if y has no rounding noise.", tolerance),
        (counts(gaps=EVEN), "You count right only if the points of x are evenly spaced.", uneven),
        (counts(gaps=EVEN, noise=0), "You count right only if x is evenly spaced and y has no rounding noise.", both),
    ]
    blame(mistakes, lambda counted: counted == right)
    check_pieces(found, right)


def check_pieces(found: list[float], right: list[int]) -> None:
    """Compare the counts with those of wrong rules."""
    points = [sampled(pieces, UNEVEN, NOISE) for pieces in CURVES]
    slopes = [np.array([slope for slope, _ in pieces]) for pieces in CURVES]
    intervals = np.array([len(x) - 1 for x, _ in points])
    turns = [
        [np.count_nonzero(np.diff(np.sign(slope))) for slope in slopes],
        [np.count_nonzero(slope[1:] * slope[:-1] < 0) for slope in slopes],
        [np.count_nonzero(np.diff(slope > 0)) for slope in slopes],
        [np.count_nonzero(np.diff(slope < 0)) for slope in slopes],
        [np.count_nonzero(np.diff(np.sign(np.diff(y)))) for _, y in points],
    ]
    bends = [np.array([np.count_nonzero(sign * np.diff(slope) > 0) for slope in slopes]) for sign in (1, -1)]
    gradients = [np.count_nonzero(np.abs(np.diff(np.gradient(y, x))) > 1e-6) for x, y in points]
    different = np.array([len(set(slope)) for slope in slopes])
    strong = [1 + np.count_nonzero(np.abs(np.diff(slope)) > 0.1) for slope in slopes]
    long = [sum(length > 1 for _, length in pieces) for pieces in CURVES]
    one_more = "Think of the tent: one kink, two pieces."
    noise = "Call two slopes equal if they differ by less than 1e-6, say."
    change = "Count each point where the slope changes, whatever the signs are before and after it. Add 1."
    again = "A slope may come back later: that is another piece. Compare each slope only with the one before it."
    inside = "Take the slope of each interval, np.diff(y) / np.diff(x), and compare neighbours."
    bending = "You see only kinks of one kind: where the slope grows, or where it shrinks."
    turning = "You see a kink only where the slope changes its sign."
    mistakes = [
        (np.subtract(right, 1), "You count the kinks, not the pieces between them.", one_more),
        (np.add(right, 1), "You count one piece too many.", one_more),
        (intervals, "Every grid interval is a piece for you.", noise),
        (intervals - 1, "Every grid point is a kink for you.", noise),
        (intervals + 1, "You give the number of points.", inside),
        *((np.add(turn, n), turning, change) for turn in turns for n in (0, 1)),
        *((bend + n, bending, "A change of slope may be positive or negative.") for bend in bends for n in (0, 1)),
        *((different - n, "You count how many different slopes there are.", again) for n in (0, 1)),
        ([np.count_nonzero(slope) for slope in slopes], "You leave out flat pieces.", inside),
        (strong, "You miss a weak kink, where the slope changes only a little.", noise),
        (long, "You miss pieces that are only one grid interval long.", inside),
        *((np.add(gradients, n), "You see some kinks twice, as np.gradient does.", inside) for n in (0, 1)),
    ]
    blame(mistakes, lambda wrong: np.array_equal(wrong, found))
    if len(set(found)) == 1:
        raise Wrong(f"You count {found[0]:g} for every curve.", inside)
    pieces, count, truth = next(row for row in zip(CURVES, found, right, strict=True) if row[1] != row[2])
    seen = ", ".join(f"{slope:g}" for slope, _ in pieces)
    raise Wrong(f"For a curve with the slopes {seen} you count {count:g}.", f"It has {truth}. {inside}")


TENT = "t(x) = 2 relu(x) - 4 relu(x - 1/2). The biases are 0 and -1/2, and the next layer has the weights 2 and -4."
LAYOUT = {"__get__", "clone", "detach", "flatten", "float", "reshape", "squeeze", "to", "unsqueeze", "view"}


class LayerLog(TorchFunctionMode):
    """Notes the number of units at each ReLU that runs, and the name of each operation that is no layer."""

    def __init__(self):
        super().__init__()
        self.widths, self.others = [], []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Run `function`, and note it."""
        result = function(*args, **(kwargs or {}))
        name = function.__name__
        if name in ("relu", "relu_"):
            self.widths.append(result.shape[-1])
        elif isinstance(result, Tensor) and name != "linear" and name not in LAYOUT:
            self.others.append(name.strip("_"))
        return result


def tent_map(x: Tensor) -> Tensor:
    """t(x) = 2x up to 1/2, then 2 - 2x."""
    return 2 * F.relu(x) - 4 * F.relu(x - 0.5)


def folded(x: Tensor, times: int, fold: Callable[[Tensor], Tensor] = tent_map) -> Tensor:
    """fold(fold(... fold(x)))."""
    for _ in range(times):
        x = fold(x)
    return x


def grid_of(k: int) -> Tensor:
    """Eight intervals for each piece of the sawtooth, all at binary fractions: float32 holds them exactly."""
    return torch.arange(2 ** (k + 3) + 1)[:, None] / 2 ** (k + 3)  # (N, 1)


@exercise("1.4", "Each hidden layer of two units doubles the pieces: depth k makes 2^k of them.")
def check_sawtooth(sawtooth: Callable[[int], nn.Module]) -> None:
    """Exercise 1.4: `sawtooth(k)` is an nn.Module of nn.Linear and nn.ReLU, with k hidden layers of 2 units."""
    depths = (1, 2, 3, 8)
    outputs, widths = {}, {}
    for k in depths:
        net, x = sawtooth(k), grid_of(k)
        if not isinstance(net, nn.Module):
            made = "Make a list of layers, and return nn.Sequential(*layers)."
            raise Wrong(f"sawtooth({k}) gives a {type(net).__name__}, not an nn.Module.", made)
        dtype = next((parameter.dtype for parameter in net.parameters()), x.dtype)
        with torch.no_grad(), LayerLog() as log:
            y = net(x.to(dtype))
        if not isinstance(y, Tensor):
            raise Wrong(f"The net gives a {type(y).__name__}, not a tensor.", "forward must return the last result.")
        if log.others:
            only = "Make the net of nn.Linear and nn.ReLU only: what is added or subtracted goes into the weights."
            names = ", ".join(list(dict.fromkeys(log.others))[:3])
            raise Wrong(f"Your net must use linear layers and ReLU only. It also uses: {names}.", only)
        if y.shape != x.shape:
            ends = "The first layer has one input, the last layer has one output."
            raise Wrong(f"An input of shape {tuple(x.shape)} gives {tuple(y.shape)}, not the same shape.", ends)
        outputs[k], widths[k] = y.to(x.dtype), log.widths
    check_layers(widths)
    check_teeth(outputs)


def check_layers(widths: dict[int, list[int]]) -> None:
    """There must be k ReLU layers of 2 units. A ReLU of one unit, after a tent, changes nothing: it does not count."""
    hidden = {k: [width for width in layers if width > 1] for k, layers in widths.items()}
    k = next((k for k, layers in hidden.items() if layers != [2] * k), None)
    if k is None:
        return
    counts = {k: len(layers) for k, layers in hidden.items()}
    stack = "Each of the k steps is an nn.Linear with 2 outputs and an nn.ReLU. After them comes nn.Linear(2, 1)."
    deep = "Put k layers of 2 units one after the other: each folds once more what the one before has made."
    shallow = set(counts.values()) == {1} and hidden[8] != [2]

    def counted(rule):
        return all(count == rule(k) for k, count in counts.items())

    mistakes = [
        (not any(widths.values()), "Your net has no ReLU, so it can only be a straight line.", stack),
        (not any(counts.values()), "Your net has ReLU layers of one unit only.", stack),
        (shallow, f"For k = 8 you make one hidden layer of {sum(hidden[8])} units. That is shallow, not deep.", deep),
        (counted(lambda k: counts[1]), f"You make the same number of ReLU layers for every k: {counts[1]}.", stack),
        (counted(lambda k: k - 1), "There is one hidden layer with ReLU too few.", stack),
        (counted(lambda k: k + 1), "There is one hidden layer with ReLU too many.", stack),
        (counted(lambda k: 2**k), "You make 2^k hidden layers. The 2^k pieces need fewer.", deep),
        (counts[k] != k, f"For k = {k} the number of your hidden layers with ReLU is {counts[k]}.", stack),
    ]
    blame(mistakes)
    odd = next(width for width in hidden[k] if width != 2)
    raise Wrong(f"For k = {k} a hidden layer of your net has {odd} units, not 2.", TENT)


def check_teeth(outputs: dict[int, Tensor]) -> None:
    """The tent for k = 1, the tent of the tent for k = 2, and so on."""
    x, y = grid_of(1), outputs[1]
    bend = "A ReLU bends the line where its input is 0. Which bias puts that at x = 1/2?"
    join = "Both units of the next layer get t = 2 h1 - 4 h2, and then their biases, 0 and -1/2."

    def equal(a, b):
        return torch.allclose(a, b, atol=1e-4)

    if not equal(y, tent_map(x)):
        mistakes = [
            (y.diff(n=2, dim=0).abs().max() < 1e-4, "For k = 1 your net is linear on [0, 1].", bend),
            (equal(y, (2 * x).clamp(max=1)), "For k = 1 your net rises to 1 and stays there.", TENT),
            (equal(y, 1 - tent_map(x)), "For k = 1 your tent stands on its head.", TENT),
        ]
        blame(mistakes)
        top = f"the largest output is {y.max():.3g}, at x = {x[y.argmax()].item():g}"
        raise Wrong(f"For k = 1 your net is not the tent: {top}.", TENT)

    def every(rule):
        return all(equal(y, rule(k, grid_of(k))) for k, y in outputs.items() if k > 1)

    def joined(bias):  # the tent, and then layers whose second unit has another bias
        return lambda k, x: folded(tent_map(x), k - 1, lambda z: 2 * F.relu(z) - 4 * F.relu(z + bias))

    def crossed(k, x):
        return 2**k * (F.relu(x) + F.relu(x - 0.5))

    if every(lambda k, x: folded(x, k)):
        return
    one_row = "Each unit has one row of weights: both rows of the inner nn.Linear(2, 2) are (2, -4)."
    mistakes = [
        (every(lambda k, x: tent_map(x)), "Your net gives one tent whatever k is.", join),
        (every(joined(0)), "From the second hidden layer on, your net acts as if both biases were 0.", join),
        (every(joined(0.5)), "From the second hidden layer on, a bias has the wrong sign.", join),
        (every(crossed), "Between hidden layers, rows and columns of your weights are exchanged.", one_row),
    ]
    blame(mistakes)
    k = next(k for k, y in outputs.items() if not equal(y, folded(grid_of(k), k)))
    y, truth = outputs[k], folded(grid_of(k), k)
    worst = (y - truth).abs().argmax()
    place, seen, aim = (values.flatten()[worst].item() for values in (grid_of(k), y, truth))
    raise Wrong(f"For k = {k} your net gives {seen:.3g} at x = {place:g}, not {aim:g}.", join)

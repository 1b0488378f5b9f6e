"""Checkers of chapter 2, Vanishing gradients."""

import copy
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from reslab.checks.exercise import Wrong, blame, exercise, number_from


def as_numbers(value, what: str) -> np.ndarray:
    """`value` as an array; Wrong if it is nothing, or not made of numbers."""
    if value is None:
        raise Wrong(f"{what} is None.", "The last line of the function must be `return ...` with your result.")
    try:
        array = value.detach().numpy() if isinstance(value, Tensor) else np.array(value)
    except (ValueError, TypeError, RuntimeError):
        array = np.array(None)
    if array.dtype.kind not in "iuf":
        kind = getattr(value, "dtype", type(value).__name__)
        raise Wrong(f"{what} must be an array of real numbers, but is of type {kind}.", "Return an array.")
    return array


def multiple_of(right: np.ndarray, found: np.ndarray) -> float:
    """The factor k of found = k right; nan if there is none."""
    if not np.isfinite(found).all():
        return math.nan
    factor = float(np.vdot(right, found) / np.vdot(right, right))
    return factor if np.allclose(found, factor * right, rtol=1e-3, atol=1e-6 * abs(factor)) else math.nan


def blame_values(mistakes: Iterable[tuple[Sequence[float], str, str]], found: float) -> None:
    """Raise Wrong for the first of the rows (values, message, hint) that has a value close to `found`."""
    blame(mistakes, lambda values: any(math.isclose(found, value, rel_tol=1e-4) for value in values))


def check_untouched(given: dict, before: dict) -> None:
    """Raise Wrong if an answer has changed one of the arrays that it was given, by more than rounding."""
    for name, array in given.items():
        if np.abs(as_numbers(array, name) - as_numbers(before[name], name)).max() > 1e-9:
            hint = f"In-place steps such as {name} += 1 or {name}[0] = 1 change the caller's array. Work on a copy."
            raise Wrong(f"After the call, {name} is not what it was before.", hint)


class Watched:
    """f(w) = sum_i k_i w_i^3 + (sum_i w_i)^2: curved, unlike in each entry, and it notes where it is called."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape, size = shape, math.prod(shape)
        self.k = np.resize([1.0, -2.0, 3.0, -1.5], size).reshape(shape)
        self.points, self.coarse = [], None

    def __call__(self, w: np.ndarray) -> float:
        """f(w), a float."""
        if not isinstance(w, np.ndarray) or w.shape != self.shape:
            got = f"an array of shape {w.shape}" if isinstance(w, np.ndarray) else f"a {type(w).__name__}"
            hint = "Pass on a nudged copy of all of w, not one entry of it, nor a flat copy."
            raise Wrong(f"You call f with {got}. It takes a NumPy array of w's shape {self.shape}.", hint)
        self.coarse = self.coarse or (w.dtype != float and w.dtype)
        self.points.append(w.astype(float))
        return self.value(w)

    def value(self, w: np.ndarray) -> float:
        """f(w), unnoticed."""
        return float((self.k * w**3).sum() + w.sum() ** 2)


@exercise("2.2", "Two calls of f for each number: slow, but it needs no formula, so it can check any backward pass.")
def check_numerical_gradient(numerical_gradient: Callable[..., np.ndarray]) -> None:
    """Exercise 2.2: `numerical_gradient(f, w, eps)` is an array; `f` takes an array of w's shape, whatever it is."""
    formula = "For entry i: (f(w + eps e_i) - f(w - eps e_i)) / (2 eps), where e_i is 1 at entry i and 0 elsewhere."
    shape_of_w = "grad = np.zeros_like(w) has the shape of w from the start. Fill it entry by entry."
    divisor = "From w - eps to w + eps the distance is 2 eps. Mind the brackets: / (2 * eps)."
    for shape, eps in (((3,), [0.1]), ((2, 3), [])):  # a large step tells the formulas apart; [] is the default
        f, w = Watched(shape), np.linspace(0.371, 1.437, math.prod(shape)).reshape(shape)
        before = w.copy()
        found = as_numbers(numerical_gradient(f, w, *eps), "numerical_gradient(f, w)")
        step = (eps or [1e-6])[0]
        nudges = step * np.eye(w.size).reshape(w.size, *shape)
        ups, downs = (np.array([f.value(before + sign * e) for e in nudges]).reshape(shape) for sign in (1, -1))
        right = (ups - downs) / (2 * step)
        if not f.points:
            raise Wrong("You never call f, so your result cannot depend on it.", formula)
        check_untouched({"w": w}, {"w": before})
        if found.shape == shape and np.allclose(found, right, rtol=1e-4, atol=1e-5):
            continue
        blame_points(f, before, step)
        one = "You give one number. The gradient has a number for each entry of w."
        whole = "The array that you fill holds whole numbers, so all that stands after the point is lost."
        mistakes = [
            (found.size == 1, one, shape_of_w),
            (found.shape != shape, f"Your result has the shape {found.shape}, and w has {shape}.", shape_of_w),
            (found.dtype.kind != "f", whole, "Make it with np.zeros_like(w), without a dtype."),
        ]
        blame(mistakes)
        last = np.where(np.arange(w.size).reshape(shape) == w.size - 1, right, 0)
        bend = (ups - 2 * f.value(before) + downs) / step**2
        mistakes = [
            (-right, "Your signs are opposite: where f rises, your result is negative.", "Take f(up) - f(down)."),
            (2 * right, "Your result is twice the slope. How far is it from the one point to the other?", divisor),
            (right / 2, "Your result is half the slope. How far is it from the one point to the other?", divisor),
            (right * 2 * step, "You give the change of f. A slope is a change *per distance*.", divisor),
            (right * step, "You divide by 2 only, not by the length of the step.", divisor),
            (right * step**2, "You divide by 2, then multiply by eps: brackets are missing.", divisor),
            (right * 4 * step**2, "You multiply by the distance, where you should divide.", divisor),
            (right * 2 / step, "You divide by eps squared.", divisor),
            (right / step, "You divide by eps twice.", divisor),
            (ups - downs / (2 * step), "You divide only the second value of f: brackets are missing.", divisor),
            ((ups + downs) / (2 * step), "You add the two values of f. A slope compares them.", "f(up) - f(down)."),
            ((ups + downs) / 2, "You give the mean of the two values of f. A slope compares them.", formula),
            (bend, "That is the second derivative, the curvature of f.", formula),
            (abs(right), "You lose the signs: a slope can be negative.", "Leave out the absolute value."),
            (right / w.size, "You divide by the number of entries. A gradient is no mean.", formula),
            (
                np.full(shape, right.sum()),
                "Each entry is the sum of all slopes.",
                "`grad +=` adds to all. Use grad[i].",
            ),
            (last, "Only the last entry is filled; the others are 0.", "Make the array once, *before* the loop."),
        ]
        blame(mistakes, lambda wrong, found=found: np.allclose(found, wrong, rtol=1e-4, atol=0))
        factor = multiple_of(right, found)
        shuffled = np.allclose(np.sort(found, None), np.sort(right, None), rtol=1e-4)
        mistakes = [
            (not math.isnan(factor), f"Your result is {factor:.4g} times the right one.", formula),
            (shuffled, "The numbers are right, but they stand in the wrong places.", shape_of_w),
        ]
        blame(mistakes)
        at = np.unravel_index(abs(np.nan_to_num(found, nan=np.inf) - right).argmax(), shape)
        place = ", ".join(map(str, at))
        raise Wrong(f"You call f at the right points, but then give {found[at]:.4g} for w[{place}].", formula)


def blame_points(f: Watched, w: np.ndarray, eps: float) -> None:
    """Raise Wrong if f was not called at the two points of each entry: there the mistake is, not in the arithmetic."""
    moves = np.array(f.points).reshape(-1, w.size) - w.ravel()
    lower, higher = moves < -1e-15, moves > 1e-15  # what is less comes from rounding
    moved = lower | higher
    counts = moved.sum(1)
    several, first = counts.max(), counts[counts > 0][:1]
    stays = ", ".join(map(str, np.unravel_index(moved.any(0).argmin(), w.shape)))
    sizes = abs(moves[moved])
    other = max(sizes, key=lambda size: abs(size / eps - 1), default=eps)
    copies = "Start each time from a fresh copy: up = w.copy(). `up = w` is only a second name for the same array."
    alone = "Move one entry: up[i] += eps. In a two-dimensional w an entry has two indices; w[0] is a whole row."
    loop = "Go through all of np.ndindex(w.shape), and let `return` stand after the loop, not in it."
    both = "You need f at w + eps and at w - eps. Take a fresh copy of w for each."
    mistakes = [
        (f.coarse, f"f gets numbers of type {f.coarse}: too coarse for so small a step.", "Keep w's dtype, float64."),
        (not moved.any(), "In every call f gets w itself: no entry is moved.", copies),
        (several > 1 and first == 1, f"Your nudges pile up: a later call of f has {several} moved entries.", copies),
        (several == w.size, "You move all entries at once. Then you cannot tell which of them changed f.", alone),
        (several > 1, f"You move {several} entries at once. Each must be moved alone.", alone),
        (not moved.any(0).all(), f"The entry w[{stays}] is never moved.", loop),
        (
            abs(other / eps - 1) > 1e-3,
            f"You move an entry by {other:.4g}, where eps is {eps:g}.",
            "Use the given eps.",
        ),
        (not lower.any(), "That is the forward difference: you never step below w.", both),
        (not higher.any(), "That is the backward difference: you never step above w.", both),
        (not (lower.any(0) & higher.any(0)).all(), "Some entries are moved one way only.", both),
    ]
    blame(mistakes)


@exercise("2.1", "One number for the whole net. Below 1 the gradient vanishes on its way back, above 1 it explodes.")
def check_factor_per_layer(factor_per_layer: Callable[[list[float]], float]) -> None:
    """Exercise 2.1: `factor_per_layer(norms)` is one number: used at each step back, it leads to the first norm."""
    equation = "norms[-1] * factor * factor * ... = norms[0], with one factor for each step."
    root = "If factor ** steps = ratio, then factor = ratio ** (1 / steps). Mind the brackets."
    ends = "Only norms[0], norms[-1] and the number of steps count."
    for norms in ([0.02, 0.013, 0.3, 0.45, 0.62, 0.95, 0.7], [40.0, 55.0, 4.0, 9.0, 7.5], [0.3, 1.2]):
        given, layers, steps = list(norms), len(norms), len(norms) - 1
        first, last, total = norms[0], norms[-1], norms[0] / norms[-1]
        right = total ** (1 / steps)
        found = number_from(factor_per_layer(given), "factor_per_layer(norms)")
        if given != norms:
            raise Wrong("After the call, the list `norms` is not what it was before.", "Work on a copy: list(norms).")
        if math.isclose(found, right, rel_tol=1e-4):
            continue
        if layers == 2:
            raise Wrong(f"For the two layers {norms} you give {found:.4g}.", "Between two layers there is one step.")
        back = np.divide(norms[:-1], norms[1:])
        means = [back.mean(), np.median(back), (1 / back).mean(), 1 / (1 / back).mean(), back.sum() / layers]
        line = np.polyfit(range(layers), np.log(norms), 1)[0]
        extremes = [(max(norms) / min(norms)) ** (sign / n) for sign in (1, -1) for n in (1, steps, layers)]
        inner = [(a / b) ** (1 / n) for a, b in ((norms[1], last), (first, norms[-2])) for n in (steps, layers - 2)]
        logs = [sign * log(r) for sign in (1, -1) for log in (math.log, math.log10, math.log2) for r in (right, total)]
        changes = [first - last, (first - last) / steps, (first - last) / layers, abs(np.diff(norms)).mean()]
        changes = [sign * change for sign in (1, -1) for change in changes]
        parts = [ratio / n for ratio in (total, 1 / total) for n in (steps, layers)]
        sizes = [*norms, np.mean(norms), np.exp(np.mean(np.log(norms))), math.sqrt(first * last)]
        shrinks, grows = ("shrinks", "grows") if total < 1 else ("grows", "shrinks")
        inverse = f"Your factor is upside down: on its way back this gradient {shrinks}, with your factor it {grows}."
        line_said = "You fit a line to the logarithms. A fair estimate, but another one: here only the two ends count."
        mistakes = [
            ([total ** (1 / 6)], "You take the sixth root, however many steps there are.", root),
            ([1 / right, total ** (-1 / layers)], inverse, "Start at norms[-1], the last layer, and end at norms[0]."),
            ([total], "That is the factor of the whole way back, not of one step.", equation),
            ([1 / total], "That is the whole way at once, and from the first layer to the last.", equation),
            ([total ** (1 / layers)], f"You count {layers} steps. Between {layers} layers there are fewer.", equation),
            ([total ** (1 / (layers - 2))], f"You count too few steps for {layers} layers.", equation),
            ([total**0.5, total**-0.5], "You take the square root, however many steps there are.", root),
            ([1], "You give 1: with this factor nothing would change.", "In Python 1 // 5 is 0. Use 1 / 5."),
            (means, "You average the factors of the steps. But factors multiply, they do not add.", f"{root} {ends}"),
            (logs, "You give a logarithm, not a factor.", "math.exp undoes math.log, and 10 ** undoes math.log10."),
            (changes, "You subtract. A factor comes from a division.", equation),
            (parts, "You divide a ratio by a number of steps. But factors multiply, they do not add.", root),
            (
                [total**steps, total**layers, total**-steps],
                "You raise the ratio to a power. It is the other way round: the ratio is a power.",
                root,
            ),
            ([*back, *(1 / back)], "You give the factor of one step only. It differs from step to step.", ends),
            ([math.exp(-line), math.exp(line), line, -line], line_said, f"{ends} {root}"),
            (
                extremes,
                "You compare the largest norm with the smallest. Here the ends count, whatever their size.",
                ends,
            ),
            (inner, "You leave out one end of the net.", ends),
            ([1 - right, right - 1], "You give the part that is lost or won at a step, not the factor.", equation),
            ([100 * right], "You give per cent, not a factor.", equation),
            (sizes, "You give a norm, or a mean of norms. A factor is a ratio of two of them.", equation),
            ([round(right, n) for n in range(1, 5)], "You round the factor. Give all digits.", "Leave out round()."),
        ]
        blame_values(mistakes, found)
        raise Wrong(f"For norms = {norms} you give {found:.4g}.", f"It is {right:.4g}. {equation}")


@exercise("2.3", "Two matrix products and a slope: a backward pass is nothing but this, layer after layer.")
def check_backward_layer(backward_layer: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    """Exercise 2.3: `backward_layer(grad_h, x, W, h)` is the pair grad_W, grad_x, of the shapes of W and of x."""
    random, no_fit = np.random.default_rng(0), None
    for count, n_in, n_out in ((4, 3, 2), (3, 3, 3)):  # in the second case no matrix product can fail: all are told
        sizes = {"grad_h": (count, n_out), "x": (count, n_in), "W": (n_out, n_in)}
        given = {name: random.normal(size=size) for name, size in sizes.items()}
        given["h"] = 1 / (1 + np.exp(-given["x"] @ given["W"].T))
        before = copy.deepcopy(given)
        try:
            pair = backward_layer(*given.values())
        except ValueError as error:  # arrays that do not fit; the next case can say which
            no_fit = error
            continue
        check_untouched(given, before)
        blame_pair(pair, before, no_fit)
    if no_fit:
        raise no_fit


def blame_pair(pair, given: dict[str, np.ndarray], no_fit: ValueError | None) -> None:
    """Raise Wrong if `pair` is not grad_W, grad_x; where no idea explains it, raise `no_fit` if there is one."""
    grad_h, x, W, h = given.values()
    both = "Return two arrays: grad_W, grad_x."
    if pair is None:
        raise Wrong("backward_layer gives None.", both)
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        size = f" of {len(pair)}" if isinstance(pair, tuple | list) else ""
        raise Wrong(f"backward_layer gives a {type(pair).__name__}{size}, not a pair.", both)
    found_W, found_x = as_numbers(pair[0], "The first of the pair"), as_numbers(pair[1], "The second of the pair")
    delta = grad_h * h * (1 - h)
    grad_W, grad_x = delta.T @ x, delta @ W

    def equal(a, b):
        return a.shape == b.shape and np.allclose(a, b, rtol=1e-4, atol=1e-6)

    order = (found_W.shape, found_x.shape) == (x.shape, W.shape) != (W.shape, x.shape)
    order |= equal(found_W, grad_x) and equal(found_x, grad_W)
    turned = "A gradient has the shape of what it belongs to. Turn the matrix product round: (A @ B).T is B.T @ A.T."
    mistakes = [
        (order, "The pair is in the wrong order.", "First grad_W, then grad_x."),
        (not np.isfinite(found_W).all(), "grad_W has nan or inf in it.", CHAIN),
        (not np.isfinite(found_x).all(), "grad_x has nan or inf in it.", CHAIN),
        (found_W.shape != W.shape, f"grad_W has the shape {found_W.shape}, and W has {W.shape}.", turned),
        (found_x.shape != x.shape, f"grad_x has the shape {found_x.shape}, and x has {x.shape}.", turned),
    ]
    blame(mistakes)

    for_W, for_x = wrong_gradients(**given)
    said, unknown = {}, "not all values are right"
    for name, found, start, right, rows in (
        ("grad_W", found_W, W, grad_W, for_W),
        ("grad_x", found_x, x, grad_x, for_x),
    ):
        if not equal(found, right):
            times, step = multiple_of(right, found), multiple_of(right, start - found)
            rest = [
                (times, f"you have {times:.4g} times the right values"),
                (step, f"you give {name[-1]} {'after a step' if step else 'itself'}, not its gradient"),
                (0, unknown),
            ]
            ideas = [row[1:] for row in rows if equal(found, row[0])]
            said[name] = [*ideas, *((idea, CHAIN) for factor, idea in rest if not math.isnan(factor))][0]
    if not said:
        return
    (name, (idea, hint)), *others = said.items()
    where = "both gradients" if others and others[0][1][0] == idea else name
    if idea == unknown:
        implied = found_x @ np.linalg.pinv(W)  # the dL/dz of which both would be right, if there is one
        if equal(implied @ W, found_x) and equal(implied.T @ x, found_W):
            raise Wrong("Both matrix products are right, but what you put in, your dL/dz, is not.", SLOPE)
        if no_fit:
            raise no_fit
    raise Wrong(f"In {where}, {idea}.", hint)


SLOPE = "For z = x @ W.T the slope of h is h * (1 - h). So dL/dz is grad_h times that, entry by entry."
CHAIN = "Three steps: dL/dz from grad_h, then grad_W from dL/dz and x, then grad_x from dL/dz and W."


def wrong_gradients(grad_h: np.ndarray, x: np.ndarray, W: np.ndarray, h: np.ndarray) -> tuple[list, list]:
    """What wrong ideas give for grad_W, and for grad_x: rows of a value, the idea, and a hint."""
    delta = grad_h * h * (1 - h)
    grad_W, grad_x = delta.T @ x, delta @ W
    no_mean = "The mean over the batch, if there is one, is in the loss, so it is in grad_h already."
    sizes = "z[i, j] is a sum over k of x[i, k] * W[j, k]. Differentiate by W[j, k], then by x[i, k]."
    z, s = x @ W.T, 1 / (1 + np.exp(-h))
    wrong_deltas = [
        (grad_h, "the slope of the sigmoid is missing", SLOPE),
        (grad_h * s * (1 - s), "the sigmoid is applied to h: but h has been through it already", SLOPE),
        (grad_h * s, "you apply the sigmoid, where you need its slope", SLOPE),
        (grad_h * h, "you use h alone as the slope of the sigmoid", SLOPE),
        (grad_h * (1 - h), "you use 1 - h alone as the slope of the sigmoid", SLOPE),
        (grad_h * (1 - h**2), "you use the slope of tanh, not that of the sigmoid", SLOPE),
        (grad_h * (h - h**2) ** 2, "the slope of the sigmoid comes in twice", SLOPE),
        (grad_h / (h * (1 - h)), "you divide by the slope of the sigmoid", SLOPE),
        (grad_h * z * (1 - z), "you put z, not h, into the formula of the slope", SLOPE),
        (grad_h + h * (1 - h), "you add the slope; the chain rule multiplies", SLOPE),
        (h * (1 - h), "grad_h is missing, so what comes from the layers above is lost", CHAIN),
        (grad_h * (z > 0), "you use the slope of ReLU, not that of the sigmoid", SLOPE),
        (-delta, "the sign is opposite: you give a step downhill, not the gradient", "Leave out the minus."),
    ]
    for_W = [
        (delta.T @ x / len(x), "you divide by the size of the batch", no_mean),
        (delta.T @ h if h.shape == x.shape else grad_W, "you use h, what comes out of the layer, not x", sizes),
        (np.outer(delta.sum(0), x.sum(0)), "you add up the batch too early, before the product", sizes),
        (np.outer(delta.mean(0), x.mean(0)), "you average over the batch, before the product", sizes),
        (np.outer(delta[0], x[0]), "only the first input of the batch counts", sizes),
        (np.outer(delta[-1], x[-1]), "only the last input of the batch counts", sizes),
    ]
    earlier = "x's own slope belongs to the layer before. Here the way ends at x."
    for_x = [
        (grad_x / len(x), "you divide by the size of the batch", no_mean),
        (grad_x * x * (1 - x), "you go one step too far: you multiply by a slope for x too", earlier),
        (delta @ grad_W, "you use grad_W, where W belongs", sizes),
    ]
    if W.shape == x.shape == h.shape:
        not_h = (grad_h * x * (1 - x), "you compute the slope from x, not from the layer's output", SLOPE)
        wrong_deltas.append(not_h)
        for_W += [
            (grad_W.T, "rows and columns are exchanged: this is the transpose", sizes),
            (delta @ x, "the sum does not go over the batch", sizes),
            (delta @ x.T, "the sum does not go over the batch", sizes),
            (x @ delta, "the sum does not go over the batch", sizes),
            (delta * x, "you multiply entry by entry; there is nothing that adds up the batch", sizes),
        ]
        for_x += [
            (v @ W.T, "you multiply by the transpose of W, as forwards. The way back needs another product", sizes)
            for v, *_ in [(delta,), *wrong_deltas]
        ] + [
            (W @ delta, "the factors stand in the wrong order", sizes),
            (W.T @ delta, "the factors stand in the wrong order, and W is transposed", sizes),
            (delta * W, "you multiply entry by entry, where a sum over the outputs is needed", sizes),
        ]
    for_W += [(wrong.T @ x, *said) for wrong, *said in wrong_deltas]
    for_x += [(wrong @ W, *said) for wrong, *said in wrong_deltas]
    return for_W, for_x


@exercise("2.5", "One factor for all: the step becomes shorter, and its direction stays.")
def check_clip(clip: Callable[[list[Tensor], float], list[Tensor]]) -> None:
    """Exercise 2.5: `clip(gradients, max_norm)` is a list of new tensors; their joint norm is max_norm at most."""
    fresh = "Do not use `*=`, `mul_` or clip_grad_norm_ on them. Return a new list: [... for g in gradients]."
    items = "Return a list with one tensor for each tensor of `gradients`, in the same order and shape."
    small = "The factor must never be above 1. Compare the norm itself with max_norm, not its square."
    shapes = [(2, 3), (4,), (1, 2, 2), (3,)]
    directions = [torch.randn(shape) for shape in shapes]
    large, just_above, below = (1.2, 4, 0.8, 2.5), (0.8, 0.9, 0.6, 0.7), (1, 0.5, 0.4, 0.6)
    for norms, max_norm in ((large, 1.5), (just_above, 1.1), (below, 1.5), ((0, 0, 0, 0), 1.5)):
        gradients = [norm * v / v.norm() for norm, v in zip(norms, directions, strict=True)]
        given = [gradient.clone() for gradient in gradients]
        joint = math.hypot(*norms)
        found = clip(given, max_norm)
        same = len(given) == len(gradients) and all(map(torch.equal, given, gradients))
        if found is None:
            when = "" if joint > max_norm else ", if the norm is not above max_norm"
            also = "" if same else " and changes what it is given"
            raise Wrong(f"clip gives None{when}{also}.", items if same else fresh)
        if not same:
            raise Wrong("You change the list that you are given, or the tensors in it.", fresh)
        found = clipped_list(found, gradients, joint)
        if not all(np.isfinite(array).all() for array in found):
            nan = (
                "For gradients that are all zero you give nan: 0 / 0."
                if joint == 0
                else "Your result has nan or inf in it."
            )
            raise Wrong(nan, "Divide only if the norm is above max_norm.")
        if joint == 0:
            blame([(any(array.any() for array in found), "You make something of gradients that are all zero.", small)])
            continue
        factors = [multiple_of(g.numpy(), array) for g, array in zip(gradients, found, strict=True)]
        right = min(1, max_norm / joint)
        if not np.allclose(factors, right, rtol=1e-4):
            blame_factors(factors, gradients, found, max_norm)


def clipped_list(found, gradients: list[Tensor], joint: float) -> list[np.ndarray]:
    """`found` as a list of arrays; Wrong if it is something else than one array for each of the gradients."""
    items = "Return a list with one tensor for each tensor of `gradients`, in the same order and shape."
    if isinstance(found, float | np.floating) or (isinstance(found, Tensor) and found.ndim == 0):
        is_norm = math.isclose(found, joint, rel_tol=1e-4)
        raise Wrong("You return the norm, not the clipped gradients." if is_norm else "You return one number.", items)
    if isinstance(found, Tensor | np.ndarray):
        raise Wrong(f"You return one array of shape {tuple(found.shape)}, not a list of tensors.", items)
    if not isinstance(found, Iterable) or isinstance(found, str | dict):
        raise Wrong(f"clip gives a {type(found).__name__}, not a list of tensors.", items)
    found = list(found)
    if len(found) != len(gradients):
        raise Wrong(f"What you return has the length {len(found)}, not {len(gradients)}.", items)
    arrays = [as_numbers(item, "One item of your list") for item in found]
    shapes, wanted = [array.shape for array in arrays], [tuple(g.shape) for g in gradients]
    for shape, right in zip(shapes, wanted, strict=True):
        if shape != right:
            raise Wrong(f"A tensor of shape {right} comes back with the shape {shape}.", items)
    return arrays


def blame_factors(factors: list[float], gradients: list[Tensor], found: list[np.ndarray], max_norm: float) -> None:
    """Raise Wrong for factors that are not all min(1, max_norm / joint norm); nan is no factor at all."""
    flat = torch.cat([g.flatten() for g in gradients])
    norms = [g.norm().item() for g in gradients]
    joint = math.hypot(*norms)
    together = "Joint norm: the root of the sum of *all* squares, over all tensors."
    one = "Make one factor of the joint norm, the root of the sum of all squares. Multiply every tensor by it."
    share = "max_norm / norm brings the norm to max_norm."
    small = "The factor must never be above 1. Compare the norm itself with max_norm, not its square."

    def same(values):
        return np.allclose(factors, values, rtol=1e-3)

    cut = all(np.allclose(a, g.clamp(-max_norm, max_norm), rtol=1e-4) for a, g in zip(found, gradients, strict=True))
    not_one = not same(np.mean(factors))
    listed = ", ".join(f"{factor:.3g}" for factor in factors)
    mistakes = [
        (not_one and cut, "You cut off each entry on its own. That turns the direction of the step.", one),
        (np.isnan(factors).any(), "The entries of a tensor get different factors, so the direction turns.", one),
        (not_one and same([min(1, max_norm / n) for n in norms]), "You clip each tensor on its own.", one),
        (same([max_norm / n for n in norms]), "You bring each tensor to max_norm on its own.", one),
        (not_one, f"The tensors get different factors: {listed}.", one),
    ]
    blame(mistakes)
    factor = float(np.mean(factors))
    if joint <= max_norm:
        must_stay = f"The joint norm {joint:.2f} is not above max_norm = {max_norm}, but you "
        raise Wrong(must_stay + ("scale the tensors up." if factor > 1 else "change the tensors."), small)
    left = f"The joint norm is {joint:.2f}, above max_norm = {max_norm}, but you change nothing."
    squares, magnitudes = flat.square(), flat.abs()
    mistakes = [
        ([1], left, f"{together} Does your comparison point the right way?"),
        ([0], "You set the gradients to zero. They must only become shorter.", one),
        ([max_norm / sum(norms)], "You add up the norms. The norm of all tensors together is less.", together),
        ([max_norm / joint**2], "You divide by the square of the norm: a root is missing.", together),
        ([(max_norm / joint) ** 2], "Your factor is squared.", share),
        ([(max_norm / joint) ** 0.5], "You take a root too many.", share),
        ([max_norm / max(norms)], "You take the largest norm, not the norm of all tensors together.", together),
        ([max_norm / norms[0], max_norm / norms[-1]], "You use the norm of one tensor only.", together),
        ([max_norm / min(norms)], "You take the smallest norm, not the norm of all together.", together),
        ([max_norm / np.mean(norms)], "You take the mean of the norms.", together),
        ([max_norm / squares.mean(), max_norm / squares.mean().sqrt()], "You use a mean of squares.", together),
        ([max_norm / math.sqrt(np.mean(np.square(norms)))], "You use a mean of squares.", together),
        ([max_norm / magnitudes.sum()], "You add absolute values: that is the L1 norm.", together),
        ([max_norm / magnitudes.max()], "You use the largest entry, not the norm.", together),
        ([max_norm / abs(flat.sum())], "You add entries of both signs, so they cancel.", together),
        ([1 / joint], "max_norm is forgotten: you bring the joint norm to 1.", share),
        ([joint / max_norm], "Your factor is upside down: it makes the gradients longer.", share),
        ([max_norm], "You multiply by max_norm, whatever the norm is.", share),
        ([1 / max_norm], "You divide by max_norm, whatever the norm is.", share),
        ([-max_norm / joint], "You turn the gradients round: the sign is opposite.", share),
    ]
    blame_values([([float(v) for v in values], *said) for values, *said in mistakes], factor)
    now = abs(factor) * joint
    raise Wrong(f"After clipping to max_norm = {max_norm} the joint norm is {now:.6g}.", f"{together} {share}")


@exercise("2.4", "Weights and slopes together make the factor: you can predict vanishing before any training.")
def check_layer_factor(layer_factor: Callable[[Tensor, Tensor], float]) -> None:
    """Exercise 2.4: `layer_factor(W, slopes)` is one float: the root of the mean of ||J||_F^2 / n over the inputs."""
    jacobian = "Row j of W makes z_j, so slopes[i, j] multiplies row j: J = slopes[i][:, None] * W."
    recipe = "Sum the squares of J, divide by n; then the mean over the inputs, then the root."
    for count, n in ((5, 3), (7, 4)):
        generator = torch.Generator().manual_seed(25)  # a draw in which no two mistakes give the same number
        W = torch.randn(n, n, generator=generator, dtype=torch.float64) + 0.3
        slopes = torch.rand(count, n, generator=generator, dtype=torch.float64)
        W *= torch.linspace(0.3, 1.5, n, dtype=torch.float64)[:, None]  # no two rows or inputs alike
        slopes *= torch.linspace(0.4, 1.4, count, dtype=torch.float64).roll(2)[:, None]
        given = {"W": W.clone(), "slopes": slopes.clone()}
        found = layer_factor(*given.values())
        check_untouched(given, {"W": W, "slopes": slopes})
        if isinstance(found, Tensor) and found.shape == (count,):
            raise Wrong("You give one number for each input. They are to become one factor.", recipe)
        found = number_from(found, "layer_factor(W, slopes)")
        J = slopes[:, :, None] * W  # (N, n, n)
        right = math.sqrt(J.square().sum((1, 2)).mean() / n)
        if not math.isclose(found, right, rel_tol=1e-4):
            blame_layer_factor(found, right, W, slopes)
            close = f"You give {found:.4g}. That is not the root of the mean of ||J||_F^2 / n."
            if math.isclose(found, right, rel_tol=0.03):
                close = "You are close, but not there. If you draw random vectors: the mean has an exact formula."
            raise Wrong(close, f"{jacobian} {recipe}")


def blame_layer_factor(found: float, right: float, W: Tensor, slopes: Tensor) -> None:
    """Raise Wrong if `found` is what a wrong idea of the factor gives."""
    count, n = slopes.shape
    J, turned = slopes[:, :, None] * W, slopes[:, None, :] * W
    squares = J.square().sum((1, 2)) / n  # (N,): how each input changes the mean squared length
    of_W, of_rows = W.square().sum() / n, W.square().sum(1) / n
    of_mean = [slopes.mean() ** 2 * of_W, slopes.abs().mean() ** 2 * of_W, slopes.median() ** 2 * of_W]
    of_mean += [(slopes.mean(0).square() * of_rows).sum(), slopes.mean(1).square().mean() * of_W]
    largest, singular = torch.linalg.svdvals(J)[:, 0], torch.linalg.svdvals(J)
    best = [largest.square().mean(), largest.mean() ** 2, largest.max() ** 2, torch.linalg.matrix_norm(W, 2) ** 2]
    scale = [1, slopes.mean() ** 2, slopes.square().mean()]
    spread = [W.var(correction=ddof) * k * size for ddof in (0, 1) for k in scale for size in (1, n)]
    radius = [torch.linalg.eigvals(matrix).abs().max(-1)[0].square().mean() for matrix in (J, W)]
    determinants = torch.linalg.det(J).abs()
    logs = [log(value) for log in (math.log, math.log10, math.log2) for value in (right, right**2)]
    row = "Row j of W makes z_j, so slopes[i, j] multiplies row j: J = slopes[i][:, None] * W."
    frobenius = "||J||_F^2 is the sum of the squares of all entries of J."
    once = "Divide ||J||_F^2 by n, once. Then take the mean over the N inputs, then the root."
    mean_first = "The mean of squares is more than the square of the mean: square first, then average."
    any_direction = "A random direction meets all singular values alike. The sum of their squares is ||J||_F^2."
    slope_of = [(s.square() @ of_rows).mean() for s in (slopes - slopes**2, 1 - slopes**2)]
    through = [(slopes @ M).square().mean() * d for M in (W, W.T) for d in (1, n, 1 / n)]
    roots = [squares.sqrt().mean() ** 2 * d for d in (1, n, 1 / n)]
    mean_square = right**2
    squared = [  # values for the squared length; who forgets the root besides is told of the other mistake first
        ([turned.square().sum((1, 2)).mean() / n], "Your slopes multiply the columns of W, which belong to x.", row),
        ([of_W, of_W * n, of_W / n], "The slopes do not come in: you look at W alone.", row),
        (of_mean, "You average the slopes before you square. Large slopes then count too little.", mean_first),
        ([slopes.square().mean() * of_W], "You average squared slopes apart from W, as if its rows were alike.", row),
        ([(slopes * of_rows).sum(1).mean()], "You use the slopes without squaring them.", frobenius),
        (best, "You use the largest singular value: the best direction. A random one does worse.", any_direction),
        ([singular.mean() ** 2, singular.mean(1).square().mean()], "You average singular values.", any_direction),
        (radius, "You use eigenvalues. They do not tell the length of J^T delta.", frobenius),
        ([mean_square * n], "You do not divide by n, the number of units.", once),
        ([mean_square / n], "You divide by n twice, or divide outside the root.", once),
        ([mean_square * count], "You add up the inputs. Take their mean.", once),
        ([mean_square * count * n], "You only add: you divide neither by n nor by N.", once),
        ([mean_square * n / count], "You divide by N, the number of inputs, where n belongs.", once),
        ([mean_square * count / n], "You divide by n, the number of units, where N belongs.", once),
        ([mean_square / count], "You divide by N twice, or divide by N outside the root.", once),
        (roots, "You take the root for each input, then the mean. The mean must come first.", once),
        (through, "You send the slopes through W as if they were a gradient. A slope belongs to a row of W.", row),
        (slope_of, "You compute a slope from `slopes`. But they are slopes already.", row),
        ([squares.max()], "You take the largest of the inputs' factors. Take the mean of squares.", once),
        ([squares[0], squares[-1]], "You look at one input only.", "Go through all rows of slopes."),
        (spread, "You use the spread of W, which leaves out its mean.", "Use the squares of the entries of W."),
    ]
    plain = [
        ([mean_square], "That is the factor of the *squared* length, not of the length.", "Take the root at the end."),
        ([right**0.5], "You take a root too many.", once),
        ([squares.sqrt().sum()], "You add the roots of the inputs.", once),
        ([1 / right, 1 / mean_square], "Your factor is upside down.", "The gradient gets longer where J is large."),
        ([s * log for s in (1, -1) for log in logs], "You give a logarithm, not the factor.", "Undo it: math.exp."),
        ([J.abs().sum((1, 2)).mean() / d for d in (1, n, n * n)], "You add absolute values.", frobenius),
        ([J.sum((1, 2)).mean() / d for d in (1, n, n * n)], "You add entries of both signs.", frobenius),
        ([determinants.mean(), (determinants ** (1 / n)).mean()], "You use the determinant.", frobenius),
    ]
    both = [([f(float(v)) for v in values for f in (math.sqrt, float)], *said) for values, *said in squared]
    blame_values(plain[:2] + both + plain[2:], found)

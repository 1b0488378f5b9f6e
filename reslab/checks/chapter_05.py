"""Checkers of chapter 5, Residual by hand."""

import copy
import itertools
import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from reslab.checks.chapter_01 import relu, sigmoid, threshold
from reslab.checks.chapter_02 import as_numbers, check_untouched, multiple_of
from reslab.checks.exercise import Wrong, blame, exercise


def examples() -> Iterator[dict[str, np.ndarray]]:
    """x, W1, W2 and t, away from each kink. First a square case, in which no product can fail: all can be told."""
    random = np.random.default_rng(433)
    for m, n in ((5, 5), (3, 4), (6, 2)):
        yield {name: random.normal(size=size) for name, size in zip(SHAPES, (n, (m, n), (n, m), n), strict=True)}


SHAPES = {"x": "(n,)", "W1": "(m, n)", "W2": "(n, m)", "t": "(n,)"}


@exercise("5.1", "A plain two-layer net and one sum. With F = 0 the block lets a positive x pass unchanged.")
def check_two_layer_block(two_layer_block: Callable[..., np.ndarray]) -> None:
    """Exercise 5.1: `two_layer_block(x, W1, W2)` is one vector, as long as x: ReLU of the sum of F(x) and x."""
    parts = "Go step by step: z1 = W1 x, h = relu(z1), z2 = W2 h + x, y = relu(z2)."
    for given in examples():
        del given["t"]
        before = copy.deepcopy(given)
        found = as_numbers(two_layer_block(*given.values()), "two_layer_block(x, W1, W2)")
        check_untouched(given, before)
        x, W1, W2 = before.values()
        n = len(x)
        by_entry = "You give a matrix. Somewhere you multiply a matrix and a vector entry by entry."
        mistakes = [
            ((n, n), by_entry, "The matrix product is W1 @ x. With * no sum is taken."),
            ((2 * n,), "You join F(x) and x end to end. The block adds them.", parts),
            ((2, n), "You give two vectors. Give the output of the block only.", parts),
        ]
        blame(mistakes, lambda shape, found=found: found.shape == shape)
        if found.shape != x.shape:
            raise Wrong(f"Your result has the shape {found.shape}, and x has {x.shape}.", parts)
        right = relu(W2 @ relu(W1 @ x) + x)
        if close_to(found, right):
            continue
        if len(W1) == n:
            blame(wrong_blocks(x, W1, W2), lambda values, found=found: any(close_to(found, v) for v in values))
        at = worst_place(found, right)
        said = f"W1 of shape {W1.shape}: entry {at[0]} of y is {found[at]:.4g}, which is not right."
        raise Wrong(f"For x of shape {x.shape} and {said}", f"It is {right[at]:.4g}. {parts}")


def close_to(found: np.ndarray, right: np.ndarray) -> bool:
    """Whether two arrays agree; there is room for float32 and for numerical gradients."""
    return found.shape == right.shape and np.allclose(found, right, rtol=1e-3, atol=1e-4 * abs(right).max())


def worst_place(found: np.ndarray, right: np.ndarray) -> tuple[int, ...]:
    """Where two arrays differ most."""
    at = abs(np.nan_to_num(found - right, nan=np.inf)).argmax()
    return tuple(int(i) for i in np.unravel_index(at, right.shape))


def wrong_blocks(x: np.ndarray, W1: np.ndarray, W2: np.ndarray) -> list[tuple[list, str, str]]:
    """What wrong ideas give for y, with square matrices: rows of a list of values, the idea, and a hint."""
    z1 = W1 @ x
    h = relu(z1)
    f = W2 @ h
    add = "The block adds x to F(x), once, and then comes the outer ReLU."
    last = "Add first. Then apply the outer ReLU to the sum."
    inner = "F(x) = W2 relu(W1 x): a ReLU stands between the two matrices, and none after W2."
    source = "Keep x as it came in. Give new names to what you compute: z1, h, z2, y."
    order = "First W1, then W2. A matrix stands to the left of its vector: W1 @ x."
    max0 = "relu(z) is z where z > 0, and 0 elsewhere: np.maximum(z, 0)."

    def block(skip=x, first=W1, second=W2, inside=relu, outside=relu):
        return outside(second @ inside(first @ x) + skip)

    def used(activation):
        return [block(inside=activation), block(outside=activation), block(inside=activation, outside=activation)]

    own = relu(z1 + x)
    leaky = [v for slope in (0.01, 0.1, 0.2) for v in used(lambda z, slope=slope: np.where(z > 0, z, slope * z))]
    negative = used(lambda z: np.minimum(z, 0))
    other = used(np.tanh) + used(sigmoid)
    return [
        ([relu(f)], "The skip is missing: this is the plain block.", add),
        ([f], "You give F(x). Two things are missing: the sum with x, and the ReLU after it.", add),
        ([h, z1], "You give the values of the hidden layer, not the output of the block.", inner),
        ([f + x], "The outer ReLU is missing: some of your entries are negative.", last),
        ([block(inside=np.array)], "The inner ReLU is missing.", inner),
        ([W2 @ z1 + x], "Your block has no ReLU at all. It needs two.", inner),
        ([W2 @ z1, relu(W2 @ z1)], "Two things are missing: the inner ReLU and the skip.", inner),
        ([relu(f) + x], "The ReLU stands before the sum, so some entries of y are negative.", last),
        ([relu(f) + relu(x)], "You apply the ReLU to each term, not to the sum.", last),
        ([relu(relu(f) + x)], "F(x) has a ReLU of its own at its end, so it can only add.", inner),
        ([block(relu(x))], "The skip goes through a ReLU. It must carry x unchanged.", add),
        ([block(h)], "Your skip starts at the hidden layer, not at x.", source),
        ([block(z1)], "Your skip goes through a weight matrix. It must carry x unchanged.", add),
        ([block(f)], "You add F(x) to itself. Was x overwritten on the way?", source),
        ([relu(W2 @ own + own)], "Each layer has a skip of its own. There is one skip, around both.", add),
        ([relu(W2 @ own), W2 @ own], "You add x too early, inside F, before the inner ReLU.", add),
        ([relu(W2 @ own + x), relu(W2 @ (h + x) + x)], "You add x twice: inside F, and at the end.", add),
        ([relu(W2 @ (h + x))], "You add x too early, before W2.", add),
        ([block(2 * x)], "You add x twice.", add),
        ([own, z1 + x], "Your block has one layer only. F has two.", inner),
        ([block(first=W1.T)], "You use the transpose of W1.", order),
        ([block(second=W2.T)], "You use the transpose of W2.", order),
        ([block(first=W1.T, second=W2.T)], "You use the transposes of both matrices.", order),
        ([block(first=W2, second=W1)], "W1 and W2 are exchanged.", order),
        ([block(first=W2.T, second=W1.T)], "W1 and W2 are exchanged, and transposed.", order),
        ([block(second=W1)], "You use W1 in both layers. W2 has no part in your result.", order),
        ([block(first=W2)], "You use W2 in both layers. W1 has no part in your result.", order),
        ([block(-x)], "You subtract x.", add),
        ([relu(x - f)], "You subtract F(x).", add),
        ([relu(f * x)], "You multiply F(x) and x.", add),
        ([relu((f + x) / 2)], "You take the mean of F(x) and x.", add),
        ([relu(np.maximum(f, x))], "You take the larger of F(x) and x.", add),
        ([x, relu(x)], "F has no part in your result.", add),
        (used(np.abs), "You use the absolute value as ReLU. What is negative must become 0.", max0),
        (leaky, "You use a leaky ReLU. What is negative must become 0.", max0),
        (negative, "Your ReLU keeps the negative part, and drops the positive one.", max0),
        (used(threshold), "You use a step in place of ReLU: it gives 1 for all that is positive.", max0),
        (other, "You use another activation than ReLU.", max0),
    ]


def exact_gradients(x, W1, W2, t, *, skip=True, inside=relu, outside=relu) -> dict[str, np.ndarray]:
    """The gradients of sum((y - t)^2) for W1, W2 and x; also for a block without its skip, or without a ReLU."""
    z1 = W1 @ x
    h = inside(z1)
    z2 = W2 @ h + (x if skip else 0)
    delta2 = 2 * (outside(z2) - t) * ((z2 > 0) if outside is relu else 1)
    delta1 = W2.T @ delta2 * ((z1 > 0) if inside is relu else 1)
    return through(delta2, delta1, x, W1, h) | ({} if skip else {"x": W1.T @ delta1})


def through(delta2, delta1, x, W1, h) -> dict[str, np.ndarray]:
    """The three gradients, from those for z2 and z1."""
    return {"W2": np.outer(delta2, h), "W1": np.outer(delta1, x), "x": W1.T @ delta1 + delta2}


DELTA2 = "delta2 = 2 * (y - t) * (z2 > 0), where z2 is W2 h + x, all that goes into the outer ReLU."
DELTA1 = "h gets its gradient through W2 only: W2.T @ delta2. Times (z1 > 0) it is delta1."
OUTER = "z2[i] has the term W2[i, j] * h[j]: dW2[i, j] is delta2[i] * h[j]. So it is for W1, with x and delta1."
PATHS = "x has two paths to z2: through F, which gives W1.T @ delta1, and the skip, which gives delta2 as it is."


def wrong_backward(x, W1, W2, t) -> list[tuple[dict[str, np.ndarray], str, str]]:
    """What wrong ideas give, with square matrices: rows of the gradients that come out, the idea, and a hint."""
    z1 = W1 @ x
    h = relu(z1)
    f = W2 @ h
    z2 = f + x
    y = relu(z2)
    open1, open2 = z1 > 0, z2 > 0
    slope = 2 * (y - t)
    delta2 = slope * open2
    back = W2.T @ delta2
    delta1 = back * open1
    early = 2 * (relu(f) + x - t)
    given = (x, W1, W2, t)

    outer_gate = "the slope of the outer ReLU is taken from the wrong values"
    wrong_delta2 = [
        (slope, "the slope of the outer ReLU is missing"),
        (slope * (f > 0), "the slope of the outer ReLU is taken from F(x), without the skip"),
        (slope * open1, outer_gate),
        (slope * (x > 0), outer_gate),
        (slope * (y > t), outer_gate),
        (slope * ~open2, "the slope of the outer ReLU is upside down"),
        (slope * y, "you multiply by y itself, where the slope of the outer ReLU belongs"),
        (2.0 * open2, "the error of the output is missing: y and t do not come in"),
        (2 * y, "the target t is missing"),
        (2 * (y + t) * open2, "you add t to y"),
        ((y - t) ** 2 * open2, "you use the squared error itself, not its derivative"),
        (np.sign(y - t) * open2, "you use the derivative of the absolute error, not of the squared one"),
    ]
    inner_gate = "the slope of the inner ReLU is taken from the wrong values"
    skip_in_h = "the skip's term is added to the gradient of the hidden layer. But the skip goes past it"
    no_way_back = "you do not go back through W2"
    wrong_delta1 = [
        (back, "the slope of the inner ReLU is missing"),
        (back * open2, inner_gate),
        (back * (x > 0), inner_gate),
        (back * ~open1, "the slope of the inner ReLU is upside down"),
        (back * h, "you multiply by h itself, where the slope of the inner ReLU belongs"),
        (W2 @ delta2 * open1, "you go back through W2 without its transpose"),
        (W1.T @ delta2 * open1, "you go back through W1, where W2 belongs"),
        (W2.T @ (delta2 * open1), "the slope of the inner ReLU comes before W2, on the way back"),
        ((back + delta2) * open1, skip_in_h),
        (delta1 + delta2, skip_in_h),
        (delta2 * open1, no_way_back),
        (delta2, no_way_back),
    ]
    turned = "rows and columns are exchanged: this is the transpose"
    skip_in_W = "the skip's term is added. But the skip has no weights"
    other = "this is the gradient of the other matrix"
    only = [
        ("W2", np.outer(delta1, x), other, "First dW1, then dW2: W1 is the matrix that meets x first."),
        ("W1", np.outer(delta2, h), other, "First dW1, then dW2: W1 is the matrix that meets x first."),
        ("W2", np.outer(h, delta2), turned, OUTER),
        ("W2", np.outer(delta2, z1), "you use z1, where h belongs", OUTER),
        ("W2", np.outer(delta2, x), "you use x, where h belongs", OUTER),
        ("W2", np.outer(delta2, open1), "you use the slope of the inner ReLU, where h belongs", OUTER),
        ("W2", np.outer(delta2, h + x), skip_in_W, OUTER),
        ("W2", np.outer(delta2, h) + delta2, skip_in_W, OUTER),
        ("W1", np.outer(x, delta1), turned, OUTER),
        ("W1", np.outer(delta1, h), "you use h, where x belongs", OUTER),
        ("W1", np.outer(delta1, relu(x)), "you send x through a ReLU", OUTER),
        ("W1", np.outer(delta1, x) + delta2, skip_in_W, OUTER),
        ("x", W1.T @ delta1, "the path along the skip is missing", PATHS),
        ("x", delta2, "the path through F is missing", PATHS),
        ("x", W1.T @ delta1 + slope, "the skip's term does not pass the outer ReLU", PATHS),
        ("x", W1.T @ delta1 + y, "you add y. The skip brings a gradient, not a value", PATHS),
        ("x", W1.T @ delta1 + x, "you add x. The skip brings a gradient, not a value", PATHS),
        ("x", W1.T @ delta1 + 1, "you add 1: the slope of the skip, without what comes from above", PATHS),
        ("x", W1.T @ delta1 * delta2, "you multiply the two paths. Gradients of two paths add up", PATHS),
        ("x", W1.T @ delta1 - delta2, "you subtract the skip's term", PATHS),
        ("x", 2 * W1.T @ delta1 + delta2, "the path through F counts twice", PATHS),
        ("x", W1.T @ delta1 + 2 * delta2, "the skip's term counts twice", PATHS),
        ("x", W1.T @ delta1 + delta2 * open1, "the skip's term goes through the inner ReLU", PATHS),
        ("x", W1.T @ delta1 + delta2 * (x > 0), "the skip's term goes through a ReLU at x", PATHS),
        ("x", (W1.T @ delta1 + delta2) * (x > 0), "both paths go through a ReLU at x. There is none", PATHS),
        ("x", W1.T @ (delta1 + delta2), "the skip's term goes back through W1. The skip has no weights", PATHS),
        ("x", W1.T @ delta1 + back, "the skip's term goes back through W2. The skip has no weights", PATHS),
        ("x", W1 @ delta1 + delta2, "you go back through W1 without its transpose", PATHS),
        ("x", W2.T @ delta1 + delta2, "you go back through W2, where W1 belongs", PATHS),
        ("x", delta1 + delta2, "you do not go back through W1", PATHS),
    ]
    without = "these are the gradients of the block without its"
    relu_first = "these are the gradients of a block with its ReLU before the sum"
    early_way = through(early * (f > 0), W2.T @ (early * (f > 0)) * open1, x, W1, h)
    return [
        (exact_gradients(*given, skip=False), f"{without} skip", DELTA2),
        (exact_gradients(*given, inside=np.array), f"{without} inner ReLU", DELTA1),
        (exact_gradients(*given, outside=np.array), f"{without} outer ReLU", DELTA2),
        (early_way | {"x": early_way["x"] + early * (f <= 0)}, relu_first, DELTA2),
        *((through(d2, W2.T @ d2 * open1, x, W1, h), idea, DELTA2) for d2, idea in wrong_delta2),
        *((through(delta2, d1, x, W1, h), idea, DELTA1) for d1, idea in wrong_delta1),
        *(({name: value}, idea, hint) for name, value, idea, hint in only),
    ]


def parts_of(answer, names: list[str], right: list[np.ndarray], call: str) -> list[np.ndarray]:
    """What `answer` holds, as arrays; Wrong if they are not so many as `right`, or not of its shapes and order."""
    all_of = f"Return {len(names)} arrays, in this order: {', '.join(names)}."
    if answer is None:
        raise Wrong(f"{call} gives None.", "The last line of the function must be `return ...` with your results.")
    if not isinstance(answer, Iterable) or isinstance(answer, str | dict) or getattr(answer, "ndim", 1) == 0:
        raise Wrong(f"{call} gives a {type(answer).__name__}, not {len(names)} arrays.", all_of)
    answer = list(answer)
    if len(answer) != len(names):
        raise Wrong(f"{call} gives {len(answer)} things, not {len(names)}.", all_of)
    found = [as_numbers(value, name) for value, name in zip(answer, names, strict=True)]
    for order in list(itertools.permutations(found))[1:]:
        if all(map(close_to, order, right)):
            raise Wrong("Your arrays are right, but they stand in the wrong order.", all_of)
    for array, name, its in zip(found, names, right, strict=True):
        if array.shape != its.shape:
            said = f"{name} has the shape {array.shape}, and it should have {its.shape}."
            raise Wrong(said, f"{all_of} Each has the shape of the array that it belongs to.")
    return found


def blame_gradients(found: dict, right: dict, rows: list[tuple[dict, str, str]], factors: dict, sign: str) -> None:
    """Raise Wrong if `found`, of gradients by name, is not as in `right`: the first idea, and all that it explains.

    factors: what a multiple of the right gradient means, as (idea, hint). sign: what to put before a name.
    """
    said, thing = {}, "gradient" if sign == "d" else "step, divided by lr,"
    for name in ("W2", "W1", "x"):
        if name not in found or close_to(found[name], right[name]):
            continue
        times = multiple_of(right[name], found[name])
        at = worst_place(found[name], right[name])
        numbers = f"There the {thing} should be {right[name][at]:.4g}, and yours is {found[name][at] + 0:.4g}."
        ideas = [(idea, hint) for values, idea, hint in rows if close_to(found[name], values.get(name, right[name]))]
        ideas += [idea for factor, idea in factors.items() if math.isclose(times, factor, rel_tol=1e-3)]
        ideas += [(f"you have {times:.4g} times the right gradient", numbers)] if math.isfinite(times) else []
        said[name] = [*ideas, (f"not all is right, for example entry [{', '.join(map(str, at))}]", numbers)][0]
    if said:
        idea, hint = next(iter(said.values()))
        where = ", ".join(sign + name for name in sorted(said) if said[name][0] == idea)
        raise Wrong(f"In {where}: {idea}.", hint)


@exercise("5.2", "The gradient reaches x on two paths, and the one along the skip has no weights in it.")
def check_block_gradients(block_gradients: Callable[..., tuple[np.ndarray, ...]]) -> None:
    """Exercise 5.2: `block_gradients(x, W1, W2, t)` is dW1, dW2, dx: the gradients of the loss sum((y - t) ** 2)."""
    for given in examples():
        before = copy.deepcopy(given)
        answer = block_gradients(*given.values())
        check_untouched(given, before)
        right = exact_gradients(**before)
        wanted = [right[name] for name in ("W1", "W2", "x")]
        found = parts_of(answer, ["dW1", "dW2", "dx"], wanted, "block_gradients(x, W1, W2, t)")
        n = len(given["x"])
        factors = {
            -1: ("the sign is opposite", "The derivative of (y - t)^2 by y is 2 (y - t), not 2 (t - y)."),
            0.5: ("you have half the right values: the 2 from the square is missing", DELTA2),
            1 / n: ("you divide by the length of y. The loss is a sum, not a mean", DELTA2),
        }
        rows = wrong_backward(**before) if len(given["W1"]) == n else []
        blame_gradients(dict(zip(("W1", "W2", "x"), found, strict=True)), right, rows, factors, "d")


@exercise("5.3", "Both gradients from the old weights, then both steps: this is training, by hand.")
def check_descend(descend: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    """Exercise 5.3: `descend(x, W1, W2, t, lr)` is new_W1, new_W2, after one step against the gradient."""
    for given, lr in zip(examples(), (0.07, 0.2, 0.3), strict=True):
        before = copy.deepcopy(given)
        answer = descend(*given.values(), lr)
        check_untouched(given, before)
        right = exact_gradients(**before)
        wanted = [before[name] - lr * right[name] for name in ("W1", "W2")]
        found = parts_of(answer, ["new_W1", "new_W2"], wanted, "descend(x, W1, W2, t, lr)")
        moves = {name: (before[name] - new) / lr for name, new in zip(("W1", "W2"), found, strict=True)}
        n = len(given["x"])
        factors = {
            -1: ("you step uphill: the loss grows", STEP),
            lr: ("lr comes in twice", STEP),
            1 / lr: ("lr is missing: you step by the whole gradient", STEP),
            1 / lr**2: ("you divide by lr", STEP),
            0.5: ("your step is half the right one. Has your gradient the 2 from the square?", DELTA2),
            1 / n: ("your step is too short: you divide by the length of y", DELTA2),
        }
        rows = wrong_steps(lr, **before) + wrong_backward(**before) if len(given["W1"]) == n else []
        blame_gradients(moves, right, rows, factors, "new_")


STEP = "new_W1 = W1 - lr * dW1, and new_W2 = W2 - lr * dW2."


def wrong_steps(lr: float, x, W1, W2, t) -> list[tuple[dict[str, np.ndarray], str, str]]:
    """What wrong steps amount to, with square matrices: rows of the gradient that would explain it, idea, hint."""
    old = {"W1": W1, "W2": W2}
    first = exact_gradients(x, W1, W2, t)
    dW1, dW2 = first["W1"], first["W2"]
    new_W1, new_W2 = W1 - lr * dW1, W2 - lr * dW2
    again = exact_gradients(x, new_W1, new_W2, t)
    late_W1, late_W2 = exact_gradients(x, W1, new_W2, t)["W1"], exact_gradients(x, new_W1, W2, t)["W2"]
    y = relu(W2 @ relu(W1 @ x) + x)
    loss = ((y - t) ** 2).sum()
    joint = math.hypot(np.linalg.norm(dW1), np.linalg.norm(dW2))
    own = {name: first[name] / np.linalg.norm(first[name]) for name in old}
    too_late = "you take the gradient after the other matrix has moved"
    both_first = "Compute both gradients first, from the old W1 and W2. Only then make the two steps."
    plain = "Take the gradient as it is: its length belongs to the step."
    steps = [
        ({"W1": late_W1, "W2": late_W2}, too_late, both_first),
        ({name: np.sign(first[name]) for name in old}, "you use only the signs of the gradient", plain),
        (own, "you divide the gradient by its own length", plain),
        ({name: first[name] / joint for name in old}, "you divide by the length of both gradients together", plain),
        ({name: first[name].clip(-1, 1) for name in old}, "you cut off the gradient at 1 and -1", plain),
        ({name: first[name] / loss for name in old}, "you divide by the loss", plain),
        ({name: first[name] + again[name] for name in old}, "you make two steps. One was asked for", STEP),
    ]
    weights = [
        ({"W1": W1, "W2": W2}, "nothing moves: these are the old weights", STEP),
        ({"W1": dW1, "W2": dW2}, "you give the gradient, not the new weights", STEP),
        ({"W1": lr * dW1, "W2": lr * dW2}, "you give the step alone, not the new weights", STEP),
        ({"W1": -lr * dW1, "W2": -lr * dW2}, "you give the step alone, not the new weights", STEP),
        ({"W1": lr * (W1 - dW1), "W2": lr * (W2 - dW2)}, "lr multiplies the weights too", STEP),
        ({"W1": W1 - lr * W1, "W2": W2 - lr * W2}, "you subtract a part of the weights, not of the gradient", STEP),
    ]
    return steps + [
        ({name: (old[name] - new) / lr for name, new in values.items()}, *said) for values, *said in weights
    ]


@exercise("5.4", "F has to make only the difference between H(x) and x. If H is the identity, F is zero.")
def check_branch_target(branch_target: Callable[[Callable], Callable]) -> None:
    """Exercise 5.4: `branch_target(H)` is a function F. For every x, the sum x + F(x) must be H(x)."""
    batch = np.array([[0.65, -1.21, 1.77], [-0.4, 1.3, 0.2]])
    solve = "Take the equation x + F(x) = H(x) and solve it for F(x)."
    later = "Define a function inside yours, `def F(x): ...`, and return F, not F(x). H is called in F."
    whole = "x may be a vector or a batch, one vector in each row. Work with the whole array, not entry by entry."
    targets = (bent, squared)
    made = [branch_target(H) for H in targets]
    for F in made:
        if not callable(F):
            raise Wrong(f"branch_target(H) gives a {type(F).__name__}. It must give a function.", later)
    for H, F in zip(targets, made, strict=True):
        for x in (batch[0], batch):
            given = x.copy()
            found = as_numbers(F(given), "F(x), with F = branch_target(H),")
            check_untouched({"x": given}, {"x": x})
            if found.shape != x.shape:
                raise Wrong(f"For an x of shape {x.shape} your F(x) has the shape {found.shape}.", whole)
            if close_to(found, H(x) - x):
                continue
            if x.ndim > 1:
                raise Wrong("Your F is right for a vector, but not for a batch, with one vector in each row.", whole)
            blame(wrong_targets(H, x), lambda values, found=found: any(close_to(found, value) for value in values))
            shown = [np.round(values, 2).tolist() for values in (x, H(x), found)]
            raise Wrong("For x = {} and H(x) = {} your F(x) is {}.".format(*shown), solve)


def bent(x: np.ndarray) -> np.ndarray:
    """A function from vectors to vectors: neither linear nor entry by entry, and 0 is not mapped to 0."""
    x = np.array(x, dtype=float)
    return 2 * np.sin(x) + np.flip(x, -1) - 1.5


def squared(x: np.ndarray) -> np.ndarray:
    """Another such function."""
    x = np.array(x, dtype=float)
    return x**2 - np.roll(x, 1, -1)


def wrong_targets(H: Callable, x: np.ndarray) -> list[tuple[list, str, str]]:
    """What wrong ideas give for F(x), where x is one vector: rows of a list of values, the idea, and a hint."""
    y = H(x)
    difference = y - x
    zero, one = np.zeros(len(x)), np.ones(len(x))
    matrix = np.stack([H(e) for e in np.eye(len(x))], axis=-1)
    solve = "Take the equation x + F(x) = H(x) and solve it for F(x)."
    inside = "Call H inside of F, with the x that F is given, and once only."
    local = "Use the H that branch_target is given. Do not keep it under a global name."
    entries = "F(x) may be negative, and it need not be small. Put no ReLU and no absolute value around it."
    return [
        ([-difference], "The sign is opposite: your F(x) leads away from H(x).", solve),
        ([y], "Your F is H itself. Then the sum is x + H(x), which is more than H(x).", solve),
        ([y + x], "You add x. The skip adds it already.", solve),
        ([x], "Your F gives x back. Then the sum is 2 x, whatever H is.", solve),
        ([zero], "Your F is zero. Then the sum is x, whatever H is.", solve),
        ([-x], "Your F takes x away, and H does not come in. Then the sum is 0.", solve),
        ([y - 2 * x], "You take x away twice. The skip adds it once.", solve),
        ([y - 1, y - x.mean(), y - x.sum()], "You take away a number, where x has to go.", solve),
        ([difference / 2], "Your F goes half the way only.", solve),
        ([y / x, y / x - 1], "You divide by x. But the skip adds: it does not multiply.", solve),
        ([y * x], "You multiply by x. But the skip adds: it does not multiply.", solve),
        ([H(y), H(y) - x, H(y) - y], "You apply H twice.", inside),
        ([H(difference), H(-difference)], "You call H with a difference. H needs x itself.", inside),
        ([H(zero), H(zero) - x], "You call H with zeros, not with x.", inside),
        ([H(one), H(one) - x], "You call H with ones, not with x.", inside),
        ([y - H(zero)], "You take away H(0), where x has to go.", solve),
        ([squared(x) - x], "The function that you gave first has changed: it uses the H of a later call.", local),
        ([matrix @ x - x], "You make a matrix from H. That is right only if H is linear.", inside),
        ([np.abs(difference)], "Your F gives the size of the difference, without its sign.", entries),
        ([relu(difference), relu(y) - x], "You put a ReLU into F. Some entries of F(x) must be negative.", entries),
    ]


def turned(degrees: float) -> np.ndarray:
    """The rotation of the plane."""
    c, s = (f(math.radians(degrees)) for f in (math.cos, math.sin))
    return np.array([[c, -s], [s, c]]).round(12)


def block_diagonal(*parts: np.ndarray) -> np.ndarray:
    """The matrix with these square parts along its diagonal, and with zeros elsewhere."""
    A, at = np.zeros((sum(map(len, parts)),) * 2), 0
    for part in parts:
        A[at : at + len(part), at : at + len(part)] = part
        at += len(part)
    return A


MATRICES = {  # what to call it, and the matrix; the two distances of each differ by 10 % or more
    "a rotation by 30 degrees": turned(30),
    "a rotation by 50 degrees": turned(50),
    "a rotation by 70 degrees": turned(70),
    "a rotation by 90 degrees": turned(90),
    "a rotation by 180 degrees": turned(180),
    "a rotation of the space by 65 degrees": block_diagonal(turned(65), np.eye(1)),
    "a rotation of the space by 90 degrees": block_diagonal(turned(90), np.eye(1)),
    "two rotations at once, by 20 and 70 degrees": block_diagonal(turned(20), turned(70)),
    "0.4 times the identity": 0.4 * np.eye(3),
    "0.6 times the identity": 0.6 * np.eye(3),
    "3 times the identity": 3.0 * np.eye(2),
    "0.9 times the identity": 0.9 * np.eye(2),
    "the identity": np.eye(4),
    "a matrix of zeros": np.zeros((2, 2)),
    "a reflection": np.diag([1.0, -1.0]),
    "a reflection, times 2 in two directions": np.diag([2.0, 2.0, -1.0]),
    "an exchange of two of the five entries": np.eye(5)[[1, 0, 2, 3, 4]],
    "a shear": np.array([[1.0, 3.0], [0.0, 1.0]]),
    "a stretched reflection": np.diag([0.9, 0.9, -1.5]),
    "a stretching along one axis": np.diag([2.0, 0.2, 0.2]),
}

NUMBERS = [  # and some without a name
    [[0.7, -0.1, 0.5], [0.2, 0.0, -0.3], [-0.7, 0.2, 0.3]],
    [[0.6, -0.3, -0.7], [-0.6, 1.0, 0.5], [-0.2, -0.3, 0.9]],
    [[0.5, 0.0, 0.0], [1.6, 0.4, 0.0], [0.0, 0.0, 1.4]],
    [[-0.5, 0.0, 0.0], [0.0, 1.0, 0.2], [0.0, -1.3, 0.0]],
]
MATRICES |= {f"A = {rows}": np.array(rows) for rows in NUMBERS}


@exercise("5.5", "Only the diagonal counts: trace above n / 2. For a rotation of the plane: below 60 degrees.")
def check_nearer(nearer: Callable[[np.ndarray], str]) -> None:
    """Exercise 5.5: `nearer(A)` is "residual" or "plain": the form that is nearer to y = A x when F is 0."""
    start = "With F = 0 the plain form gives 0 and the residual form gives x. The matrices are 0 and I."
    right, answers = {}, {}
    for name, A in MATRICES.items():
        given = A.copy()
        answer = nearer(given)
        check_untouched({"A": given}, {"A": A})
        if answer is None:
            raise Wrong(f"For {name} you give None.", "Each path through the function needs a `return`.")
        if not isinstance(answer, str) or answer not in ("residual", "plain"):
            raise Wrong(f"{answer!r} is none of the two answers.", "Return 'residual' or 'plain', nothing else.")
        answers[name], right[name] = answer == "residual", bool(np.trace(A) > len(A) / 2)
    if answers == right:
        return
    if len(set(answers.values())) == 1:
        raise Wrong(f"You say {answer!r} whatever A is.", start)
    blame(wrong_rules(), lambda rule: all(bool(rule(MATRICES[name])) == answers[name] for name in MATRICES))
    name = next(name for name in MATRICES if answers[name] != right[name])
    distances = [np.linalg.norm(MATRICES[name] - k * np.eye(len(MATRICES[name]))) for k in (1, 0)]
    said = "residual" if answers[name] else "plain"
    hint = "Its distance to the identity is {:.2f}, and to the zero matrix {:.2f}.".format(*distances)
    raise Wrong(f"For {name} you say {said!r}, which is wrong.", hint)


def wrong_rules() -> list[tuple[Callable[[np.ndarray], bool], str, str]]:
    """Wrong rules for saying "residual", each with its idea and a hint."""
    norm, trace, det = np.linalg.norm, np.trace, np.linalg.det
    root = "The distance of two matrices here: the root of the sum of the squares of all entries of their difference."
    start = "With F = 0 the plain form gives 0 and the residual form gives x. The matrices are 0 and I."
    two = "Two distances are compared: from A to I, and from A to the zero matrix."

    def nearer_by(size):
        return lambda A: size(A - np.eye(len(A))) < size(A)

    def symmetric_least(A):
        return np.linalg.eigvalsh(A + A.T).min()

    def diagonal(A):
        return np.diag(A)

    def real(A):
        return np.linalg.eigvals(A).real

    def cosine(A):
        return trace(A) / (norm(A) * len(A) ** 0.5 + 1e-9)

    return [
        (lambda A: trace(A) < len(A) / 2, "Your answers are exchanged: the smaller distance is the nearer one.", two),
        (nearer_by(lambda M: norm(M, 2)), "You compare largest singular values: the worst direction alone.", root),
        (nearer_by(lambda M: norm(M, "nuc")), "You compare sums of singular values.", root),
        (nearer_by(lambda M: abs(M).max()), "You compare the largest entries alone.", root),
        (nearer_by(lambda M: abs(M).sum()), "You add absolute values, not squares.", root),
        (nearer_by(lambda M: norm(M, 1)), "norm(A, 1) looks at one column only, the largest.", root),
        (nearer_by(lambda M: norm(M, np.inf)), "norm(A, np.inf) looks at one row only, the largest.", root),
        (
            nearer_by(lambda M: abs(M.sum())),
            "You add entries of both signs, so they cancel.",
            root,
        ),
        (nearer_by(lambda M: abs(np.linalg.eigvals(M)).max()), "You compare largest eigenvalues.", root),
        (nearer_by(lambda M: abs(det(M))), "You compare determinants.", root),
        (
            lambda A: norm(A - 1) < norm(A),
            "You take the identity for a matrix with 1 in *every* place.",
            start,
        ),
        (lambda A: A[0, 0] > 0.5, "You look at the first column or the first entry alone.", root),
        (
            lambda A: norm(A + np.eye(len(A))) < norm(A),
            "You compare with -I. The skip gives x, not -x.",
            start,
        ),
        (lambda A: trace(A) > 0, "Nearer to I than to -I is not enough: the plain form starts at 0.", start),
        (
            lambda A: trace(A) > 1,
            "Your border does not grow with n.",
            "Try it with 0.4 I, for n = 3.",
        ),
        (lambda A: trace(A) > len(A), "Your border is too high.", two),
        (lambda A: det(A) > 0, "You look at the sign of the determinant. It says nothing about distance.", two),
        (lambda A: det(A) > 0.5, "You look at the size of the determinant.", two),
        (lambda A: symmetric_least(A) > 0, "You ask if A turns no x by 90 degrees or more. That is no distance.", two),
        (lambda A: real(A).min() > 0, "You look at the signs of the eigenvalues.", two),
        (lambda A: real(A).min() > 0.5, "You look at the eigenvalues.", two),
        (lambda A: np.allclose(A, np.eye(len(A))), "You ask if A *is* the identity. It need only be nearer.", two),
        (lambda A: diagonal(A).min() > 0.5, "You ask each entry of the diagonal alone.", root),
        (lambda A: diagonal(A).max() > 0.5, "You ask for one large entry of the diagonal.", root),
        (lambda A: diagonal(A).min() > 0, "You look at the signs of the diagonal.", root),
        (lambda A: norm(A - np.eye(len(A))) < 1, "You compare the distance to I with 1.", two),
        (
            lambda A: norm(A - np.eye(len(A))) < len(A) ** 0.5,
            "You compare the distance to I with I itself.",
            two,
        ),
        (lambda A: norm(A - np.eye(len(A))) < 0.5, "You compare the distance to I with 0.5.", two),
        (lambda A: cosine(A) > 0.5, "You look at the angle between A and I. It does not see how long A is.", two),
        (lambda A: norm(A) > 1, "You look at the length of A alone.", two),
        (lambda A: norm(A) > len(A) ** 0.5, "You compare the lengths of A and I.", two),
    ]

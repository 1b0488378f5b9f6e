"""Checkers of chapter 7, Gradient flow."""

import copy
import itertools
import math
from collections.abc import Callable, Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reslab.checks.chapter_02 import as_numbers
from reslab.checks.exercise import Wrong, blame, exercise, number_from

STREAM = "Keep two things: the stream, which starts as x, and the list. A block adds its part to both."


@exercise("7.1", "The output of a residual net is a sum: the input, and one part from each block.")
def check_parts_of_sum(parts_of_sum: Callable[[list, Tensor], list[Tensor]]) -> None:
    """Exercise 7.1: `parts_of_sum(branches, x)` is the list x, F_1(x_1), ..., F_L(x_L): L + 1 tensors."""
    for blocks, shape in ((3, (2, 4)), (4, (5, 3))):
        branches, x = [small_branch(shape[1]) for _ in range(blocks)], torch.randn(shape)
        given, given_list = x.clone(), list(branches)
        found = parts_of_sum(given_list, given)
        fresh = "`stream += part` and `stream[...] = part` change the caller's x. Write stream = stream + part."
        mistakes = [
            (not torch.equal(given, x), "After the call, x is not what it was before.", fresh),
            (
                given_list != branches,
                "After the call, the list `branches` is not what it was.",
                "Only read it: take its items in a for loop.",
            ),
        ]
        blame(mistakes)
        blame_parts(found, branches, x)
        leaf = x.clone().requires_grad_()
        right, total = sum(stream_parts(branches, leaf)), sum(parts_of_sum(list(branches), leaf))
        (wanted,) = torch.autograd.grad(right.square().sum(), leaf)
        gradient = torch.autograd.grad(total.square().sum(), leaf)[0] if total.requires_grad else torch.zeros(shape)
        if not torch.allclose(gradient, wanted, atol=1e-3):
            hint = "Leave out detach(), .data, torch.no_grad() and new tensors made from numbers."
            raise Wrong("The values are right, but you cut them off: no gradient flows back through them.", hint)


def small_branch(n: int) -> Callable[[Tensor], Tensor]:
    """F(x) = W2 relu(W1 x), with random weights."""
    W1, W2 = torch.randn(2, n, n)
    return lambda x: F.relu(x @ W1.T) @ W2.T


def stream_parts(branches: list, x: Tensor, step: Callable[[Tensor, Tensor], Tensor] = torch.add) -> list[Tensor]:
    """x, and what each branch makes of its input; `step` makes of a branch's input and output the next input."""
    parts, stream = [x], x
    for branch in branches:
        parts.append(branch(stream))
        stream = step(stream, parts[-1])
    return parts


def blame_parts(found, branches: list, x: Tensor) -> None:
    """Raise Wrong if `found` is not the list of the parts."""
    right = stream_parts(branches, x)
    size, stream = len(right), [sum(right[: i + 1]) for i in range(len(right))]
    items = f"For {size - 1} blocks return a list of {size} tensors, each of the shape of x."
    if found is None:
        raise Wrong("parts_of_sum gives None.", items)
    if isinstance(found, Tensor) and found.shape[1:] != x.shape:
        is_sum = found.shape == x.shape and torch.allclose(found, stream[-1], atol=1e-3)
        one = (
            "You return the sum. The exercise asks for its parts." if is_sum else "You return one tensor, not a list."
        )
        raise Wrong(one, items)
    if not isinstance(found, Iterable):
        raise Wrong(f"parts_of_sum gives a {type(found).__name__}, not a list of tensors.", items)
    found = list(found)
    for item in found:
        if not isinstance(item, Tensor):
            raise Wrong(f"One item of your list is a {type(item).__name__}, not a tensor.", items)
        if item.shape != x.shape:
            raise Wrong(f"One item of your list has the shape {tuple(item.shape)}, and x has {tuple(x.shape)}.", items)

    def same(wrong):
        close = [torch.allclose(a.float(), b, atol=1e-3) for a, b in zip(found, wrong, strict=False)]
        return len(found) == len(wrong) and all(close)

    if same(right):
        return
    relu_after, relu_before = (
        [lambda z, f=f: F.relu(f(z)) for f in branches],
        [lambda z, f=f: f(F.relu(z)) for f in branches],
    )
    part = "You give the stream x_1, x_2, ... itself. A part is only what one block adds to it."
    stream_only = [stream, [x, *stream[:-1]], stream[:-1], stream[1:]]
    plain = "Each branch gets the output of the branch before it: that is a plain net, without a skip."
    one_by_one = "Each branch gets x itself. But a block gets what all blocks before it have made of x."
    first_changes = "The first item is no longer x: you add to it later, in place."
    rectified = "You apply a ReLU to the stream after the addition. In this chapter there is none."
    so_far = "Each item holds all that the blocks have added so far, not the part of one block."
    to_start = "You add each part to x, not to the stream, so the earlier parts are lost."
    mistakes = [
        (stream_only, part, STREAM),
        ([stream_parts(branches, x, lambda s, d: x)], one_by_one, STREAM),
        ([stream_parts(branches, x, lambda s, d: d)], plain, STREAM),
        ([right[1:]], "x is missing. It is the first part of the sum.", items),
        ([right[:-1]], "The part of the last block is missing.", items),
        ([[*right, stream[-1]]], "Your last item is the sum itself. Give only its parts.", items),
        (
            [[*right[1:], x], right[::-1]],
            "The parts are right, but in the wrong order.",
            "x first, then F_1, F_2, ...",
        ),
        ([[stream[-1], *right[1:]]], first_changes, "`stream += part` changes the tensor that is in the list too."),
        ([[stream[i] - x if i else x for i in range(size)]], so_far, STREAM),
        ([stream_parts(branches, x, lambda s, d: x + d)], to_start, STREAM),
        ([stream_parts(branches, x, lambda s, d: s - d)], "You subtract the parts from the stream.", STREAM),
        ([stream_parts(branches, x, lambda s, d: F.relu(s + d))], rectified, "x_{l+1} = x_l + F_l(x_l), no more."),
        ([stream_parts(relu_after, x)], "You apply a ReLU to what the branches give.", "Use F_l(x_l) as it is."),
        (
            [stream_parts(relu_before, x)],
            "You apply a ReLU to what the branches get.",
            "Give F_l the stream as it is.",
        ),
        ([stream_parts(branches[::-1], x)], "You start with the last branch.", "The first branch gets x."),
        (
            [stream_parts(branches[:1] * (size - 1), x)],
            "You use the first branch in every block.",
            "Block l has branch l.",
        ),
    ]
    blame(mistakes, lambda lists: any(map(same, lists)))
    if len(found) != size:
        raise Wrong(f"For {size - 1} blocks you give {len(found)} tensors, not {size}.", items)
    i = next(i for i in range(size) if not torch.allclose(found[i].float(), right[i], atol=1e-3))
    if i == 0:
        raise Wrong("The first item is not x.", "The first part of the sum is x, as it was given.")
    raise Wrong(f"The part of block {i} is not right.", f"F_{i} gets the sum of all parts before it. {STREAM}")


@exercise("7.2", "Two paths back through each block, the skip and the branch, and their shares add up.")
def check_back(back: Callable[[Tensor, list[Tensor], float], Tensor]) -> None:
    """Exercise 7.2: `back(delta, jacobians, shortcut)` is the gradient for the first input, of shape (n,)."""
    for blocks, n, shortcut in ((3, 5, 0.7), (4, 3, 1.0), (2, 5, 0.0)):
        delta, jacobians = torch.randn(n), list(torch.randn(blocks, n, n))
        given, given_list = delta.clone(), copy.deepcopy(jacobians)
        found = back(given, given_list, shortcut)
        kept = len(given_list) == blocks and all(map(torch.equal, given_list, jacobians))
        fresh = "`delta *= shortcut` and `delta += ...` change the caller's delta. Write delta = ... instead."
        mistakes = [
            (not torch.equal(given, delta), "After the call, delta is not what it was before.", fresh),
            (
                not kept,
                "After the call, the list `jacobians` or a matrix in it is changed.",
                "reversed() makes a new order.",
            ),
        ]
        blame(mistakes)
        blame_back(as_numbers(found, "back(delta, jacobians, shortcut)"), delta, jacobians, shortcut)


def steps_back(delta: Tensor, jacobians: Iterable[Tensor], step: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """`delta` after one `step` for each of the matrices, in the order given."""
    for J in jacobians:
        delta = step(delta, J)
    return delta


def blame_back(found: np.ndarray, delta: Tensor, jacobians: list[Tensor], shortcut: float) -> None:
    """Raise Wrong if `found` is not the gradient for the input of the first block."""
    n, blocks, backwards = len(delta), len(jacobians), jacobians[::-1]

    def right_step(d, J):
        return shortcut * d + J.T @ d

    right = steps_back(delta, backwards, right_step)

    def same(wrong):
        return found.shape == wrong.shape and np.allclose(found, wrong, rtol=1e-4, atol=1e-4)

    if same(right):
        return
    two_paths = (
        "x reaches x_{l+1} on two paths: times `shortcut` on the skip, and through J. Both give a share of delta."
    )
    last_first = "Start at the last block: its output is the one whose gradient you know."
    turned = "Output j gets J[j, i] times input i. So input i gets the sum over j of J[j, i] * delta[j]."
    each = "Take one step for each block, and use the new delta in the next step."
    shape = f"Return one tensor of shape ({n},), the gradient at the input."
    mistakes = [
        (found.size == 1, "You return one number. The gradient has one for each entry of x.", shape),
        (found.shape == (n, n), "You return a matrix. The gradient is a vector.", "A matrix times delta is a vector."),
        (found.shape in ((blocks, n), (blocks + 1, n)), "You return a gradient for every block.", shape),
        (found.shape != (n,), f"Your result has the shape {found.shape}, and delta has ({n},).", shape),
    ]
    blame(mistakes)
    first_order = sum(J.T @ delta for J in jacobians)
    share, small = shortcut**blocks * delta, shortcut ** (blocks - 1)
    forward = "You go from the first block to the last, so each J meets the wrong delta."
    not_turned = "You use J as it is. That leads from input to output, and the gradient goes the other way."
    both_wrong = "You push delta forward through the net: first block first, and J as it is."
    outside = "`shortcut` multiplies the part of the branch too. It stands on the skip only."
    on_branch = "`shortcut` multiplies the part of the branch. It stands on the skip."
    identity = "You count the skip twice: once as `shortcut`, and once more with a factor 1."
    added = "You add the shares of single blocks. But a path can go through more than one branch."
    in_order, J_only = (lambda d, J: shortcut * d + J @ d), (lambda d, J: J.T @ d)
    mistakes = [
        ([steps_back(delta, jacobians, right_step)], forward, last_first),
        ([steps_back(delta, backwards, in_order)], not_turned, turned),
        ([steps_back(delta, jacobians, in_order)], both_wrong, f"{last_first} {turned}"),
        ([steps_back(delta, backwards, lambda d, J: d + J.T @ d)], "You do not use `shortcut`.", two_paths),
        ([steps_back(delta, backwards, lambda d, J: shortcut * (d + J.T @ d))], outside, two_paths),
        ([steps_back(delta, backwards, lambda d, J: d + shortcut * J.T @ d)], on_branch, two_paths),
        ([steps_back(delta, backwards, lambda d, J: (1 + shortcut) * d + J.T @ d)], identity, two_paths),
        (
            [steps_back(delta, backwards, lambda d, J: shortcut * d - J.T @ d)],
            "You subtract the two shares.",
            two_paths,
        ),
        ([steps_back(delta, backwards, J_only)], "The skip is missing: this is a plain net.", two_paths),
        ([steps_back(delta, backwards, lambda d, J: shortcut * J.T @ d)], "You multiply the two paths.", two_paths),
        ([share], "Only the skip is there. The branches pass on a share too.", two_paths),
        ([share + first_order, share + small * first_order], added, each),
        ([steps_back(delta, backwards, lambda d, J: shortcut * d + J.T @ delta)], "Each J meets the old delta.", each),
        (
            [steps_back(delta, backwards[:-1], right_step)],
            "The first block is left out.",
            "It has a J too: jacobians[0].",
        ),
        (
            [steps_back(delta, backwards[1:], right_step)],
            "The last block is left out.",
            "It has a J too: jacobians[-1].",
        ),
        ([right_step(delta, backwards[0])], "You take one step back only, at the last block.", each),
        ([steps_back(torch.ones(n), backwards, right_step)], "You start with ones. Start with delta.", each),
        ([-right], "The sign is opposite: you give a step downhill, not the gradient.", "Leave out the minus."),
    ]
    blame(mistakes, lambda vectors: any(same(vector.numpy()) for vector in vectors))
    concrete = f"For {blocks} blocks of width {n} and shortcut = {shortcut:g} you give {found[0]:.4g} as first entry."
    raise Wrong(concrete, f"It should be {right[0]:.4g}. {two_paths}")


@exercise("7.3", "Doubling, counting, or staying below e: the start of a residual net is decided by its branches.")
def check_variance_after(variance_after: Callable[[int, str], float]) -> None:
    """Exercise 7.3: `variance_after(blocks, branch)` is one number; `branch` is "bare", "normalised" or "scaled"."""
    for blocks, word in itertools.product((10, 7, 1), ("bare", "normalised", "scaled")):
        found = number_from(variance_after(blocks, word), f'variance_after({blocks}, "{word}")')
        blame_variance(found, blocks, word)
    unknown = "For an unknown word, such as 'fixed', "
    hint = 'After the three known words: raise ValueError("..."), not return, print or assert.'
    try:
        found = variance_after(4, "fixed")
    except ValueError:
        return
    except Exception as error:
        raise Wrong(f"{unknown}your code stops with {type(error).__name__}, not ValueError.", hint) from None
    raise Wrong(f"{unknown}you raise no error. You return a {type(found).__name__}.", hint)


def blame_variance(found: float, blocks: int, word: str) -> None:
    """Raise Wrong if `found` is not the variance of the stream after so many blocks."""
    after = {
        "bare": lambda count: 2.0**count,
        "normalised": lambda count: 1.0 + count,
        "scaled": lambda count: (1 + 1 / blocks) ** count,
    }
    right, L = after[word](blocks), blocks
    if math.isclose(found, right, rel_tol=1e-4):
        return
    one_block = {
        "bare": "A bare branch returns as much variance as its block gets. So v becomes v + v.",
        "normalised": "A normalised branch has variance 1, whatever its block gets. So v becomes v + 1.",
        "scaled": "A factor 1 / sqrt(L) multiplies the variance by 1 / L. So v becomes v + v / L.",
    }[word]
    start = "Follow the variance v, block after block. It starts at 1. At each block the variances add up. "
    others = [after[other](L) for other in after if other != word]
    logs = [log(right) for log in (math.log, math.log10, math.log2)]
    deviations = {"bare": 4**L, "normalised": (1 + L) ** 2, "scaled": (1 + L**-0.5) ** (2 * L)}[word]
    grows = "You let the variance grow by the same amount at each block. But the branch gets more and more."
    own = {
        "bare": [
            ([2 * L, 2 * L + 1], grows, start + one_block),
            ([L**2], "You raise the number of blocks to a power. It is the other way round.", start + one_block),
        ],
        "normalised": [
            (
                [2],
                "You give the variance after one block. The stream keeps what it has, and more comes.",
                start + one_block,
            ),
        ],
        "scaled": [
            ([(1 + L**-0.5) ** L], "You multiply the variance by the factor, not by its square.", one_block),
            ([(1 + L**-2) ** L], "You square a factor that is squared already.", one_block),
            ([math.e], "You give the limit for very many blocks. `blocks` is a number here.", start + one_block),
            ([2], grows, start + one_block),
            ([2**L / L, 2**L / L**0.5], "You scale once, at the end. Each branch has the factor.", start + one_block),
            (
                [(2 / L) ** L, (2 / L**0.5) ** L],
                "You scale the whole sum. The factor is on the branch only.",
                one_block,
            ),
            ([1 + 1 / L], "You give the variance after one block.", start + one_block),
        ],
    }[word]
    shared = [
        ([1], "You let the variance stay 1. But each block adds some.", start + one_block),
        ([math.sqrt(right)], "You give the standard deviation. The variance is its square.", "Do not take the root."),
        ([right - 1], "You give only what the blocks add. The input has variance 1 too.", start + one_block),
        ([after[word](L - 1)], "You count one block too few.", start + one_block),
        ([after[word](L + 1)], "You count one block too many.", start + one_block),
        (others, "You give the variance of another kind of branch.", start + one_block),
        ([deviations], "You add standard deviations. For independent parts the variances add up.", start + one_block),
        (logs, "You give the logarithm of the variance.", "Return the variance itself."),
        ([1 / right], "Your number is upside down. The variance grows.", start + one_block),
        ([round(right, digits) for digits in (1, 2)], "You round the variance.", "Give all digits: no round()."),
    ]
    told = [(values, f'For "{word}": {said}', hint) for values, said, hint in own + shared]
    blame(told, lambda values: any(math.isclose(found, value, rel_tol=1e-4) for value in values))
    raise Wrong(f'For "{word}" and {L} blocks you give {found:.4g}.', f"It is {right:.4g}. {one_block}")


SEQUENCES = (
    [-1.3, 0.4, 0.9, -2.2, -3.1, -0.6, 1.7, 0.8, -1.5],
    [2.1, 1.4, 2.9, 3.7, 2.2, 0.3, -0.9, -0.2, 1.8, 3.1, 4.2, 2.7],
)


@exercise("7.4", "1 at lag 0. How fast it falls with the lag tells how far a gradient resembles its neighbours.")
def check_autocorrelation(autocorrelation: Callable[[Tensor, int], float]) -> None:
    """Exercise 7.4: `autocorrelation(g, lag)` is one number: 1 at lag 0."""
    for sequence, lag in itertools.product(SEQUENCES, (5, 2, 1)):
        blame_lagged(lagged_value(autocorrelation, sequence, lag), np.array(sequence), lag)
    empty = "g[:-0] is empty: -0 is 0. g[: len(g) - lag] works for every lag."
    try:
        found = lagged_value(autocorrelation, SEQUENCES[0], 0)
    except Wrong:
        raise
    except Exception as error:
        raise Wrong(f"Other lags work, but at lag 0 your code stops with {type(error).__name__}.", empty) from None
    if not math.isclose(found, 1, rel_tol=1e-4):
        raise Wrong(f"Other lags are right, but at lag 0 you give {found:.4g}.", f"It is 1. {empty}")


def lagged_value(autocorrelation: Callable, sequence: list[float], lag: int) -> float:
    """What the answer gives for a tensor; or for an array or a list, if it does not work with tensors."""
    stopped = []
    for kind in (torch.tensor, np.array, list):
        given = kind(sequence)
        try:
            found = autocorrelation(given, lag)
        except Exception as error:
            stopped.append(error)
            continue
        if not np.allclose(given, sequence):
            raise Wrong("After the call, g is not what it was before.", "`g -= m` changes g itself. Write c = g - m.")
        return number_from(found, "autocorrelation(g, lag)")
    raise stopped[0]


def blame_lagged(found: float, g: np.ndarray, lag: int) -> None:
    """Raise Wrong if `found` is not the autocorrelation of g at this lag, which is above 0."""
    N, c = len(g), g - g.mean()
    total = c @ c

    def products(z, k):
        return z[: N - k] @ z[k:]

    right, rest = products(c, lag) / total, N - lag
    if math.isclose(found, right, rel_tol=1e-4):
        return
    early, late = g[:rest] - g[:rest].mean(), g[lag:] - g[lag:].mean()
    norms = math.sqrt((early @ early) * (late @ late))
    spread, in_order = math.sqrt(total), np.sort(c)
    m_first = "m is the mean of all of g. Subtract it from every g_i, above and below the line."
    ratio = "Above the line: products at this lag. Below the line: squares of all N entries."
    pairs = "The pairs are (0, lag), (1, lag + 1), ..., (N - 1 - lag, N - 1)."
    mean_both = "You do not subtract the mean, so g resembles itself wherever it is far from zero."
    mean_above = "You subtract the mean below the line, but not above it."
    mean_below = "You subtract the mean above the line, but not below it."
    own_means = "Each of the two pieces gets its own mean. One mean, that of all of g, is asked for."
    own_squares = "You divide by the squares of the two pieces only."
    unbiased = "You divide each sum by its own number of terms: the unbiased version. Here both are plain sums."
    one_less = "Your variance divides by N - 1, your sum above it does not."
    no_squares = "You do not divide by the sum of squares, so the result depends on the size of g."
    deviation = "You divide by the standard deviation, not by its square."
    wraps = "Your sequence wraps around: its end is compared with its start."
    index = "You count the lag from the wrong end of np.correlate's result."
    mistakes = [
        ([products(g, lag) / (g @ g)], mean_both, m_first),
        ([products(g, lag) / total], mean_above, m_first),
        ([products(c, lag) / (g @ g)], mean_below, m_first),
        ([early @ late / norms], own_means, f"{m_first} np.corrcoef does otherwise."),
        ([early @ late / total], own_means, m_first),
        ([products(c, lag) / np.sqrt(c[:rest] @ c[:rest] * (c[lag:] @ c[lag:]))], own_squares, ratio),
        ([products(c, lag) / (c[:rest] @ c[:rest]), products(c, lag) / (c[lag:] @ c[lag:])], own_squares, ratio),
        ([right * N / rest], unbiased, "Take two sums, no means. Then far lags, with few pairs, count less."),
        ([right * (N - 1) / N], one_less, "torch.var and torch.std divide by N - 1. Take (c ** 2).sum()."),
        ([right * total / count for count in (1, N, N - 1, rest)], no_squares, ratio),
        ([right * spread, right * math.sqrt(total / N), right * math.sqrt(total / (N - 1))], deviation, ratio),
        ([c @ np.roll(c, lag) / total], wraps, f"torch.roll moves the end to the front. {pairs}"),
        ([products(c, lag + 1) / total], "Your lag is one too large.", pairs),
        ([products(c, lag - 1) / total], "Your lag is one too small.", pairs),
        ([(products(c, lag) - c[rest - 1] * c[-1]) / total], "The last pair is missing.", pairs),
        ([products(c, N - 1 - lag) / total], index, "Lag 0 is in the middle of it, at index N - 1."),
        ([abs(right)], "You lose the sign: an autocorrelation can be negative.", "Leave out the absolute value."),
        ([products(abs(c), lag) / total], "You multiply absolute values, so nothing can cancel.", ratio),
        ([products(in_order, lag) / total], "You sort g. But the order of its entries is what counts.", pairs),
        ([1], "You give 1, as at lag 0.", f"The second factor is g at i + lag. {pairs}"),
        ([-right], "The sign is opposite.", ratio),
    ]
    blame(mistakes, lambda values: any(math.isclose(found, value, rel_tol=1e-4) for value in values))
    numbers = ", ".join(f"{value:g}" for value in g)
    raise Wrong(f"For g = [{numbers}] and lag {lag} you give {found:.4g}.", f"It is {right:.4g}. {ratio} {pairs}")


@exercise("7.5", "At the start the block passes x on untouched. One number lets the branch in, and training moves it.")
def check_rezero_block(make_block: Callable[[int], nn.Module]) -> None:
    """Exercise 7.5: `ReZeroBlock(width)` is an nn.Module that computes x + alpha * F(x); alpha is 0 at the start."""
    width = 6
    block, fresh = make_block(width), make_block(width)
    if not isinstance(block, nn.Module):
        hint = "Write a class that inherits from nn.Module, or a function that returns such an object."
        raise Wrong(f"Your answer gives an object of type {type(block).__name__}, not an nn.Module.", hint)
    alpha, matrices, biases = rezero_parameters(block, width)
    for value in (0.7, -0.7):
        with torch.no_grad():  # away from any special starting values, so that no two formulas agree by chance
            for parameter in block.parameters():
                parameter.copy_(torch.randn_like(parameter))
            alpha.fill_(value)
        x = torch.randn(5, width, requires_grad=True)
        given = x.clone()
        y = block(given)
        if not torch.equal(given, x):
            hint = "An in-place step such as `x += ...` does so. Make a new tensor for the sum."
            raise Wrong("The block changes its input x.", hint)
        if not isinstance(y, Tensor):
            raise Wrong(f"forward gives a {type(y).__name__}, not a tensor.", "End it with `return` and the result.")
        right = rezero_formula(x, y, alpha, matrices, biases)
        blame_rezero_gradients(right, y, [x, alpha, *matrices])
    blame_rezero_start(fresh, x.detach(), width)


def rezero_parameters(block: nn.Module, width: int) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """The parameters of a block by kind: alpha, the two matrices, up to two biases. Wrong if these are not all."""
    parameters = list(block.parameters())
    numbers = [p for p in parameters if p.numel() == 1]
    matrices = [p for p in parameters if p.ndim == 2 and min(p.shape) > 1]
    vectors = [p for p in parameters if p.numel() > 1 and not any(p is matrix for matrix in matrices)]
    plain = any(isinstance(v, Tensor) or (type(v) in (int, float) and v != width) for v in vars(block).values())
    norm = any("Norm" in type(module).__name__ for module in block.modules())
    in_linear = [module.bias is not None for module in block.modules() if isinstance(module, nn.Linear)]
    shapes = [tuple(matrix.shape) for matrix in matrices if matrix.shape != (width, width)]
    zero = any(not matrix.any() for matrix in matrices)
    learned = "Make alpha an nn.Parameter that holds one number, and assign it to self."
    layers = "Assign two layers to self: nn.Linear(width, width), twice."
    not_found = "alpha is a plain number or tensor: PyTorch does not count it as a parameter, so nothing trains it."
    each = "alpha has one number for each unit. ReZero and SkipInit have one number for the whole block."
    fixup = "You set a layer to zero and have no alpha: that is Fixup's way to begin with y = x. ReZero has an alpha."
    mistakes = [
        (
            norm,
            "The block has a normalisation. This chapter's blocks train without one.",
            "Only linear1, relu, linear2.",
        ),
        (not matrices, "PyTorch finds no linear layer in the block, so none is trained.", f"{layers} No Python list."),
        (len(matrices) != 2, f"F has two linear layers of its own; PyTorch finds {len(matrices)}.", layers),
        (shapes, f"A linear layer has a weight of shape {[*shapes, 0][0]}, not ({width}, {width}).", layers),
        (not numbers and list(block.buffers()), "alpha is a buffer: it is stored, but not trained.", learned),
        (not numbers and plain, not_found, learned),
        (not numbers and len(vectors) > sum(in_linear), each, "torch.zeros(1) or torch.tensor(0.0) is one number."),
        (not numbers and zero, fixup, learned),
        (not numbers, "There is no alpha among the parameters of the block.", learned),
        (
            len(numbers) > 1,
            f"The block has {len(numbers)} single numbers to learn, not one alpha.",
            "Keep one: the factor of F(x).",
        ),
        (len(vectors) > 2, "The block has more parameters than two linear layers and alpha.", "Keep these three."),
        (not all(p.requires_grad for p in parameters), "A parameter is frozen.", "Leave requires_grad as it is."),
    ]
    blame(mistakes)
    return numbers[0], matrices, vectors


def rezero_readings(matrices: list[Tensor], biases: list[Tensor]) -> list[tuple[Callable, Callable]]:
    """The pairs of layers that the parameters can make: either one first, and each as x @ W.T or as x @ W."""
    shifts = list(itertools.permutations([*biases, torch.zeros(()), torch.zeros(())][:2]))
    turns = list(itertools.product((True, False), repeat=2))

    def layer(W, shift, turn):
        return lambda z: z @ (W.T if turn else W) + shift

    choices = itertools.product(itertools.permutations(matrices), shifts, turns)
    return [tuple(map(layer, *choice)) for choice in choices]


def rezero_formula(x: Tensor, y: Tensor, alpha: Tensor, matrices: list[Tensor], biases: list[Tensor]) -> Tensor:
    """Compare y with the right result and with wrong ones, all from the block's own weights; return the right one."""
    readings, relu, a = rezero_readings(matrices, biases), F.relu, alpha.flatten()

    def branch(first, second, z=x, act=F.relu):
        return second(act(first(z)))

    def same(wrong):
        return y.shape == wrong.shape and torch.allclose(y.float(), wrong.float(), atol=1e-3)

    for reading in readings:
        right = x + a * branch(*reading)
        if same(right):
            return right
    add = "The skip is x as it is, and alpha multiplies the branch only: y = x + alpha * F(x)."
    inside = "F(x) = linear2(relu(linear1(x))). There is one ReLU, and it stands in the middle."
    gate = "That is a gate: what alpha adds for F(x), it takes from x. The skip here passes x whole."
    whole = "alpha multiplies the whole sum. At the start the block gives zeros, and x is lost."
    on_skip = "alpha stands on the skip. At the start x is lost, and the branch is there in full."
    through = "alpha goes through another function before it multiplies F(x)."
    bends = (torch.exp, torch.sigmoid, torch.tanh, torch.square, torch.abs, relu)
    others = (torch.tanh, torch.sigmoid, F.gelu, F.silu, F.leaky_relu)
    mistakes = [
        (lambda f, s: [a * branch(f, s)], "The skip is missing: the block gives alpha * F(x).", add),
        (lambda f, s: [branch(f, s)], "Both the skip and alpha are missing in the result.", add),
        (lambda f, s: [x + branch(f, s)], "You do not use alpha: the block gives x + F(x).", add),
        (lambda f, s: [a * (x + branch(f, s))], whole, add),
        (lambda f, s: [a * x + branch(f, s)], on_skip, add),
        (lambda f, s: [(1 - a) * x + a * branch(f, s), a * x + (1 - a) * branch(f, s)], gate, add),
        (lambda f, s: [x + bend(a) * branch(f, s) for bend in bends], through, add),
        (lambda f, s: [x - a * branch(f, s)], "You subtract the branch.", add),
        (lambda f, s: [relu(x + a * branch(f, s))], "There is a ReLU after the sum, so the skip loses signs.", add),
        (lambda f, s: [x + a * s(f(x))], "The ReLU between the two linear layers is missing.", inside),
        (lambda f, s: [x + a * relu(branch(f, s))], "A second ReLU stands at the end of F.", inside),
        (lambda f, s: [x + a * relu(s(f(x)))], "The ReLU stands after the second linear layer.", inside),
        (lambda f, s: [x + a * s(f(relu(x))), x + a * branch(f, s, relu(x))], "F starts with a ReLU.", inside),
        (lambda f, s: [x + branch(f, s, act=lambda h: relu(a * h))], "alpha stands inside F, not before it.", add),
        (lambda f, s: [x + branch(f, s, a * x)], "alpha multiplies what goes into F.", add),
        (lambda f, s: [x + a * (x + branch(f, s))], "x comes in twice: F(x) holds a skip of its own.", add),
        (
            lambda f, s: [(1 + a) * branch(f, s)],
            "You add F(x) to itself: x was overwritten.",
            "Give F(x) its own name.",
        ),
        (lambda f, s: [relu(f(x)) + a * branch(f, s)], "The skip starts after the first ReLU, not at x.", add),
        (lambda f, s: [x + a * branch(f, s, act=act) for act in others], "F has another activation.", inside),
    ]
    blame(mistakes, lambda row: any(same(wrong) for reading in readings for wrong in row(*reading)))
    if y.shape != x.shape:
        raise Wrong(f"An input of shape {tuple(x.shape)} gives {tuple(y.shape)}.", add)
    off = (y - x).abs().max()
    raise Wrong(
        f"With alpha = {alpha.item():g} the result is not x + alpha * F(x): y - x is up to {off:.3g}.",
        f"{add} {inside}",
    )


def blame_rezero_gradients(right: Tensor, y: Tensor, inputs: list[Tensor]) -> None:
    """Raise Wrong if not all gradients of the block's result are right: for x, alpha and the matrices."""
    wanted = torch.autograd.grad(right.square().sum(), inputs)
    found = [None] * len(inputs)
    if y.requires_grad:
        found = torch.autograd.grad(y.square().sum(), inputs, allow_unused=True)
    pairs = zip(found, wanted, strict=True)
    cut = [g is None or not torch.allclose(g, w, rtol=1e-3, atol=1e-2) for g, w in pairs]
    hint = "Use no item(), .data, detach() or torch.no_grad() in forward, and make no new tensor from numbers."
    mistakes = [
        (all(cut), "The result is right, but no gradient comes through the block."),
        (any(cut[2:]), "The result is right, but the branch is cut off: its layers get no gradient."),
        (cut[1], "The result is right, but alpha is cut off: it gets no gradient."),
        (cut[0], "The result is right, but x is cut off: the gradient does not pass back whole."),
    ]
    blame([(sign, said, hint) for sign, said in mistakes])


def blame_rezero_start(block: nn.Module, x: Tensor, width: int) -> None:
    """Raise Wrong unless y = x before training, and alpha and then the linear layers learn."""
    alpha, matrices, _ = rezero_parameters(block, width)
    if alpha.item() != 0:
        hint = "Start alpha at 0. Then y = x, whatever F(x) is."
        raise Wrong(f"alpha starts at {alpha.item():.3g}, so y is not x at the start.", hint)
    target = torch.randn_like(x)
    hold = "alpha and F(x) are both zero at the start. Two zeros in a row hold each other: neither gets a gradient."
    one_zero = "alpha = 0 is enough. Leave the linear layers as PyTorch makes them."
    for _ in range(3):
        block.zero_grad()
        (block(x) - target).square().mean().backward()
        if alpha.grad.item() == 0:
            raise Wrong(hold, one_zero)
        with torch.no_grad():  # a step of SGD, by hand: to import torch.optim takes seconds
            for parameter in block.parameters():
                parameter -= 0.1 * parameter.grad
    if not all(matrix.grad.any() for matrix in matrices):
        still = "alpha learns, but a linear layer gets no gradient: the hidden units are all zero, and stay so."
        raise Wrong(still, one_zero)

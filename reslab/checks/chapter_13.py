"""Checkers of chapter 13, Training: the loss, the step, the loop."""

import copy
import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from reslab import models
from reslab.checks.chapter_02 import as_numbers, blame_values, check_untouched
from reslab.checks.exercise import Wrong, blame, exercise, number_from

READY_LOSSES = {"cross_entropy", "nll_loss", "log_softmax", "special_log_softmax"}


class NoReadyLoss(TorchFunctionMode):
    """Raises Wrong where a function of PyTorch has done the work; an error of that function comes first."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Run `function`, unless it is ready-made."""
        result = function(*args, **(kwargs or {}))
        name = getattr(function, "__name__", "")
        if name in READY_LOSSES:
            hint = "Build it from exp, sum and log. torch.logsumexp is allowed too."
            raise Wrong(f"{name} of PyTorch does the work. Build the loss by hand.", hint)
        return result


SOFTMAX = "For one image: log(sum of exp(scores)) - score of the label. Then the mean over the images."
EACH_ROW = "Subtract from each row its own largest score: max(dim=1, keepdim=True). The softmax stays the same."
LOG_OF_SOFTMAX = "Never compute the softmax itself: log p = z - log(sum of exp(z)), with z = scores - largest score."


def loss_cases() -> Iterator[tuple[str, Tensor, Tensor]]:
    """Scores and labels, ordinary ones first; the name says what is special about the scores."""
    small = torch.tensor([[0.5, -1.25, 2.0], [-2.25, 0.75, 1.5], [1.0, -0.5, -1.75]])
    labels = torch.tensor([2, 0, 1])
    yield "", torch.randn(4, 5) * 2, torch.tensor([3, 0, 1, 0])  # no label is the last: one too many makes no error
    yield "", torch.randn(5, 3) * 2, torch.tensor([2, 0, 1, 1, 2])
    yield "near 1000", small + 1000, labels
    yield "near -1000", small - 1000, labels
    yield "from -1000 to 1000", torch.tensor([[1000.0, 0.0, -1000.0], [0.0, -1000.0, 1000.0]]), torch.tensor([2, 0])
    yield "near 1000 in one row, near -1000 in others", small + torch.tensor([[1000], [-1000], [-1000]]), labels


@exercise("13.1", "The loss of every classifier in this book, and it is stable for scores of any size.")
def check_cross_entropy_by_hand(cross_entropy: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Exercise 13.1: `cross_entropy(scores, labels)` is one number, the mean of -log softmax at the labels."""
    for size, scores, labels in loss_cases():
        given = {"scores": scores.clone(), "labels": labels.clone()}
        with NoReadyLoss():
            loss = cross_entropy(*given.values())
        check_untouched(given, {"scores": scores, "labels": labels})
        check_loss_value(loss, scores, labels, size)
        if isinstance(loss, Tensor):
            check_loss_gradient(cross_entropy, scores, labels)


def check_loss_value(loss, scores: Tensor, labels: Tensor, size: str) -> None:
    """Raise Wrong if `loss` is not the cross-entropy."""
    right = F.cross_entropy(scores.double(), labels).item()
    images = len(labels)
    shape = tuple(getattr(loss, "shape", ()))
    each = f"You give {images} losses, one for each image."
    blame([(shape in ((images,), (images, 1)), each, "Return their mean, one number.")])
    blame([(len(shape) > 1, f"You give an array of shape {shape}, not one number.", SOFTMAX)])
    found = number_from(loss, "cross_entropy(scores, labels)")
    if math.isclose(found, right, rel_tol=1e-4, abs_tol=5e-4):
        return
    if not size:
        blame_values(wrong_losses(scores, labels), found)
        raise Wrong(
            f"For scores of shape {tuple(scores.shape)} you give {found:.4g}.", f"It is {right:.4g}. {SOFTMAX}"
        )
    overflow = "exp of such a number is infinite."
    underflow = "exp of such a number is rounded to 0."
    apart = "A probability is rounded to 0, and its logarithm is infinite."
    capped = f"A loss of {right:.0f} comes out as {found:.4g}: something added to or cut from the probability caps it."
    rows = "One number is subtracted from all rows, so in some rows each exp is rounded to 0."
    reasons = {
        "near 1000": (overflow, EACH_ROW),
        "near -1000": (underflow, EACH_ROW),
        "from -1000 to 1000": (apart, LOG_OF_SOFTMAX),
    }
    reason, hint = reasons.get(size, (rows, EACH_ROW))
    blame([(math.isfinite(found) and found < right / 2, capped, LOG_OF_SOFTMAX)])
    blame([(not math.isfinite(found), f"For scores {size} you give {found:g}. {reason}", hint)])
    raise Wrong(f"For scores {size} you give {found:.4g}.", f"It is {right:.4g}. {EACH_ROW}")


def wrong_losses(scores: Tensor, labels: Tensor) -> list[tuple[list[float], str, str]]:
    """What the common mistakes give for ordinary scores."""
    (images, classes), every = scores.shape, torch.arange(len(labels))
    one_hot = F.one_hot(labels, classes).float()
    log_p = scores.log_softmax(1)
    p = log_p.exp()
    losses, chosen, exps, top = -log_p[every, labels], scores[every, labels], scores.exp().sum(1), scores.amax(1)
    right, shifted, lse = losses.mean(), (scores - top[:, None]).exp().sum(1), scores.logsumexp(1)

    def others(z: Tensor, index: Tensor = labels) -> Tensor:
        """The mean loss with z in place of the log softmax, or with other labels."""
        return -z[every, index].mean()

    axis = "Each row is one image. The softmax goes along its row: dim=1."
    square = "Cross-entropy asks only for the probability of the label: -log p."
    pairs = "Take one entry from each row: scores[torch.arange(N), labels]."
    once = "Scores are not probabilities. One softmax makes them so; a second one flattens them."
    base = "math.log, np.log and torch.log are the natural logarithm."
    same = "If you subtract a number from the scores, use these new scores everywhere."
    two = "The loss of an image is a difference: the log of the sum, less the score of the label."
    probabilities = [p[every, labels].mean(), -p[every, labels].mean(), 1 - p[every, labels].mean()]
    squares = [(z - one_hot).square() for z in (p, scores)]
    binary = F.binary_cross_entropy_with_logits(scores, one_hot, reduction="none")
    off_by_one = "You take the class beside the label. Labels count from 0."
    mistakes = [
        ([losses.sum()], "You add up the losses of the images. The loss should not grow with the batch.", SOFTMAX),
        ([right / classes], "You divide by the number of classes too.", "Divide by the number of images only."),
        ([right / math.log(2), right / math.log(10)], "You take a logarithm with base 2 or 10.", base),
        ([-right], "The sign is wrong: a loss is positive, and 0 is the best.", "log p is negative. Turn its sign."),
        ([others(scores.log_softmax(0))], "Your softmax goes down a column, over the images of the batch.", axis),
        ([others(scores - scores.logsumexp((0, 1)))], "Your softmax goes over all images and classes at once.", axis),
        ([others((scores - scores.amax(0)).log_softmax(1))], "You subtract the largest score of each column.", axis),
        ([(exps - chosen).mean(), exps.mean()], "The sum of the exps stands there without its logarithm.", two),
        ([(shifted - chosen + top).mean()], "The sum of the exps stands there without its logarithm.", two),
        ([(shifted.log() - chosen).mean()], "You subtract the largest score in one place only.", same),
        ([(lse - chosen + top).mean()], "You subtract the largest score in one place only.", same),
        ([others(p.log_softmax(1))], "You take the softmax twice.", once),
        (probabilities, "You give a probability. Its logarithm is missing.", square),
        ([x for z in squares for x in (z.mean(), z.sum(1).mean())], "That is a squared error.", square),
        ([-p[every, labels].mean().log()], "You average the probabilities, and then take the logarithm.", SOFTMAX),
        ([right - math.log(classes)], "Under the logarithm you have the mean of the exps, not their sum.", SOFTMAX),
        ([others(log_p, labels - 1), others(log_p, labels + 1 - classes)], off_by_one, "Use the labels as they are."),
        ([-log_p.amax(1).mean()], "You take the largest probability, whatever the label is.", pairs),
        ([-log_p.mean()], "You average over all classes. Only the class of the label counts.", pairs),
        ([-(p * log_p).sum(1).mean()], "That is the entropy of the softmax. The labels are not used.", pairs),
        ([losses[0], losses[-1]], "You give the loss of one image only.", "Let `return` stand after the loop."),
        ([losses[0] / images], "You give the loss of one image only.", "Let `return` stand after the loop."),
        ([-log_p[:, labels].mean()], "You pair each image with the labels of all images.", pairs),
        ([-log_p[labels % images, every % classes].mean()], "You exchange the image and the class.", pairs),
        ([-log_p[labels].mean()], "You take whole rows: the label stands in the place of the image.", pairs),
        ([lse.mean()], "You do not subtract the score of the label.", two),
        ([-chosen.mean()], "You give the score alone. The other classes do not count in it.", two),
        ([(lse + chosen).mean()], "You add the score of the label: the better it is, the larger your loss.", two),
        ([others(F.logsigmoid(scores))], "You use a sigmoid. Then the classes do not compete.", SOFTMAX),
        ([binary.mean(), binary.sum(1).mean()], "You use a sigmoid. Then the classes do not compete.", SOFTMAX),
        ([right.exp(), losses.exp().mean()], "You undo the logarithm with exp.", square),
    ]
    return [([value.item() for value in values], message, hint) for values, message, hint in mistakes]


def check_loss_gradient(cross_entropy: Callable, scores: Tensor, labels: Tensor) -> None:
    """Raise Wrong if the gradient for the scores is not (softmax - one-hot) / N."""
    leaf = scores.clone().requires_grad_()
    loss = cross_entropy(leaf, labels)
    through = "Leave out detach(), .data, .item(), torch.no_grad() and torch.tensor(...) on the way."
    cut = not (isinstance(loss, Tensor) and loss.requires_grad)
    blame([(cut, "The value is right, but no gradient can flow back from it.", through)])
    found = torch.autograd.grad(loss.sum(), leaf)[0]
    one_hot = F.one_hot(labels, scores.shape[1])
    if not torch.allclose(found, (scores.softmax(1) - one_hot) / len(labels), atol=1e-4):
        blame([(found.isnan().any(), "The value is right, but its gradient has nan.", LOG_OF_SOFTMAX)])
        raise Wrong("The value is right, but its gradient is not: a part of it is cut off.", through)


DECAY = "The decay joins the gradient first: g + weight_decay * w. The rest goes on with this sum."
VELOCITY = "Three lines: g = g + weight_decay * w, v = momentum * v + g, w = w - lr * v."
PAIR = "return new_w, new_v"


@exercise("13.2", "One step of torch.optim.SGD: gradient, decay and momentum, each in its place.")
def check_sgd_step(sgd_step: Callable[..., tuple]) -> None:
    """Exercise 13.2: `sgd_step(w, v, g, lr, momentum, weight_decay)` is the pair (new_w, new_v)."""
    cases = [((3,), 0.1, 0.7, 0.3), ((2, 4), 0.5, 0.9, 0.02), ((4,), 0.2, 0.0, 0.4), ((3,), 0.3, 0.8, 0.0)]
    for shape, *settings in cases:
        given = {name: torch.randn(shape) for name in "wvg"}
        before = copy.deepcopy(given)
        found = sgd_step(*given.values(), *settings)
        check_untouched(given, before)
        w, v, g = (tensor.numpy() for tensor in before.values())
        blame_step(new_pair(found, w), w, v, g, *settings)


def new_pair(found, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pair (new_w, new_v) as arrays; Wrong if it is no such pair."""
    blame([(found is None, "sgd_step gives None.", "The last line of the function must be `return new_w, new_v`.")])
    lone = isinstance(found, Tensor | np.ndarray) and tuple(found.shape) == w.shape
    blame([(lone, "You return one array. The next step needs the new velocity too.", PAIR)])
    if not isinstance(found, tuple | list | Tensor | np.ndarray) or len(found) != 2:
        count = f" of {len(found)}" if isinstance(found, tuple | list) else ""
        raise Wrong(f"sgd_step gives a {type(found).__name__}{count}, not a pair.", PAIR)
    pair = tuple(as_numbers(part, f"new_{name}") for name, part in zip("wv", found, strict=True))
    for name, part in zip("wv", pair, strict=True):
        wrong = part.shape != w.shape
        text = f"new_{name} has the shape {part.shape}, and {name} has {w.shape}."
        blame([(wrong, text, "All operations go entry by entry. Take no sum, no norm and no @.")])
    return pair


def plain_step(w, v, g, lr, momentum, weight_decay) -> tuple[np.ndarray, np.ndarray]:
    """The pair (new_w, new_v) of torch.optim.SGD."""
    new_v = momentum * v + g + weight_decay * w
    return w - lr * new_v, new_v


def blame_step(found: tuple, w, v, g, lr: float, momentum: float, weight_decay: float) -> None:
    """Raise Wrong if `found` is not the pair that torch.optim.SGD gives."""

    def same(pair):
        return all(np.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(found, pair, strict=True))

    settings = lr, momentum, weight_decay
    right = plain_step(w, v, g, *settings)
    if same(right):
        return
    decayed, (right_w, right_v), no_decay = g + weight_decay * w, right, momentum * v + g

    def moved(new_v, step=None):
        """The pair for this velocity, and for this step if it is not the velocity."""
        return w - lr * (new_v if step is None else step), new_v

    def with_decay(decay):
        """The pair for another decay term, added to the gradient."""
        return moved(no_decay + decay)

    less, more = momentum * v - lr * decayed, momentum * v + lr * decayed
    coupled = "The decay goes straight to w, past the velocity: that is AdamW's way, not SGD's."
    late = "You shrink w after the step. In SGD the decay goes through the velocity."
    inside = "lr is inside the velocity. PyTorch keeps it out, so that a new lr acts at once."
    out = "The velocity sums up gradients only. lr comes in when w moves."
    damp = "The new gradient is damped by 1 - momentum. In SGD it counts in full."
    half = "The decay has another factor. Only weight_decay itself stands before w."
    exchanged = "Two of the arguments are exchanged."
    order = "The order is w, v, g, lr, momentum, weight_decay."
    full = "momentum * v + g, with no factor before g."
    down = "The gradient points uphill. Subtract."
    mistakes = [
        ([right[::-1]], "The pair is in the wrong order.", "First the new w, then the new v."),
        ([(w + less, less), (w - more, more)], inside, out),
        ([moved(more), (w + lr * less, less)], "lr comes in twice: in the velocity and in the step.", out),
        ([moved(momentum * v + (1 - momentum) * decayed)], damp, full),
        (
            [moved((1 - momentum) * v + decayed), moved((1 - momentum) * v + momentum * decayed)],
            "Momentum is upside down: it should say how much of v is kept.",
            full,
        ),
        ([moved(momentum * (v + decayed))], "Momentum multiplies the new gradient too.", full),
        ([with_decay(-weight_decay * w)], "The sign of the decay is wrong: it makes the weights grow.", DECAY),
        (
            [(w - lr * (no_decay + weight_decay * w), no_decay), (w - lr * no_decay - weight_decay * w, no_decay)],
            coupled,
            DECAY,
        ),
        ([((1 - k) * (w - lr * no_decay), no_decay) for k in (lr * weight_decay, weight_decay)], late, DECAY),
        (
            [with_decay(weight_decay * w**2), with_decay(weight_decay * w**2 / 2)],
            "You add the penalty itself, with w squared. Its gradient is needed.",
            DECAY,
        ),
        ([with_decay(2 * weight_decay * w), with_decay(weight_decay * w / 2)], half, DECAY),
        (
            [with_decay(weight_decay * np.sign(w)), with_decay(weight_decay * abs(w))],
            "The decay should be proportional to w, with the sign of w.",
            DECAY,
        ),
        (
            [with_decay(weight_decay * v), with_decay(-weight_decay * momentum * v)],
            "The decay acts on v, not on w.",
            DECAY,
        ),
        ([with_decay(lr * weight_decay * w)], "lr comes twice into the decay.", DECAY),
        ([(right_w - lr * weight_decay * w, right_v)], "The decay comes in twice.", DECAY),
        ([moved(no_decay)], "weight_decay has no effect.", DECAY),
        ([moved(decayed)], "momentum has no effect: the old velocity is lost.", VELOCITY),
        ([moved(v + decayed)], "All of the old velocity is kept, whatever momentum is.", full),
        ([moved(momentum * v)], "The gradient has no effect.", VELOCITY),
        (
            [moved(momentum * w + decayed), (momentum * w - lr * right_v, right_v)],
            "Momentum multiplies w. It belongs to v.",
            VELOCITY,
        ),
        ([moved(right_v, decayed + momentum * right_v)], "That is Nesterov's momentum, which looks ahead.", VELOCITY),
        ([moved(right_v, v)], "w moves by the old velocity.", "First the new v, then the step with it."),
        ([moved(right_v, decayed), moved(right_v, g)], "w moves by the gradient. It should move by v.", VELOCITY),
        ([(right_w, v)], "You return the old velocity, so it never changes.", "Return the v of this step."),
        ([(right_w, g), (right_w, decayed)], "You return the gradient in the place of the velocity.", VELOCITY),
        ([(w + lr * right_v, right_v)], "w goes uphill.", down),
        (
            [(right_w, -right_v), (w + lr * right_v, -right_v)],
            "The velocity has the wrong sign.",
            f"{VELOCITY} PyTorch's v points uphill.",
        ),
        ([(w - right_v, right_v)], "lr has no effect.", VELOCITY),
        ([(w, right_v), (w, v)], "You return the old w.", VELOCITY),
        ([(-lr * right_v, right_v), (lr * right_v, right_v)], "You return the step, not the new w.", VELOCITY),
        (
            [
                plain_step(w, v, g, momentum, lr, weight_decay),
                plain_step(w, v, g, lr, weight_decay, momentum),
                plain_step(w, v, g, weight_decay, momentum, lr),
                plain_step(w, g, v, *settings),
            ],
            exchanged,
            order,
        ),
    ]
    if momentum:  # without it, some mistakes look like others
        blame(mistakes, lambda pairs: any(map(same, pairs)))
    values = f"For momentum = {momentum:g} and weight_decay = {weight_decay:g}"
    if np.allclose(found[1], right_v, rtol=1e-4, atol=1e-5):
        raise Wrong(f"{values}, new_v is right, but new_w is not.", "new_w = w - lr * new_v.")
    bare = np.allclose(found[1], no_decay, rtol=1e-4, atol=1e-5)
    blame([(bare, "The decay is missing in new_v, and new_w is not right either.", DECAY)])
    raise Wrong(f"{values}, new_v is not right.", VELOCITY)


RAMP = "In the warm-up: peak * (step + 1) / warmup. So step 0 has a small rate, and step warmup - 1 has the peak."
HALF_COSINE = "Let t = (step - warmup) / (steps - warmup), from 0 to nearly 1. Then peak * (1 + cos(pi * t)) / 2."


def linear_ramp(s: int, warmup: int) -> float:
    """The share of the peak at the s-th of the steps of the warm-up, s = 1, 2, ..."""
    return s / warmup


def half_cosine(s: float, n: float, warmup: int = 0) -> float:
    """The share of the peak after s of the n steps that follow the warm-up, s = 0, 1, ..."""
    return (1 + math.cos(math.pi * s / n)) / 2


def rates_of(ramp: Callable, tail: Callable, steps: int, warmup: int, peak: float) -> list[float]:
    """The rates of all steps: the peak times ramp(s, warmup) or tail(s, n, warmup)."""
    rising = [ramp(s, warmup) for s in range(1, warmup + 1)]
    return [peak * share for share in [*rising, *(tail(s, steps - warmup, warmup) for s in range(steps - warmup))]]


WRONG_RAMPS = [
    (lambda s, w: (s - 1) / w, "Your first step has the rate 0, so it is lost."),
    (lambda s, w: (s - 1) / (w - 1), "Your first step has the rate 0, so it is lost."),
    (lambda s, w: s / (w + 1), "The last step of your warm-up does not reach the peak."),
    (lambda s, w: (s + 1) / w, "Your warm-up is one step early, so its last rate is above the peak."),
    (lambda s, w: 1, "The rate of your warm-up does not rise."),
    (lambda s, w: (s / w) ** 2, "Your warm-up is not linear: it is squared."),
    (lambda s, w: 1 - (s - 1) / w, "Your warm-up falls. It should rise."),
    (lambda s, w: half_cosine(w - s, w), "Your warm-up is not linear: it is a cosine too."),
]
WRONG_TAILS = [
    (lambda s, n, w: half_cosine(s + w, n + w), "Your cosine starts at step 0, so there is a jump after the warm-up."),
    (lambda s, n, w: half_cosine(s, n + w), "Your cosine is too long: it ends far above 0."),
    (lambda s, n, w: half_cosine(s + w, n), "Your cosine starts in the middle, and at the end it rises again."),
    (lambda s, n, w: math.cos(math.pi * s / n), "Your rate becomes negative: that cosine goes from 1 to -1."),
    (lambda s, n, w: math.cos(math.pi * s / n / 2), "That is a quarter of a cosine: at the end it falls steeply."),
    (lambda s, n, w: half_cosine(s, n - 1), "Your last step has the rate 0, so it is lost."),
    (lambda s, n, w: half_cosine(s + 1, n), "Your cosine is one step early: the last step has the rate 0."),
    (lambda s, n, w: half_cosine(s, n) if s else (w + 1) / w, "Your warm-up has one step too many, above the peak."),
    (lambda s, n, w: 1 - s / n, "Your rate falls in a straight line."),
    (lambda s, n, w: 1 - half_cosine(s, n), "Your cosine is upside down: after the warm-up the rate rises from 0."),
    (lambda s, n, w: 2 * half_cosine(s, n), "After the warm-up the rate jumps to twice the peak."),
    (lambda s, n, w: half_cosine(s, n) + 0.5, "Only the cosine is halved, not the sum."),
    (lambda s, n, w: half_cosine(s, n * math.pi), "Your rate hardly falls: the angle goes from 0 to 1 only."),
    (lambda s, n, w: half_cosine(2 * s, n), "Your rate falls and rises again: the angle goes too far."),
    (lambda s, n, w: half_cosine(s * 180 / math.pi, n), "You give the angle in degrees. math.cos takes radians."),
    (lambda s, n, w: half_cosine(math.radians(s), n), "You turn radians into radians: the angle stays near 0."),
    (lambda s, n, w: 1, "After the warm-up your rate does not fall."),
    (lambda s, n, w: half_cosine(s, n) ** 2, "Your half cosine is squared."),
]


def wrong_rates(steps: int, warmup: int, peak: float) -> list[tuple[list[float], str, str]]:
    """The rates that common mistakes give."""
    settings = steps, warmup, peak
    right, unit = (rates_of(linear_ramp, half_cosine, steps, warmup, top) for top in (peak, 1))
    cosine = [peak * half_cosine(step, steps) for step in range(steps)]
    ramp = [peak * (step + 1) / warmup for step in range(steps)]
    long = [rate / steps for rate in ramp]
    both = [min(rate, peak) / peak * share for rate, share in zip(ramp, cosine, strict=True)]
    share = "You take `warmup` as a share of all steps. It is a number of steps."
    product = "You multiply the warm-up with a cosine over all steps. They come one after the other."
    peaks = "Multiply both parts by it."
    return [
        (cosine, "There is no warm-up: you start with the peak.", RAMP),
        (long, share, RAMP),
        (both, product, HALF_COSINE),
        ([peak] * steps, "Your rate is always the peak.", f"First it rises, then it falls. {RAMP}"),
        (unit, "`peak` has no effect.", peaks),
        (right[:warmup] + unit[warmup:], "`peak` has no effect after the warm-up.", peaks),
        (unit[:warmup] + right[warmup:], "`peak` has no effect in the warm-up.", peaks),
        *((rates_of(wrong, half_cosine, *settings), text, RAMP) for wrong, text in WRONG_RAMPS),
        *((rates_of(linear_ramp, wrong, *settings), text, HALF_COSINE) for wrong, text in WRONG_TAILS),
    ]


@exercise("13.3", "A rate for every step: a short rise, then half a cosine down to nearly nothing.")
def check_rate_at(rate_at: Callable[[int, int, int, float], float]) -> None:
    """Exercise 13.3: `rate_at(step, steps, warmup, peak)` is the learning rate of one step, a number."""
    for steps, warmup, peak in ((20, 4, 0.8), (13, 3, 0.1), (9, 1, 2.0), (10, 0, 0.5)):
        settings = steps, warmup, peak
        try:
            found = [number_from(rate_at(step, *settings), "rate_at(...)") for step in range(steps)]
        except ZeroDivisionError:
            if warmup:
                raise
            text = "With warmup = 0 your code divides by 0."
            raise Wrong(text, "With warmup = 0 no step is in the warm-up. Divide only inside the `if`.") from None
        blame_rates(found, *settings)


def blame_rates(found: list[float], steps: int, warmup: int, peak: float) -> None:
    """Raise Wrong if `found` are not the rates of the steps."""

    def close(a, b):
        return math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-6)

    def same(rates):
        return all(map(close, found, rates))

    right = rates_of(linear_ramp, half_cosine, steps, warmup, peak)
    if same(right):
        return
    if warmup > 1:  # with a shorter warm-up, some mistakes look like others
        blame(wrong_rates(steps, warmup, peak), same)
        tail = found[warmup:]
        stairs = "Your rate goes down in stairs: it is the same for several steps."
        blame([(any(map(close, tail, tail[1:])), stairs, f"Each step has its own rate. {HALF_COSINE}")])
    step = next(step for step in range(steps) if not close(found[step], right[step]))
    place, hint = ("in the warm-up", RAMP) if step < warmup else ("after the warm-up", HALF_COSINE)
    settings = f"(steps, warmup, peak) = ({steps}, {warmup}, {peak:g})"
    raise Wrong(f"For {settings}, step {step}, {place}, has the rate {found[step]:.4g}.", hint)


class OddNet(nn.Module):
    """A net whose parameters have unusual names, shapes and owners; two layers share a weight, and one is frozen."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(2, 3, 3)
        self.scale = nn.GroupNorm(1, 3)
        self.mix = nn.Parameter(torch.randn(3, 3))
        self.alpha = nn.Parameter(torch.zeros(()))
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
        self.b.weight = self.a.weight
        self.still = nn.Linear(3, 2).requires_grad_(False)


AXES = "Ask for the number of axes: the weights of convolutions and linear layers have 2 or more, all others fewer."
TWO_GROUPS = "return [{'params': ..., 'weight_decay': weight_decay}, {'params': ..., 'weight_decay': 0.0}]"


@exercise("13.4", "The optimizer now shrinks only the weights that multiply, not the biases and the norms.")
def check_decay_groups(decay_groups: Callable[[nn.Module, float], list[dict]]) -> None:
    """Exercise 13.4: `decay_groups(model, weight_decay)` is a list of two dicts with params and weight_decay."""
    for model, weight_decay in ((models.cifar_net(8, shortcut="B", width=4), 0.3), (OddNet(), 0.002)):
        before = copy.deepcopy(model)
        groups = read_groups(decay_groups(model, weight_decay))
        same = [
            torch.equal(a, b) and a.requires_grad == b.requires_grad
            for a, b in zip(model.parameters(), before.parameters(), strict=True)
        ]
        blame([(not all(same), "You change the parameters of the model.", "Only sort them into two lists.")])
        check_once(groups, model)
        check_decays(groups, model, weight_decay)


def read_groups(found) -> list[tuple[list[Tensor], float]]:
    """Each group as its tensors and its weight decay; Wrong if it is not what an optimizer takes."""
    mistakes = [
        (found is None, "decay_groups gives None.", TWO_GROUPS),
        (isinstance(found, torch.optim.Optimizer), "You return an optimizer. Give only its groups.", TWO_GROUPS),
        (isinstance(found, dict), "You return one dict, not a list of dicts.", TWO_GROUPS),
        (not isinstance(found, list | tuple), f"decay_groups gives a {type(found).__name__}, not a list.", TWO_GROUPS),
    ]
    blame(mistakes)
    groups = []
    for group in found:
        if not isinstance(group, dict):
            raise Wrong(f"A group must be a dict, but yours is a {type(group).__name__}.", TWO_GROUPS)
        default = "A group has no key 'weight_decay': the optimizer's own default would act on it."
        mistakes = [
            ("params" not in group, "A group has no key 'params'.", TWO_GROUPS),
            ("weight_decay" not in group, default, TWO_GROUPS),
            (isinstance(group.get("params"), set), "params is a set, and an optimizer refuses it.", "Use a list."),
        ]
        blame(mistakes)
        params = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        params = [item[-1] if isinstance(item, tuple) else item for item in params]  # pairs of name and parameter
        for item in params:
            if not isinstance(item, Tensor):
                hint = "model.parameters() gives the tensors; model.named_parameters() gives pairs of name and tensor."
                raise Wrong(f"Among the params is a {type(item).__name__}, not a parameter.", hint)
        groups.append((params, number_from(group["weight_decay"], "The weight_decay of a group")))
    return groups


def check_once(groups: list[tuple[list[Tensor], float]], model: nn.Module) -> None:
    """Raise Wrong unless each trainable parameter is in the groups once."""
    found = [id(parameter) for params, _ in groups for parameter in params]
    everything = [id(parameter) for _, parameter in model.named_parameters(remove_duplicate=False)]
    missing = [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in found]
    twice = [(name, id(p)) for name, p in model.named_parameters() if found.count(id(p)) > 1]
    name, shared = (twice[0][0], everything.count(twice[0][1]) > 1) if twice else ("", False)
    copies = "Take what model.parameters() gives, as it is: no detach(), no clone(), no state_dict()."
    foreign = "A group holds a tensor that is no parameter of the model. The optimizer would train that one."
    tied = f"Two layers share `{name}`, and you list it twice. An optimizer refuses that."
    once = "A generator, such as model.parameters(), gives its items only once. Make a list, or call it again."
    lost = f"{len(missing)} parameters are in no group, such as `{''.join(missing[:1])}`. They would never learn."
    every = "Each parameter needs a group, with decay or without. model.parameters() gives those at any depth."
    empty = "A group is empty, and its parameters are lost."
    mistakes = [
        (not set(found) <= set(everything), foreign, copies),
        (missing and not all(params for params, _ in groups), empty, once),
        (missing, lost, every),
        (shared, tied, "model.parameters() gives each tensor once, even if two layers share it."),
        (twice, f"`{name}` is in the groups twice.", "Let each parameter go one way only: if ... else ..."),
    ]
    blame(mistakes)


def kinds_of_parameters(model: nn.Module) -> dict[int, str]:
    """What each parameter is, by its id."""
    norms = nn.modules.batchnorm._NormBase, nn.GroupNorm
    kinds = {}
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            layer = "norm" if isinstance(module, norms) else type(module).__name__
            kinds[id(parameter)] = "bias" if name == "bias" else layer
    return kinds


def check_decays(groups: list[tuple[list[Tensor], float]], model: nn.Module, weight_decay: float) -> None:
    """Raise Wrong unless the weights of convolutions and linear layers decay, and nothing else does."""
    for _, decay in groups:
        text = f"A group has weight_decay = {decay:g}, and the call says {weight_decay:g}."
        blame([(decay != 0 and not math.isclose(decay, weight_decay), text, TWO_GROUPS)])
    decays = {id(parameter): decay != 0 for params, decay in groups for parameter in params}
    kinds = kinds_of_parameters(model)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    wrong = {name: p for name, p in trained.items() if decays[id(p)] != (p.ndim > 1)}
    if not wrong:
        return
    wrong_kinds = {kinds[id(p)] for p in wrong.values()}
    norms = [name for name, p in trained.items() if kinds[id(p)] == "norm"]
    few = [name for name in norms if name in wrong]
    names = "A norm is not always called bn, nor a bias always bias. Ask for the number of axes: parameter.ndim."
    name, parameter = next(iter(wrong.items()))
    verb = "decays" if decays[id(parameter)] else "does not decay"
    mistakes = [
        (len(wrong) == len(trained), "The two groups are exchanged: only biases and norms decay.", AXES),
        (all(decays.values()), "All parameters decay. Biases and norms should not.", AXES),
        (not any(decays.values()), "No parameter decays.", AXES),
        (wrong_kinds == {"bias"}, f"Biases decay, such as `{name}`.", AXES),
        (few and len(few) < len(norms), f"Some norms decay, such as `{''.join(few[:1])}`. Do you go by names?", names),
        (
            few,
            f"The weights of the norms decay, such as `{''.join(few[:1])}`.",
            f"They scale; they do not mix. {AXES}",
        ),
        ("Linear" in wrong_kinds, "The weight of a linear layer does not decay.", AXES),
        ("Conv2d" in wrong_kinds, "The weight of a convolution does not decay.", AXES),
    ]
    blame(mistakes)
    raise Wrong(f"`{name}`, of shape {tuple(parameter.shape)}, {verb}.", AXES)


RATES = (0.3, 0.05, 0.2, 0.1)
ORDER = "For each batch: set_rate, model(x), the loss, zero_grad, backward, step."


class EpochLab:
    """A small net, an optimizer that has a velocity already, batches of unequal sizes, and a log of what is called."""

    def __init__(self, sizes: tuple[int, ...]):
        random = torch.Generator().manual_seed(len(sizes))

        def draw(*shape: int) -> Tensor:
            return torch.randn(shape, generator=random, dtype=torch.float64)

        self.log, self.rates = [], iter(RATES * len(sizes))
        self.model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)).double().eval()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.02, momentum=0.8)
        for parameter in self.model.parameters():
            parameter.data.copy_(draw(*parameter.shape))
            parameter.grad = draw(*parameter.shape)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.batches = [(draw(n, 4), torch.arange(n) % 3) for n in sizes]
        self.before = self.weights()
        self.model.register_forward_hook(lambda module, *_: self.note("forward", module is self.model))
        self.model[0].weight.register_hook(lambda gradient: self.note("backward"))
        self.optimizer.register_step_post_hook(lambda *_: self.note("step"))

    def note(self, event: str, mine: bool = True) -> None:
        """Write an event into the log."""
        self.log += [event] * mine

    def set_rate(self, optimizer: torch.optim.Optimizer) -> None:
        """Set the learning rate of the coming step."""
        if optimizer is not self.optimizer:
            hint = "Call set_rate(optimizer) with the one that train_epoch gets. A new one has lost its velocity."
            raise Wrong("You call set_rate with something else than the given optimizer.", hint)
        self.note("rate")
        optimizer.param_groups[0]["lr"] = next(self.rates)

    def weights(self) -> Tensor:
        """All parameters in one vector."""
        return torch.cat([parameter.detach().flatten() for parameter in self.model.parameters()])

    def statistics(self) -> Tensor:
        """The running mean of batch norm."""
        return self.model[1].running_mean


def one_hot_error(scores: Tensor, y: Tensor) -> Tensor:
    """The squared error against one-hot labels."""
    return F.mse_loss(scores, F.one_hot(y, 3).double())


@torch.enable_grad()
def run_epoch(lab: EpochLab, train: bool = True, zero: bool = True, loss_of: Callable = F.cross_entropy) -> list[dict]:
    """One epoch as it should be, or with one thing wrong; what was measured for each batch."""
    measured = []
    lab.model.train(train)
    for x, y in lab.batches:
        lab.set_rate(lab.optimizer)
        scores = lab.model(x)
        loss = loss_of(scores, y)
        if zero:
            lab.optimizer.zero_grad()
        loss.backward()
        lab.optimizer.step()
        later = [F.cross_entropy(copy.deepcopy(lab.model).train(mode)(x), y).item() for mode in (True, False)]
        hits = (scores.argmax(1) == y).sum().item()
        measured.append({"size": len(y), "loss": loss.item(), "later": later, "hits": hits})
    return measured


@exercise("13.5", "The whole loop: each optimizer, each schedule and each net of this chapter runs in it.")
def check_train_epoch(train_epoch: Callable[..., float]) -> None:
    """Exercise 13.5: `train_epoch(model, optimizer, batches, set_rate)` is the mean loss over all images, a float."""
    for sizes, lazy in (((5, 3, 4), False), ((4, 6), True)):
        lab, right = EpochLab(sizes), EpochLab(sizes)
        batches = (batch for batch in lab.batches) if lazy else list(lab.batches)
        try:
            found = train_epoch(lab.model, lab.optimizer, batches, lab.set_rate)
        except (TypeError, ZeroDivisionError):
            if not lazy:
                raise
            found = None
        except RuntimeError as error:
            blame_backward(str(error), lab.log)
            raise
        measured = run_epoch(right)
        if lazy and (found is None or not torch.allclose(lab.weights(), right.weights())):
            hint = "A generator has no len() and gives each batch once. Count the images in the same loop that trains."
            raise Wrong("With a list of batches your loop is right, but not with a generator.", hint)
        if not torch.allclose(lab.weights(), right.weights()):
            blame_loop(lab, sizes)
        if not torch.allclose(lab.statistics(), right.statistics()):
            text = "The weights are right, but the running statistics of batch norm are not."
            blame(
                [(lab.log.count("forward") > len(sizes), f"{text} You run a batch twice.", "Use the loss you have.")]
            )
            raise Wrong(text, "In train mode each batch must go through the model once, and nothing else may.")
        blame_mean_loss(found, measured)


def blame_backward(error: str, log: list[str]) -> None:
    """Raise Wrong if `error`, which has stopped a loop, is one of backward's whose cause is known."""
    batch = log[::-1][: log[::-1].index("forward")] if "forward" in log else []
    overwritten = "modified by an inplace operation" in error
    early = "The optimizer makes its step before there is a gradient of this batch."
    again = "You go back through earlier batches again."
    recorded = "No gradient can be computed: the forward pass is not recorded."
    mistakes = [
        ("does not require grad" in error, recorded, "Leave out torch.no_grad(), detach() and .item() on the way."),
        (overwritten and "step" in batch, early, ORDER),
        (overwritten or "a second time" in error, again, "Each batch has its own loss. Add up only loss.item()."),
    ]
    blame(mistakes)


def blame_loop(lab: EpochLab, sizes: tuple[int, ...]) -> None:
    """Raise Wrong for an epoch that has not led to the right weights: by what was called, or by where it led."""
    batches, log = len(sizes), lab.log
    seen, steps, rates = log.count("forward"), log.count("step"), log.count("rate")
    idle = torch.equal(lab.weights(), lab.before)
    alone = "The weights change, but the given optimizer makes no step."
    first = ["step", "backward", "rate"]
    step, backward, rate = (log.index(event) if event in log else math.inf for event in first)
    copied = "Work on `model` itself: no copy.deepcopy and no new net."
    twice = "Call it once for each batch, inside the loop and before optimizer.step()."
    mistakes = [
        (seen == 0, "The given model never sees a batch.", copied),
        (
            seen < batches,
            f"The model sees {seen} of {batches} batches.",
            "Go through all: no `return` in the loop, no slice.",
        ),
        (backward == math.inf, "No gradient is computed.", "loss.backward() does it."),
        (steps == 0 and not idle, alone, "Use the optimizer that is given: it knows its velocity."),
        (steps == 0, "The optimizer makes no step.", "optimizer.step() does it."),
        (steps != batches, f"The optimizer makes {steps} steps for {batches} batches.", ORDER),
        (step < backward, "The optimizer makes its step before there is a gradient of this batch.", ORDER),
        (idle, "The gradient is thrown away before the step.", ORDER),
        (rates == 0, "You never call set_rate.", twice),
        (step < rate, "You call set_rate after the step. It sets the rate of the coming step.", ORDER),
        (rates != batches, f"You call set_rate {rates} times for {batches} steps.", twice),
    ]
    blame(mistakes)
    other = "Your loss is not the cross-entropy of the scores."
    softmax = "F.cross_entropy takes the scores themselves: it has its own log softmax."
    mean = "F.cross_entropy(scores, y) is the mean over the batch. Use it as it is."
    loops = [
        ({"zero": False}, "The gradients of earlier batches are still there: they pile up.", ORDER),
        ({"train": False}, "The model is in eval mode while it trains.", "model.train() before the loop."),
        ({"loss_of": lambda s, y: F.cross_entropy(s.softmax(1), y)}, "You take the softmax twice.", softmax),
        ({"loss_of": one_hot_error}, f"{other} It is a squared error.", mean),
        ({"loss_of": lambda s, y: one_hot_error(s.softmax(1), y)}, f"{other} It is a squared error.", mean),
        ({"loss_of": lambda s, y: F.cross_entropy(s, y, reduction="sum")}, f"{other} It is their sum.", mean),
        ({"loss_of": lambda s, y: -F.cross_entropy(s, y)}, f"{other} Its sign is wrong: you go uphill.", mean),
    ]

    def leads_there(wrong):
        other_lab = EpochLab(sizes)
        run_epoch(other_lab, **wrong)
        return torch.allclose(lab.weights(), other_lab.weights())

    blame(loops, leads_there)
    raise Wrong(
        "After the epoch the weights of the model are not right.", f"{ORDER} Nothing else changes the weights."
    )


def blame_mean_loss(found, measured: Iterable[dict]) -> None:
    """Raise Wrong if `found` is not the mean loss over all images."""
    sizes, losses, later, hits = (
        np.array([row[key] for row in measured]) for key in ("size", "loss", "later", "hits")
    )
    graph = "The training is right. But the loss you return is a tensor that keeps the graph of every batch in memory."
    blame([(isinstance(found, Tensor) and found.requires_grad, graph, "Add up loss.item(), a plain float.")])
    value = number_from(found, "train_epoch(...)")
    images, total = sizes.sum(), (sizes * losses).sum()
    if math.isclose(value, total / images, rel_tol=1e-5):
        return
    weighted = "Add up loss.item() * len(y), count the images, and divide at the end."
    equal = "The batches are not of one size. A small batch must count less."
    mistakes = [
        ([losses.mean()], f"You return the mean of the batch losses. {equal}", weighted),
        ([losses.sum(), total], "You return a sum of losses, not a mean.", weighted),
        ([losses[-1]], "You return the loss of the last batch only.", weighted),
        ([losses[0]], "You return the loss of the first batch only.", weighted),
        ([total / len(sizes)], "You divide by the number of batches, not of images.", weighted),
        ([losses.sum() / images], "You divide by all images, but each batch loss is a mean already.", weighted),
        ([total / (n * len(sizes)) for n in sizes[[0, -1]]], f"You take all batches as equal. {equal}", weighted),
        (sizes @ later / images, "You measure the loss after the step. Take the loss that you train with.", weighted),
        ([hits.sum(), hits.sum() / images, 1 - hits.sum() / images], "You count right or wrong images.", weighted),
    ]
    blame_values(mistakes, value)
    raise Wrong(f"The training is right, but the mean loss is not: you return {value:.4g}.", weighted)

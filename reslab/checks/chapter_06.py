"""Checkers of chapter 6, The residual block."""

import copy
import inspect
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reslab import models
from reslab.checks.chapter_04 import Recorder, check_formula, check_parts
from reslab.checks.exercise import Wrong, blame, exercise, first_line, number_from


@exercise("6.1", "You can follow the size of an image through any net, without running it.")
def check_conv_out(conv_out: Callable[[int, int, int, int], int]) -> None:
    """Exercise 6.1: `conv_out(size, kernel, stride, padding)` is how many places the kernel has along one side."""
    cases = [  # size, kernel, stride, padding
        (32, 3, 2, 1),
        (32, 3, 1, 1),
        (224, 7, 2, 3),
        (28, 5, 1, 0),
        (17, 4, 3, 2),
        (13, 2, 5, 1),
        (9, 2, 3, 0),
        (9, 3, 2, 0),
    ]
    room = "With padding the side is size + 2 * padding. The kernel's first pixel can move by that, less kernel."
    whole = "A last step that does not fit in whole is not made: use //, which rounds down."
    places = "A kernel that makes n steps has stood in n + 1 places."
    start = "Draw the kernel in its first place. How many pixels are left to its right, and how many steps fit?"
    mistakes = [  # a wrong formula is known by its results in all cases
        (
            lambda s, k, t, p: (s + 2 * p - k) // t,
            "You count steps. The first place counts too.",
            places,
        ),
        (lambda s, k, t, p: (s + p - k) // t + 1, "You count the padding once. There are two ends.", room),
        (lambda s, k, t, p: (s + 2 * p - k) / t + 1, "You give parts of a pixel.", whole),
        (lambda s, k, t, p: math.ceil((s + 2 * p - k) / t) + 1, "You round up: a step out of the image.", whole),
        (lambda s, k, t, p: round((s + 2 * p - k) / t) + 1, "You round to the nearest number.", whole),
        (lambda s, k, t, p: (s + 2 * p + k) // t + 1, "You add the kernel. A larger kernel has less room.", room),
        (lambda s, k, t, p: s + 2 * p - k + 1, "You ignore the stride.", "Divide the free pixels by the stride."),
        (lambda s, k, t, p: (s + 2 * p - k + 1) * t, "You multiply by the stride. It makes the image smaller.", start),
        (lambda s, k, t, p: (s + 2 * p - k) * t + 1, "You multiply by the stride. It makes the image smaller.", start),
        (lambda s, k, t, p: (s - k) // t + 1, "You ignore the padding.", room),
        (lambda s, k, t, p: s // t, "You divide the size by the stride. Kernel and padding count too.", start),
        (lambda s, k, t, p: (s - 1) // t + 1, "You take it that the padding always fits the kernel.", start),
        (lambda s, k, t, p: (s + 2 * p - k + 1) // t, "The + 1 comes too early: it is divided too.", places),
        (
            lambda s, k, t, p: s + 2 * p - k // t + 1,
            "You divide only the kernel by the stride.",
            "Mind the brackets.",
        ),
        (lambda s, k, t, p: (s - 2 * p - k) // t + 1, "You take the padding away. It makes the image larger.", room),
        (lambda s, k, t, p: (s + 2 * p) // t + 1, "You ignore the kernel. It must lie in the image as a whole.", room),
        (lambda s, k, t, p: (s + 2 * p) // t, "You ignore the kernel. It must lie in the image as a whole.", room),
        (lambda s, k, t, p: (s + 2 * p - t) // k + 1, "You exchange the kernel and the stride.", start),
        (lambda s, k, t, p: (s - 1) * t - 2 * p + k, "That is the size after a transposed convolution.", start),
        (lambda s, k, t, p: (s + 2 * p - k + 1) // t + 1, "You add 1 twice, before and after the division.", places),
        (lambda s, k, t, p: (s + 2 * p - k) // t + 2, "Your result is too large by 1.", places),
        (lambda s, k, t, p: (s + 2 * p - k) // t - 1, "The sign of the 1 is wrong.", places),
        (lambda s, k, t, p: ((s + 2 * p - k) // t + 1) ** 2, "You count the pixels of the whole image.", start),
        (lambda s, k, t, p: s, "You give the size of the input.", start),
    ]
    found = [number_from(conv_out(*case), "conv_out(size, kernel, stride, padding)") for case in cases]
    right = [(size + 2 * padding - kernel) // stride + 1 for size, kernel, stride, padding in cases]
    if found == right:
        return
    if len(set(found)) == 1:
        raise Wrong(f"You give {found[0]:g}, whatever the arguments are.", start)
    blame(mistakes, lambda formula: all(math.isclose(formula(*c), f) for c, f in zip(cases, found, strict=True)))
    case, number, truth = next(row for row in zip(cases, found, right, strict=True) if row[1] != row[2])
    raise Wrong(f"For (size, kernel, stride, padding) = {case} you give {number:g}.", f"It is {truth}. {start}")


def own_module(make: Callable, call: str, *given: int) -> nn.Module:
    """The new module that `make(*given)` returns, with its parameters away from any special starting values."""
    module, other = make(*given), make(*given)
    if module is None:
        raise Wrong(f"{call} gives None.", "Each path through the function needs its own `return`.")
    if not isinstance(module, nn.Module):
        kind = "a class" if isinstance(module, type) else f"an object of type {type(module).__name__}"
        hint = "Return an object whose class inherits from nn.Module. It gets the images later, in forward."
        raise Wrong(f"{call} gives {kind}, not an nn.Module.", hint)
    if {id(p) for p in module.parameters()} & {id(p) for p in other.parameters()}:
        raise Wrong(f"Two calls of {call} share one set of weights.", "Make new layers in each call.")
    randomise(module)
    return module


def randomise(module: nn.Module) -> None:
    """Fill all parameters with random numbers, so that no two formulas agree by chance."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.5 + 0.3)


def run_on(module: nn.Module, x: Tensor) -> Tensor | RuntimeError:
    """The result in train mode, or the error; Wrong if the result is no tensor, or if the input is changed."""
    given = x.clone()
    try:
        y = module.train()(given)
    except RuntimeError as error:
        return error
    if not isinstance(y, Tensor):
        raise Wrong(f"forward gives a {type(y).__name__}, not a tensor.", "End it with `return` and the result.")
    if y.ndim != 4:
        raise Wrong(
            f"The result has {y.ndim} axes, not the four of (N, C, H, W).", "Keep all axes: no flatten, no sum."
        )
    if not torch.equal(x, given):
        hint = "Write out = out + x instead of x += out, and no inplace=True where x goes in."
        raise Wrong("The module changes its input: an in-place operation overwrites x.", hint)
    return y


def check_gradients(x: Tensor, y: Tensor, right: Tensor) -> None:
    """The gradient of y with respect to x is that of the right result."""
    try:
        gradients = [torch.autograd.grad(out.square().sum(), x)[0] for out in (y, right)]
        learns = torch.allclose(*gradients, rtol=1e-3, atol=1e-2)
    except RuntimeError:
        learns = False
    if not learns:
        hint = "Use no inplace=True on x or a sum, no detach(), no .data and no no_grad() on the way from x to y."
        raise Wrong("The result is right, but its gradient is not: a value is overwritten or cut off.", hint)


def check_statistics(module: nn.Module, x: Tensor) -> None:
    """Batch norm learns its running statistics in training, and uses them in eval mode."""
    keep = "nn.BatchNorm2d does so by itself. F.batch_norm needs two buffers and training=self.training."
    with torch.no_grad():
        together, alone = module.eval()(x)[:1], module(x[:1])
        module.train()(2 * x + 1)
        later = module.eval()(x)[:1]
    mistakes = [
        (
            not torch.allclose(together, alone, atol=1e-3),
            "In eval mode, the result of one image depends on the other images.",
            f"In eval mode, batch norm must use running statistics. {keep}",
        ),
        (
            torch.equal(together, later),
            "In training, the running statistics of batch norm do not move.",
            f"They must follow the batches. {keep}",
        ),
    ]
    blame(mistakes)


RULE = "x fits F(x) only if the channels agree *and* the stride is 1. Test both."
SHAPES = [(4, 4, 1), (4, 8, 2), (4, 4, 2), (4, 8, 1), (8, 4, 1), (4, 4, 3)]  # channels in, channels out, stride


def cause(before: int, after: int, stride: int) -> str:
    """Why x does not fit F(x)."""
    if before == after:
        return f"the stride is {stride}"
    return "the channels differ" + (f" and the stride is {stride}" if stride > 1 else "")


@exercise("6.2", "That is option B: x goes through unchanged wherever it can, and is projected where it must be.")
def check_shortcut_for(shortcut_for: Callable[[int, int, int], nn.Module]) -> None:
    """Exercise 6.2: `shortcut_for(in_channels, out_channels, stride)` is an nn.Module that makes x fit F(x)."""
    for shape in SHAPES:
        call = f"shortcut_for{shape}"
        module = own_module(shortcut_for, call, *shape)
        x = torch.randn(4, shape[0], 6, 12, requires_grad=True)
        if shape == (4, 4, 1):
            check_identity(module, x)
        else:
            check_projection(module, x, call, *shape)


def check_identity(module: nn.Module, x: Tensor) -> None:
    """The shortcut where the shapes agree."""
    if list(module.parameters()):
        raise Wrong("You project x even where it fits as it is. That is option C of the paper.", RULE)
    y = run_on(module, x)
    if isinstance(y, RuntimeError):
        raise y
    mistakes = [
        (not y.any(), "Where x fits, the shortcut gives zeros. It must give x.", "nn.Identity() gives x."),
        (torch.equal(y, F.relu(x)), "The shortcut has a ReLU, and loses what is negative in x.", RULE),
        (
            not torch.equal(y, x),
            "Where x fits, the shortcut changes it.",
            "nn.Identity() gives x.",
        ),
    ]
    blame(mistakes)
    check_gradients(x, y, x * 1)


def check_projection(module: nn.Module, x: Tensor, call: str, before: int, after: int, stride: int) -> None:
    """The shortcut where the shapes differ: a 1x1 convolution with the stride, without bias, then batch norm."""
    y = run_on(module, x)
    parameters = list(module.parameters())
    kernels = [p for p in parameters if p.numel() % (before * after) == 0]
    vectors = [p for p in parameters if p.numel() % (before * after)]
    wide = [p for p in kernels if p.shape[2:].numel() > 1]
    broken = isinstance(y, RuntimeError)
    skipped = x[:, :, ::stride, ::stride]
    new = after - before
    padded = [F.pad(skipped, (0, 0, 0, 0, n, new - n)) for n in (0, new // 2, new)]
    recipe = "A projection is nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), then nn.BatchNorm2d."
    size = " x ".join(map(str, wide[0].shape[2:])) if wide else ""
    exchanged = [p for p in kernels if before != after and p.shape[:2] == (before, after)]
    fixed = not broken and y.shape[2:] == x.shape[2:]
    unit = not broken and torch.allclose(y.var((0, 2, 3), correction=0), torch.ones(y.shape[1]), atol=1e-2)
    mistakes = [
        (
            not broken and torch.equal(y, x),
            f"{call} gives x unchanged, though {cause(before, after, stride)}.",
            RULE,
        ),
        (
            not broken and any(torch.equal(p, y) for p in padded),
            "You fill up with zeros or skip pixels, without weights: option A. This exercise wants option B.",
            recipe,
        ),
        (
            not parameters,
            f"PyTorch finds no parameters in {call}, so nothing in it can be trained.",
            "Assign layers to self, bare tensors as nn.Parameter, or use nn.Sequential.",
        ),
        (exchanged, "The convolution's two numbers of channels are exchanged.", "nn.Conv2d takes the input's first."),
    ]
    blame(mistakes)
    if broken:
        raise y
    mistakes = [
        (not kernels, "The shortcut has no convolution that leads to the new channels.", recipe),
        (wide, f"The kernel is {size}. A projection looks at one pixel at a time.", recipe),
        (len(kernels) > 1, "The shortcut has more than one convolution.", recipe),
        (unit, "The batch norm has no weight and no bias.", "Leave out affine=False."),
        (not vectors, "Batch norm is missing after the projection.", recipe),
        (len(vectors) == 1, "The projection has a bias, and batch norm is missing.", recipe),
        (
            before != after and vectors[:1] and vectors[0].numel() == before,
            "Batch norm stands before the convolution, at the old channels.",
            recipe,
        ),
        (
            len(vectors) > 2,
            "The projection has a bias. It does nothing: batch norm subtracts it again.",
            "bias=False.",
        ),
        (
            stride > 1 and fixed,
            f"{call} keeps height and width, so its result does not fit F(x).",
            "Pass on the stride to the 1x1 convolution.",
        ),
        (
            y.shape != (len(x), after, *skipped.shape[2:]),
            f"{call} gives {tuple(y.shape)} for {tuple(x.shape)}: that does not fit F(x).",
            "Use the given channels and the given stride, and no padding.",
        ),
        (not all(p.requires_grad for p in parameters), "A parameter is frozen.", "Leave requires_grad as it is."),
    ]
    blame(mistakes)
    kernel = kernels[0].reshape(after, before, 1, 1)
    first, second = (p.reshape(after) for p in vectors)

    def norm(z: Tensor, training: bool = True) -> list[Tensor]:
        statistics = None if training else torch.zeros(after), None if training else torch.ones(after)
        return [F.batch_norm(z, *statistics, *pair, training) for pair in ((first, second), (second, first))]

    def projected(image: Tensor) -> list[Tensor]:
        return norm(F.conv2d(image, kernel))

    right = projected(skipped)
    close = [torch.allclose(y, z, atol=1e-3) for z in right]
    if any(close):
        check_gradients(x, y, right[close.index(True)])
        return check_statistics(module, x)
    stale = norm(F.conv2d(skipped, kernel), training=False)
    pools = [pool(x, stride) for pool in (F.avg_pool2d, F.max_pool2d)]
    moved = x.roll((-1, -1), (2, 3))[:, :, ::stride, ::stride]
    mistakes = [
        ([F.relu(z) for z in right], "The shortcut ends with a ReLU. It must pass negative numbers too.", recipe),
        (
            [z for pool in pools for z in projected(pool)],
            "You pool. A projection takes single pixels.",
            recipe,
        ),
        (projected(moved), "You start at pixel 1. The stride starts at pixel 0.", recipe),
        (stale, "In training, batch norm does not use the statistics of the batch.", recipe),
    ]
    blame(mistakes, lambda values: any(torch.allclose(y, z, atol=1e-3) for z in values))
    raise Wrong(f"The values of {call}(x) are not those of a convolution and a batch norm.", recipe)


@exercise("6.3", "The block of the paper, with a shortcut that makes x fit wherever F changes the shape.")
def check_residual_block(make_block: Callable[[int, int, int], nn.Module]) -> None:
    """Exercise 6.3: `ResidualBlock(in_channels, out_channels, stride)` is an nn.Module: y = relu(F(x) + s(x))."""
    for shape in SHAPES:
        check_basic(own_module(make_block, f"ResidualBlock{shape}", *shape), *shape)


def check_basic(block: nn.Module, before: int, after: int, stride: int) -> None:
    """One basic block, made for these channels and this stride."""

    def check_layers(recorder: Recorder, y: Tensor | RuntimeError | None) -> None:
        check_parts(recorder, stride, y)

    def check_values(recorder: Recorder, x: Tensor, y: Tensor) -> Tensor:
        stale = F.relu(residual(recorder, x, training=False) + x)
        if y.shape == x.shape and torch.allclose(y, stale, atol=1e-3):
            hint = "Leave out .eval(), training=False and running statistics while the block is in train mode."
            raise Wrong("In training, batch norm does not use the statistics of the batch.", hint)
        return check_formula(x, y, nn.Identity(), recorder)

    check_made(block, (before, after, stride), 2, check_layers, check_values)


def convolve(part: dict, z: Tensor) -> Tensor:
    """A recorded convolution, done again to z."""
    return F.conv2d(z, part["weight"], stride=part["stride"], padding=part["weight"].shape[-1] // 2)


def normalise(part: dict, z: Tensor, training: bool = True) -> Tensor:
    """A recorded batch norm, done again to z; without training, with fresh statistics."""
    statistics = (None, None) if training else (torch.zeros(z.shape[1]), torch.ones(z.shape[1]))
    return F.batch_norm(z, *statistics, part["weight"], part["bias"], training)


def residual(recorder: Recorder, x: Tensor, training: bool = True) -> Tensor:
    """F(x), from the recorded layers: convolution and batch norm, with a ReLU between one pair and the next."""
    for i, (convolution, norm) in enumerate(zip(recorder.convolutions, recorder.norms, strict=True)):
        x = normalise(norm, convolve(convolution, F.relu(x) if i else x), training)
    return x


def check_made(
    block: nn.Module, shape: tuple[int, int, int], depth: int, check_layers: Callable, check_values: Callable
) -> None:
    """A block with `depth` convolutions in F: its shortcut and its sum, and with the functions given, F itself."""
    before, after, stride = shape
    fits = stride == 1 and before == after
    x = torch.randn(4, before, 6, 12, requires_grad=True)
    with Recorder(nn.Identity()) as recorder:
        y = run_on(block, x)
    everything = recorder.convolutions + recorder.norms
    if any(part["weight"].shape[1] != part["input"].shape[1] for part in recorder.convolutions):
        raise Wrong("A convolution works in groups: not each channel sees all others.", "Leave groups at 1.")
    projections, behind = take_shortcut(recorder, x, shape, depth)
    complete = min(len(recorder.convolutions), len(recorder.norms)) >= depth
    broken = isinstance(y, RuntimeError)
    check_layers(recorder, None if complete else y)
    f = residual(recorder, x)
    no_fit = broken and "must match" in first_line(y)
    source = "The skip starts at the block's input: keep x, and use shortcut(x) in the sum."
    parts = "A projection is nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), then nn.BatchNorm2d."
    mistakes = [
        (no_fit and fits, "What you add to F(x) has another shape, though the block's input would fit.", source),
        (
            no_fit and not projections,
            f"With {before} channels in, {after} out and stride {stride}, what you add does not fit F(x).",
            f"Here {cause(*shape)}, so x needs a projection. {RULE}",
        ),
        (
            any(part["result"].shape != f.shape for part in projections),
            "The result of the projection does not fit F(x): another height and width.",
            "The projection needs the stride too.",
        ),
    ]
    blame(mistakes)
    if broken:
        raise y
    weights = [id(part["weight"]) for part in recorder.norms + behind]
    mistakes = [
        (
            any(part["bias"] is not None for part in projections),
            "The projection has a bias. It does nothing: batch norm subtracts it again.",
            "Set bias=False.",
        ),
        (len(behind) < len(projections), "Batch norm is missing after the projection.", parts),
        (
            any(part["weight"] is None for part in behind),
            "The shortcut's batch norm has no weight and no bias.",
            "Leave out affine=False.",
        ),
        (
            len(set(weights)) < len(weights),
            "The shortcut uses a batch norm of F: its statistics mix two signals.",
            "The projection needs a batch norm of its own.",
        ),
    ]
    blame(mistakes)
    if not torch.allclose(y, run_on(block, x), atol=1e-3):
        hint = "No dropout, no noise: a block of the paper draws no random numbers."
        raise Wrong("The same images give another result at the second call, in train mode.", hint)
    right = check_values(recorder, x, y) if fits else check_shortcut(x, y, f, projections, behind, stride)
    check_owned(block, everything)
    check_gradients(x, y, right)
    check_statistics(block, x)


def take_shortcut(recorder: Recorder, x: Tensor, shape: tuple[int, int, int], depth: int) -> tuple[list, list]:
    """Take the projections and their batch norms out of the recorder, so that the layers of F are left."""
    before, after, stride = shape
    fits = stride == 1 and before == after
    projections = [part for part in recorder.convolutions if part["weight"].shape == (after, before, 1, 1)]
    if fits and len(recorder.convolutions) <= depth:
        return [], []  # then they all belong to F
    behind = [
        norm for norm in recorder.norms if any(torch.equal(norm["input"], part["result"]) for part in projections)
    ]
    starts = [part for part in recorder.convolutions if torch.equal(part["input"], x)]
    large = {id(part["weight"]) for part in starts if part["weight"].shape[:2] == (after, before)}
    large -= {id(part["weight"]) for part in projections}
    extra = len(large) > (depth == 2)  # the first convolution of a basic block leads to as many channels
    early = [norm for norm in recorder.norms if torch.equal(norm["input"], x)]
    one = "A projection looks at one pixel at a time: nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)."
    mistakes = [
        (
            fits and (projections or extra),
            "You project x even where it fits as it is. That is option C of the paper.",
            RULE,
        ),
        (extra, "The convolution in the shortcut has a kernel larger than 1x1.", one),
        (
            early,
            "In the shortcut, batch norm stands before the convolution.",
            "First the 1x1 convolution, then batch norm of its result.",
        ),
    ]
    blame(mistakes)
    taken = {id(part) for part in projections + behind}
    recorder.convolutions = [part for part in recorder.convolutions if id(part) not in taken]
    recorder.norms = [part for part in recorder.norms if id(part) not in taken]
    return projections, behind


def check_shortcut(x: Tensor, y: Tensor, f: Tensor, projections: list, behind: list, stride: int) -> Tensor:
    """Compare y with the right result, where x must be projected, and with wrong ones; return the right one."""
    parts = "A projection is nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), then nn.BatchNorm2d."
    if not projections:
        skipped, new = x[:, :, ::stride, ::stride], f.shape[1] - x.shape[1]
        padded = [F.relu(f + F.pad(skipped, (0, 0, 0, 0, n, new - n))) for n in (0, new // 2, new)]
        mistakes = [
            (padded, "You fill up with zeros or skip pixels: option A. This exercise wants option B.", parts),
            ([F.relu(f)], "Where x does not fit, you leave out the skip.", f"Project x there. {parts}"),
        ]
        blame(mistakes, lambda values: any(y.shape == z.shape and torch.allclose(y, z, atol=1e-3) for z in values))
        raise Wrong("Where x does not fit, you add something else than a projection of x.", parts)
    weight, norm = projections[0]["weight"], behind[0]
    pooled = [
        normalise(norm, F.conv2d(pool(x, stride), weight)) for pool in (F.avg_pool2d, F.max_pool2d) if stride > 1
    ]
    mistakes = [
        (F.relu(f + z), "The shortcut pools. A projection takes one pixel in each step.", parts) for z in pooled
    ]
    blame(mistakes, lambda wrong: y.shape == wrong.shape and torch.allclose(y, wrong, atol=1e-3))
    return check_sum(y, f, normalise(norm, F.conv2d(x, weight, stride=stride)))


def check_sum(y: Tensor, f: Tensor, s: Tensor) -> Tensor:
    """Compare y with relu(F(x) + s(x)) and with wrong sums of the two; return the right one."""
    relu = F.relu
    add = "A residual block adds: F(x) + shortcut(x)."
    after = "F(x) ends with batch norm. Add first, then apply the last ReLU, to the sum."
    right = relu(f + s)
    if y.shape[1] == 2 * f.shape[1]:
        raise Wrong("You join F(x) and the shortcut side by side, which doubles the channels.", add)
    if y.shape != f.shape:
        raise Wrong(f"The block gives the shape {tuple(y.shape)}, not {tuple(f.shape)}.", "It is the shape of F(x).")
    if torch.allclose(y, right, atol=1e-3):
        return right
    mistakes = [
        (relu(f), "The skip is missing: this is relu(F(x)).", add),
        (f, "Both the sum and the last ReLU are missing: the block gives F(x).", add),
        (f + s, "The ReLU after the addition is missing.", after),
        (relu(f) + s, "The ReLU stands before the addition, so the block can only add to x.", after),
        (relu(relu(f) + s), "F(x) goes through a ReLU of its own, so the block can only add to x.", after),
        (relu(f) + relu(s), "The ReLU is applied to both terms, not to their sum.", after),
        (relu(f + relu(s)), "The shortcut goes through a ReLU of its own. It must pass negative numbers too.", after),
        (relu(f + f), "You add F(x) to itself: x was overwritten before the addition.", "Keep x until the sum."),
        (relu(f - s), "You subtract the shortcut, where the block adds it.", add),
        (relu(s - f), "You subtract F(x), where the block adds it.", add),
        (relu(f * s), "You multiply, where the block adds.", add),
        (relu((f + s) / 2), "You average. The sum lets x pass at its full size.", add),
    ]
    blame(mistakes, lambda wrong: torch.allclose(y, wrong, atol=1e-3))
    off = (y - right).abs().max()
    raise Wrong(f"The result is not relu(F(x) + s(x)): it is off by up to {off:.2f}.", f"Look at F first. {after}")


def check_owned(block: nn.Module, parts: list[dict]) -> None:
    """The block owns the weights that it uses, and no others: what it does not own, no optimiser trains."""
    used = {id(part[key]) for part in parts for key in ("weight", "bias") if part[key] is not None}
    own = {id(parameter) for parameter in block.parameters()}
    assign = "Assign each layer to self. A list of layers needs nn.ModuleList, a bare tensor nn.Parameter."
    only = "Make only the layers that forward uses: a projection only where x does not fit."
    frozen = not all(parameter.requires_grad for parameter in block.parameters())
    mistakes = [
        (not own, "The block has no parameters that PyTorch can find, so nothing in it can be trained.", assign),
        (used - own, "PyTorch does not find all parameters of the block, so some are never trained.", assign),
        (own - used, "The block has parameters that it never uses.", only),
        (frozen, "A parameter of the block is frozen.", "Leave requires_grad as it is."),
    ]
    blame(mistakes)


@exercise("6.4", "Option A: no weights, no products. What is new in the wider layers starts from nothing.")
def check_zero_pad(zero_pad: Callable[[Tensor, int, int], Tensor]) -> None:
    """Exercise 6.4: `zero_pad(x, out_channels, stride)` has every stride-th pixel of x, and new channels of zeros."""
    sizes = [(3, 8, 6, 8, 2), (4, 4, 6, 8, 1), (3, 5, 7, 3, 2), (2, 7, 8, 5, 3)]
    for channels, height, width, wanted, stride in sizes:
        for dtype in (torch.float32, torch.float64):
            x = torch.randn(2, channels, height, width, dtype=dtype, requires_grad=True)
            given = x * 1
            y = zero_pad(given, wanted, stride)
            if not isinstance(y, Tensor):
                kind = "None" if y is None else f"a {type(y).__name__}"
                raise Wrong(f"zero_pad gives {kind}, not a tensor.", "End it with `return` and a tensor.")
            if not torch.equal(given, x):
                raise Wrong("After the call, x is not what it was before.", "Write to a new tensor, not into x.")
            check_padded(x, y, wanted, stride)


def check_padded(x: Tensor, y: Tensor, wanted: int, stride: int) -> None:
    """Compare y with the right result, at any place of the old channels, and with wrong ones."""
    kept = x[:, :, ::stride, ::stride]
    count, channels, height, width = x.shape
    new = wanted - channels
    shape = (count, wanted, *kept.shape[2:])
    found = tuple(y.shape)
    axes = "In (N, C, H, W) the channels are axis 1. F.pad counts its pairs from the last axis: W, H, then C."
    strided = "x[:, :, ::stride, ::stride] takes the pixels 0, stride, 2 * stride, ... both ways."
    difference = "Add out_channels - in_channels new channels; x.shape[1] is in_channels."
    call = f"For x of shape {tuple(x.shape)}, out_channels = {wanted} and stride = {stride}"
    if len(found) != 4:
        raise Wrong(f"Your result has {len(found)} axes, not 4.", axes)
    mistakes = [
        (found[0] != count, "You change the number of images: the new zeros are in axis 0.", axes),
        (found[2] > height, "You pad the height. The zeros belong in new channels.", axes),
        (found[3] > width, "You pad the width. The zeros belong in new channels.", axes),
        (stride > 1 and found[2:] == (height, width), "You keep all pixels: the stride is not used.", strided),
        (stride > 1 and found[2] == height, "The stride works on the width only.", strided),
        (stride > 1 and found[3] == width, "The stride works on the height only.", strided),
        (new and found[1] == channels, "You add no channels.", difference),
        (
            found[1] == channels + wanted,
            f"You add {wanted} channels. There should be {wanted} in all.",
            difference,
        ),
        (
            found[1] == wanted and found != shape,
            f"{call}, you keep {found[2]} x {found[3]} pixels.",
            f"It should be {shape[2]} x {shape[3]}: the first pixel is kept, and an odd side is rounded up. {strided}",
        ),
        (found != shape, f"{call}, your result has the shape {found}.", f"It should be {shape}. {difference}"),
        (y.dtype != x.dtype, f"x is {x.dtype}, your result is {y.dtype}.", "Give the zeros x's dtype: x.new_zeros."),
    ]
    blame(mistakes)

    def placed(image: Tensor, fill: float = 0) -> list[Tensor]:
        """The image at each place that it can have among the channels."""
        return [F.pad(image, (0, 0, 0, 0, n, new - n), value=fill) for n in range(new + 1)]

    right = [z for z in placed(kept) if torch.equal(z, y)]
    if right:
        return check_gradients(x, y, right[0])
    moves = [x.roll((-down, -aside), (2, 3))[:, :, ::stride, ::stride] for down, aside in ((1, 1), (1, 0), (0, 1))]
    corners = [x[:, :, : shape[2], : shape[3]], x[:, :, -shape[2] :, -shape[3] :]]
    times = -(-wanted // channels)
    copies = [kept.repeat(1, times, 1, 1)[:, :wanted], kept.repeat_interleave(times, 1)[:, :wanted]]
    copies += [torch.cat([kept, kept[:, n:].expand(-1, new, -1, -1)], 1) for n in (-1,) if new]
    zeros = "F.pad fills with zeros, and so does torch.zeros."
    mistakes = [
        (placed(F.avg_pool2d(x, stride)), "You average pixels. The shortcut takes them as they are.", strided),
        (placed(F.max_pool2d(x, stride)), "You take the largest pixel of each square, not the first.", strided),
        ([z for move in moves for z in placed(move)], "You start at pixel 1. The first pixel is 0.", strided),
        ([z for part in corners for z in placed(part)], "You cut a piece out. Take pixels from all of x.", strided),
        (placed(kept, 1), "The new channels are filled with ones.", zeros),
        (copies, "The new channels repeat old ones. They should be empty.", zeros),
    ]
    blame(mistakes, lambda values: any(z.shape == y.shape and torch.allclose(y, z) for z in values))
    held = any(torch.equal(y[:, n : n + channels], kept) for n in range(new + 1))
    if held:
        raise Wrong("The pixels of x are right, but the new channels are not all zero.", zeros)
    raise Wrong(f"{call}, the old channels are not the kept pixels of x, side by side in their order.", strided)


@exercise("6.5", "The block of ResNet-50 and deeper: the 3x3 convolution works where the channels are few.")
def check_bottleneck(make_block: Callable[[int, int, int], nn.Module]) -> None:
    """Exercise 6.5: `Bottleneck(in_channels, inner, stride)` is an nn.Module with 4 * inner channels out."""
    for before, inner, stride in ((16, 4, 1), (6, 4, 2), (16, 4, 2), (8, 4, 1), (16, 4, 3), (24, 4, 1)):
        call = f"Bottleneck({before}, {inner}, {stride})"
        check_narrow(own_module(make_block, call, before, inner, stride), before, inner, stride)


def check_narrow(block: nn.Module, before: int, inner: int, stride: int) -> None:
    """One bottleneck, made for these channels and this stride."""

    def check_layers(recorder: Recorder, y: Tensor | RuntimeError | None) -> None:
        check_three(recorder, inner, stride, y)

    def check_values(recorder: Recorder, x: Tensor, y: Tensor) -> Tensor:
        return check_sum(y, check_inside(recorder, x, y), x)

    check_made(block, (before, 4 * inner, stride), 3, check_layers, check_values)


def check_three(recorder: Recorder, inner: int, stride: int, y: Tensor | RuntimeError | None) -> None:
    """Three convolutions without bias, 1x1, 3x3 and 1x1, the stride on the 3x3, each with a batch norm of its own."""
    convolutions, norms = recorder.convolutions, recorder.norms
    kernels = [part["weight"].shape[-1] for part in convolutions]
    ins = [part["input"].shape[1] for part in convolutions]
    outs = [len(part["weight"]) for part in convolutions]
    strides = [part["stride"] if isinstance(part["stride"], int) else part["stride"][0] for part in convolutions]
    sizes = [(part["input"].shape[-1], part["result"].shape[-1]) for part in convolutions]
    shrinks = any(after * step != before for (before, after), step in zip(sizes, strides, strict=True))
    order = "F: 1x1 (in_channels to inner), 3x3 (inner to inner, stride), 1x1 (inner to 4 * inner), each with BN."
    on_3x3 = "A 1x1 kernel with stride 2 throws away three of four pixels unseen. The 3x3 kernel sees them all."
    six = "Make six layers: conv1, bn1, conv2, bn2, conv3, bn3."
    mistakes = [
        (kernels == [3, 3], "F has two 3x3 convolutions: that is the basic block of exercise 6.3.", order),
        (shrinks, "A convolution of F changes height and width.", "The 3x3 kernel needs padding=1, the 1x1 none."),
        (isinstance(y, RuntimeError), f"A layer of F does not fit: {first_line(y) if y is not None else ''}", order),
        (
            len(outs) == 4 and max(outs) == 4 * inner and ins.count(4 * inner) == 2,
            "The shortcut leads to another number of channels than F(x).",
            f"F(x) has 4 * inner channels. {order}",
        ),
        (outs[:1] == [inner // 4], "You divide `inner` by 4. It is the width of the narrow layers already.", order),
        (
            len(outs) > 2 and max(outs) == inner,
            "F ends with `inner` channels. The last convolution must widen.",
            order,
        ),
        (
            len(outs) == 4 and outs.count(max(outs)) == 2 and max(outs) != 4 * inner,
            f"For inner = {inner} the block gives {max(outs, default=0)} channels.",
            f"It should give 4 * inner = {4 * inner}, in F and on the shortcut.",
        ),
        (len(convolutions) != 3, f"F needs three convolutions; it has {len(convolutions)}.", order),
        (kernels != [1, 3, 1], f"The kernels of F have the sizes {kernels}, in this order.", order),
        (outs[:2] != [inner, inner], "The channels widen too early: the 3x3 convolution must be cheap.", order),
        (outs[-1:] != [4 * inner], f"F ends with {outs[-1:]} channels for inner = {inner}.", order),
        (max(strides, default=1) > stride, "You use a stride of 2 where the block is given 1.", "Pass on `stride`."),
        (strides == [1] * 3 and stride > 1, "The stride is not used: F(x) keeps the size of x.", on_3x3),
        (
            strides == [stride, 1, 1] != [1, 1, 1],
            "The stride is on the first 1x1, as in the paper. Here it belongs on the 3x3, which sees all pixels.",
            "A 1x1 kernel with stride 2 throws away three of four pixels unseen. Move the stride.",
        ),
        (strides == [1, 1, stride] != [1, 1, 1], "The stride is on the last convolution. That is too late.", on_3x3),
        (strides != [1, stride, 1], "More than one convolution of F has the stride.", on_3x3),
        (len(norms) != 3, f"F needs three batch norms, one after each convolution; it has {len(norms)}.", order),
    ]
    blame(mistakes)
    weights = [part["weight"] for part in norms]
    wide = [part["input"].shape[1] for part in norms]
    mistakes = [
        (any(weight is None for weight in weights), "A batch norm has no weight and no bias.", "No affine=False."),
        (len(set(map(id, weights))) < 3, "A batch norm is used twice, so its statistics mix two signals.", six),
        (
            any(part["bias"] is not None for part in convolutions),
            "A convolution has a bias. It does nothing: batch norm subtracts it again.",
            "Set bias=False.",
        ),
        (wide != outs, "A batch norm stands before its convolution: the pre-activation of a later paper.", order),
    ]
    blame(mistakes)


def check_inside(recorder: Recorder, x: Tensor, y: Tensor) -> Tensor:
    """Compare y with results of a wrong F, where the shortcut is the identity; return the right F(x)."""
    order = "F(x) = bn3(conv3(relu(bn2(conv2(relu(bn1(conv1(x))))))))."
    relu, parts = F.relu, list(zip(recorder.convolutions, recorder.norms, strict=True))

    def f(*between: Callable, norm_first: bool = True) -> Tensor:
        """F(x) with other functions between its three layers."""
        z = x
        for (convolution, norm), activation in zip(parts, [*between, nn.Identity()], strict=True):
            z = convolve(convolution, z)
            z = activation(normalise(norm, z)) if norm_first else normalise(norm, activation(z))
        return z

    none = nn.Identity()
    inner = f(relu, relu)
    (*_, (last, norm)), hidden = parts, x
    for convolution, before in parts[:2]:
        hidden = relu(normalise(before, convolve(convolution, hidden)))
    stale = residual(recorder, x, training=False)
    mistakes = [
        (relu(f(none, relu) + x), "The ReLU after the first batch norm is missing.", order),
        (relu(f(relu, none) + x), "The ReLU after the second batch norm is missing.", order),
        (relu(f(none, none) + x), "Both ReLUs inside F are missing.", order),
        (f(none, none) + x, "The block has no ReLU at all; it needs three.", order),
        (relu(f(relu, relu, norm_first=False) + x), "The ReLUs in F stand before their batch norms.", order),
        (
            relu(normalise(norm, convolve(last, hidden) + x)),
            "The last batch norm comes after the addition and rescales x.",
            order,
        ),
        (
            relu(stale + x),
            "In training, batch norm does not use the statistics of the batch.",
            "Leave out .eval(), training=False and running statistics while the block is in train mode.",
        ),
    ]
    blame(mistakes, lambda wrong: y.shape == wrong.shape and torch.allclose(y, wrong, atol=1e-3))
    return inner


ENDINGS = {  # what a block of each kind does with F(x) and x
    "fine": lambda f, x: F.relu(f + x),
    "no skip": lambda f, x: F.relu(f),
    "ReLU before the sum": lambda f, x: F.relu(f) + x,
    "no ReLU at the end": lambda f, x: f + x,
    "shared norm": lambda f, x: F.relu(f + x),
}
TRAITS = {  # weight and bias of the last batch norm, and what that makes of F
    "whose F is large": (9.0, 0.0),
    "whose F is far below zero": (1.0, -9.0),
    "whose F is small": (1e-3, 0.0),
    "whose F is zero at the start": (0.0, 0.0),
    "whose layers have other names": (1.0, 0.3),
}


class Patient(models.BasicBlock):
    """A block of the book with 8 channels, and with one of the endings."""

    def __init__(self, kind: str):
        super().__init__(8, 8)
        self.ending = ENDINGS[kind]
        if kind == "shared norm":
            self.bn2 = self.bn1

    def forward(self, x: Tensor) -> Tensor:
        return self.ending(self.residual(x), x)


class Stranger(nn.Module):
    """The same as Patient with other names, and with bare weights in place of convolutions."""

    def __init__(self, kind: str):
        super().__init__()
        self.kernels = nn.ParameterList([torch.randn(8, 8, 3, 3) * 0.2 for _ in range(2)])
        self.norms = nn.ModuleList([nn.BatchNorm2d(8) for _ in range(1 if kind == "shared norm" else 2)])
        self.ending = ENDINGS[kind]

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(self.norms[0](F.conv2d(x, self.kernels[0], padding=1)))
        return self.ending(self.norms[-1](F.conv2d(hidden, self.kernels[1], padding=1)), x)


@exercise("6.6", "Five kinds of block, and you tell them apart by what they do. That is how a test works.")
def check_name_the_bug(name_the_bug: Callable[[nn.Module], str]) -> None:
    """Exercise 6.6: `name_the_bug(block)` is one of five words, for a block of 8 channels in train mode."""
    wrong, said = [], []
    for kind in ENDINGS:
        for trait, (weight, bias) in TRAITS.items():
            block = (Stranger if "names" in trait else Patient)(kind)
            norm = [module for module in block.modules() if isinstance(module, nn.BatchNorm2d)][-1]
            nn.init.constant_(norm.weight, weight)
            nn.init.constant_(norm.bias, bias)
            before = [parameter.clone() for parameter in block.parameters()]
            answer = name_the_bug(block)
            if answer is None:
                raise Wrong("For some block you return None.", "Each path through the function needs a `return`.")
            if not isinstance(answer, str) or answer not in ENDINGS:
                raise Wrong(f"{answer!r} is none of the five answers.", f"Return one of {', '.join(ENDINGS)}.")
            if not all(map(torch.equal, before, block.parameters())):
                raise Wrong("You change the weights of the block that you test.", "Work on copy.deepcopy(block).")
            said.append(answer)
            if answer != kind:
                wrong.append((kind, trait, answer))
    if not wrong:
        return
    if len(set(said)) == 1:
        raise Wrong(f"You say {said[0]!r} whatever the block is.", "Feed images to it, and look at what comes out.")
    kind, trait, answer = wrong[0]
    always = sum(row[0] == kind and row[2] == answer for row in wrong) == len(TRAITS)
    block = "A fine block" if kind == "fine" else f"A block whose bug is {kind!r}"
    pair = {kind, answer}
    hints = [
        (
            {"shared norm"},
            "Count the parameters with one axis: two norms have four of them.",
        ),
        ({"no skip"}, "On a copy, set all parameters to zero, so that F(x) = 0. What is left of x then?"),
        (
            {"ReLU before the sum", "no ReLU at the end"},
            "On a copy with random parameters, F(x) has both signs. Can the result be smaller than x?",
        ),
        ({"fine"}, "On a copy, set all parameters to zero, and feed images with negative numbers."),
    ]
    hint = next(hint for kinds, hint in hints if kinds <= pair)
    raise Wrong(f"{block}{'' if always else ', ' + trait + ','} you call {answer!r}.", hint)


@exercise("6.7", "Three bugs that no error message betrays: each block ran, and each could be trained.")
def check_repair(repair: Callable[[], tuple]) -> None:
    """Exercise 6.7: `repair()` is the three repaired classes, in order; each takes the number of channels."""
    classes = repair()
    if not isinstance(classes, tuple | list):
        kind = "None" if classes is None else f"a {type(classes).__name__}"
        raise Wrong(f"repair gives {kind}, not three classes.", "return BlockA, BlockB, BlockC")
    if len(classes) != 3:
        raise Wrong(f"repair gives {len(classes)} classes, not three.", "return BlockA, BlockB, BlockC")
    for letter, make in zip("ABC", classes, strict=True):
        if not callable(make) or isinstance(make, nn.Module):
            hint = "Return the classes themselves, without brackets: BlockA, not BlockA(8)."
            raise Wrong(f"In the place of block {letter} there is no class but a {type(make).__name__}.", hint)
        try:
            inspect.signature(make).bind(6)
        except TypeError:
            channels = (6, 6, 1)  # a block of exercise 6.3
        else:
            channels = (6,)
        block = own_module(make, f"Block {letter}", *channels)
        shown = symptom(copy.deepcopy(block))
        try:
            check_basic(block, 6, 6, 1)
        except Wrong as wrong:
            raise Wrong(f"Block {letter} is still wrong. {shown}", str(wrong)) from None


def symptom(block: nn.Module) -> str:
    """What is seen from outside of a wrong block with 6 channels, in a sentence; not what causes it."""
    x = torch.randn(4, 6, 8, 8)
    given = x.clone()
    y = block.train()(given)
    if not isinstance(y, Tensor) or y.shape != x.shape:
        return "What comes out has not the shape of what goes in."
    count = sum(parameter.ndim == 1 for parameter in block.parameters())
    never = (y >= F.relu(x)).all()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.zero_()
    zeroed = block(x.clone())
    signs = [
        (not torch.equal(given, x), "After the call, the images are not what they were before."),
        (not torch.allclose(zeroed, F.relu(x)), "With all parameters at zero, F(x) = 0, it does not give relu(x)."),
        (never, "Whatever its weights are, no pixel of relu(x) gets smaller in it."),
        (count != 4, f"It has {count} parameters with one axis. A right block has 4 of them."),
    ]
    return next((text for sign, text in signs if sign), "What it gives is not relu(F(x) + x), or it does not learn.")

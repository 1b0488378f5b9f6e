"""Checkers of chapter 3, Initialisation and normalisation."""

import copy
import functools
import math
import textwrap
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from reslab.checks.exercise import Wrong, blame, exercise, first_line, number_from


@exercise("3.1", "The root of 2 over the number of inputs that one output sums over.")
def check_he_std(he_std: Callable[[Tensor], float]) -> None:
    """Exercise 3.1: `he_std(weight)` is one number; weight.shape is (n_out, n_in) or (n_out, n_in, k, k)."""
    inputs = "One output of a convolution sums over k * k places in each of n_in channels: n_in * k * k numbers."
    linear = "In a linear layer one output sums over n_in numbers, and n_in is weight.shape[1]."
    formula = "The standard deviation is the root of the variance: sqrt(2 / fan_in), with fan_in under the root too."
    shape = "weight.shape alone gives the answer: for a linear layer n_in is weight.shape[1]."
    for n_out, n_in, *kernel in ((24, 10), (7, 12, 5, 5), (9, 4, 3, 3), (6, 11, 1, 1)):
        weight = torch.randn(n_out, n_in, *kernel) * 0.3 + 0.1
        given = weight.clone()
        found = number_from(he_std(given), "he_std(weight)")
        if not torch.equal(weight, given):
            raise Wrong("You change the weights. he_std only says how wide to draw them.", "Draw nothing in he_std.")
        k, area = (kernel or [1])[-1], math.prod(kernel)
        fan_in, fan_out = n_in * area, n_out * area
        if math.isclose(found, math.sqrt(2 / fan_in), rel_tol=1e-3):
            continue
        count = inputs if kernel else linear
        measured = [weight.var(), weight.var(correction=0), weight.square().mean(), weight.square().sum()]
        rounded = [round(math.sqrt(2 / fan_in), digits) ** 2 for digits in (1, 2, 3)]
        of_kernel = [
            ([2 / n_in], "You leave the kernel out: one output sums over more than one place of a channel.", inputs),
            ([2 / (n_in * k)], "You count one side of the kernel only. It has two.", inputs),
            ([2 / (n_in + area)], "You add the size of the kernel to the number of channels.", inputs),
            ([2 / (n_in * n_out)], "You multiply inputs by outputs, and leave the kernel out.", inputs),
            ([2 / area], "You count the places of the kernel, but not the input channels.", inputs),
            ([2 / k], "The last entry of a convolution's shape is the width of its kernel.", inputs),
        ]
        variances = [  # each is what a wrong idea takes for the square of the answer
            *(of_kernel if kernel else []),
            ([2 / fan_out], "You count the outputs (fan-out). The forward rule counts inputs.", count),
            ([2 / n_out, 2 / (n_out * k)], "You use the number of output channels. The rule counts inputs.", count),
            ([2 / weight.numel()], "You count all weights of the layer, not those that one output uses.", count),
            ([4 / fan_in**2], "You give the variance, not the standard deviation.", formula),
            ([1 / fan_in], "The 2 of He's rule is missing. It makes up for the half that ReLU cuts off.", formula),
            ([2 / (fan_in + fan_out), 2 / (n_in + n_out)], "That is Xavier's rule, 2 / (inputs + outputs).", count),
            ([4 / (fan_in + fan_out)], "You average inputs and outputs. The forward rule counts inputs only.", count),
            ([2 / fan_in**2], "Your root covers the 2, but not the number of inputs.", formula),
            ([4 / fan_in], "Your root covers the number of inputs, but not the 2.", formula),
            ([6 / fan_in, 6 / (fan_in + fan_out)], "That is the bound of a uniform distribution.", formula),
            ([2], "You give the root of 2 alone. The rule counts inputs too.", count),
            ([1 / (2 * fan_in)], "You divide by 2 where the rule multiplies by 2.", formula),
            ([1 / (3 * fan_in)], "That is the spread PyTorch gives to a new layer. He's rule asks for more.", formula),
            ([2 * fan_in, fan_in, fan_in / 2, fan_in**2], "Your number grows with the number of inputs.", formula),
            (measured, "You measure the weights. The rule needs only their shape.", shape),
            (rounded, "You round the result. Give all its digits.", "Leave out round()."),
            ([0], "You give 0, which would make all weights equal.", "2 // fan_in cuts the fraction off: use /."),
        ]
        blame(variances, lambda row, f=found: any(math.isclose(f, math.sqrt(v), rel_tol=1e-3) for v in row))
        raise Wrong(f"For a weight of shape {tuple(weight.shape)} you give {found:.4g}.", count)


def identity(z: Tensor) -> Tensor:
    """A linear net's activation."""
    return z


ACTIVATIONS = {  # tanh first: there the table of PyTorch has another number, and few mistakes agree by chance
    "tanh": torch.tanh,
    "GELU": F.gelu,
    "ReLU": F.relu,
    "sigmoid": torch.sigmoid,
    "the identity": identity,
    "leaky ReLU": functools.partial(F.leaky_relu, negative_slope=0.3),
    "abs": torch.abs,
}


def mean_square(activation: Callable[[Tensor], Tensor]) -> float:
    """E[activation(z)^2] for z ~ N(0, 1), as a fine sum."""
    z = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    density = (-z.square() / 2).exp() / math.sqrt(2 * math.pi)
    return torch.trapezoid(activation(z).square() * density, z).item()


@exercise("3.2", "One rule for every activation: He's rule is its case for ReLU.")
def check_gain_of(gain_of: Callable[[Callable[[Tensor], Tensor]], float]) -> None:
    """Exercise 3.2: `gain_of(activation)` is one number, found from activation(z) for many normal z in a tensor."""
    table = "PyTorch's 5/3 is a rule of thumb for tanh. It does not keep the variance at 1: measure activation(z)."
    for name, activation in ACTIVATIONS.items():
        seen = []

        def observed(z, activation=activation, seen=seen):
            seen.append(torch.as_tensor(z).detach().flatten().to(torch.float64, copy=True))
            return activation(z)

        observed.__name__ = getattr(activation, "__name__", "activation")
        found = number_from(gain_of(observed), "gain_of(activation)")
        if math.isclose(found, mean_square(activation) ** -0.5, rel_tol=0.02):
            continue
        in_table = name == "tanh" and math.isclose(found, 5 / 3, rel_tol=1e-3)
        root2 = not seen and math.isclose(found, 2**0.5, rel_tol=0.01)
        call = "Draw many normal z in one tensor, and look at activation(z)."
        mistakes = [
            (in_table, "5/3 is what PyTorch's table says for tanh: a rule of thumb, not this gain.", table),
            (root2, f"You give the root of 2 for {name} too. That is the gain of ReLU.", call),
            (not seen, f"You give {found:.3f} for {name}, and never call `activation`.", call),
        ]
        blame(mistakes)
        check_gain_formula(name, activation, torch.cat(seen), found)


def check_gain_formula(name: str, activation: Callable, z: Tensor, found: float) -> None:
    """Raise Wrong for a gain `found` that is more than 2 % off: its formula is wrong, or the sample z is."""
    a = activation(z)
    (slope,) = torch.autograd.grad(activation(z.requires_grad_()).sum(), z)
    z = z.detach()
    square, variance, size = a.square().mean(), a.var(correction=0), a.abs().mean()

    def is_found(value) -> bool:
        return math.isclose(found, value, rel_tol=2e-3)

    if is_found(square**-0.5):
        check_sample(z)
    slopes = [slope.square().mean() ** -0.5, 1 / slope.mean(), slope.mean().abs() ** -0.5]
    spreads = [variance**-0.5, (z.var(correction=0) / variance) ** 0.5]
    counts = 1, len(z), (len(z) - 1) / (z.max() - z.min())  # a sum, a mean, an integral
    weighted = (a.square() * (-z.square() / 2).exp()).sum()
    sums = [(weighted / n / share) ** -0.5 for n in counts for share in (1, math.sqrt(2 * math.pi))]
    formula = "The gain is 1 / sqrt(mean of the squares): 1 / activation(z).square().mean().sqrt()."
    mean = "The next layer sums activations. If their mean is not 0, it adds to that sum: take E[a^2], not Var[a]."
    forwards = "Keep the signal, not the gradient: use activation(z) itself."
    whole = "With weights e a mean is (squares * e).sum() / e.sum()."
    mistakes = [
        (spreads, "You take the variance: it leaves the mean out.", mean),
        ([1 / square], "You give g squared: the root is missing.", formula),
        ([square**0.5, square], "Your gain is upside down: a weak activation needs strong weights.", formula),
        ([1 / size, z.abs().mean() / size], "You take the mean size of activations. Variances are squares.", formula),
        ([size**-0.5, a.mean() ** -0.5], "You take the root, but before it no square.", formula),
        ([1 / a.mean(), 1 / a.mean().abs()], "In a mean of activation(z) plus and minus cancel.", formula),
        (slopes, "You use the slope of the activation: that is the rule for gradients.", forwards),
        ([a.square().sum() ** -0.5], "You add up the squares, so the gain depends on how many z you draw.", formula),
        ([(2 / square) ** 0.5, 2 / square**0.5], "You multiply by the 2 of He's rule. It belongs to ReLU.", formula),
        (sums, "You sum over a grid, but with weights that do not add up to 1.", whole),
    ]
    blame(mistakes, lambda values: any(map(is_found, values)))
    raise Wrong(f"For {name} you give {found:.3f}, which is more than 2 % off.", formula)


def check_sample(z: Tensor) -> None:
    """Raise Wrong for what is wrong with a sample z that should be normal; the formula is known to be right."""
    normal = "torch.randn(100_000) draws z from N(0, 1)."
    steps = z.unique().diff()
    grid = len(steps) > 3 and steps.std() < 0.3 * steps.mean()
    mean, spread, slack = z.mean().round(decimals=2) + 0, z.std(correction=0), max(0.015, 5 / math.sqrt(len(z)))
    off = mean.abs() > slack or (spread - 1).abs() > slack
    small = f"`activation` sees a sample of {len(z)}. That is too small: the gain is more than 2 % off."
    mistakes = [
        (grid, "You take z from an even grid, where all values count the same. A normal z is mostly near 0.", normal),
        (len(z) < 30, small, normal),
        (z.min() >= 0 and z.max() <= 1, "All your z lie between 0 and 1. A normal z has both signs.", normal),
        (z.min() >= 0, "Your z is never negative. A normal z has both signs.", normal),
        (off, f"Your z has mean {mean:.2f} and standard deviation {spread:.2f}, not 0 and 1.", normal),
        (len(z) > 500 and z.abs().max() < 2.2, "Your z has no large values. A normal z goes beyond 3.", normal),
        (len(z) < 50_000, small, normal),
        (True, "Your formula is right, but your z are not close enough to N(0, 1).", normal),
    ]
    blame(mistakes)


def relu_outputs(inputs: int, units: int, *places: int, dead: list[int], silent: list[int]) -> Tensor:
    """Outputs (inputs, units, *places) with `dead` units, with `silent` inputs, and with units that only look dead."""
    a = F.relu(torch.randn(inputs, units, math.prod(places)))
    middle = places[0] // 2 * places[1] + places[1] // 2 if places else 0
    a[:, 5] += 0.1  # never zero
    a[:, 2] = 0.5  # a constant, and yet alive
    a[1, 7] = 0  # all zero, for one input
    if places:
        a[:, [7, 10], 0] = a[:, [7, 10], middle] = 0  # two places that are always zero
    a[silent] = 0
    a[:, [1, 3, 6, *dead]] = 0
    a[-1, 1, -1], a[2, 3, 0], a[0, 6, middle] = 1e-3, 0.5, 0.5  # one input wakes each of three units, one faintly
    return a.reshape(inputs, units, *places)


EVERY = "Ask for each unit: is it zero for *every* input? (activations == 0).all(dim=0) asks this in a linear layer."
CHANNEL = "In a convolution the channels are axis 1. Reduce over axes 0, 2 and 3: the inputs and all places."


def wrong_counts(a: Tensor) -> list[tuple[list, str, str]]:
    """What wrong ideas count in the outputs (N, units) or (N, C, H, W) of one layer."""
    zero, values = a == 0, a.transpose(0, 1).reshape(a.shape[1], -1)  # all values of a unit in a row
    off, largest, units = values == 0, values.amax(1), len(values)
    share, steps = off.float().mean(1), (1e-3, 0.01, 0.02, 0.05, 0.1, 0.2)
    small = [part for t in steps for part in (values.mean(1) < t, largest < 2 * t, share > 1 - t)]
    mostly = [share > 0.5, share >= 0.5, share > 0.6, share > 0.7, values.median(1).values == 0]
    one_input = [zero[i].reshape(units, -1).all(1) for i in (0, -1)]
    few = "You also count units that few inputs wake, or only faintly. They are alive."
    exact = "Compare with zero itself: one value above zero, small or rare, is a sign of life."
    move = "Use all(dim=...) on the axes as they are, or transpose(0, 1) before you flatten."
    always = "Dead means: zero for every input."
    every = CHANNEL if a.ndim == 4 else EVERY
    return [
        *(wrong_image_counts(zero) if a.ndim == 4 else []),
        ([zero.sum()], "You count zeros. Count units.", every),
        ([(~zero).sum()], "You count values above zero. Count units.", every),
        ([off.any(1).sum()], "You count units that are zero now and then. So is every healthy unit.", every),
        ([zero.flatten(1).all(1).sum()], "You count inputs for which all units are zero, not units.", every),
        ([part.sum() for part in one_input], "You look at one input only.", every),
        ([n * off.all(1).float().mean() for n in (1, 100)], "You give a share of the units, not their number.", every),
        ([n * zero.float().mean() for n in (1, 100)], "You give the share of zeros. Count dead units.", every),
        ([(~off).any(1).sum()], "You count the units that are alive.", always),
        ([(~off).all(1).sum()], "You count units that are never zero.", always),
        ([part.sum() for part in small], few, exact),
        ([part.sum() for part in mostly], "You count units that are zero most of the time.", always),
        ([(largest == values.amin(1)).sum()], "You count units that never change. One of them is not zero.", exact),
        ([zero.reshape(units, -1).all(1).sum()], "Your reshape mixes the units: it moves no axis.", move),
        ([units], "You count all units, dead or not.", always),
        ([len(a)], "You count inputs, not units.", every),
        ([0], "You find no dead unit, but there are some.", every),
    ]


def wrong_image_counts(zero: Tensor) -> list[tuple[list, str, str]]:
    """What wrong ideas count in the outputs of a convolution; zero (N, C, H, W) says where they are zero."""
    stays, image_off = zero.all(0), zero.flatten(2).all(2)  # (C, H, W): a place in all images; (N, C): a whole image
    places = [stays, stays.all(1), stays.all(2)]
    somewhere = [stays.flatten(1).any(1), zero.flatten(2).any(2).all(0)]
    one_place = [stays[:, 0, 0], stays[:, stays.shape[1] // 2, stays.shape[2] // 2]]
    once = "One image where the channel is zero is enough for you. Others may wake it."
    return [
        ([image_off.sum()], "You count pairs of an image and a channel.", CHANNEL),
        ([part.sum() for part in places], "You count places or rows of a channel. A channel is one unit.", CHANNEL),
        ([image_off.any(0).sum()], once, CHANNEL),
        ([part.sum() for part in somewhere], "One place that is zero is enough for you. Look at all places.", CHANNEL),
        ([zero.all(1).sum()], "You count places where all channels are zero, not channels.", CHANNEL),
        ([part.sum() for part in one_place], "You look at one place of the image only.", CHANNEL),
    ]


@exercise("3.3", "Dead means: nothing in the whole data set wakes it, at any place.")
def check_dead_units(dead_units: Callable[[Tensor], int]) -> None:
    """Exercise 3.3: `dead_units(activations)` is one number; activations.shape is (N, units) or (N, C, H, W)."""
    plain, silent = {"dead": [0, 4, -1], "silent": []}, {"dead": [0, 4, 8, -1], "silent": [3, 4, 5]}
    layers = {
        "a linear layer": [relu_outputs(20, 11, **plain), relu_outputs(20, 15, **silent)],
        "a convolution": [relu_outputs(12, 13, 3, 4, **plain), relu_outputs(10, 15, 4, 5, **silent)],
    }
    for layer, outputs in layers.items():
        given = [a.clone() for a in outputs]
        found = [number_from(dead_units(a), "dead_units(activations)") for a in given]
        if not all(map(torch.equal, outputs, given)):
            raise Wrong("You change the activations. Counting must leave them as they are.", "Work on a new tensor.")
        right = [3, 4]
        if found == right:
            continue
        tables = map(wrong_counts, outputs)
        mistakes = [(zip(a, b, strict=True), *texts) for (a, *texts), (b, *_) in zip(*tables, strict=True)]
        blame(mistakes, lambda pairs, f=found: any(np.allclose(f, pair, rtol=1e-5, atol=0) for pair in pairs))
        number, dead = next(pair for pair in zip(found, right, strict=True) if pair[0] != pair[1])
        raise Wrong(f"For {layer} with {dead} dead units you give {number:g}.", CHANNEL if "conv" in layer else EVERY)
    rare = torch.zeros(100_000, 3)
    rare[7, 1] = 0.5
    if number_from(dead_units(rare), "dead_units(activations)") != 2:
        raise Wrong("A unit that wakes for one input in 100,000 is alive, but you count it as dead.", EVERY)


READY_MADE = {"batch_norm", "native_batch_norm", "instance_norm", "layer_norm", "group_norm", "rms_norm"}


class NothingReadyMade(TorchFunctionMode):
    """Raises Wrong where a function of PyTorch normalises."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Run `function`, unless it is ready-made."""
        name = getattr(function, "__name__", "")
        if name in READY_MADE:
            hint = "Use x.mean(...) and x.var(...) over the right axes, and self.running_mean and self.running_var."
            raise Wrong(f"{name} of PyTorch does the work. Build it from means and variances.", hint)
        return function(*args, **(kwargs or {}))


STATE = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}
EPS, OTHER_EPS = 1e-5, (1e-2, 1e-3, 1e-4, 1e-6, 1e-7, 1e-8)


@exercise("3.4", "Equal to nn.BatchNorm2d: its output in both modes, its running statistics and its gradient.")
def check_batch_norm(make_norm: Callable[[int], nn.Module]) -> None:
    """Exercise 3.4: `MyBatchNorm(channels)` is an nn.Module that does what nn.BatchNorm2d(channels) does."""
    norm = make_norm(4)
    if not isinstance(norm, nn.Module):
        hint = "Write a class that inherits from nn.Module, or a function that returns such an object."
        raise Wrong(f"Your answer gives an object of type {type(norm).__name__}, not an nn.Module.", hint)
    norm = copy.deepcopy(norm)
    check_state(norm)
    right = nn.BatchNorm2d(4)
    with torch.no_grad():
        right.weight.copy_(torch.tensor([0.7, -1.3, 1.8, 0.4]))
        right.bias.copy_(torch.tensor([0.5, -0.3, 1.1, 2.0]))
        right.running_mean.copy_(torch.tensor([3.0, -2.0, 0.6, 0.045]))
        right.running_var.copy_(torch.tensor([1.5, 0.3, 0.02, 1e-5]))
    norm.load_state_dict(right.state_dict(), strict=False)
    for shape in ((3, 4, 2, 4), (2, 4, 3, 5)):  # in the first, width = channels: a wrong axis makes no error there
        x = batch(*shape)
        before = copy.deepcopy(right)
        expected, y = right.train()(x), output(norm.train(), x)
        check_output("train", y, expected, train_mistakes(x.detach(), before, norm))
        check_running(x.detach(), before, norm)
        check_gradient(x, y, expected, norm, right)
    state, x = copy.deepcopy(norm.state_dict()), batch(3, 4, 2, 4)
    expected, y = right.eval()(x), output(norm.eval(), x)
    moved = any(not torch.equal(state[name], getattr(norm, name)) for name in ("running_mean", "running_var"))
    still = "the running statistics change. They must stand still.", "Update them only if self.training is True."
    check_output("eval", y, expected, eval_mistakes(x.detach(), right) + [(y, *still)] * moved)
    blame([(moved, f"In eval mode {still[0]}", still[1])])


def batch(*shape: int) -> Tensor:
    """An input with four channels: their means are far from zero, and beside the last one's variance eps counts."""
    mean, spread = torch.tensor([5, -3, 0.5, 0.05]), torch.tensor([2, 0.5, 0.1, 1e-3])
    return (torch.randn(shape) * channel(spread) + channel(mean)).requires_grad_()


def check_state(norm: nn.Module) -> None:
    """Two parameters and two buffers, with the names, shapes and first values of nn.BatchNorm2d."""
    kinds = nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm
    ready_made = any(isinstance(module, kinds) for module in norm.modules())
    own = "Inherit from nn.Module, make weight, bias and the buffers in __init__, and write forward."
    blame([(ready_made, "Your module is, or holds, a ready-made norm of PyTorch. Build it by hand.", own)])
    parameters, buffers = dict(norm.named_parameters()), dict(norm.named_buffers())
    for name, start in STATE.items():
        value, learned = getattr(norm, name, None), name in ("weight", "bias")
        make = f"self.{name} = nn.Parameter(...)" if learned else f"self.register_buffer('{name}', ...)"
        hint = f"In __init__: {make}, with torch.{'ones' if start else 'zeros'}(channels)."
        blame([(not isinstance(value, Tensor), f"Your module has no tensor with the name `{name}`.", hint)])
        plain, shape = name not in parameters and name not in buffers, tuple(value.shape)
        missed = "the optimizer does not find it" if learned else "state_dict() and .to() do not find it"
        measured = f"`{name}` is a parameter. It is measured, not learned: no optimizer may get it."
        mistakes = [
            (plain, f"`{name}` is a plain tensor, so {missed}.", hint),
            (learned and name in buffers, f"`{name}` is a buffer, so no optimizer trains it.", hint),
            (not learned and name in parameters, measured, hint),
            (learned and not value.requires_grad, f"`{name}` is frozen.", "Leave out requires_grad=False."),
            (name not in norm.state_dict(), f"`{name}` is not saved with the model.", "Leave out persistent=False."),
            (shape != (4,), f"`{name}` has the shape {shape}; in nn.BatchNorm2d(4) it is (4,).", hint),
            (not (value == start).all(), f"`{name}` does not start at {start:g}.", hint),
        ]
        blame(mistakes)
    extra = [name for name in parameters if name not in STATE]
    blame([(extra, f"A batch norm learns weight and bias only. Yours has `{''.join(extra[:1])}` too.", own)])


def output(norm: nn.Module, x: Tensor) -> Tensor:
    """What `norm` makes of x, all by itself and without changing x; Wrong if it is no tensor of the shape of x."""
    given = x.clone()
    with NothingReadyMade():
        y = norm(given)
    if not isinstance(y, Tensor):
        mode = "train" if norm.training else "eval"
        hint = "Each path through forward ends with `return` and the result."
        raise Wrong(f"In {mode} mode forward gives a {type(y).__name__}, not a tensor.", hint)
    copied = "Write y = x - mean, not x -= mean."
    mistakes = [
        (y.shape != x.shape, f"An input of shape {tuple(x.shape)} gives {tuple(y.shape)}.", "Keep the shape of x."),
        (not torch.equal(x, given), "Your module changes its input: an in-place operation overwrites x.", copied),
    ]
    blame(mistakes)
    return y


def close(a: Tensor, b: Tensor, atol: float = 1e-3) -> bool:
    """Whether two tensors of the same shape agree to three digits."""
    return a.shape == b.shape and torch.allclose(a.to(b.dtype), b, rtol=2e-3, atol=atol)


def check_output(mode: str, y: Tensor, expected: Tensor, mistakes: list[tuple[Tensor, str, str]]) -> None:
    """Raise Wrong if y is not the expected output."""
    if close(y, expected):
        return
    hint = "y = weight * (x - mean) / sqrt(var + eps) + bias, with one mean and one variance for each channel."
    blame([(y.isnan().any(), f"In {mode} mode there are nan in the output.", hint)])
    blame([(wrong, f"In {mode} mode {text}", more) for wrong, text, more in mistakes], lambda wrong: close(y, wrong))
    off = (y - expected).abs().max()
    raise Wrong(f"In {mode} mode the output differs from nn.BatchNorm2d's, by up to {off:.2g}.", hint)


def channel(values: Tensor) -> Tensor:
    """(C,) to (1, C, 1, 1): one value for each channel."""
    return values.detach().view(1, -1, 1, 1)


def statistics(x: Tensor, dims: tuple[int, ...] = (0, 2, 3), correction: int = 0) -> tuple[Tensor, Tensor]:
    """Mean and variance of x over the axes `dims`."""
    return x.mean(dims, keepdim=True), x.var(dims, correction=correction, keepdim=True)


def normalised(x: Tensor, mean: Tensor, var: Tensor, right: nn.BatchNorm2d) -> Tensor:
    """The equation of batch norm, with any statistics."""
    return (x - mean) / (var + EPS).sqrt() * channel(right.weight) + channel(right.bias)


def formula_mistakes(x: Tensor, mean: Tensor, var: Tensor, right: nn.BatchNorm2d) -> list[tuple[Tensor, str, str]]:
    """Wrong ways to use the right statistics (1, C, 1, 1)."""
    weight, bias = channel(right.weight), channel(right.bias)
    root, centred = (var + EPS).sqrt(), x - mean
    z = centred / root
    order = "After normalising: weight * z + bias, both as view(1, -1, 1, 1)."
    divide = "Divide x - mean by sqrt(var + eps)."
    inside = "eps = 1e-5 stands under the root: sqrt(var + eps)."
    width = "what belongs to the channels runs along the width of the image."
    view = "A tensor (C,) fits the *last* axis. Use view(1, -1, 1, 1) or keepdim=True to put it on axis 1."
    outside = centred / (var.sqrt() + EPS)
    wide = [z * weight.flatten() + bias.flatten()] if x.shape[-1] == x.shape[1] else []
    for w, b in ((weight, bias), (weight.flatten(), bias.flatten())) if wide else ():
        wide.append((x - mean.flatten()) / root.flatten() * w + b)
    return [
        (z, "weight and bias are not used.", order),
        (z * weight, "the bias is not added.", order),
        (z + bias, "the weight is not used.", order),
        ((z + bias) * weight, "the weight multiplies the bias too.", order),
        (z * weight - bias, "the bias is subtracted.", order),
        (z * bias + weight, "weight and bias are exchanged.", order),
        (x, "forward gives x itself.", order),
        (centred / var * weight + bias, "you divide by the variance, not by its root.", divide),
        (centred / root**2 * weight + bias, "you divide by the variance, not by its root.", divide),
        (z * root * weight + bias, "you subtract the mean, but do not divide by the standard deviation.", divide),
        (centred * root * weight + bias, "you multiply by the standard deviation.", divide),
        (x / root * weight + bias, "the mean is not subtracted.", divide),
        (bias - z * weight, "you subtract x from the mean: the sign is wrong.", divide),
        (normalised(x, mean, var.sqrt(), right), "you take the root twice: of the standard deviation.", divide),
        (centred / var.sqrt() * weight + bias, "eps is missing under the root.", inside),
        (outside * weight + bias, "eps is added outside the root.", inside),
        *((normalised(x, mean, var + e - EPS, right), f"eps is {e:g}, not 1e-5.", inside) for e in OTHER_EPS),
        *((wrong, width, view) for wrong in wide),
    ]


OTHER_AXES = {
    (2, 3): "each image is normalised by itself: that is instance norm.",
    (1, 2, 3): "you average over the channels of one image: that is layer norm.",
    (0, 1, 2, 3): "you take one mean of everything, not one for each channel.",
    (0,): "you average over the batch alone, so that each place has its own mean.",
    (1,): "you average over the channels.",
    (0, 2): "you average over axes 0 and 2. One axis is missing.",
    (0, 3): "you average over axes 0 and 3. One axis is missing.",
    (0, 1): "you average over axes 0 and 1: axis 1 are the channels.",
}


def train_mistakes(x: Tensor, right: nn.BatchNorm2d, norm: nn.Module) -> list[tuple[Tensor, str, str]]:
    """Wrong outputs in train mode; `right` has the running statistics from before, `norm` those from after."""
    mean, var = statistics(x)
    early = F.batch_norm(x * channel(right.weight), None, None, training=True)
    biased = "Use x.var(..., unbiased=False), or (x - mean).square().mean(...)."
    axes = "One mean for each channel: average over axes 0, 2 and 3."
    own = "In train mode use the batch's own mean and variance. The running ones are for eval mode."
    order = "First normalise, then multiply by weight and add bias."
    undone = "the weight is applied before normalising, which undoes it."
    mistakes = [
        (statistics(x, correction=1), "your variance has m - 1. The batch is all there is: use m.", biased),
        ((mean, var + mean.square()), "your variance forgets the mean.", biased),
        ((mean, var * x[:, 0].numel()), "your variance is a sum, not a mean.", biased),
        ((channel(right.running_mean), channel(right.running_var)), "you normalise with the running statistics.", own),
    ]
    new = norm.running_mean, norm.running_var
    if all(isinstance(value, Tensor) and value.shape == (4,) for value in new):
        text = "you normalise with the running statistics, after you have updated them."
        mistakes.append((tuple(map(channel, new)), text, own))
    for dims, text in OTHER_AXES.items():
        mistakes += [(statistics(x, dims, correction), text, axes) for correction in (0, 1)]
    return [
        *formula_mistakes(x, mean, var, right),
        *((normalised(x, *pair, right), text, hint) for pair, text, hint in mistakes),
        (early, undone, order),
        (early + channel(right.bias), undone, order),
    ]


def eval_mistakes(x: Tensor, right: nn.BatchNorm2d) -> list[tuple[Tensor, str, str]]:
    """Wrong outputs in eval mode."""
    hint = "Ask self.training: if it is False, use self.running_mean and self.running_var."
    own = [normalised(x, *statistics(x, correction=correction), right) for correction in (0, 1)]
    rows = formula_mistakes(x, channel(right.running_mean), channel(right.running_var), right)
    return rows + [(wrong, "you use the statistics of the batch.", hint) for wrong in own]


def check_running(x: Tensor, before: nn.BatchNorm2d, norm: nn.Module) -> None:
    """Raise Wrong if the running statistics have not made one step of 0.1 towards those of the batch x."""
    n, _, height, width = x.shape
    m = n * height * width
    mean, biased = (value.flatten() for value in statistics(x))
    var = biased * m / (m - 1)
    mix = "new running value = 0.9 * old running value + 0.1 * value of the batch."
    sample = "PyTorch stores x.var(...) with m - 1, though it normalises with m. m = N * H * W."
    for name, news in (("running_mean", [mean]), ("running_var", [var, biased])):
        old, found = getattr(before, name), getattr(norm, name)
        if not isinstance(found, Tensor) or found.shape != old.shape:
            shape = tuple(getattr(found, "shape", ()))
            raise Wrong(f"Training changes the shape of `{name}` from (4,) to {shape}.", "Store values of shape (4,).")
        graph = f"`{name}` keeps the graph of each batch, so memory grows with every step."
        blame([(found.requires_grad, graph, "Update it under torch.no_grad(), or from mean.detach().")])

        def mixed(keep, take, news=news, old=old):
            return [keep * old + take * new for new in news]

        if close(found, mixed(0.9, 0.1)[0], atol=1e-7):
            continue
        grows = f"`{name}` grows: the old value is kept in full."
        other = [value for k in (0.01, 0.05, 0.2, 0.5, 0.99) for value in mixed(1 - k, k)]
        other_m = [biased * k / (k - 1) for k in (n, height * width, n * height, n * width)] + [biased**2 / var]
        mistakes = [
            (mixed(1, 0), f"In train mode `{name}` does not change.", mix),
            (mixed(0.9, 0.1), f"`{name}` takes the variance with m. It should be m - 1.", sample),
            (mixed(0.1, 0.9), f"Momentum is upside down: `{name}` forgets the old too fast.", mix),
            (mixed(0, 1), f"`{name}` keeps nothing of its old value.", mix),
            (mixed(1, 1) + mixed(1, 0.1), grows, mix),
            (mixed(0.9, 1), f"`{name}` grows: the new value is added in full.", mix),
            (mixed(0, 0.1), f"`{name}` loses its old value.", mix),
            (mixed(0.81, 0.19), f"`{name}` is updated twice in one forward pass.", mix),
            (other, f"`{name}` moves with another momentum than 0.1.", mix),
            (mixed(0.9, 0.1, [new.abs().sqrt() for new in news]), f"`{name}` takes a standard deviation.", mix),
            (mixed(0.9, 0.1, other_m), "In m / (m - 1), m is not the number of values of a channel.", sample),
        ]
        blame(mistakes, lambda row, found=found: any(close(found, wrong, atol=1e-7) for wrong in row))
        raise Wrong(f"After one training step `{name}` is not what nn.BatchNorm2d has.", mix)


def check_gradient(x: Tensor, y: Tensor, expected: Tensor, norm: nn.Module, right: nn.BatchNorm2d) -> None:
    """Raise Wrong for wrong gradients of x, weight and bias; those of x go through mean and variance too."""
    through = "Mean and variance depend on x. Compute them without detach(), .data, .item() or no_grad()."
    blame([(not y.requires_grad, "No gradient can flow back through your output.", through)])
    direction = torch.randn_like(expected)
    wanted = torch.autograd.grad(expected, (x, right.weight, right.bias), direction)
    try:
        found = torch.autograd.grad(y, (x, norm.weight, norm.bias), direction, allow_unused=True)
    except RuntimeError as error:
        text = f"The output is right, but backward stops: {textwrap.shorten(first_line(error), 110)}"
        raise Wrong(text, "Overwrite no tensor that the gradient needs: no in-place operation.") from None
    blame([(found[0] is None, "The output is right, but no gradient reaches x.", through)])
    scale = wanted[0].abs().amax((0, 2, 3), keepdim=True)

    def is_gradient(wrong):
        return close(found[0] / scale, wrong / scale, atol=1e-2)

    mean, var = statistics(x)
    cuts = {
        "mean and the variance": (mean.detach(), var.detach()),
        "mean": (mean.detach(), var),
        "variance": (mean, var.detach()),
    }
    if not is_gradient(wanted[0]):
        for name, pair in cuts.items():
            (wrong,) = torch.autograd.grad(normalised(x, *pair, right), x, direction, retain_graph=True)
            text = f"The output is right, but no gradient flows through the {name}."
            blame([(is_gradient(wrong), text, through)])
        raise Wrong("The output is right, but the gradient of x is not.", through)
    for name, a, b in zip(("weight", "bias"), found[1:], wanted[1:], strict=True):
        learns = a is not None and close(a, b, atol=1e-2)
        blame([(not learns, f"`{name}` does not get its gradient, so it does not learn.", f"Use self.{name} itself.")])


@exercise("3.5", "One convolution for two layers: at test time a batch norm can cost nothing.")
def check_fold(fold: Callable[[nn.Conv2d, nn.BatchNorm2d], nn.Conv2d]) -> None:
    """Exercise 3.5: `fold(conv, bn)` is a new nn.Conv2d with a bias; `conv` may have a bias or none."""
    layers = [
        nn.Conv2d(3, 3, 3, padding=1, bias=False),  # all sizes agree: a scale on a wrong axis makes no error here
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.Conv2d(6, 4, (3, 1), stride=(2, 1), padding=(0, 2), dilation=(2, 1), groups=2),
    ]
    for conv in layers:
        bn = nn.BatchNorm2d(conv.out_channels).requires_grad_(False)
        bn.weight.uniform_(0.5, 1.5).mul_(torch.tensor([1.0, -1.0]).repeat(3)[: len(bn.weight)])
        bn.bias.uniform_(0.5, 1.5)
        bn.running_mean.uniform_(0.2, 0.8)
        bn.running_var.uniform_(0.2, 0.6)[0] = 1e-6  # here eps counts
        bn.requires_grad_()
        pair = conv.eval(), bn.eval()
        given = copy.deepcopy(pair)
        folded = fold(*given)
        if not all(map(is_same, pair, given)):
            hint = "Make a new nn.Conv2d, or start with copy.deepcopy(conv), and change only that one."
            raise Wrong("You change conv or bn. fold must leave both as they are.", hint)
        check_folded(folded, *given)


def is_same(module: nn.Module, other: nn.Module) -> bool:
    """Whether two modules have the same mode, settings and tensors."""
    state, other_state = module.state_dict(), other.state_dict()
    settings = [(repr(one), one.training, list(one.state_dict())) for one in (module, other)]
    return settings[0] == settings[1] and all(torch.equal(state[key], other_state[key]) for key in state)


def check_folded(folded, conv: nn.Conv2d, bn: nn.BatchNorm2d) -> None:
    """`folded` is one convolution that does what conv and then bn do, or Wrong."""
    one = "Return one nn.Conv2d whose weight and bias hold what bn does."
    parts = list(folded.modules()) if isinstance(folded, nn.Module) else []
    norm = any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in parts)
    kind = type(folded).__name__
    mistakes = [
        (folded is None, "fold gives None.", "The last line must be `return` and the new convolution."),
        (folded is conv, "You return conv itself, not a new convolution.", one),
        (norm, "What you return still holds a batch norm. It should be gone.", one),
        (not isinstance(folded, nn.Conv2d), f"fold gives an object of type {kind}, not an nn.Conv2d.", one),
    ]
    blame(mistakes)
    x = torch.randn(4, conv.in_channels, 9, 9)
    with torch.no_grad():
        expected = bn(conv(x))
        try:
            y = folded(x)
        except RuntimeError as error:
            y = error
        scale = expected.std((0, 2, 3), keepdim=True)
        if isinstance(y, Tensor) and y.shape == expected.shape and close(y / scale, expected / scale):
            return
        for name in ("kernel_size", "stride", "padding", "dilation", "groups"):
            new, old = getattr(folded, name), getattr(conv, name)
            if new != old:
                hint = f"Pass on {name}=conv.{name}, as all other settings, or start with copy.deepcopy(conv)."
                raise Wrong(f"The new convolution has {name}={new}, where conv has {old}.", hint)
        check_folded_tensors(folded, conv, bn)
        if isinstance(y, RuntimeError):
            raise Wrong(f"The new convolution stops: {textwrap.shorten(first_line(y), 110)}", one)
        raise Wrong("Weight and bias are right, but the new convolution gives another result.", one)


def check_folded_tensors(folded: nn.Conv2d, conv: nn.Conv2d, bn: nn.BatchNorm2d) -> None:
    """Compare weight and bias with the right ones and with wrong ones."""
    weight, shift, mean, var, kernel = bn.weight, bn.bias, bn.running_mean, bn.running_var, conv.weight
    bias = torch.zeros_like(mean) if conv.bias is None else conv.bias
    root = (var + bn.eps).sqrt()
    scale = weight / root
    axis = "One factor for each *output* channel: scale.view(-1, 1, 1, 1) * conv.weight."
    formula = "bn computes scale * (v - running_mean) + bn.bias, with scale = bn.weight / sqrt(running_var + eps)."
    put_in = "Put v = conv.weight * x + conv.bias into scale * (v - running_mean) + bn.bias. The bias has no x."

    def scaled(factor, axis=0):
        fits = kernel.shape[axis] == len(factor)
        return kernel * factor.view([-1 if i == axis else 1 for i in range(4)]) if fits else torch.zeros(0)

    right_weight, right_bias = scaled(scale), (bias - mean) * scale + shift
    wrong_axis = "You scale along the {} of the kernel. Batch norm scales each output channel."
    weights = [
        ([kernel], "The weights are those of conv. Batch norm also scales.", axis),
        ([scaled(scale, 1)], "You scale the input channels. Batch norm scales the outputs.", axis),
        ([scaled(scale, 2)], wrong_axis.format("height"), axis),
        ([scaled(scale, 3)], wrong_axis.format("width"), axis),
        ([scaled(weight / var.sqrt())], "You leave eps out of the root.", formula),
        ([scaled(weight / (var + e).sqrt()) for e in OTHER_EPS], "Your eps is not that of bn.", formula),
        ([scaled(weight / (var.sqrt() + bn.eps))], "You add eps outside the root.", formula),
        ([scaled(weight / v) for v in (var, var + bn.eps)], "You divide by the variance, not by its root.", formula),
        ([scaled(1 / root), scaled(1 / var.sqrt())], "You leave bn.weight out.", formula),
        ([scaled(weight)], "You leave running_var out.", formula),
        ([scaled(1 / scale), scaled(root)], "Your scale is upside down.", formula),
        ([scaled(weight * root)], "You multiply by the root of the variance. Batch norm divides.", formula),
        ([scaled(scale**2)], "You scale the weights twice.", formula),
    ]
    if folded.weight.shape != kernel.shape:
        shape = tuple(folded.weight.shape)
        raise Wrong(f"The new weight has the shape {shape}, where conv has {tuple(kernel.shape)}.", axis)
    if not close(folded.weight, right_weight, atol=1e-5):
        blame(weights, lambda row: any(close(folded.weight, wrong, atol=1e-5) for wrong in row))
        raise Wrong("The weight of the new convolution is wrong.", formula)
    if folded.bias is None:
        raise Wrong("The new convolution has no bias, but batch norm shifts.", "Make it with bias=True.")
    biases = [
        ([torch.zeros_like(mean)], "The bias is zero, but batch norm shifts.", put_in),
        ([shift + bias * scale], "You leave running_mean out.", put_in),
        ([shift + (bias + mean) * scale], "The sign of running_mean is wrong.", put_in),
        ([(bias - mean) * scale], "You leave bn.bias out.", put_in),
        ([shift - mean * scale], "You leave the bias of conv out.", put_in),
        ([shift - mean * scale + bias], "You do not scale the bias of conv.", put_in),
        ([shift - (bias + mean) * scale], "The sign of conv's bias is wrong.", put_in),
        ([shift + bias * scale - mean, shift + bias - mean], "You do not scale running_mean.", put_in),
        ([(bias - mean + shift) * scale], "You scale bn.bias too.", put_in),
        ([bias], "The bias is that of conv. Batch norm shifts it.", put_in),
        ([shift + (bias - mean) * weight / var.sqrt()], "In the bias you leave eps out of the root.", put_in),
        ([shift + (bias - mean) * weight / (var + bn.eps)], "In the bias you divide by the variance.", put_in),
        ([shift + (bias - mean) / root], "In the bias you leave bn.weight out.", put_in),
        ([shift + (bias - mean) * weight], "In the bias you leave running_var out.", put_in),
    ]
    if not close(folded.bias, right_bias, atol=1e-4):
        blame(biases, lambda row: any(close(folded.bias, wrong, atol=1e-4) for wrong in row))
        raise Wrong("The weight is right, but the bias of the new convolution is wrong.", put_in)

"""Checkers of chapter 4, Degradation."""

import copy
import math
from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from reslab import models, probes
from reslab.checks.exercise import Wrong, blame, exercise, first_line, number_from


@exercise("4.1", "You count what the paper counts: convolutions on the main path, and the linear layer.")
def check_depth(depth_of: Callable[[nn.Module], int]) -> None:
    """Exercise 4.1: `depth_of(model)` is the number of weighted layers on the main path."""
    kinds = "Go through model.modules() and count only nn.Conv2d and nn.Linear."
    names = "named_modules() gives names such as 'stage2.0.shortcut.0': leave out those with 'shortcut' in them."
    formula = "In depth = 6n + 2, each of the 3n blocks has two layers; the stem and the linear layer are the 2."
    norm = "You count batch norm as a layer. It has parameters, but the paper's depth leaves it out."
    for depth, shortcut in ((20, "A"), (56, "A"), (20, "B"), (20, "C")):
        model = models.cifar_net(depth, shortcut=shortcut, width=4)
        found = number_from(depth_of(model), "depth_of(model)")
        if found == depth:
            continue
        modules, tensors = list(model.modules()), list(model.parameters())
        leaves = sum(not list(module.children()) for module in modules)
        holders = sum(bool(list(module.parameters())) for module in modules)
        layers = (nn.Conv2d, nn.BatchNorm2d, models.BasicBlock)
        convs, norms, blocks = (sum(isinstance(module, kind) for module in modules) for kind in layers)
        mistakes = [
            (leaves, "You count all modules without children, ReLU and identity too.", kinds),
            (len(modules), "You count every module, containers such as nn.Sequential too.", kinds),
            (holders, "You count every module that holds parameters, containers and batch norms too.", kinds),
            (len(tensors), "You count parameter tensors. A batch norm has two, and so has the linear layer.", kinds),
            (len(model.state_dict()), "You count all stored tensors, the statistics of batch norm too.", kinds),
            (sum(p.numel() for p in tensors), "You count parameters. Depth counts layers.", kinds),
            (convs + norms + 1, norm, kinds),
            (convs + norms, norm, kinds),
            (len(list(model.children())), "You count the parts of the net. Count the layers inside them.", kinds),
            (blocks, "You count blocks. A block has two layers; the stem and the linear layer count too.", formula),
            (blocks + 2, "You count a block as one layer. It has two: its convolutions.", formula),
            (2 * blocks, "Two layers are missing: the stem and the linear layer have weights too.", formula),
            (depth - 1, "One layer is missing. The stem counts, and so does the linear layer.", formula),
            (convs + 1, f"With shortcut {shortcut!r} you count projections. They are not on the main path.", names),
            (20, "You give 20 for the 56-layer net too.", "Compute the number from `model`."),
        ]
        blame(mistakes, lambda value, found=found: value == found)
        raise Wrong(f"For a net of depth {depth} with shortcut {shortcut!r} you count {found:g}.", kinds)


@exercise("4.2", "Training error first, test error second: you can now tell the two apart.")
def check_diagnose(diagnose: Callable[[dict, dict], str]) -> None:
    """Exercise 4.2: `diagnose(shallow, deep)`, of dicts with "train_error" and "test_error", is one of three words."""
    words = {"D": "degradation", "O": "overfitting", "N": "no problem"}
    one_of = "Return one of 'degradation', 'overfitting', 'no problem'."
    cases = [  # training errors of the shallow and the deep net, their test errors, and the right word
        (0.10, 0.30, 0.20, 0.35, "D"),  # worse in training
        (0.10, 0.02, 0.20, 0.30, "O"),  # better in training, worse in the test
        (0.10, 0.05, 0.20, 0.15, "N"),  # better in both
        (0.10, 0.20, 0.30, 0.28, "D"),  # worse in training, yet better in the test
        (0.10, 0.01, 0.20, 0.19, "N"),  # better in both, with a wide gap between training and test
        (0.00, 0.00, 0.20, 0.25, "O"),  # equal in training, worse in the test
        (0.20, 0.25, 0.22, 0.26, "D"),  # worse in training, with a small gap
        (0.10, 0.10, 0.20, 0.20, "N"),  # no difference
    ]
    training = "Ask first: is the deep net worse on the images it was trained on? If so, it is degradation."
    test = "For 'overfitting' compare the test error of the deep net with that of the shallow net."
    equal = "Take care of the case where two errors are equal: > and >= differ there."
    wrong_way = "An error is bad: the worse net has the larger one. The second argument is the deep net."
    mistakes = [  # a wrong rule is known by its answers to the eight cases
        ("DDNNNDDN", "You look at the test error alone. Both illnesses raise it.", training),
        ("OONNNOON", "You call every worse test error overfitting. Look at the training error too.", training),
        ("DNNDNNDN", "You never say 'overfitting': it shows in the test errors.", test),
        ("DOODOODO", "You never say 'no problem', though some of the deep nets are no worse at all.", test),
        ("NDDODNNN", "Your comparisons point the wrong way: you find fault with the shallow net.", wrong_way),
        ("ODDNDOON", "Your comparison of the training errors points the wrong way.", wrong_way),
        ("DNODONDN", "Your comparison of the test errors points the wrong way.", wrong_way),
        ("ODNONDON", "The two words are exchanged: an overfitted net is *good* on its training images.", training),
        ("DONDOODN", "A wider gap between training and test is no harm if the test error itself is lower.", test),
        ("NDNNDDNN", "You look at the gap between training and test alone.", training),
        ("NONNOONN", "You look at the gap between training and test alone.", training),
        ("DOODONDN", "A lower training error alone is good news, not overfitting.", test),
        ("OONDNOON", "You ask the test error first: a net that is worse in both is not overfitted.", training),
        ("DONNNODN", "A net that is worse in training is degraded, whatever its test error is.", training),
        ("DONDNDDD", "Equal training errors are no degradation: neither net is worse.", equal),
        ("DONDNODO", "Equal test errors are no overfitting: neither net is worse.", equal),
        ("DONDNNDN", "With equal training errors and a worse test error you see no problem.", equal),
    ]
    pairs = [({"train_error": a, "test_error": c}, {"train_error": b, "test_error": d}) for a, b, c, d, _ in cases]
    answers = [diagnose(*copy.deepcopy(pair)) for pair in pairs]
    right = [words[case[-1]] for case in cases]
    if answers == right:
        return
    if any(answer is None for answer in answers):
        raise Wrong("For some pair of nets you return None.", "Each path through the function needs a `return`.")
    for answer in answers:
        if answer not in words.values():
            raise Wrong(f"{answer!r} is none of the three answers.", one_of)
    if len(set(answers)) == 1:
        raise Wrong(f"You say {answers[0]!r} whatever the errors are.", "Compare deep with shallow.")
    blame(mistakes, lambda letters: [words[letter] for letter in letters] == answers)
    (shallow, deep), answer, truth = next(row for row in zip(pairs, answers, right, strict=True) if row[1] != row[2])
    raise Wrong(f"For shallow {shallow} and deep {deep} you say {answer!r}.", f"It is {truth!r}. {training}")


@exercise("4.3", "Norm of gradient over norm of gradient, first convolution over last: the measure of vanishing.")
def check_gradient_ratio(gradient_ratio: Callable[[nn.Module, Tensor, Tensor], float]) -> None:
    """Exercise 4.3: `gradient_ratio(model, x, y)` is the first convolution's gradient norm over the last one's."""
    layer = "In probes.weighted_layers(model) the last convolution comes just before the linear layer."
    norm = "tensor.norm() is the root of the sum of all squares."
    fresh = "Call model.zero_grad() before loss.backward(), or use torch.autograd.grad."
    for residual in (False, True):
        model = models.cifar_net(14, residual=residual, width=4)
        x, y = torch.randn(16, 3, 8, 8), torch.arange(16) % 10
        norms = list(probes.gradient_norms(model, x, y).values())
        right = norms[0] / norms[-2]
        given = copy.deepcopy(model)
        for parameter in given.parameters():  # what an earlier backward pass may have left behind
            parameter.grad = torch.ones_like(parameter)
        found = number_from(gradient_ratio(given, x.clone(), y.clone()), "gradient_ratio(model, x, y)")
        if any(not torch.equal(*pair) for pair in zip(model.parameters(), given.parameters(), strict=True)):
            raise Wrong("You change the weights. Measuring must not train.", "Call backward(), no optimizer.step().")
        if math.isclose(found, right, rel_tol=1e-2):
            continue

        def gradients(loss_of=F.cross_entropy, training=True, model=model, x=x, y=y):
            net = copy.deepcopy(model).train(training)
            weights = [layer.weight for layer in probes.weighted_layers(net).values()]
            return torch.autograd.grad(loss_of(net(x), y), [*weights, net.head.bias])

        first, second, *_, last_but_one, last, head, bias = gradients()

        def ratio(size=Tensor.norm, a=first, b=last):
            return float(size(a.detach()) / size(b.detach()))

        def ratio_for(*change):
            changed = gradients(*change)
            return ratio(a=changed[0], b=changed[-3])

        layers = list(probes.weighted_layers(model).values())
        weights = ratio(a=layers[0].weight, b=layers[-2].weight)
        softmax = ratio_for(lambda scores, y: F.cross_entropy(scores.softmax(1), y))
        squares = ratio_for(lambda scores, y: F.mse_loss(scores, F.one_hot(y, 10).float()))
        others = [squares, ratio_for(F.nll_loss), ratio_for(lambda scores, y: scores.sum())]
        means = [lambda g: g.abs().mean(), lambda g: g.square().mean(), lambda g: g.square().mean().sqrt(), Tensor.std]
        mistakes = [
            ([1 / right], "Your ratio is upside down: last over first.", "Vanishing must give a number far below 1."),
            ([ratio(b=head), ratio(b=bias)], "Your last layer is the linear one, not a convolution.", layer),
            ([ratio(b=last_but_one)], "You stop one convolution too early.", layer),
            ([ratio(a=second)], "You start one convolution too late.", "The first convolution is the stem."),
            ([weights], "You compare the weights, not their gradients.", "A weight's gradient is in weight.grad."),
            ([right / weights], "You divide each gradient by its weight.", "Take gradients only: first / last."),
            ([right**2], "You compare squared norms.", norm),
            ([ratio(mean) for mean in means], "You compare means. They hide the size of the layers.", norm),
            ([ratio(lambda g: g.abs().sum())], "You add absolute values: that is the L1 norm.", norm),
            ([ratio(lambda g: g.abs().max())], "You compare the largest entries only.", norm),
            ([ratio(Tensor.sum), ratio(Tensor.mean)], "You add entries of both signs, so they cancel.", norm),
            ([math.log(right), math.log10(right)], "You give the logarithm of the ratio.", "Return the ratio itself."),
            ([norms[0] - norms[-2]], "You subtract the two norms.", "A ratio divides: first / last."),
            ([norms[0], norms[-2]], "You give one norm.", "A ratio divides two norms: first / last."),
            ([ratio(lambda g: (g + 1).norm())], "Old gradients are still there: backward() adds to them.", fresh),
            ([ratio(lambda g: g.numel() ** 0.5), 1], "You read old gradients, not those of this loss.", fresh),
            (others, "That is the gradient of another loss.", "Use F.cross_entropy(model(x), y)."),
            ([softmax], "You apply softmax before cross_entropy, which applies it itself.", "Pass on the raw scores."),
            ([ratio_for(F.cross_entropy, False)], "You measure in eval mode.", "Call model.train() before model(x)."),
        ]
        blame(mistakes, lambda values, f=found: any(math.isclose(f, value, rel_tol=1e-3) for value in values))
        recipe = f"For this net it is {right:.3g}. Use F.cross_entropy, loss.backward(), and two weight.grad.norm()."
        raise Wrong(f"You give {found:.3g}. That is not the ratio of the two gradient norms.", recipe)


ARGUMENTS = {
    F.conv2d: ("input", "weight", "bias", "stride"),
    F.batch_norm: ("input", "running_mean", "running_var", "weight", "bias"),
    torch.batch_norm: ("input", "weight", "bias"),
}


class Recorder(TorchFunctionMode):
    """Notes each convolution and batch norm that runs, as a module or as a function, but not those of the shortcut."""

    def __init__(self, shortcut: nn.Module):
        super().__init__()
        self.not_ours = {id(parameter) for parameter in shortcut.parameters()}
        self.convolutions, self.norms = [], []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Run `function`, and note its arguments and its result."""
        result = function(*args, **(kwargs or {}))
        if function in ARGUMENTS:
            call = dict.fromkeys(("weight", "bias")) | {"stride": 1, "result": result}
            call |= dict(zip(ARGUMENTS[function], args, strict=False)) | (kwargs or {})
            if id(call["weight"]) not in self.not_ours:
                (self.convolutions if function is F.conv2d else self.norms).append(call)
        return result


@exercise("4.4", "relu(F(x) + shortcut(x)), with the stride, the normalisations and both ReLUs where they belong.")
def check_block(make_block: Callable[[int, int, int, nn.Module], nn.Module]) -> None:
    """Exercise 4.4: `make_block(in_channels, out_channels, stride, shortcut)` is a residual block, an nn.Module."""
    for out_channels, stride, shortcut in ((4, 1, nn.Identity()), (8, 2, models.projection(4, 8, 2))):
        block = make_block(4, out_channels, stride, shortcut)
        if not isinstance(block, nn.Module):
            hint = "Write a class that inherits from nn.Module, or a function that returns such an object."
            raise Wrong(f"Your answer gives an object of type {type(block).__name__}, not an nn.Module.", hint)
        with torch.no_grad():  # away from any special starting values, so that no two formulas agree by chance
            for parameter in block.parameters():
                parameter.copy_(torch.randn_like(parameter) * 0.5 + 0.3)
        x = torch.randn(4, 4, 8, 8, requires_grad=True)
        given = x.clone()
        with Recorder(shortcut) as recorder:
            try:
                y = block.train()(given)
            except RuntimeError as error:
                y = error
        check_parts(recorder, stride, y)
        if not torch.equal(x, given):
            hint = "Write out = out + x instead of x += out, and no inplace=True where x goes in."
            raise Wrong("The block changes its input: an in-place operation overwrites x.", hint)
        if not isinstance(y, Tensor):
            raise Wrong(f"forward gives a {type(y).__name__}, not a tensor.", "End it with `return` and the result.")
        expected = check_formula(x, y, shortcut, recorder)
        check_parameters(block, shortcut, recorder)
        try:
            gradients = [torch.autograd.grad(out.square().sum(), x)[0] for out in (y, expected)]
            learns = torch.allclose(*gradients, rtol=1e-3, atol=1e-2)
        except RuntimeError:
            learns = False
        if not learns:
            hint = "Write out = out + x. Use no inplace=True, no detach(), no .data and no no_grad() in forward."
            raise Wrong("The result is right, but its gradient is not: forward overwrites or cuts off a value.", hint)


READY_MADE = "The block gets its `shortcut` ready-made: use that one and no other."


def check_parts(recorder: Recorder, stride: int, y) -> None:
    """Two 3x3 convolutions without bias, the stride on the first, and two batch norms, all with their own weights."""
    convolutions, norms = recorder.convolutions, recorder.norms
    kernels = [part["weight"].shape[-1] for part in convolutions]
    strides = [part["stride"] if isinstance(part["stride"], int) else part["stride"][0] for part in convolutions]
    sizes = [(part["input"].shape[-1], part["result"].shape[-1]) for part in convolutions]
    largest = max(strides, default=stride)
    shrinks = any(after * step != before for (before, after), step in zip(sizes, strides, strict=True))
    formula = "F(x) = bn2(conv2(relu(bn1(conv1(x)))))."
    first = "In the paper's block the first convolution has the stride, the second has none."
    wide = "The first convolution goes from in_channels to out_channels. All that follows has out_channels."
    four = "Make four layers: self.conv1, self.bn1, self.conv2, self.bn2."
    mistakes = [
        (sorted(kernels) == [1, 3, 3], "The block has a 1x1 convolution: a shortcut of its own.", READY_MADE),
        (set(kernels) - {3}, "A convolution of F has another kernel size than 3x3.", "nn.Conv2d(..., 3, padding=1)."),
        (shrinks, "A convolution of F changes height and width.", "A 3x3 kernel keeps them with padding=1."),
        (largest < stride, "The stride is not used: F(x) keeps the size of x.", first),
        (largest > stride, "You use a stride of 2 where the block is given 1.", "Pass on the argument `stride`."),
        (strides == [1, 2], "The stride is on the second convolution. That is too late.", first),
        (strides == [2, 2], "Both convolutions have the stride, so F(x) is halved twice.", first),
    ]
    blame(mistakes)
    broken = isinstance(y, RuntimeError)
    if broken and stride == 1:
        raise y
    no_fit = f"With 4 channels in and 8 out, a layer does not fit: {first_line(y) if broken else ''}"
    mistakes = [
        (broken and len(norms) < 2, no_fit, wide),
        (len(convolutions) != 2, f"F needs two convolutions; it has {len(convolutions)}.", formula),
        (len(norms) != 2, f"F needs two batch norms, one after each convolution; it has {len(norms)}.", formula),
    ]
    blame(mistakes)
    conv1, conv2, bn1, bn2 = (part["weight"] for part in convolutions + norms)
    biased = any(part["bias"] is not None for part in convolutions)
    mistakes = [
        (bn1 is None or bn2 is None, "A batch norm has no weight and no bias.", "Leave out affine=False."),
        (conv1 is conv2, "Both convolutions are the same layer.", four),
        (bn1 is bn2, "Both batch norms are the same layer, so its statistics mix two signals.", four),
        (biased, "A convolution has a bias. It does nothing: batch norm subtracts it again.", "Set bias=False."),
        (len(conv1) != len(conv2), "The first convolution keeps the number of channels; it should change it.", wide),
        (broken, "With stride 2, what you add to F(x) has another shape.", "Add shortcut(x), not x, to F(x)."),
    ]
    blame(mistakes)


def check_formula(x: Tensor, y: Tensor, shortcut: nn.Module, recorder: Recorder) -> Tensor:
    """Compare y with the right result and with wrong ones, all from the block's own weights; return the right one."""

    def conv(i, z):
        part = recorder.convolutions[i]
        return F.conv2d(z, part["weight"], stride=part["stride"], padding=1)

    def bn(i, z):
        return F.batch_norm(z, None, None, recorder.norms[i]["weight"], recorder.norms[i]["bias"], training=True)

    relu = F.relu
    hidden = relu(bn(0, conv(0, x)))
    residual = bn(1, conv(1, hidden))
    right = relu(residual + shortcut(x))
    if y.shape == right.shape and torch.allclose(y, right, atol=1e-3):
        return right
    add = "A residual block adds: F(x) + shortcut(x)."
    after = "F(x) ends with batch norm. Add first, then apply the second ReLU, to the sum."
    source = "The shortcut starts at the block's input: keep x, and use shortcut(x) in the sum."
    order = "F(x) = bn2(conv2(relu(bn1(conv1(x)))))."
    if y.ndim == 4 and y.shape[1] == 2 * right.shape[1]:
        raise Wrong("You join F(x) and the shortcut side by side, which doubles the channels.", add)
    if y.shape != right.shape:
        raise Wrong(f"An input of shape {tuple(x.shape)} gives {tuple(y.shape)}, not {tuple(right.shape)}.", order)
    if y.shape != x.shape:
        raise Wrong("With stride 2 you do not add shortcut(x), but something of the same shape.", READY_MADE)
    no_first_relu = bn(1, conv(1, bn(0, conv(0, x))))
    early_relu = bn(0, relu(conv(0, x)))
    pre_activation = conv(1, relu(bn(1, conv(0, relu(bn(0, x))))))
    mistakes = [
        (relu(residual), "The skip is missing: this is the plain block, relu(F(x)).", add),
        (residual, "Both the sum and the last ReLU are missing: the block gives F(x).", add),
        (residual + x, "The ReLU after the addition is missing.", after),
        (relu(residual) + x, "The ReLU stands before the addition, so the block can only add to x.", after),
        (relu(relu(residual) + x), "F(x) goes through a ReLU of its own, so the block can only add to x.", after),
        (relu(residual) + relu(x), "The ReLU is applied to both terms, not to their sum.", after),
        (relu(residual + relu(x)), "The shortcut goes through a ReLU of its own. It must pass x unchanged.", source),
        (relu(residual + hidden), "The skip starts after the first ReLU, not at the input.", source),
        (relu(residual + conv(0, x)), "The skip starts after the first convolution, not at the input.", source),
        (relu(residual + bn(0, conv(0, x))), "The skip starts after the first batch norm, not at the input.", source),
        (relu(residual + residual), "You add F(x) to itself: x was overwritten before the addition.", source),
        (relu(bn(1, conv(1, hidden) + x)), "The second batch norm comes after the addition and rescales x.", after),
        (relu(bn(1, conv(1, hidden + x))), "You add x inside F, before the second convolution.", source),
        (relu(no_first_relu + x), "The ReLU between the two convolutions is missing.", order),
        (no_first_relu + x, "The block has no ReLU at all; it needs two.", order),
        (relu(bn(1, conv(1, early_relu)) + x), "The first ReLU stands before its batch norm.", order),
        (relu(bn(1, relu(conv(1, early_relu))) + x), "Each ReLU stands before its batch norm.", order),
        (pre_activation + x, "This is the pre-activation block of a later paper. Begin with a convolution.", order),
        (relu(residual - x), "You subtract x, where the block adds it.", add),
        (relu(x - residual), "You subtract F(x), where the block adds it.", add),
        (relu(residual * x), "You multiply, where the block adds.", add),
        (relu((residual + x) / 2), "You average. The sum lets x pass at its full size.", add),
    ]
    blame(mistakes, lambda wrong: torch.allclose(y, wrong, atol=1e-3))
    off = (y - right).abs().max()
    raise Wrong(f"The result is not relu(F(x) + shortcut(x)): it is off by up to {off:.2f}.", f"{order} {after}")


def check_parameters(block: nn.Module, shortcut: nn.Module, recorder: Recorder) -> None:
    """The block owns the weights that it uses, and no others: what it does not own, no optimiser trains."""
    parts = recorder.convolutions + recorder.norms
    used = {id(part[key]) for part in parts for key in ("weight", "bias") if part[key] is not None}
    given, own = ({id(parameter) for parameter in module.parameters()} for module in (shortcut, block))
    assign = "Assign each layer to self. A list of layers needs nn.ModuleList, a bare tensor nn.Parameter."
    mistakes = [
        (not own, "The block has no parameters that PyTorch can find, so nothing in it can be trained.", assign),
        (used - own, "PyTorch does not find all parameters of the block, so some are never trained.", assign),
        (given - own, "PyTorch does not find the shortcut in the block, so it is never trained.", assign),
        (own - used - given, "The block has parameters that it never uses.", "Keep two convolutions and two norms."),
    ]
    blame(mistakes)


@exercise("4.5", "Same function, more layers, and every convolution in them learns from the second step on.")
def check_grow(grow: Callable[[int, int], list[nn.Module]]) -> None:
    """Exercise 4.5: `grow(count, channels)` is a list of new residual blocks that pass x on, and can be trained."""
    count, channels = 4, 8
    blocks = grow(count, channels)
    if blocks is None:
        raise Wrong("grow gives None.", "The last line must be `return` and the list of blocks.")
    if not isinstance(blocks, Iterable):
        raise Wrong(f"grow gives one {type(blocks).__name__}, not a list of blocks.", "Make `count` of them.")
    blocks = copy.deepcopy(list(blocks))
    found = [block for block in blocks if isinstance(block, nn.Module)]
    kernels = [[p for p in block.parameters() if p.ndim == 4] for block in found]
    parameters = [p for block in found for p in block.parameters()]
    new = "Make a new BasicBlock(channels, channels) for each i in range(count)."
    mistakes = [
        (len(blocks) != count, f"grow(4, 8) gives {len(blocks)} items, not 4 blocks.", new),
        (len(found) < count, "Not every item of the list is an nn.Module.", new),
        (min(map(len, kernels), default=0) < 2, "Not every item is a block with two convolutions.", new),
        (len(set(map(id, parameters))) < len(parameters), "The blocks share their weights: they are one object.", new),
        (not all(p.requires_grad for p in parameters), "Some parameters are frozen.", "Leave requires_grad as it is."),
    ]
    blame(mistakes)
    x = F.relu(torch.randn(16, channels, 8, 8))  # what a block gets: the block before it ended with a ReLU
    for i, block in enumerate(blocks):
        check_passes(block, x, f"Block {i + 1} of {count}")
    no_middle = any((kernel == 0).all() for kernel, *_ in kernels)
    no_middle |= any((norm.weight == 0).all() for block in blocks for norm in batch_norms(block)[:-1])
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    chain, target = nn.Sequential(*blocks).train(), torch.randn_like(x)
    for _ in range(2):
        optimizer.zero_grad()
        F.mse_loss(chain(x.requires_grad_()), target).backward()
        optimizer.step()
    gradients = [parameter.grad for parameter in parameters if parameter.ndim == 4]
    unused = any(gradient is None for gradient in gradients)
    dead = unused or not all(gradient.abs().max() > 0 for gradient in gradients)
    less = "Set to zero only the last step of F: then the steps before it still compute something."
    mistakes = [
        (unused, "x passes, but some convolutions do not take part, so they cannot learn.", "Leave forward as it is."),
        (dead and no_middle, "F is zero in its middle, and stays so: at zero the ReLU lets no gradient back.", less),
        (dead, "x passes, but some convolutions get no gradient: two zeros in a row hold each other at zero.", less),
    ]
    blame(mistakes)


def batch_norms(block: nn.Module) -> list[nn.BatchNorm2d]:
    """The batch norms of a block, in order."""
    return [module for module in block.modules() if isinstance(module, nn.BatchNorm2d)]


def check_passes(block: nn.Module, x: Tensor, name: str) -> None:
    """The block gives x in eval mode and in train mode, and does so because it has a shortcut."""
    last = "A batch norm gives weight * normalised + bias. Which weight and bias of the *last* one make F(x) zero?"
    skip = "Use models.BasicBlock: it computes relu(F(x) + x)."
    stripped = copy.deepcopy(block).train()
    with torch.no_grad():
        for kernel in stripped.parameters():
            kernel.mul_(kernel.ndim != 4)
        try:
            outputs = [block.eval()(x.clone()), block.train()(x.clone()), stripped(x.clone())]
        except RuntimeError as error:
            wide = "BasicBlock(channels, channels) keeps the number of channels."
            raise Wrong(f"{name} does not take images of 8 channels: {first_line(error)}", wide) from None
        if any(y.shape != x.shape for y in outputs):
            raise Wrong(f"{name} changes the shape {tuple(x.shape)} to {tuple(outputs[0].shape)}.", skip)
        in_eval, in_train, without = ((y - x).abs().max().item() > 1e-4 for y in outputs)
        by = (outputs[0] - x).abs().max()
        norm = (batch_norms(block) or [nn.BatchNorm2d(1)])[-1]
    zero_weight, zero_bias = (not parameter.any() for parameter in (norm.weight, norm.bias))
    mistakes = [
        (in_train and not in_eval, f"{name} passes x in eval mode only: BN differs in train mode.", last),
        (not outputs[0].any(), f"{name} gives zero: without a skip nothing passes when F(x) = 0.", skip),
        (in_eval and zero_weight and not zero_bias, f"{name} has a last bias that is not zero: F(x) = bias.", last),
        (in_eval, f"{name} changes x, by up to {by:.2f}: F(x) is not zero.", last),
        (without, f"{name} passes nothing on when its convolutions are zero: it has no skip.", skip),
    ]
    blame(mistakes)

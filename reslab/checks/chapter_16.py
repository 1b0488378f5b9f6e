"""Checkers of chapter 16, Transfer: a new head, a frozen body, fixed statistics, rates by depth."""

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reslab import models
from reslab.checks.chapter_13 import kinds_of_parameters
from reslab.checks.exercise import Wrong, blame, exercise, number_from

BATCH_NORMS = nn.modules.batchnorm._BatchNorm


class FourStages(models.ResNet):
    """A net with the children of resnet18, but few channels: `widths` of its stages, a block in each."""

    def __init__(self, widths: tuple[int, int, int, int], num_classes: int):
        nn.Module.__init__(self)
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(widths[0]))
        for i, (before, after) in enumerate(pairwise((widths[0], *widths)), 1):
            block = models.BasicBlock(before, after, 2, models.make_shortcut("B", before, after, 2))
            self.add_module(f"stage{i}", nn.Sequential(block))
        self.head = nn.Linear(widths[-1], num_classes)


def modes_of(net: nn.Module) -> dict[str, bool]:
    """Which modules are in train mode, by name."""
    return {name: module.training for name, module in net.named_modules()}


def asks_of(net: nn.Module) -> dict[str, bool]:
    """Which parameters ask for a gradient, by name."""
    return {name: parameter.requires_grad for name, parameter in net.named_parameters()}


class Snapshot:
    """What a net is before an answer works on it, to find out later what has changed."""

    def __init__(self, net: nn.Module):
        self.net, self.twin = net, copy.deepcopy(net)
        self.modules = dict(net.named_modules())
        self.settings = {name: module.extra_repr() for name, module in self.modules.items()}
        self.attributes = {name: set(vars(module)) for name, module in self.modules.items()}
        self.modes, self.asks = modes_of(net), asks_of(net)
        self.values = {name: value.clone() for name, value in net.state_dict().items()}
        self.parameters = dict(net.named_parameters())

    def changed(self, of: str = "") -> list[str]:
        """The names, with this beginning, of parameters and buffers that have other values now, or are gone."""
        now = self.net.state_dict()
        return [
            name
            for name, value in self.values.items()
            if name.startswith(of) and not (name in now and torch.equal(now[name], value))
        ]

    def new_attributes(self) -> list[tuple[str, str]]:
        """Names that have been written on modules or parameters and that nobody reads: the owner and the name."""
        on_modules = [(m, key) for m in self.modules for key in set(vars(self.modules[m])) - self.attributes[m]]
        on_parameters = [(p, key) for p, parameter in self.parameters.items() for key in vars(parameter)]
        return [(owner or "model", key) for owner, key in on_modules + on_parameters]


def is_body(name: str) -> bool:
    """Whether a parameter or module with this name is no part of the head."""
    return name.partition(".")[0] != "head"


def blame_copy(found, read: Callable[[nn.Module], dict], right: dict) -> None:
    """Raise Wrong if an answer has returned a copy: another net, of which `read` is right."""
    copied = isinstance(found, nn.Module) and read(found) == right
    text = "You work on a copy and return it. The net that was given stays as it was."
    blame([(copied, text, "Change the net in place: no copy.deepcopy, no new net.")])


NEW_LAYER = "Make one new nn.Linear and assign it to model.head. Then return model."
OLD_HEAD = "The old head knows how many numbers come in: model.head.in_features."


def nets_for_a_head() -> Iterator[tuple[nn.Module, int]]:
    """Small nets, in both modes, and the number of classes that each shall have."""
    yield models.cifar_net(8, width=4, num_classes=10), 5
    yield FourStages((4, 6, 8, 11), num_classes=3).eval(), 7
    yield models.cifar_net(14, width=3, num_classes=6, shortcut="B").eval(), 6


@exercise("16.1", "A trained body with a head for your own classes: the first step of every transfer.")
def check_new_head(new_head: Callable[[nn.Module, int], nn.Module]) -> None:
    """Exercise 16.1: `new_head(model, num_classes)` is the model itself, with a fresh nn.Linear as its head."""
    for net, num_classes in nets_for_a_head():
        for value in net.state_dict().values():
            value.copy_(torch.rand_like(value.float()) + 0.5)  # pre-trained: nothing is 0 or 1, as in a fresh net
        before = Snapshot(net)
        found = new_head(net, num_classes)
        blame_net(found, before)
        blame_layers(before)
        blame_head(before, num_classes)
        blame_body(before)
        blame_scores(before)


def blame_net(found, before: Snapshot) -> None:
    """Raise Wrong if `found` is not the net that was given."""
    net = before.net
    if found is net:
        return
    parts = set(found.modules()) if isinstance(found, nn.Module) else set()
    body = {name: value for name, value in before.values.items() if is_body(name)}
    state = found.state_dict() if parts else {}
    same_body = all(name in state and torch.equal(state[name], value) for name, value in body.items())
    around = "You put the net into a larger one: the new layer sees the old scores, not the features of the body."
    rebuilt = "You build a new net from the parts. What `forward` does between them, such as the pooling, is lost."
    copied = "You return a copy, and not the net that was given."
    other = "You return another net. What the given net has learned is lost."
    kind = f"new_head gives a {type(found).__name__}, not the net."
    head = isinstance(found, nn.Linear)
    mistakes = [
        (found is None, "new_head gives None. It should give the net.", "The last line is `return model`."),
        (head, "You return the head alone. Its body is lost.", "The last line is `return model`."),
        (net in parts, around, "The old scores are no features. Put the new layer into the place of the old one."),
        (type(found) is type(net) and same_body, copied, "Work on `model` itself: no copy."),
        (parts & set(net.modules()), rebuilt, "Leave the net as it is, and replace only model.head."),
        (parts, other, "Change the given net: no cifar_net(...) or resnet18(...) inside the function."),
    ]
    blame(mistakes)
    raise Wrong(kind, "The last line is `return model`.")


def blame_layers(before: Snapshot) -> None:
    """Raise Wrong unless the net has the children that it had, and in the place of the head a linear layer."""
    net, old = before.net, before.modules["head"]
    now, then = net._modules, [name for name in before.modules if name and "." not in name]
    head = now.get("head")
    parts = list(head.modules()) if isinstance(head, nn.Module) else []
    added = "".join([name for name in now if name not in then][:1])
    lost = "".join([name for name in then if now.get(name) is None][:1])
    unused = f"You add `{added}` to the net. Its `forward` never calls that layer: it calls `head`."
    useless = f"You add `{added}` to the net, and nothing uses it."
    after = "The new layer comes after the old head. It sees the old scores, not the features of the body."
    last = type(parts[-1]).__name__ if parts else ""
    probabilities = f"Your head ends with {last}. The loss takes scores: it has a softmax of its own."
    kind = f"model.head is a {type(head).__name__}, not an nn.Linear."
    lazy = "Your head has no weights yet, so no optimizer can take them. It waits for its first images."
    features = "After the pooling each image is a row of numbers. A linear layer takes it as it is."
    mistakes = [
        (
            added and head is old,
            unused,
            "The names of torchvision (fc, classifier) are not ours. Assign to model.head.",
        ),
        (added, useless, "Add no layer under a new name. Only model.head becomes another one."),
        (lost, f"The net has lost its `{lost}`.", NEW_LAYER),
        (head is not old and old in parts, after, "The old scores are no features. Replace the old layer."),
        (last in ("Softmax", "LogSoftmax", "Sigmoid"), probabilities, "One nn.Linear, and nothing after it."),
        (last == "ReLU", "Your head ends with a ReLU: no score can be negative.", "One nn.Linear, and no more."),
        ("Conv" in last, "Your head is a convolution: it needs maps, and the pooling has removed them.", features),
        (isinstance(head, nn.LazyLinear), lazy, OLD_HEAD),
        (not isinstance(head, nn.Linear), kind, "One nn.Linear, without anything around it."),
    ]
    blame(mistakes)


def blame_head(before: Snapshot, num_classes: int) -> None:
    """Raise Wrong unless the head is a fresh linear layer of the right sizes that can learn."""
    old, head = before.twin.head, before.net.head
    (classes, features), (rows, columns) = old.weight.shape, head.weight.shape
    said = head.out_features, head.in_features
    kept = head is before.modules["head"] and torch.equal(head.weight, old.weight)
    number_type, its_type = (str(weight.dtype).removeprefix("torch.") for weight in (head.weight, old.weight))
    mixed = f"Your head computes in {number_type}, and the body in {its_type}."
    number = "You change only a number, out_features. The old weights are still there."
    still = f"The head is still the old one, for {classes} old classes."
    sizes = f"Your head takes {columns} numbers, but the body of this net gives {features}."
    cut = "You keep weights of the old head. Its rows belong to the old classes."
    bias = f"The bias has {head.bias.numel() if head.bias is not None else 0} numbers for {num_classes} classes."
    old_bias = "You keep the bias of the old head. It belongs to the old classes."
    off = f"Your head gives {rows} scores, and there are {num_classes} classes."
    fresh = "Let nn.Linear draw its own weights. Even with as many classes as before, they are other classes."
    order = "nn.Linear(what comes in, what goes out)."
    learns = "Leave requires_grad as a new layer has it: True."
    shared = (head.weight[:, None] == old.weight[None]).all(2).any() if columns == features else False
    same_bias = head.bias is not None and any(value in old.bias for value in head.bias)
    mistakes = [
        (kept and said != (classes, features), number, f"A layer is its weights. {NEW_LAYER}"),
        (kept, still, f"{NEW_LAYER} Even if there are as many as before, they are other classes."),
        (shared, cut, fresh),
        ((rows, columns) == (features, num_classes), "The two sizes of your head are exchanged.", order),
        (columns == classes, f"{sizes} {classes} is the number of old classes.", OLD_HEAD),
        (columns == num_classes, f"{sizes} {num_classes} is the number of new classes.", OLD_HEAD),
        (columns != features, f"{sizes} Each net has its own number.", OLD_HEAD),
        (rows == classes != num_classes, f"{off} That is the number of old classes.", order),
        (abs(rows - num_classes) == 1, f"{off} Labels count from 0, but the number of classes is as it is.", order),
        (rows != num_classes, off, order),
        (said != (rows, columns), "The sizes that your head names are not those of its weights.", NEW_LAYER),
        (head.bias is None, "Your head has no bias. The old one has.", "nn.Linear has a bias by default."),
        (head.bias is not None and head.bias.numel() != rows, bias, NEW_LAYER),
        (same_bias, old_bias, fresh),
        (not all(p.requires_grad for p in head.parameters()), "Your new head cannot learn: it is frozen.", learns),
        (number_type != its_type, mixed, "Leave out double(), half() and other dtypes."),
        (not all(p.isfinite().all() for p in head.parameters()), "Your head has nan or inf.", fresh),
    ]
    blame(mistakes)


def blame_body(before: Snapshot) -> None:
    """Raise Wrong if anything but the head has changed."""
    changed = [name for name in before.changed() if is_body(name)]
    weights = [name for name in changed if name in before.parameters]
    drawn = f"You change the body, such as `{''.join(weights[:1])}`. What it has learned is lost."
    moved = "The running statistics of batch norm have changed. Does your function run the net in train mode?"
    asks, modes = asks_of(before.net), modes_of(before.net)
    frozen = [name for name, ask in before.asks.items() if is_body(name) and asks.get(name) != ask]
    other_mode = [name for name, mode in before.modes.items() if is_body(name) and modes.get(name) != mode]
    mode = "You change the mode of the net (train or eval). That is not the task of this function."
    freeze = "You freeze the body here. Whether it learns is another question, and another exercise."
    mistakes = [
        (weights, drawn, "Only model.head becomes another one. No new start for the whole net, and no load."),
        (changed, moved, f"No forward pass is needed. {OLD_HEAD}"),
        (frozen, freeze, "Leave requires_grad of the body as it is."),
        (other_mode, mode, "Call neither train() nor eval()."),
    ]
    blame(mistakes)


@torch.no_grad()
def blame_scores(before: Snapshot) -> None:
    """Raise Wrong if the net does not give what its new head makes of the old features."""
    net, twin = before.net.eval(), before.twin.eval()
    twin.head, x = nn.Identity(), torch.rand(2, 3, 8, 8)
    right = F.linear(twin(x), net.head.weight, net.head.bias)
    found = net(x)
    wrong = found.shape != right.shape or not torch.allclose(found, right, rtol=1e-3)
    text = "The head is right, but something after it changes the scores."
    blame([(wrong, text, "No hook, and no other forward. Only model.head becomes another one.")])


FLAGS = "Each parameter has its own flag, requires_grad. Set it to False in the body, and to True in the head."
ALL_PARTS = "model.requires_grad_(False) reaches all parameters at any depth. Then model.head.requires_grad_(True)."


def nets_to_freeze() -> Iterator[nn.Module]:
    """Small nets of which nothing, something, or all is frozen already."""
    yield models.cifar_net(8, width=4)
    net = FourStages((4, 5, 6, 7), num_classes=3).eval()
    net.head.requires_grad_(False)
    yield net
    yield models.cifar_net(14, width=2, shortcut="B").requires_grad_(False)


@exercise("16.2", "Only the head learns now; the body stays what it was on the large data set.")
def check_freeze_body(freeze_body: Callable[[nn.Module], object]) -> None:
    """Exercise 16.2: `freeze_body(model)` changes the given model in place: which parameters get a gradient."""
    for net in nets_to_freeze():
        for parameter in net.parameters():
            parameter.grad = torch.ones_like(parameter)
        before = Snapshot(net)
        found = freeze_body(net)
        blame_switch()
        blame_lost(before)
        right = {name: not is_body(name) for name in before.asks}
        if asks_of(before.net) != right:
            blame_copy(found, asks_of, right)
            blame_idle(before)
            blame_flags(before)
        if modes_of(before.net) != before.modes:
            text = "The gradients are right. But you change the mode of the net too (train or eval)."
            raise Wrong(text, "The mode is about dropout and batch norm. Leave it as it is here.")
        if gradients_of(net) != right:
            raise Wrong("The flags are right, but your head gets no gradient.", "Leave forward as it is.")


def gradients_of(net: nn.Module) -> dict[str, bool]:
    """Which parameters a backward pass reaches."""
    net.zero_grad()
    loss = net.eval()(torch.rand(2, 3, 8, 8)).square().sum()
    if loss.requires_grad:
        loss.backward()
    return {name: parameter.grad is not None for name, parameter in net.named_parameters()}


def blame_switch() -> None:
    """Raise Wrong if gradients are switched off."""
    off = not torch.is_grad_enabled()
    text = "You switch off all gradients, for the whole notebook. Then nothing can learn, the head neither."
    blame([(off, text, "Leave out torch.set_grad_enabled and the like: they are for all tensors, not for some.")])


def blame_lost(before: Snapshot) -> None:
    """Raise Wrong if parameters are gone or have other values."""
    now = dict(before.net.named_parameters())
    gone = "".join([name for name in before.asks if name not in now][:1])
    changed = "".join(before.changed()[:1])
    mistakes = [
        (gone, f"The net has lost a parameter: `{gone}`.", f"Delete and replace nothing. {FLAGS}"),
        (changed, f"You change values in the net, such as `{changed}`. They are what it has learned.", FLAGS),
    ]
    blame(mistakes)


def blame_idle(before: Snapshot) -> None:
    """Raise Wrong for an answer that does something else than to freeze."""
    net = before.net
    written = before.new_attributes()
    owner, key = written[0] if written else ("", "")
    kind = "parameter" if owner in before.parameters else "module"
    unread = f"You write a new attribute, `{key}`, on a {kind}. Nobody reads it."
    same = asks_of(before.net) == before.asks
    grads = [parameter.grad for parameter in net.parameters()]
    cleared = same and any(grad is None or not grad.any() for grad in grads)
    clear = "You clear the gradients that are there. The next backward pass brings new ones."
    mode = "You change the mode (train or eval). It is about dropout and batch norm, and stops no gradient."
    hooks = any(parameter._backward_hooks for parameter in net.parameters())
    hooked = "You change the gradients by a hook. The parameters still get one, and an optimizer still moves them."
    unchanged = "After the call, each parameter gets a gradient or none, just as before."
    detached = "You cut the way back to the body. But its parameters still count as trainable."
    idle = "no_grad() works only inside its `with`. x = x.detach() or flag = False only gives a name another value."
    mistakes = [
        (written, unread, "A module has the method requires_grad_(...). A parameter has the flag requires_grad."),
        (cleared, clear, FLAGS),
        (hooks, hooked, FLAGS),
        (same and modes_of(before.net) != before.modes, mode, FLAGS),
        (same and gradients_of(net) != before.asks, detached, FLAGS),
        (same, unchanged, f"{idle}"),
    ]
    blame(mistakes)


def blame_flags(before: Snapshot) -> None:
    """Raise Wrong for flags that are not False in the body and True in the head."""
    asks, kinds = asks_of(before.net), kinds_of_parameters(before.net)
    body = {name for name in asks if is_body(name)}
    head, norms = set(asks) - body, {name for name in body if kinds[id(before.parameters[name])] != "Conv2d"}
    learns = {name for name in body if asks[name]}
    still = {name for name in head if not asks[name]}
    children = list(dict.fromkeys(name.partition(".")[0] for name in before.asks if is_body(name)))
    whole = [c for c in children if {name for name in body if name.startswith(f"{c}.")} <= learns]
    partly = [c for c in children if c not in whole and any(name.startswith(f"{c}.") for name in learns)]
    fixed = [c for c in children if c not in whole + partly]
    name = "".join([n for n in asks if n in learns][:1])
    was_frozen = still and not any(before.asks[n] for n in still)
    opposite = "That is the wrong way round: the body learns, and the head is frozen."
    nothing = "The head is frozen too. Nothing in the net can learn."
    old = "The body is frozen. But a head that was frozen before stays frozen."
    part = f"The body is frozen, but so is `{''.join(sorted(still)[:1])}` of the head."
    weights = "The convolutions are frozen. But batch norm has weights and biases too, and they still learn."
    every = "Do not choose by kind or by shape: take all parameters of the body."
    names = " and ".join(f"`{child}`" for child in whole)
    left = f"{names} is not frozen." if len(whole) == 1 else f"{names} are not frozen."
    count = "".join(str(int(ask)) for name, ask in asks.items() if is_body(name))
    cut = f"Only the first {count.count('0')} parameters are frozen, and the body of this net has {len(body)}."
    some = f"A part of `{name.partition('.')[0]}` still learns, such as `{name}`."
    mistakes = [
        (learns == body and still == head, opposite, FLAGS),
        (still == head and not learns and not was_frozen, nothing, "Then let model.head learn again."),
        (not learns and was_frozen, old, "Set the flags of the head too, to True."),
        (not learns, part, "The head has a weight and a bias. Both learn."),
        (learns == body, "The body is not frozen.", FLAGS),
        (learns == norms, weights, every),
        (learns and learns < norms, f"`{name}` of a batch norm still learns.", every),
        (learns == body - norms, "Only batch norm is frozen. The convolutions still learn.", every),
        (len(fixed) == 1 and not partly, f"Only `{''.join(fixed)}` is frozen. The body is more.", ALL_PARTS),
        ("stage4" in whole and not partly, f"{left} A net may have three stages or four.", ALL_PARTS),
        (whole and not partly, f"{left} The body is all but the head.", ALL_PARTS),
        (partly and "10" not in count, cut, ALL_PARTS),
        (partly, some, every),
    ]
    blame(mistakes)


NORM_LAST = "First model.train() for all. Then go through model.modules(), and call eval() on each batch norm."
ANY_NORM = "Ask for the class that all batch norms share: nn.modules.batchnorm._BatchNorm."
SAME_LAYERS = "Change only the mode of each layer: train() and eval() do that, and no more."


def nets_in_any_mode() -> Iterator[nn.Module]:
    """Nets with dropout and with several kinds of batch norm, in a mixed mode, in eval mode and in train mode."""
    net = models.cifar_net(8, width=4, shortcut="B")
    net.head = nn.Sequential(nn.Linear(16, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 3))
    for module in list(net.modules())[::3]:
        module.training = False
    net.stem.requires_grad_(False)
    yield net
    net = FourStages((4, 5, 6, 7), num_classes=3)
    net.stage2.append(nn.Dropout2d(0.2))
    yield net.eval()
    body = nn.Sequential(nn.Conv3d(1, 2, 3), nn.BatchNorm3d(2), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    yield body.extend([nn.Dropout(0.1), nn.Linear(2, 3), nn.BatchNorm1d(3)])


@exercise("16.3", "The net trains, and its batch norm keeps the statistics of the large data set.")
def check_train_mode(train_mode: Callable[[nn.Module], object]) -> None:
    """Exercise 16.3: `train_mode(model)` changes the given model in place: the mode of its layers, nothing else."""
    for net in nets_in_any_mode():
        for name, value in net.state_dict().items():
            value.copy_(torch.full_like(value, 3) if "num" in name else torch.rand_like(value) + 0.5)
        before = Snapshot(net)
        found = train_mode(net)
        blame_switch()
        blame_replaced(before)
        norms = {name for name, module in before.modules.items() if isinstance(module, BATCH_NORMS)}
        right = {name: name not in norms for name in before.modes}
        if modes_of(before.net) != right:
            blame_copy(found, modes_of, right)
            blame_modes(before, norms)


def blame_replaced(before: Snapshot) -> None:
    """Raise Wrong if anything but the modes has changed."""
    now = dict(before.net.named_modules())
    replaced = "".join([name for name, module in before.modules.items() if now.get(name) is not module][:1])
    settings = [name for name, module in now.items() if module.extra_repr() != before.settings.get(name)]
    stopped = any(m.momentum == 0 or not m.track_running_stats for m in now.values() if isinstance(m, BATCH_NORMS))
    changed = before.changed()
    statistics = [name for name in changed if name not in before.parameters]
    asks = asks_of(before.net) != before.asks
    other = f"You replace the layer `{replaced}`. The weights around it have learned with it."
    own = "You stop only the update of the running statistics. In train mode a batch norm uses those of the batch."
    moved = "The running statistics have changed. They are what should stay."
    gradient = "You change requires_grad. It is for gamma and beta. The statistics have no gradient."
    mistakes = [
        (replaced, other, SAME_LAYERS),
        (stopped, own, f"Only eval mode uses them. {SAME_LAYERS}"),
        (settings, f"You change a setting of `{''.join(settings[:1])}`.", SAME_LAYERS),
        (statistics, moved, "No forward pass, and no reset: only eval() for these layers."),
        (changed, f"You change values, such as `{''.join(changed[:1])}`. The net has learned them.", SAME_LAYERS),
        (asks, gradient, "The mode decides: in eval mode a batch norm uses its running statistics."),
    ]
    blame(mistakes)


def blame_modes(before: Snapshot, norms: set[str]) -> None:
    """Raise Wrong for modes that are not as they should be."""
    modes, layers = modes_of(before.net), before.modules
    others = set(modes) - norms
    free, off = {name for name in norms if modes[name]}, {name for name in others if not modes[name]}
    dropout = {name for name in others if "Dropout" in type(layers[name]).__name__}
    written = before.new_attributes()
    key = written[0][1] if written else ""
    same = [name for name in modes if name and modes[name] == before.modes[name]]
    holders = [name for name in modes if list(layers[name].children())]
    whole = [part for part in holders if part and not any(modes[n] for n in modes if f"{n}.".startswith(f"{part}."))]
    kinds, fixed_kinds = ({type(layers[name]).__name__ for name in some} for some in (free, norms - free))
    parts = {name.partition(".")[0] for name in norms - free}
    one, layer, drop = ("".join([n for n in modes if n in some][:1]) for some in (free, off - {""}, dropout & off))
    unchanged = "After the call, each layer is in the mode that it had before."
    alone = "You set the mode of the net itself. The layers inside keep the mode that they had before."
    train = "All layers are in train mode, the batch norms too: they use the statistics of each batch."
    evaluated = "The whole net is in eval mode. Dropout is off too."
    opposite = "That is the wrong way round: the batch norms are in train mode, and the rest in eval mode."
    kept = "The batch norms are right. But the rest of the net keeps the mode that it had before."
    root = "All layers are right, but model.training is False."
    all_of = f"You put all of `{''.join(whole[:1])}` into eval mode, not only its batch norms."
    no_drop = f"`{drop}` is in eval mode: dropout is off."
    innermost = f"You set the innermost layers only. `{layer}`, which holds some of them, is in eval mode."
    single = f"`{layer}`, a {type(layers[layer]).__name__}, is in eval mode. Only batch norms should be."
    kind = f"`{one}`, a {type(layers.get(one)).__name__}, is in train mode. Batch norm has more than one class."
    first = f"Only batch norms in `{''.join(parts)}` are fixed. The other parts have some too."
    named = f"`{one}` is in train mode. Do you go by names? A batch norm may have any name."
    numbered = all(name.rpartition(".")[2].isdigit() for name in free)
    deep = "model.children() gives only the outermost parts. model.modules() gives all."
    brackets = "A method needs its brackets: train(), eval(). Each layer has its own flag, training."
    alone_hint = "Call eval() on the batch norm alone. The eval() of a part reaches all that is inside."
    mistakes = [
        (written, f"You write a new attribute, `{key}`. Nobody reads it.", SAME_LAYERS),
        (modes == before.modes, unchanged, brackets),
        (len(same) == len(modes) - 1, alone, brackets),
        (free == norms and not off, train, f"train() reaches every layer inside. {NORM_LAST}"),
        (off >= others - {""} and not free, evaluated, NORM_LAST),
        (off >= others - {""} and free == norms, opposite, NORM_LAST),
        (not free and others - {""} <= set(same), kept, NORM_LAST),
        (not free and off == {""}, root, "model.train() sets the net itself too. Leave no part out."),
        (whole, all_of, alone_hint),
        (off and off <= dropout, no_drop, "Dropout is a part of the training. Only batch norms go into eval mode."),
        (off and off <= set(holders), innermost, NORM_LAST),
        (off, single, NORM_LAST),
        (not kinds & fixed_kinds and fixed_kinds, kind, ANY_NORM),
        (len(parts) == 1, first, deep),
        (numbered, named, ANY_NORM),
    ]
    blame(mistakes)
    raise Wrong(f"`{one}`, a batch norm, is in train mode.", f"All batch norms must be fixed. {ANY_NORM}")


RATE_RULE = "Go from the last child to the first. Start with lr, and multiply by factor after each child."
LR_GROUPS = "return [{'params': ..., 'lr': ...}, ...], one dict for each child"


def nets_with_children() -> Iterator[tuple[nn.Module, float, float]]:
    """Nets with three and four stages, the rate of the head, and the factor."""
    yield models.cifar_net(8, width=4), 0.3, 0.4
    yield FourStages((4, 5, 6, 7), num_classes=3), 0.02, 0.7


@exercise("16.6", "The nearer a part is to the images, the smaller are its steps.")
def check_parameter_groups(parameter_groups: Callable[[nn.Module, float, float], list[dict]]) -> None:
    """Exercise 16.6: `parameter_groups(model, lr, factor)` is a list of dicts with params and lr, for torch.optim."""
    for net, lr, factor in nets_with_children():
        before = Snapshot(net)
        groups = rated_groups(parameter_groups(net, lr, factor))
        changed = before.changed() or asks_of(before.net) != before.asks
        blame([(changed, "You change the parameters of the net.", "Only sort them into groups.")])
        blame_places(groups, net)
        blame_child_rates(groups, net, lr, factor)


def rated_groups(found) -> list[tuple[list[Tensor], float]]:
    """Each group as its tensors and its rate; Wrong if it is not what an optimizer takes."""
    mistakes = [
        (found is None, "parameter_groups gives None.", f"The last line is {LR_GROUPS}."),
        (isinstance(found, torch.optim.Optimizer), "You return an optimizer. Give only its groups.", LR_GROUPS),
        (isinstance(found, dict), "You return one dict, not a list of dicts.", LR_GROUPS),
        (
            not isinstance(found, list | tuple | Iterator),
            f"You return a {type(found).__name__}, not a list.",
            LR_GROUPS,
        ),
    ]
    blame(mistakes)
    found = list(found)
    for group in found:
        if not isinstance(group, dict):
            raise Wrong(f"A group must be a dict, but yours is a {type(group).__name__}.", LR_GROUPS)
    one = len(set(map(id, found))) < len(found)
    text = "Your list has the same dict several times: each change of it changes all entries."
    blame([(one, text, "Make a new dict for each child, inside the loop.")])
    groups = []
    for group in found:
        other = "".join([key for key in map(str, group) if key != "params"][:1])
        instead = f"A group has `{other}`, but no 'lr'. The optimizer's own default would act on it."
        mistakes = [
            ("params" not in group, "A group has no key 'params'.", LR_GROUPS),
            ("lr" not in group and other, instead, LR_GROUPS),
            ("lr" not in group, "A group has no key 'lr'. The optimizer's own default would act on it.", LR_GROUPS),
            (isinstance(group.get("params"), set), "params is a set, and an optimizer refuses it.", "Use a list."),
        ]
        blame(mistakes)
        none = "The lr of a group is None. An optimizer needs a number."
        blame([(group["lr"] is None, none, "Give each dict the rate of its child.")])
        params = group["params"]
        if isinstance(params, nn.Module | str) or not isinstance(params, Iterable):
            raise Wrong(
                f"params is a {type(params).__name__}, not a list of parameters.",
                "child.parameters() gives the parameters of a child.",
            )
        params = [params] if isinstance(params, Tensor) else list(params)
        params = [item[-1] if isinstance(item, tuple) else item for item in params]  # pairs of name and parameter
        for item in params:
            if not isinstance(item, Tensor):
                raise Wrong(
                    f"Among the params is a {type(item).__name__}, not a parameter.",
                    "child.parameters() gives the parameters of a child.",
                )
        groups.append((params, number_from(group["lr"], "The lr of a group")))
    return groups


def blame_places(groups: list[tuple[list[Tensor], float]], net: nn.Module) -> None:
    """Raise Wrong unless each parameter is in one group."""
    found = [id(parameter) for params, _ in groups for parameter in params]
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    missing = [name for key, name in names.items() if key not in found]
    twice = [name for key, name in names.items() if found.count(key) > 1]
    lost = [
        c for c, child in net.named_children() if {f"{c}.{n}" for n, _ in child.named_parameters()} <= set(missing)
    ]
    full = [params for params, _ in groups if params]
    empty = len(full) < len(groups) and (missing or len(full) == 1)
    foreign = "A group holds a tensor that is no parameter of the net. The optimizer would train that one."
    none = "A group is empty: its parameters are lost, or another group has them."
    only = [name for name, _ in net.named_children() if name not in lost]
    alone = f"Only `{''.join(only[:1])}` is in a group. The other children would never learn."
    child = f"`{''.join(lost[:1])}` is in no group. It would never learn."
    vectors = not any(len(p.shape) > 1 for n, p in net.named_parameters() if n in missing)
    small = f"Biases and norms are in no group, such as `{''.join(missing[:1])}`."
    name = f"{len(missing)} parameters are in no group, such as `{''.join(missing[:1])}`. They would never learn."
    mistakes = [
        (not set(found) <= set(names), foreign, "Take what child.parameters() gives: no detach(), no clone()."),
        (empty, none, "A generator gives its items only once: make a list. Or does a condition let nothing through?"),
        (missing and len(only) == 1, alone, "Let `return` stand after the loop, and not inside."),
        (missing and len(lost) == 1, child, "Take all children, whatever their names and their number are."),
        (missing and vectors, small, "Take all of child.parameters()."),
        (missing, name, "Take all of child.parameters(), for each child."),
        (twice, f"`{''.join(twice[:1])}` is in two groups.", "Each child has one rate. No group for the whole net."),
    ]
    blame(mistakes)


def wrong_child_rates(k: list[int], lr: float, factor: float) -> list[tuple[list[float], str, str]]:
    """The rates that common mistakes give to the children, from the head, k = 0, to the stem."""
    last = k[-1]
    reverse = "The order is the wrong way round: the stem has the full rate, and the head the smallest."
    early = "You multiply too early: the head has lr * factor."
    formulas = [
        (lambda i: lr * factor ** (last - i), reverse),
        (lambda i: lr * factor ** (last + 1 - i), f"{reverse} You also multiply once too often."),
        (lambda i: lr * factor ** (last + 1 - i) if i else lr, "The head is right, but the stages go the wrong way."),
        (lambda i: lr * factor ** (last - i) if i else lr, "The head is right, but the stages go the wrong way."),
        (lambda i: lr * factor ** (i + 1), early),
        (lambda i: lr, "All parts have the same rate: factor has no effect."),
        (lambda i: lr * factor if i else lr, "All parts but the head have the same rate."),
        (lambda i: lr if i else lr * factor, "You multiply the rate of the head, and of nothing else."),
        (lambda i: lr / factor**i, "You divide by factor: the stem has the largest rate."),
        (lambda i: lr / factor ** (last - i), "You divide by factor, and go from the stem to the head."),
        (lambda i: lr * factor ** max(i - 1, 0), "The last stage has the rate of the head. It should have less."),
        (lambda i: lr * factor ** min(i, last - 1), "The stem has the rate of stage1. It should have less."),
        (lambda i: lr * factor * i, "You multiply by a number of steps. The factors should multiply each other."),
        (
            lambda i: lr * factor * (i + 1),
            "You multiply by a number of steps. The factors should multiply each other.",
        ),
        (lambda i: lr * factor * i if i else lr, "You multiply by a number of steps. The factors should multiply."),
        (lambda i: lr * (last - i), "You multiply by a number of steps. The factors should multiply each other."),
        (lambda i: lr - i * factor, "You subtract factor. Each rate is a part of the next one."),
        (lambda i: lr * (1 - i * factor), "You subtract. Each rate is a part of the next one."),
        (
            lambda i: lr * (1 - i * (1 - factor)),
            "You subtract the same step each time. Each rate is a part of the next.",
        ),
        (
            lambda i: lr * (1 - i * (1 - factor) / last),
            "The rate falls in a straight line to lr * factor. Each rate is a part of the next.",
        ),
        (lambda i: lr * factor ** (i / last), "Only the stem has lr * factor: you spread one factor over all parts."),
        (lambda i: lr * factor ** (2 * i), "You multiply twice at each child: the rates fall too fast."),
        (
            lambda i: lr * factor ** (i * (i + 1) / 2),
            "The powers pile up: each child multiplies by more factors than the child after it.",
        ),
        (lambda i: factor**i, "lr has no effect: the head has the rate 1."),
        (lambda i: (lr * factor) ** i, "The power takes lr too, not factor alone. The rates fall too fast."),
        (lambda i: lr ** (i + 1), "You take powers of lr, and factor has no effect."),
        (lambda i: factor * lr**i, "lr and factor are exchanged: the head has the rate factor."),
        (lambda i: lr / (i + 1), "You divide by a number of steps. factor has no effect."),
        (
            lambda i: lr * (1 - factor) ** i,
            "You multiply by 1 - factor. But factor is what is left, not what is taken away.",
        ),
        (lambda i: lr * math.exp(-factor * i), "You use exp(-factor). Each rate is factor times the next."),
    ]
    return [([formula(i) for i in k], text, RATE_RULE) for formula, text in formulas]


def blame_child_rates(groups: list[tuple[list[Tensor], float]], net: nn.Module, lr: float, factor: float) -> None:
    """Raise Wrong unless each child has factor times the rate of the child after it."""
    rates = {id(parameter): rate for params, rate in groups for parameter in params}
    children = list(net.named_children())[::-1]
    found = []
    for name, child in children:
        own = {rates[id(parameter)] for parameter in child.parameters()}
        text = f"Inside `{name}` there are different rates. Each child has one."
        blame([(max(own) - min(own) > 1e-9, text, "Count the children, not the layers or parameters inside them.")])
        found.append(own.pop())
    k = list(range(len(children)))

    def same(wrong):
        return all(math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-12) for a, b in zip(found, wrong, strict=True))

    right = [lr * factor**i for i in k]
    if same(right):
        return
    blame(wrong_child_rates(k, lr, factor), same)
    quotients = [b / a if a else math.nan for a, b in pairwise(found)]
    steady = all(math.isclose(q, quotients[0], rel_tol=1e-5) for q in quotients)
    scaled = f"The head has the rate {found[0]:.4g}, and lr is {lr:g}."
    typed = f"Each child has {quotients[0]:.4g} times the rate of the one after it, and factor is {factor:g}."
    mistakes = [
        (not math.isclose(found[0], lr, rel_tol=1e-5), scaled, RATE_RULE),
        (steady, typed, RATE_RULE),
    ]
    blame(mistakes)
    i = next(i for i in k if not math.isclose(found[i], right[i], rel_tol=1e-5))
    after, name = children[i - 1][0], children[i][0]
    raise Wrong(
        f"`{name}` has {quotients[i - 1]:.4g} times the rate of `{after}`, and factor is {factor:g}.", RATE_RULE
    )

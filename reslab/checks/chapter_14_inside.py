"""Checkers of chapter 14, Inside: another author's names for the same weights, and how large each response is."""

import copy
import math
import random
import re
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reslab import models, probes
from reslab.checks.chapter_02 import check_untouched
from reslab.checks.chapter_16_using import WRONG_MODES, NetBefore, NotingConv
from reslab.checks.exercise import Wrong, blame, exercise, number_from

HIS_PARTS = {"stem.0": "conv1", "stem.1": "bn1", "head": "linear"} | {f"stage{k}": f"layer{k}" for k in (1, 2, 3)}


def shake_norm(norm: nn.BatchNorm2d) -> None:
    """Give a batch norm the weights and statistics of a long training, in place."""
    nn.init.uniform_(norm.weight, 0.2, 1.2)
    nn.init.uniform_(norm.bias, -0.3, 0.9)
    nn.init.uniform_(norm.running_mean, -0.8, 0.4)
    nn.init.uniform_(norm.running_var, 0.8, 3)
    norm.num_batches_tracked.fill_(random.randint(100, 10**9))


def norms_of(net: nn.Module) -> dict[str, nn.BatchNorm2d]:
    """The batch norms of a net, by name, those of its shortcuts too."""
    return {name: module for name, module in net.named_modules() if isinstance(module, nn.BatchNorm2d)}


def his_name(key: str) -> str:
    """His name, without `module.`, for a key of our net."""
    ours = next(part for part in HIS_PARTS if key.startswith(part))
    return key.replace(ours, HIS_PARTS[ours], 1)


def his_file(depth: int, prefix: str, old: bool, mixed: bool) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Weights under his names, and our name for each of his.

    An old file has no counts of batches. In a mixed one the keys stand in any order, and the weights are float64.
    """
    net = models.cifar_net(depth, width=4, num_classes=5)
    for norm in norms_of(net).values():
        shake_norm(norm)
    net.to(torch.float64 if mixed else torch.float32)
    state = {key: value for key, value in net.state_dict().items() if not (old and "num_batches" in key)}
    keys = random.sample(list(state), len(state)) if mixed else list(state)
    ours = {prefix + his_name(key): key for key in keys}
    return {his: state[key] for his, key in ours.items()}, ours


def same_tensor(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors, or what stands in their place, have the same dtype, shape and numbers."""
    return isinstance(a, Tensor) and isinstance(b, Tensor) and a.dtype == b.dtype and torch.equal(a, b)


@exercise("14.2", "His nets are ours under other names. Now you can test his weights yourself.")
def check_from_akamaster(from_akamaster: Callable[[dict], dict]) -> None:
    """Exercise 14.2: `from_akamaster(state_dict)` is a new dict: the same tensors under the names of our cifar_net."""
    for form in ((14, "module.", True, False), (8, "", False, True)):
        given, ours = his_file(*form)
        before = copy.deepcopy(given)
        try:
            found = from_akamaster(given)
        except (KeyError, RuntimeError, ValueError) as error:
            blame_error(error, list(ours))
            raise
        blame_dict(found, given, before)
        if found.keys() != set(ours.values()) or not all(same_tensor(found[ours[his]], given[his]) for his in ours):
            blame_tensors(found, given, ours)
    for strange in ("module.fc.weight", "module.layer4.0.conv1.weight", "module.conv2.weight"):
        blame_strange(from_akamaster, strange)


def blame_error(error: Exception, keys: list[str]) -> None:
    """Raise Wrong for an error that tells of a wrong idea: a good key refused, or weights loaded into a net."""
    text = str(error)
    words = {word.strip(".") for word in re.findall(r"[\w.]+", text)}
    refused = next((key for key in keys if words & {key, key.removeprefix("module.")}), "")
    bitten = next((key for key in keys if without_letters(key) in words), "")
    good = isinstance(error, ValueError)
    parts = (
        "Take `module.` off as a word, not letter by letter. Then conv1, bn1, layer1 to layer3 or linear comes first."
    )
    mistakes = [
        (
            error.args == ("state_dict",),
            "You look for a key 'state_dict'. The function gets the weights themselves, not the whole file.",
            "Go through state_dict.items().",
        ),
        (
            "loading state_dict" in text,
            "You load the weights into a net inside the function. It does not know how deep and wide his net is.",
            "Only rename. The caller builds the net, and loads what you return.",
        ),
        (
            good and bitten and not refused,
            f"You strip letters, not a word: of {bitten!r} only {without_letters(bitten)!r} is left.",
            "removeprefix takes off a word. lstrip takes off each of its letters.",
        ),
        (
            good and refused.endswith("num_batches_tracked"),
            f"You raise ValueError for {refused!r}. Files of a newer PyTorch have such keys.",
            "What stands after the first part needs no check. Take it as it is.",
        ),
        (
            good and refused and not refused.startswith("module."),
            f"You raise ValueError for {refused!r}. The word `module.` may be missing.",
            "removeprefix leaves a name alone that does not start so.",
        ),
        (good and refused, f"You raise ValueError for {refused!r}, which is one of his names.", parts),
    ]
    blame(mistakes)


def without_letters(key: str) -> str:
    """What lstrip("module.") leaves of a key, which is too little."""
    return re.sub(r"^[module.]+", "", key)


def blame_dict(found, given: dict[str, Tensor], before: dict[str, Tensor]) -> None:
    """Raise Wrong if the given dict is not what it was, or if the result is no new dict of tensors."""
    new = "Start with an empty dict. For each item of the given one, put the tensor in under our name."
    mistakes = [
        (
            given.keys() != before.keys(),
            "After the call the given dict has other keys. Who still needs his names has lost them.",
            new,
        ),
        (
            not all(same_tensor(given[key], before[key]) for key in given.keys() & before.keys()),
            "After the call the tensors in the given dict have other values.",
            "Only the names change. Leave the tensors alone: no add_, copy_ or fill_.",
        ),
        (found is None, "from_akamaster gives None.", "The last line of the function must be `return ...`."),
        (found is given, "You give his dict back, with his names.", new),
        (isinstance(found, nn.Module), f"You give a net ({type(found).__name__}), not its state dict.", new),
        (not isinstance(found, Mapping), f"You give a {type(found).__name__}, not a dict.", new),
    ]
    blame(mistakes)
    for name, value in found.items():
        if not isinstance(value, Tensor):
            raise Wrong(f"Under {name!r} your dict has a {type(value).__name__}, not a tensor.", new)
    blame([(not found, "Your dict is empty.", new)])


def blame_tensors(found: Mapping, given: dict[str, Tensor], ours: dict[str, str]) -> None:
    """Raise Wrong, knowing that names or tensors are wrong; `ours` has the right name for each of his."""
    names = {his: [name for name in found if same_tensor(found[name], value)] for his, value in given.items()}
    wrong_keys = found.keys() != set(ours.values())
    hidden = "strict=False hides all that does not fit. Rename the keys, and return the dict."
    blame([(wrong_keys and not any(names.values()), "None of his tensors is in your result.", hidden)])
    wrong = {his: str(names[his][0]) for his, right in ours.items() if names[his] and right not in names[his]}
    blame_key_order(wrong, ours, all(map(same_tensor, found.values(), given.values())))
    for his, name in wrong.items():
        blame_name_of(his, ours[his], name)
    blame_lost_tensors([his for his, right in ours.items() if right not in found], given)
    more = [name for name in found if name not in ours.values()]
    first = next(iter(more), "")
    only = "For each key of his there is one of ours, and no other."
    mistakes = [
        (first in given, f"His name {first!r} is in your dict, beside ours.", only),
        ("num_batches" in str(first), f"You add {first!r}. An old file has no such number, so nobody knows it.", only),
        (more, f"Your dict has {first!r} too, which is no tensor of his.", only),
    ]
    blame(mistakes)
    for his, right in ours.items():
        old, new = given[his], found[right]
        mistakes = [
            (
                new.shape != old.shape,
                f"Your {right} has the shape {tuple(new.shape)}, and his tensor has {tuple(old.shape)}.",
                "PyTorch stores weights alike in both nets. Leave the tensors as they are.",
            ),
            (
                new.dtype != old.dtype,
                f"Your {right} is {new.dtype}, and his tensor is {old.dtype}.",
                "Leave the tensors as they are: no half(), float() or long().",
            ),
            (
                not same_tensor(new, old),
                f"Under {right} stands a tensor with other numbers than his.",
                "Put in the tensor itself: `renamed[name] = value`.",
            ),
        ]
        blame(mistakes)


def blame_key_order(wrong: dict[str, str], ours: dict[str, str], by_place: bool) -> None:
    """Raise Wrong if a tensor of his has the name of one of another kind, as happens if the order decides."""
    for his, name in wrong.items():
        said = f"{his!r} becomes {name!r}. That is the name of another tensor."
        paired = f"You pair names and tensors by their places: {his!r} becomes {name!r}. A dict may have any order."
        exchanged = name in ours.values() and name.rpartition(".")[2] != his.rpartition(".")[2]
        hint = "Make each new name from the old one, not from its place or from the shape."
        blame([(exchanged, paired if by_place else said, hint)])


def blame_name_of(his: str, right: str, name: str) -> None:
    """Raise Wrong for the wrong `name` that the tensor `his` got."""
    became, key = f"{his!r} becomes {name!r}", his.removeprefix("module.")
    first, start = key.partition(".")[0], name.partition(".")[0]
    in_stage = first.startswith("layer")
    same_stage = in_stage and start == f"stage{first[5:]}"
    block, his_block = ((*text.split("."), "")[1] for text in (name, key))
    exact = "Look at the first part of the name alone. Inside the blocks conv1 and bn1 keep their names."
    words = "The first part alone changes: conv1 and bn1 are stem.0 and stem.1, layer is stage, linear is head."
    prefix = "Take the word `module.` off where a name starts with it, and only there."
    stem = "Our stem is a Sequential. Its layers are counted from 0: the convolution, then the batch norm."
    number = "The number of the block stays. Both nets count from 0."
    mistakes = [
        (name == his, f"You leave {his!r} as it is.", words),
        (
            name == without_letters(his) != key,
            f"You strip letters, not a word: {became}.",
            "removeprefix takes off a word. lstrip takes off each of its letters.",
        ),
        ("module" in name, f"{became}. The word `module` is no part of our names.", prefix),
        (
            his == key and key.endswith(name.strip(".")),
            f"{became}. Nothing of it may be cut off: here no `module.` stands before it.",
            prefix,
        ),
        (in_stage and "stem" in name, f"Your rule for the stem hits inside a block, too: {became}.", exact),
        (in_stage and "head" in name, f"Your rule for the head hits inside a block, too: {became}.", exact),
        (name.lower() == right, f"{became}. Capital letters count.", words),
        (re.sub("[._]", "", name) == re.sub("[._]", "", right), f"{became}. Mind the dots.", words),
        (start == "stem", f"{became}. That is another layer of the stem, or none.", stem),
        (in_stage and "layer" in name, f"{became}. Our nets have stages, not layers.", words),
        (
            in_stage and re.fullmatch(r"stage\d+", start) and not same_stage,
            f"{became}. That is another stage.",
            "The stages are counted from 1 in both nets.",
        ),
        (same_stage and not block.isdigit(), f"{became}. Which block is it?", number),
        (same_stage and block != his_block, f"{became}. That is another block, or none.", number),
        (same_stage, f"{became}. Inside a block the names are alike.", exact),
        (first == "linear", f"{became}. Our last layer is called head.", words),
    ]
    blame(mistakes)
    raise Wrong(f"{became}. That is no name in our net.", words)


def blame_lost_tensors(lost: list[str], given: dict[str, Tensor]) -> None:
    """Raise Wrong if tensors of his are `lost`: they stand in the result under no name."""
    if not lost:
        return
    all_keys = "Go through all items of the given dict. Each has its place in our net."

    def are(*words: str) -> bool:
        return set(lost) == {key for key in given if any(word in key for word in words)}

    counts = "num_batches_tracked"
    mistakes = [
        (
            are("running_"),
            "The running statistics are lost. Without them our net in eval mode knows nothing of his data.",
        ),
        (are(counts), f"The entries {counts} are lost. Where a file has them, they are renamed as all others."),
        (are("bias"), "The biases are lost. Those of batch norm and of the head belong to the net."),
        (are("linear"), "His linear layer is lost. It is our head."),
        (are("layer"), "The blocks are lost. Only what stands before and after them is left."),
    ]
    blame([(sign, said, all_keys) for sign, said in mistakes])
    more = f", and {len(lost) - 1} more of {len(given)}" if len(lost) > 1 else ""
    raise Wrong(
        f"The tensor {lost[0]!r} is lost{more}.",
        "Two keys with one new name overwrite each other, and a key that is passed over is missing.",
    )


def blame_strange(from_akamaster: Callable[[dict], dict], strange: str) -> None:
    """Raise Wrong unless a key that no rule fits leads to a ValueError that names it."""
    file, _ = his_file(8, "module.", True, False)
    keys = list(file)
    given = {key: file[key] for key in keys[:9]} | {strange: torch.randn(5, 4)} | {key: file[key] for key in keys[9:]}
    ours = "`raise ValueError(...)` where the first part of a name is none of his."
    try:
        found = from_akamaster(given)
    except ValueError as error:
        said = f"Your ValueError for the key {strange!r} does not say which key it is."
        blame([(strange.removeprefix("module.") not in str(error), said, "Put the key into its message.")])
        return
    except Exception as error:
        said = f"At the key {strange!r} your code stops with {type(error).__name__}. It must be a ValueError."
        raise Wrong(said, ours) from error
    tensors = found if isinstance(found, Mapping) else {}
    name = next((name for name, value in tensors.items() if value is given[strange]), None)
    became = "Its tensor is left out" if name is None else f"It becomes {name!r}"
    raise Wrong(f"The key {strange!r} is none of his, and you raise no error. {became}.", ours)


def responding_net(depth: int, mode: str, calls: list[tuple[int, bool]], **kind) -> nn.Module:
    """A narrow net, its batch norms shaken, in one of the modes of WRONG_MODES; it notes its passes in `calls`."""
    width = 4 if depth < 20 else 2
    net = models.cifar_net(depth, width=width, num_classes=5, **kind)
    net.stem[0] = NotingConv(width, calls)
    norms = list(norms_of(net).values())
    for norm in norms:
        shake_norm(norm)
    net.train(mode != "eval")
    if mode == "frozen":
        norms[1].eval().requires_grad_(False)
    return net


@torch.no_grad()
def responses(net: nn.Module, x: Tensor, training: bool) -> dict[str, tuple[nn.BatchNorm2d, Tensor, Tensor]]:
    """For each batch norm on the main path of a copy of `net`, by name: itself, and what goes in and comes out."""
    net, seen = copy.deepcopy(net).train(training), {}
    norms = {name: norm for name, norm in norms_of(net).items() if "shortcut" not in name}
    for name, norm in norms.items():
        norm.register_forward_hook(lambda norm, inputs, y, name=name: seen.update({name: (norm, inputs[0], y)}))
    net(x)
    return {name: seen[name] for name in norms}


def same_numbers(found: list[float], values: list[float]) -> bool:
    """Whether two lists of numbers are equal to about three digits, so that n or n - 1 makes no difference."""
    return len(found) == len(values) and all(map(near, found, values))


def near(a: float, b: float) -> bool:
    """Whether two numbers are equal to about three digits."""
    return math.isclose(a, b, rel_tol=2e-3)


@exercise("14.5", "You can draw Fig. 7 of the paper for each net that you train.")
def check_response_std(response_std: Callable[[nn.Module, Tensor], list[float]]) -> None:
    """Exercise 14.5: `response_std(model, x)` gives, for each batch norm on the main path, the std of its output."""
    cases = [
        (8, "train", {}, (4, 3, 16, 16)),
        (8, "eval", {"shortcut": "B"}, (5, 3, 16, 12)),
        (14, "frozen", {"shortcut": "C"}, (4, 3, 16, 16)),
        (8, "train", {"residual": False}, (6, 3, 12, 16)),
        (68, "eval", {}, (6, 3, 16, 16)),
    ]
    for depth, mode, kind, shape in cases:
        calls = []
        net = responding_net(depth, mode, calls, **kind)
        x = torch.randn(shape) * torch.linspace(0.3, 3, shape[0]).view(-1, 1, 1, 1)
        given = x.clone()
        right = {name: y.std().item() for name, (_, _, y) in responses(net, x, training=False).items()}
        calls.clear()
        before = NetBefore(net)
        answer = response_std(net, given)
        recorded = any(hangs for _, hangs in calls)
        check_untouched({"x": given}, {"x": x})
        found = numbers_from(answer)
        blame_changed_net(before, WRONG_MODES[mode])
        if not same_numbers(found, list(right.values())):
            blame_ideas(found, net, x)
            blame_list(found, right, len(norms_of(net)))
            blame_number(found, right)
        if recorded:
            said = "The pass through the net is recorded for a backward pass that never comes."
            raise Wrong(said, "Run the model under `with torch.no_grad():`.")


def numbers_from(answer) -> list[float]:
    """The answer as a list of floats; Wrong if it is no list of numbers, or if gradients still hang on them."""
    numbers = "Return one list with one float for each layer: [y.std().item() for y in outputs]."
    if isinstance(answer, Tensor | np.ndarray) and answer.ndim == 1:
        answer = list(answer)
    mistakes = [
        (answer is None, "response_std gives None.", "The last line of the function must be `return ...`."),
        (
            isinstance(answer, Mapping),
            "You give a dict. The order of the layers says which is which.",
            "list(d.values()) is the list of its values.",
        ),
        (
            not isinstance(answer, list | tuple),
            f"You give a {type(answer).__name__}, not a list with one number for each layer.",
            numbers,
        ),
    ]
    blame(mistakes)
    for item in answer:
        mistakes = [
            (
                isinstance(item, Tensor) and item.numel() != 1,
                f"An item of your list is a tensor of shape {tuple(getattr(item, 'shape', ()))}, not one number.",
                "y.std() without an axis takes all numbers together: images, channels and places.",
            ),
            (
                item is None or isinstance(item, list | tuple),
                f"An item of your list is a {type(item).__name__}, not one number.",
                numbers,
            ),
            (
                isinstance(item, Tensor) and item.requires_grad,
                "Your numbers still hang on the graph of the whole net. It stays in memory with them.",
                "Run the model under `with torch.no_grad():`.",
            ),
        ]
        blame(mistakes)
    return [number_from(item, "Each item of your list") for item in answer]


def blame_changed_net(before: NetBefore, wrong_mode: str) -> None:
    """Raise Wrong if the net is not what it was."""
    modules, state = dict(before.net.named_modules()), before.net.state_dict()
    changed = {key for key, value in before.state.items() if not same_tensor(value, state.get(key))}
    counts = {key for key in changed if "num_batches" in key}
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in before.modules.values()]
    mistakes = [
        (
            any(hooks),
            "Your hook is still in the model. It will run, and keep tensors, at every later pass.",
            "register_forward_hook gives a handle. Call handle.remove() after the pass.",
        ),
        (
            modules != before.modules
            or vars(before.net).get("forward") != before.forward
            or state.keys() != before.state.keys(),
            "After the call the model is built in another way than before.",
            "Leave its modules and its forward as they are. A hook sees all that you need.",
        ),
        (
            counts and all(state[key] > before.state[key] for key in counts),
            "You run the net in train mode: batch norm takes this batch's statistics, and its own ones move.",
            "Call model.eval() before the pass.",
        ),
        (
            changed and all("running_" in key or key in counts for key in changed),
            "After the call the statistics of batch norm are not what they were.",
            "Only look: in eval mode no statistics move.",
        ),
        (changed, "After the call the weights are not what they were.", "Only look: nothing is trained here."),
        (
            not torch.is_grad_enabled(),
            "After the call gradients are off, so nothing can be trained any more.",
            "`with torch.no_grad():` turns them on again at its end.",
        ),
        (
            before.asks != [parameter.requires_grad for parameter in before.net.parameters()],
            "After the call other weights are frozen than before.",
            "Leave requires_grad as it is, and use `with torch.no_grad():`.",
        ),
        (
            before.modes != [module.training for module in before.modules.values()],
            wrong_mode,
            "Note `module.training` of each of model.modules() before, and set it again after the pass.",
        ),
    ]
    blame(mistakes)


def blame_ideas(found: list[float], net: nn.Module, x: Tensor) -> None:
    """Raise Wrong if a wrong idea gives these numbers; a list without the stem, or with more behind, tells it too."""

    def fits(lists: list[list[float]]) -> bool:
        parts = [part for values in lists for part in (values, values[1:]) if part]
        return any(same_numbers(found[: len(part)], part) for part in parts)

    blame(wrong_responses(net, x), fits)


@torch.no_grad()
def wrong_responses(net: nn.Module, x: Tensor) -> list[tuple[list[list[float]], str, str]]:
    """What wrong ideas give for the numbers of a net: rows of lists, message and hint."""
    rows, trained = responses(net, x, training=False), responses(net, x, training=True)
    twin, blocks = copy.deepcopy(net).eval(), [name.removesuffix(".bn2") for name in rows if name.endswith(".bn2")]
    with probes.capture(twin, blocks) as ends:
        twin(x)
    behind = {name: ends.get(name.removesuffix(".bn2"), F.relu(y)) for name, (_, _, y) in rows.items()}
    end_of_block = [behind[name] if name.endswith(".bn2") else y for name, (_, _, y) in rows.items()]
    maps = [y for _, _, y in rows.values()]
    right = [y.std().item() for y in maps]

    def each(*formulas: Callable[[Tensor], Tensor], of: Iterable[Tensor] = maps) -> list[list[float]]:
        return [[float(formula(y)) for y in of] for formula in formulas]

    def mean_std(*axes: int) -> list[list[float]]:
        return [[y.std(axes, correction=n).mean().item() for y in maps] for n in (0, 1)]

    together = "Take all numbers of an output together, without an axis: y.std()."
    before_relu = "The paper measures each layer after batch norm, and before what follows: ReLU or addition."
    hook = "Put the hooks on the batch norms themselves: stem.1, and bn1 and bn2 of each block."
    spread = "The standard deviation is the root of the mean of (y - mean) ** 2. y.std() gives it."
    end = "You measure where a block ends, after the addition and the ReLU. The response comes before both."
    return [
        (
            each(torch.std, of=[y for _, _, y in trained.values()]),
            "Your numbers come from train mode: there batch norm takes the statistics of this batch.",
            "Call eval() before the pass.",
        ),
        (
            each(torch.std, of=[z for _, z, _ in rows.values()]),
            "You measure what goes into batch norm. The response is what comes out of it.",
            hook,
        ),
        (
            each(lambda y: F.relu(y).std()) + each(torch.std, of=behind.values()),
            "You measure after the ReLU. There all negative numbers are 0.",
            before_relu,
        ),
        (
            each(torch.std, of=end_of_block)
            + each(torch.std, of=[maps[0], *ends.values()])
            + each(torch.std, of=[F.relu(maps[0]), *ends.values()]),
            end,
            hook,
        ),
        (
            each(torch.std, of=[F.relu(maps[0])]),
            "Your first number is that of the stem after its ReLU. The whole stem ends with one.",
            hook,
        ),
        (
            each(lambda y: y.square().mean().sqrt()),
            "You give the root mean square. The mean must be subtracted first: biases shift the responses.",
            spread,
        ),
        (each(torch.var), "You give the variance. The root is missing.", spread),
        (each(lambda y: y.square().mean()), "You give the mean of the squares.", spread),
        (each(lambda y: (y - y.mean()).abs().mean()), "You give the mean distance from the mean.", spread),
        (
            mean_std(0, 2, 3),
            "You give the mean of the channels' stds. How the channels differ from each other is lost.",
            together,
        ),
        (
            mean_std(0),
            "Your std runs over the images alone, place by place. Then you average.",
            together,
        ),
        (mean_std(2, 3), "You average the stds of single maps. How the maps differ is lost.", together),
        (mean_std(1, 2, 3), "You average the stds of single images. How the images differ is lost.", together),
        (mean_std(1), "Your std runs over the channels alone, place by place. Then you average.", together),
        (
            each(lambda y: y.mean((0, 2, 3)).std(), lambda y: y.mean((2, 3)).std(), lambda y: y.mean(0).std()),
            "You average first. What the mean runs over cannot add to the std any more.",
            together,
        ),
        (each(lambda y: y[0].std()), "You look at the first image only.", together),
        (each(lambda y: y[-1].std()), "You look at the last image only.", together),
        (each(lambda y: y[:, 0].std()), "You look at the first channel only.", together),
        (each(torch.mean), "You give the mean of each response, not how far its numbers spread.", spread),
        (
            each(lambda y: y.abs().std(), lambda y: y.abs().mean()),
            "You take absolute values first. But the sign belongs to the response.",
            together,
        ),
        (each(torch.norm), "You give the length (the norm). It grows with the number of images.", spread),
        (
            each(
                lambda norm: norm.weight.abs().mean(),
                lambda norm: norm.weight.std(),
                lambda norm: norm.weight.square().mean().sqrt(),
                lambda norm: norm.running_var.sqrt().mean(),
                lambda norm: norm.running_var.mean().sqrt(),
                of=[norm for norm, _, _ in rows.values()],
            ),
            "Your numbers come from the parameters or statistics of batch norm, not from its output for x.",
            hook,
        ),
        (
            each(torch.std, of=[layer.weight for layer in probes.weighted_layers(net).values()][: len(rows)]),
            "You give the std of the weights. Asked for is what the layers answer to x.",
            hook,
        ),
        (
            [[round(value, digits) for value in right] for digits in (0, 1, 2)],
            "You round, so digits are lost.",
            "Leave out round().",
        ),
    ]


def places_in(items: list[float], others: list[float]) -> list[int] | None:
    """The places of `items` in the longer list `others`, in the same order; None if one of them is not there."""
    places = []
    for item in items:
        start = places[-1] + 1 if places else 0
        place = next((i for i in range(start, len(others)) if near(item, others[i])), None)
        if place is None:
            return None
        places.append(place)
    return places


def blame_list(found: list[float], right: dict[str, float], norms: int) -> None:
    """Raise Wrong if layers are missing, or too many, or in a wrong order; the net has so many batch norms in all."""
    names, values = list(right), list(right.values())
    order = "named_modules() gives the modules in order of depth. Keep this order."
    by_name = [right[name] for name in sorted(names)]
    mistakes = [
        (not found, "Your list is empty. No hook ran, or none was set.", "After the hooks are set, call model(x)."),
        (same_numbers(found, by_name), "Your list is sorted by name, so the stem comes last.", order),
        (same_numbers(found, values[::-1]), "Your list runs from the head to the stem.", order),
        (same_numbers(found, sorted(values)), "Your list is sorted by size. Which layer is which?", order),
        (same_numbers(sorted(found), sorted(values)), "Your numbers are right, but not in order of depth.", order),
    ]
    blame(mistakes)
    if len(found) == len(values):
        return
    places = places_in(found, values)
    missing = [] if places is None else [name for i, name in enumerate(names) if i not in places]
    left_out = {last: {name for name in names[1:] if name.endswith(last)} for last in ("bn1", "bn2")}
    also_stem = ", and the stem" if names[0] in missing else ""
    more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
    too_many = len(found) > len(values) and places_in(values, found) is not None
    mistakes = [
        (missing == names[:1], "The stem is missing. Its convolution is a 3x3 layer, too."),
        ({*missing} - {names[0]} == left_out["bn1"], f"You leave out the first layer of each block{also_stem}."),
        ({*missing} - {names[0]} == left_out["bn2"], f"You leave out the second layer of each block{also_stem}."),
        (missing, f"{next(iter(missing), None)} is missing{more}."),
        (
            too_many and len(found) == norms,
            "You measure the batch norms on the shortcuts, too. The paper has only the 3x3 layers.",
        ),
        (same_numbers(found, 2 * values), "Each layer stands in your list twice. Run the model once."),
    ]
    all_layers = "Take each BatchNorm2d of model.named_modules() whose name has no `shortcut`, once."
    blame([(sign, said, all_layers) for sign, said in mistakes])
    raise Wrong(f"You give {len(found)} numbers. The net has {len(values)} layers of 3x3, with the stem.", all_layers)


def blame_number(found: list[float], right: dict[str, float]) -> None:
    """Raise Wrong for a list of the right length with numbers that no known idea gives."""
    pairs = {name: (value, right[name]) for name, value in zip(right, found, strict=True)}
    wrong = [name for name, pair in pairs.items() if not near(*pair)]
    first = wrong[0]
    value, wanted = pairs[first]
    ratios = [given / truth for given, truth in pairs.values()]
    way = "For each output y in eval mode: y.std().item(), over all its numbers."
    size = "large" if value > wanted else "small"
    mistakes = [
        (not math.isfinite(value), f"Your number for {first} is {value}.", way),
        (len(set(found)) == 1, f"You give {value:g} for each layer. Layers differ.", way),
        (value < 0, f"Your number for {first} is below 0. No standard deviation is.", way),
        (
            all(near(ratio, ratios[0]) for ratio in ratios),
            f"All your numbers are {ratios[0]:.3g} times as large as they must be.",
            "Leave out the factor: the standard deviations are measured, not scaled.",
        ),
        (
            wrong == list(right)[-len(wrong) :] and len(wrong) < len(right),
            f"Your numbers are right at first, and wrong from {first} on.",
            "A hook must leave the output as it is: no in-place step such as relu_ or sub_, and nothing returned.",
        ),
    ]
    blame(mistakes)
    raise Wrong(f"Your number for {first} is {value:.4g}, too {size}. Wrong: {len(wrong)} of {len(right)}.", way)

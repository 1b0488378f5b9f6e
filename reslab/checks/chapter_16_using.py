"""Checkers of chapter 16, Transfer: features, few images, an early stop, and a net between two nets."""

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reslab import models
from reslab.checks.chapter_02 import check_untouched
from reslab.checks.chapter_03 import close
from reslab.checks.chapter_12 import pair_from, random_states
from reslab.checks.exercise import Wrong, blame, exercise, number_from


class NotingConv(nn.Conv2d):
    """A 3x3 convolution that notes, at each call, how many images it gets and whether the call is recorded."""

    def __init__(self, width: int, calls: list[tuple[int, bool]]):
        super().__init__(3, width, 3, padding=1, bias=False)
        self.note = calls.append  # a copy of the net notes its calls in the same list

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        self.note((len(x), y.requires_grad))
        return y


class SmallResNet(models.ResNet):
    """A net with the children of resnet50, but narrow: one bottleneck in each of its four stages."""

    def __init__(self):
        nn.Module.__init__(self)
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        for i, (before, inner, stride) in enumerate([(4, 2, 1), (8, 3, 2), (12, 3, 1), (12, 5, 2)], 1):
            shortcut = models.make_shortcut("B", before, 4 * inner, stride)
            self.add_module(f"stage{i}", nn.Sequential(models.Bottleneck(before, inner, stride, shortcut)))
        self.head = nn.Linear(20, 6)


def noting_net(stages: int, mode: str, calls: list[tuple[int, bool]]) -> nn.Module:
    """A net of three or four stages in which batch norm has something to say, in one of the modes of WRONG_MODES."""
    net = models.cifar_net(8, width=4, num_classes=5) if stages == 3 else SmallResNet()
    net.stem[0] = NotingConv(4, calls)
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, 0.2, 0.8)  # few channels are dead
        nn.init.uniform_(norm.running_mean, -1, 0)
        nn.init.uniform_(norm.running_var, 4, 9)
    net.train(mode != "eval")
    if mode == "frozen":
        norms[1].eval().requires_grad_(False)
    return net


WRONG_MODES = {
    "train": "The model was in train mode. After the call it is not.",
    "eval": "The model was in eval mode. After the call it is not.",
    "frozen": "A frozen batch norm was in eval mode, the rest in train mode. After the call this is not so.",
}


@exercise("16.4", "You can run the body once, and train as many heads on its features as you like.")
def check_features(features: Callable[[nn.Module, Tensor, int], Tensor]) -> None:
    """Exercise 16.4: `features(model, x, batch_size)` is a tensor (N, C): what model.head gets for the N images."""
    for stages, mode, count, size in ((3, "train", 10, 5), (4, "eval", 9, 4), (3, "frozen", 5, 3)):
        calls = []
        net = noting_net(stages, mode, calls)
        x = torch.randn(count, 3, 12, 16)
        given = x.clone()
        twin = copy.deepcopy(net)
        right = body_maps(twin, x)["right"].mean((2, 3))
        calls.clear()
        before = NetBefore(net)
        try:
            found = features(net, given, size)
        except RuntimeError as error:
            blame_squeeze(str(error))
            raise
        check_untouched({"x": given}, {"x": x})
        blame_kind(found)
        before.blame_changes(WRONG_MODES[mode])
        sizes = [length for length, _ in calls]
        if not close(found, right, 1e-5):
            rows = wrong_features(twin, x, size)
            blame(rows, lambda values, found=found: any(close(found, value, 1e-5) for value in values))
            blame_calls(sizes, count)
            blame_rest(found, right)
        blame_passes(sizes, size)
        mistakes = [
            (
                found.requires_grad,
                "Your features still hang on the graph of the whole body. It stays in memory with them.",
                "Run the batches under `with torch.no_grad():`.",
            ),
            (
                any(recorded for _, recorded in calls),
                "You cut the graph off too late: each pass first keeps all that a backward pass would need.",
                "Put the passes themselves under `with torch.no_grad():`.",
            ),
        ]
        blame(mistakes)


def blame_squeeze(error: str) -> None:
    """Raise Wrong if torch.cat has met the features of a single image that lost an axis."""
    hint = "squeeze() drops every axis of length 1, that of the images too. Name the axes that shall go."
    said = "A batch of one image has lost its axis of images, so it does not fit the others."
    blame([("same number of dimensions" in error, said, hint)])


def blame_kind(found) -> None:
    """Raise Wrong if the features are no tensor of floats."""
    tensor = "Return one tensor (N, C). torch.cat makes one of a list of batches."
    blame([(found is None, "features gives None.", "The last line of the function must be `return ...`.")])
    if isinstance(found, list | tuple):
        said = f"You give a {type(found).__name__} of {len(found)}, not one tensor with a row for each image."
        raise Wrong(said, tensor)
    blame([(not isinstance(found, Tensor), f"You give a {type(found).__name__}, not a tensor.", tensor)])
    blame(
        [
            (
                not found.is_floating_point(),
                f"Your features are {found.dtype}, so all that stands after the point is lost.",
                "Do not convert them.",
            )
        ]
    )


class NetBefore:
    """What a net is before an answer runs it: it must be the same again afterwards."""

    def __init__(self, net: nn.Module):
        self.net, self.modules = net, dict(net.named_modules())
        self.modes = [module.training for module in self.modules.values()]
        self.state = copy.deepcopy(net.state_dict())
        self.asks = [parameter.requires_grad for parameter in net.parameters()]
        self.forward = vars(net).get("forward")

    def blame_changes(self, wrong_mode: str) -> None:
        """Raise Wrong if the net is not what it was."""
        now = dict(self.net.named_modules())
        head = getattr(self.net, "head", None)
        put_back = "Keep the old head in a variable, and put it back after the last batch."
        blame(
            [
                (head is None, "After the call the model has no head. It can not classify any more.", put_back),
                (
                    head is not self.modules["head"],
                    f"After the call, model.head is another {type(head).__name__}. The trained head is gone.",
                    put_back,
                ),
                (
                    now != self.modules or vars(self.net).get("forward") != self.forward,
                    "After the call the model is built in another way than before.",
                    "Leave its modules and its forward as they are, or put them back.",
                ),
            ]
        )
        hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in now.values()]
        state = self.net.state_dict()
        changed = {key for key, value in self.state.items() if not torch.equal(value, state[key])}
        mistakes = [
            (
                any(hooks),
                "Your hook is still in the model. It will run, and keep tensors, at every later pass.",
                "register_forward_pre_hook gives a handle. Call handle.remove() after the last batch.",
            ),
            (
                changed and all("running_" in key or "num_batches" in key for key in changed),
                "The body runs in train mode: features depend on the batch, and the statistics of batch norm move.",
                "Call model.eval() before the first batch.",
            ),
            (
                changed,
                "After the call the weights are not what they were.",
                "Nothing is trained here: no optimizer, no step.",
            ),
            (
                not torch.is_grad_enabled(),
                "After the call gradients are off, so nothing can be trained any more.",
                "`with torch.no_grad():` turns them on again at its end.",
            ),
            (
                self.asks != [parameter.requires_grad for parameter in self.net.parameters()],
                "After the call other weights are frozen than before.",
                "Leave requires_grad as it is, and use `with torch.no_grad():`.",
            ),
            (
                self.modes != [module.training for module in self.modules.values()],
                wrong_mode,
                "Note `module.training` of each of model.modules() before, and set it again after the last batch.",
            ),
        ]
        blame(mistakes)


@torch.no_grad()
def body_maps(net: nn.Module, x: Tensor, training: bool = False) -> dict[str, Tensor]:
    """The maps (N, C, H, W) behind each part of the body, by name; those inside its last block; "right" is its end."""
    net = copy.deepcopy(net).train(training)
    *names, last = [name for name, _ in net.named_children() if name != "head"]
    maps = {}
    for name in names:
        x = maps[name] = getattr(net, name)(x)
    (block,) = getattr(net, last)
    branch = block.residual(x)
    total = branch + block.shortcut(x)
    return maps | {"branch": branch, "sum": total, "right": F.relu(total)}


@torch.no_grad()
def wrong_features(net: nn.Module, x: Tensor, size: int) -> list[tuple[list[Tensor], str, str]]:
    """What wrong ideas give for the features: rows of tensors, message and hint."""
    maps = body_maps(net, x)
    end = maps.pop("right")
    branch, total = maps.pop("branch"), maps.pop("sum")
    right = end.mean((2, 3))
    scores = copy.deepcopy(net).eval()(x)
    parts = right.split(size)
    noisy = [torch.cat([body_maps(net, part, True)["right"].mean((2, 3)) for part in x.split(n)]) for n in (size, 99)]
    trained = "Your features come from train mode: those of one image depend on the others in its batch."
    pooled = "Between the body and the head stands one step: the mean over H and W. It leaves (N, C)."
    gets = "The head gets one vector for each image: the mean of the last maps over H and W."
    whole = "Take what the head gets as it is. Nothing comes after the mean over H and W."
    join = "torch.cat(parts) puts the batches under each other: (N, C)."
    late = "A hook that keeps only its last input loses the others. Join the batches."
    rows = [
        (
            [scores, scores.softmax(1), scores.log_softmax(1), right @ net.head.weight.T],
            "You give the scores. That is what the head makes of its input, not the input.",
            "Look at forward: take what stands in the brackets of self.head(...).",
        ),
        (noisy, trained, "Call model.eval() before the first batch."),
        ([end], "Your result still has the axes H and W. The head gets vectors, not maps.", pooled),
        ([end.flatten(1)], "You flatten the maps, so each place is a feature of its own. The head averages.", pooled),
        ([end.amax((2, 3))], "You take the largest value of each map. The net takes another summary.", pooled),
        ([end.sum((2, 3))], "You add up each map. Then the features grow with the size of the image.", pooled),
        ([end[:, :, 0, 0]], "You take one corner of each map. The others are lost.", pooled),
        ([end.mean(2), end.mean(3)], "You average over one of the axes H and W only.", pooled),
        ([end.mean(1), end.mean(1).flatten(1)], "You average over the channels. These are the features.", pooled),
        ([end.mean((1, 2, 3))], "You average over the channels too. Each image becomes one number.", pooled),
        (
            [right.mean(0)],
            "You average over the images. Each image needs a row of its own.",
            gets,
        ),
        (
            [right[:, :, None, None], right[:, None]],
            "Your result has axes of length 1 that the head does not get.",
            "flatten(1), or a mean without keepdim, leaves (N, C).",
        ),
        ([right.T], "Your axes are exchanged. A row must belong to an image.", "Leave out the transpose."),
        ([parts[0]], "You give the features of the first batch only.", "Let `return` stand after the loop."),
        ([parts[-1]], "You give the features of the last batch only.", late),
        ([right[: len(x) // size * size]], "The last, smaller batch is lost.", "range(0, len(x), batch_size)"),
        ([torch.cat((right, right))], "Each image stands in your result twice.", "Collect each batch once."),
        (
            [branch.mean((2, 3)), F.relu(branch).mean((2, 3))],
            "You take the branch F of the last block. Its shortcut, and so most of the signal, is left out.",
            gets,
        ),
        (
            [total.mean((2, 3)), F.relu(total.mean((2, 3)))],
            "You leave out the last ReLU, or average before it. The head was trained on what comes after it.",
            gets,
        ),
        ([right.softmax(1)], "You take the softmax of the features. It is made for scores.", whole),
        (
            [F.normalize(right), right / right.sum(1, keepdim=True)],
            "You scale each image's features to length or sum 1. The head never sees such vectors.",
            whole,
        ),
        (
            [(right - right.mean(0)) / right.std(0, correction=c) for c in (0, 1)] + [right - right.mean(0)],
            "You normalise the features over the images. Then they depend on which images are there.",
            whole,
        ),
        ([F.layer_norm(right, right.shape[1:])], "You normalise the features of each image.", whole),
        ([right.round()], "You round the features.", whole),
    ]
    for name, part in maps.items():
        said = f"Your features come from {name}. The body goes on after it, and the head gets its end."
        rows.append(([part, part.mean((2, 3)), part.flatten(1)], said, "The net may have three stages or four."))
    if len(x) % size == 0:  # batches of different sizes fit together in one way only
        rows += [
            ([torch.stack(parts)], "Your batches stand on an axis of their own. N images need N rows.", join),
            (
                [torch.cat(parts, 1)],
                "You join the batches side by side: each row is a mixture of several images.",
                join,
            ),
        ]
    return rows


def blame_calls(sizes: list[int], count: int) -> None:
    """Raise Wrong if the model did not see all images."""
    loop = "Go through x in steps of batch_size, up to its end."
    seen = sum(sizes)
    blame(
        [
            (not sizes, "The model never gets the images.", "Run model.stem, model.stage1, ... or model itself."),
            (seen < count, f"The model sees {seen} of {count} images.", loop),
        ]
    )


def blame_rest(found: Tensor, right: Tensor) -> None:
    """Raise Wrong for features that no known idea explains."""
    if found.shape != right.shape:
        said = f"Your result has the shape {tuple(found.shape)}."
        raise Wrong(said, f"There are {len(right)} images, and the head has {right.shape[1]} inputs.")
    distances = torch.cdist(found.double(), right.double())
    order = distances.argmin(1)
    moved = distances.min(1).values.max() < 1e-3 and len(set(order.tolist())) == len(right)
    keep = "Row i belongs to x[i]. No shuffle, no sort."
    blame([(moved, "The features are right, but their rows are not in the order of the images.", keep)])
    worst = (found - right).abs()
    i, j = divmod(int(worst.argmax()), right.shape[1])
    raise Wrong(
        f"Feature {j} of image {i} is {found[i, j].item():.4g}. That is not what the head gets.",
        f"It should be {right[i, j].item():.4g}: the mean over H and W of the last maps.",
    )


def blame_passes(sizes: list[int], size: int) -> None:
    """Raise Wrong if the images went through the body in batches of another size."""
    slices = "x.split(batch_size), or x[i : i + batch_size] for i in range(0, len(x), batch_size)."
    largest = max(sizes, default=size)
    small = largest < size and len(sizes) > math.ceil(sum(sizes) / size)
    mistakes = [
        (
            largest > size,
            f"You send {largest} images through the body at once, and batch_size is {size}. Many images need much "
            "memory.",
            slices,
        ),
        (
            small and len(sizes) == size,
            "You make batch_size batches. It is the number of images in a batch.",
            slices,
        ),
        (
            small,
            f"Your batches have {largest} images, and batch_size is {size}. Smaller batches take more time.",
            slices,
        ),
    ]
    blame(mistakes)


DRAWS = 150  # an image of a class of 8 comes in about 75 of them, give or take 6


def labels_of(counts: dict[int, int]) -> Tensor:
    """So many labels of each class, in random order."""
    labels = torch.tensor([label for label, count in counts.items() for _ in range(count)])
    return labels[torch.randperm(len(labels))]


def seeded(seed: int) -> torch.Generator:
    """A generator at its start."""
    return torch.Generator().manual_seed(seed)


@exercise("16.5", "A small, fair training set from any data, and a seed brings the same one again.")
def check_few_per_class(few_per_class: Callable[[Tensor, int, torch.Generator], Tensor]) -> None:
    """Exercise 16.5: `few_per_class(labels, n, generator)` is the indices of n images of each class, in one list."""

    def draw(labels: Tensor, n: int, generator: torch.Generator) -> list[int]:
        given = labels.clone()
        found = indices_drawn(few_per_class(given, n, generator), labels)
        check_untouched({"labels": given}, {"labels": labels})
        return found

    labels, n = labels_of({0: 7, 1: 10, 2: 6, 3: 8}), 4
    draws = []
    for seed in range(DRAWS):
        draws.append(draw(labels, n, seeded(seed)))
        blame_numbers(draws[-1], labels, n, seed)
    blame_generator(draw, draws, labels, n)
    blame_chances(draws, labels)
    check_rare_classes(draw)
    check_short_classes(few_per_class)


def indices_drawn(found, labels: Tensor) -> list[int]:
    """The indices as ints; Wrong if they are none."""
    count = len(labels)
    where = "Return the places of the images in labels, counted from 0, in one tensor or list."
    blame([(found is None, "few_per_class gives None.", "The last line of the function must be `return ...`.")])
    if isinstance(found, dict | str):
        raise Wrong(f"You give a {type(found).__name__}, not one list of indices.", where)
    try:
        items = found.tolist() if isinstance(found, Tensor | np.ndarray) else list(found)
    except TypeError:
        raise Wrong(f"You give a {type(found).__name__}, not a list of indices.", where) from None
    blame([(not isinstance(items, list), "You give one number, not a list of indices.", where)])
    items = [item.tolist() if isinstance(item, Tensor | np.ndarray | np.generic) else item for item in items]
    kinds = {type(item) for item in items}
    nested = bool(kinds & {list, tuple, set})
    mistakes = [
        (
            nested and len(items) == 1,
            "Your indices stand in a list inside a list, or on a second axis.",
            "nonzero() gives a table and a tuple of tensors may be inside. Return the indices themselves.",
        ),
        (
            nested,
            f"You give {len(items)} rows or lists, not one list of indices.",
            "torch.cat makes one tensor of several, and extend() one list.",
        ),
        (
            kinds == {bool},
            "You give a mask of True and False, not indices.",
            "mask.nonzero().flatten() are the indices where it is True.",
        ),
        (kinds - {int}, "Your indices are no whole numbers, so nothing can be indexed with them.", where),
    ]
    blame(mistakes)
    outside = any(not 0 <= item < count for item in items)
    blame([(outside, f"You give an index that is not in 0 ... {count - 1}, where the {count} images are.", where)])
    return items


def tally_of(labels: Tensor, found: Iterable[int]) -> dict[int, int]:
    """How many images of each class the indices bring."""
    drawn = [labels[i].item() for i in found]
    return {label: drawn.count(label) for label in labels.unique().tolist()}


def blame_numbers(found: list[int], labels: Tensor, n: int, seed: int) -> None:
    """Raise Wrong if the indices are not n different images of each class."""
    tally, everything = tally_of(labels, found), tally_of(labels, range(len(labels)))
    classes, total = len(tally), n * len(tally)
    if set(tally.values()) == {n} and len(set(found)) == total:
        return
    numbers, order = list(tally.values()), torch.randperm(len(labels), generator=seeded(seed))
    each = "Take one class after the other: the places where labels == c, in random order, and of these the first n."
    empty = [label for label, number in tally.items() if not number]
    back = "Keep the indices together with what you sort or shuffle: order[i] leads back to labels."

    def fair(other: Tensor) -> bool:
        return set(tally_of(other, found).values()) == {n} and len(set(found)) == total

    said = ", ".join(f"{number} of class {label}" for label, number in tally.items())
    mistakes = [
        (
            sorted(found) == sorted(label for label in tally for _ in range(n)),
            "You give the labels of the images, not their places.",
            each,
        ),
        (
            len(found) == total and max(found) < max(everything.values()),
            "Your numbers count within each class. Used on all images, they lead to other ones.",
            "If places = (labels == c).nonzero().flatten(), then places[k] is the index of its k-th image.",
        ),
        (sorted(found) == list(range(len(labels))), "You give all images. Only their order is drawn.", each),
        (fair(labels.sort().values), "Your indices belong to the sorted labels, not to labels as they are.", back),
        (fair(labels[order]), "Your indices belong to the shuffled labels, not to labels as they are.", back),
        (
            len(set(found)) < len(found) and (numbers == [n] * classes or len(found) != total),
            "An image comes twice. Then there are fewer than you think.",
            "Draw without repetition: torch.randperm gives each number once, torch.randint does not.",
        ),
        (
            len(found) == n and max(numbers) == n,
            "You give images of one class only.",
            "Let `return` stand after the loop, and let the list grow in it.",
        ),
        (
            len(set(numbers)) == 1,
            f"You give {numbers[0]} of each class, not n = {n}.",
            "A slice [:n] has n entries, and range(n) has n numbers.",
        ),
        (len(found) == n, f"You give n = {n} images in all. It is n for each class.", each),
        (
            len(empty) == 1 and max(numbers) == n,
            f"Class {(empty or [0])[0]} gets no image.",
            "labels.unique() are the classes. Go through all of them.",
        ),
        (
            len(found) == total,
            f"The number is right in all, but not for each class: {said}.",
            each,
        ),
    ]
    blame(mistakes)
    raise Wrong(f"You give {said}. It should be n = {n} each.", each)


def blame_generator(draw: Callable[..., list[int]], draws: list[list[int]], labels: Tensor, n: int) -> None:
    """Raise Wrong if what is drawn does not follow from the generator's numbers."""
    places = [(labels == label).nonzero().flatten().tolist() for label in labels.unique()]
    sets = [frozenset(found) for found in draws]
    give = "torch.randperm(..., generator=generator)"
    pass_on = f"Each function that draws must get it: {give}."
    if len(set(sets)) == 1:
        mistakes = [
            (
                sets[0] == {i for p in places for i in p[:n]},
                "You take the first n images of each class. Nothing is drawn.",
                pass_on,
            ),
            (
                sets[0] == {i for p in places for i in p[-n:]},
                "You take the last n images of each class. Nothing is drawn.",
                pass_on,
            ),
        ]
        blame(mistakes)
        said = "You give the same images for each generator: its seed changes nothing."
        raise Wrong(said, f"Set no seed yourself. {pass_on}")
    before = random_states()
    generator = seeded(0)
    again = [frozenset(draw(labels, n, generator)) for _ in range(2)]
    moved = [name for name, state in random_states().items() if state != before[name]]
    mistakes = [
        (
            again[0] != sets[0],
            "Two generators of the same seed give different images: something else draws them, and nothing repeats.",
            pass_on,
        ),
        (
            again[0] == again[1],
            "A second call with the same generator gives the same images. You only read its seed, or copy it.",
            pass_on,
        ),
        (
            moved,
            f"After the call, the random numbers of {' and '.join(moved)} are not where they were.",
            f"Set no seed, and draw from `generator` only: {give}.",
        ),
    ]
    blame(mistakes)


def blame_chances(draws: list[list[int]], labels: Tensor) -> None:
    """Raise Wrong if not each image of a class has the same chance, or if the images are not drawn one by one."""
    places = {label: (labels == label).nonzero().flatten().tolist() for label in labels.unique().tolist()}
    inside = [[sorted(p.index(i) for i in set(found) & set(p)) for p in places.values()] for found in draws]
    shuffle = "Bring all the places of a class into random order: torch.randperm(len(places), generator=generator)."

    def block(chosen: list[int], size: int) -> bool:
        return sum((k + 1) % size not in chosen for k in chosen) == 1

    sizes = [len(p) for p in places.values()]
    mistakes = [
        (
            all(len(set(map(tuple, chosen))) == 1 for chosen in inside),
            "You draw once, and take the same places in each class.",
            f"Draw anew for each class. {shuffle}",
        ),
        (
            all(block(chosen, size) for row in inside for chosen, size in zip(row, sizes, strict=True)),
            "You draw a start only, and take the images that follow it. Neighbours in a data set are often alike.",
            shuffle,
        ),
    ]
    blame(mistakes)
    n = len(inside[0][0])
    for k, (label, p) in enumerate(places.items()):
        times = np.bincount([m for row in inside for m in row[k]], minlength=len(p))
        chance = n / len(p)
        far = np.abs(times - chance * DRAWS) > 5 * math.sqrt(DRAWS * chance * (1 - chance))
        m = int(np.abs(times - chance * DRAWS).argmax())
        said = f"In {DRAWS} draws image {p[m]} comes {times[m]} times"
        mistakes = [
            (not times.all(), f"{said}: not all images of class {label} can be drawn.", shuffle),
            (far.any(), f"{said}. Some images of class {label} have a higher chance than others.", shuffle),
        ]
        blame(mistakes)


def check_rare_classes(draw: Callable[..., list[int]]) -> None:
    """Raise Wrong if an answer fails where a class number is absent, or where a class has just n images."""
    labels = labels_of({2: 5, 5: 7, 9: 6})
    absent = "The classes of these labels are 2, 5 and 9."
    try:
        found = draw(labels, 3, seeded(0))
    except ValueError as error:
        said = f"{absent} You raise an error, as if 0, 1, 3 and others had to be there."
        raise Wrong(said, "labels.unique() are the classes that occur.") from error
    tally = tally_of(labels, found)
    said = f"{absent} You give {', '.join(f'{number} of {label}' for label, number in tally.items())}, and n = 3."
    blame([(set(tally.values()) != {3}, said, "labels.unique() are the classes that occur.")])
    for counts, n in (({0: 3, 1: 5, 2: 4}, 3), ({0: 1, 1: 4, 2: 1}, 1)):
        labels = labels_of(counts)
        try:
            found = draw(labels, n, seeded(0))
        except ValueError as error:
            raise Wrong(
                f"You refuse a class with exactly n images (n = {n}). They are enough.",
                "Test len(places) < n, not <= n.",
            ) from error
        except (TypeError, IndexError) as error:
            said = f"For a class with one image your code stops with {type(error).__name__}."
            hint = "squeeze() drops every axis of length 1, the only one too. flatten() leaves one axis."
            raise Wrong(said, hint) from error
        blame_numbers(found, labels, n, 0)


def check_short_classes(few_per_class: Callable) -> None:
    """Raise Wrong if an answer does not raise ValueError where a class has fewer than n images."""
    raise_it = "Count the places of the class first: if len(places) < n: raise ValueError(...)."
    for counts, n in (({0: 9, 1: 9, 2: 3}, 4), ({0: 3, 1: 9, 2: 9}, 4), ({0: 9, 1: 1, 2: 9}, 5)):
        labels = labels_of(counts)
        label, most = min(counts.items(), key=lambda item: item[1])
        told = f"Class {label} has {most} images and n = {n}."
        try:
            found = few_per_class(labels.clone(), n, seeded(0))
        except ValueError:
            continue
        except Exception as error:
            raise Wrong(f"{told} You raise {type(error).__name__}, not ValueError.", raise_it) from error
        blame([(found is None, f"{told} You give None and raise no error.", raise_it)])
        found = indices_drawn(found, labels)
        mistakes = [
            (
                len(set(found)) < len(found),
                f"{told} You repeat images and raise no error. Nobody notices that they are too few.",
                raise_it,
            ),
            (
                not tally_of(labels, found)[label],
                f"{told} You leave the class out and raise no error. Nobody notices that it is missing.",
                raise_it,
            ),
        ]
        blame(mistakes)
        raise Wrong(f"{told} You give {len(found)} images and raise no error.", raise_it)


ERRORS = [  # validation errors, and the patience
    ([0.50, 0.40, 0.30, 0.36, 0.33, 0.35, 0.20, 0.10], 3),
    ([0.62, 0.48, 0.51, 0.45, 0.47, 0.46, 0.44, 0.41, 0.43, 0.42, 0.415], 3),
    ([0.40, 0.42, 0.41, 0.43, 0.39, 0.44, 0.38, 0.30], 2),
    ([0.70, 0.60, 0.55, 0.52], 2),
    ([0.50, 0.30, 0.30, 0.34, 0.29, 0.31, 0.30], 2),
    ([0.45, 0.30, 0.33, 0.30, 0.32, 0.28], 4),
    ([0.45, 0.30, 0.33, 0.30, 0.32, 0.36, 0.25], 3),
    ([0.60, 0.55, 0.58, 0.54, 0.57, 0.53, 0.56, 0.52], 2),
    ([0.35, 0.34, 0.36, 0.20], 1),
    ([0.30, 0.30, 0.25], 1),
    ([0.40, 0.38, 0.39], 5),
    ([0.9], 1),
    ([0.20, 0.197, 0.1955, 0.1952, 0.19], 2),
    ([0.40, 0.28, 0.35, 0.28], 3),
    ([0.33], 2),
    ([0.20, 0.50, 0.45, 0.42, 0.40, 0.37, 0.10], 4),
    ([0.42, 0.40, 0.39995, 0.3996, 0.39955, 0.39952], 2),
    ([0.28, 0.31, 0.34, 0.29, 0.36, 0.33], 5),
    ([0.40, 0.43, 0.38, 0.45, 0.41, 0.36], 3),
    ([0.40, 0.42, 0.43, 0.20, 0.50, 0.49, 0.52, 0.48], 2),
    ([0.28, 0.31, 0.34, 0.29, 0.36, 0.33], 6),
]


Rule = Callable[[float, float, float], bool]


def stopped(
    errors: list[float],
    patience: int,
    succeeds: Rule = lambda error, lowest, previous: error < lowest,
    waits: Rule = lambda error, lowest, previous: True,
    resets: bool = True,
) -> tuple[int, int]:
    """Best and last epoch: by what makes a success, what other epochs count, and whether a success sets back to 0."""
    lowest, best, waited, previous = math.inf, 0, 0, math.inf
    for epoch, error in enumerate(errors, 1):
        if succeeds(error, lowest, previous):
            lowest, best, waited = error, epoch, 0 if resets else waited
        elif waits(error, lowest, previous):
            waited += 1
            if waited >= patience:
                return best, epoch
        previous = error
    return best, len(errors)


def best_until(errors: list[float], last: int) -> tuple[int, int]:
    """The first epoch with the lowest error among those up to the last one, and the last one."""
    return errors.index(min(errors[:last])) + 1, last


@exercise("16.8", "Training stops by itself when it no longer helps, and you keep its best weights.")
def check_early_stop(early_stop: Callable[[list[float], int], tuple[int, int]]) -> None:
    """Exercise 16.8: `early_stop(errors, patience)` is the pair (best, last), the numbers of two epochs, from 1."""
    pair = "Return two whole numbers, `return best, last`, also when training never stops."
    found = []
    for errors, patience in ERRORS:
        given = list(errors)
        answer = early_stop(given, patience)
        blame([(given != errors, "After the call, `errors` is not what it was.", "Only read it: no sort, no pop.")])
        items = pair_from(answer, f"early_stop({errors}, {patience})", pair)
        found.append(tuple(number_from(item, "Each item of the pair") for item in items))
    right = [stopped(*case) for case in ERRORS]
    if found == right:
        return
    tables = [wrong_stops(*case) for case in ERRORS]
    rows = [
        (list(zip(*(table[k][0] for table in tables), strict=True)), message, hint)
        for k, (_, message, hint) in enumerate(tables[0])
    ]

    def half_fits(pairs: Iterable[tuple]) -> bool:
        mixed = [
            [(one[0], other[1]) for one, other in zip(*way, strict=True)] for way in ((pairs, right), (right, pairs))
        ]
        return found in mixed

    blame(rows, lambda ideas: any(found == list(pairs) for pairs in ideas))
    blame(rows, lambda ideas: any(map(half_fits, ideas)))
    (errors, patience), given, truth = next(row for row in zip(ERRORS, found, right, strict=True) if row[1] != row[2])
    said = f"For errors = {errors} and patience = {patience} you give ({given[0]:g}, {given[1]:g})."
    raise Wrong(said, f"It is {truth}. Count the epochs in a row whose error is not below the lowest so far.")


def wrong_stops(errors: list[float], patience: int) -> list[tuple[list[tuple[float, float]], str, str]]:
    """What wrong ideas give for one list: rows of pairs, message and hint."""
    best, last = stopped(errors, patience)
    end, ever = len(errors), errors.index(min(errors)) + 1
    has_stopped = last - best >= patience

    def by(succeeds: Rule, **rules) -> tuple[int, int]:
        return stopped(errors, patience, succeeds, **rules)

    def lower(error: float, lowest: float, previous: float) -> bool:
        return error < lowest

    def at_first(stops: Callable[[int], bool], start: int) -> int:
        return next((epoch for epoch in range(start, end + 1) if stops(epoch)), end)

    level = by(lambda error, lowest, previous: error <= lowest)
    fell = by(lambda error, lowest, previous: error < previous)
    not_rose = by(lambda error, lowest, previous: error <= previous)
    rises = by(lower, waits=lambda error, lowest, previous: error > previous)
    to_first = at_first(
        lambda k: k > patience and all(error >= errors[0] for error in errors[k - patience : k]), patience + 1
    )
    back = at_first(lambda k: errors[k - 1] >= errors[k - 1 - patience], patience + 1)
    mean = at_first(lambda k: errors[k - 1] >= sum(errors[k - 1 - patience : k - 1]) / patience, patience + 1)
    lowest_so_far = "Keep the lowest error so far in a variable, and compare each new error with it."
    counter = "A counter of epochs: 0 after a success, one more after any other. Training stops when it is patience."
    one_more = "If training stops, then last = best + patience: the epoch that uses up the patience is run, too."
    ran = "Only the epochs up to the stop are run. The best one is among them."
    from_1 = "Index i of the list holds epoch i + 1. enumerate(errors, 1) counts so."
    return [
        ([(best - 1, last - 1), (best - 1, last - has_stopped)], "You count epochs from 0.", from_1),
        ([(best - 1, last)], "Your best epoch is counted from 0, and your last from 1.", from_1),
        ([(last, best)], "The pair is in the wrong order.", "First the epoch that is kept, then the last one."),
        (
            [(last, last)],
            "You keep the weights of the last epoch. They are not the best ones.",
            "Keep two numbers: the epoch of the lowest error so far, and the epoch that runs.",
        ),
        (
            [(errors[best - 1], errors[last - 1]), (min(errors), last)],
            "You return an error. The number of its epoch is asked for.",
            "Where you keep a new lowest error, keep its epoch in a second variable.",
        ),
        (
            [(best, last - best)],
            "You return how many epochs brought no gain, not which was the last.",
            "The last epoch is the one that runs when training stops.",
        ),
        (
            [(ever, last)],
            "Your best epoch is that of the whole list. Training may have stopped before it.",
            ran,
        ),
        (
            [(ever, end), (end - errors[::-1].index(min(errors)), end)],
            "You never stop: all epochs are run, whatever the patience is.",
            counter,
        ),
        (
            [(ever, min(ever + patience, end)), (ever, ever + patience)],
            "You search the whole list for its lowest error first. Training can not look into the future.",
            "Go through the errors one by one, and decide after each with those that you have seen.",
        ),
        (
            [(best, best + patience)],
            "Your last epoch may lie behind the end of the list. There training ends, stopped or not.",
            "Two ways lead out of the loop: the patience is used up, or the list is.",
        ),
        (
            [(last - patience, last)],
            "You go back from the end by patience epochs, also where training never stopped.",
            lowest_so_far,
        ),
        (
            [level, best_until(errors, level[1]), (last - errors[:last][::-1].index(min(errors[:last])), last)],
            "You take an equal error as a better one. It is no gain, so the waiting goes on.",
            "Is the test < or <= ?",
        ),
        (
            [by(lower, waits=lambda error, lowest, previous: error > lowest)],
            "An error equal to the lowest does not count as waiting for you. But it brought no gain.",
            "There are two cases only: below the lowest so far, or not.",
        ),
        (
            [stopped(errors, patience + 1)],
            "You stop one epoch too late: the patience is used up before.",
            one_more,
        ),
        ([stopped(errors, max(1, patience - 1))], "You stop one epoch too early.", one_more),
        (
            [(best, min(last + 1, end)), (best, last + has_stopped), (best, last + 1)],
            "Your last epoch is one too late: training has stopped before it.",
            one_more,
        ),
        (
            [(best, last - has_stopped), (best, last - 1)],
            "Your last epoch is one too early: the one after it was run, too.",
            one_more,
        ),
        ([(best, end)], "Your last epoch is always the end of the list.", "Keep the epoch at which training stops."),
        (
            [fell, best_until(errors, fell[1]), not_rose, best_until(errors, not_rose[1]), rises],
            "You compare with the epoch before. A recovery after a bad epoch then counts as a gain.",
            lowest_so_far,
        ),
        (
            [best_until(errors, back)],
            "You compare with the error patience epochs ago. The lowest so far may be another one.",
            lowest_so_far,
        ),
        (
            [best_until(errors, mean)],
            "You compare with the mean of the last errors, not with the lowest.",
            lowest_so_far,
        ),
        (
            [best_until(errors, to_first)],
            "You compare with the first epoch all the time, not with the lowest error so far.",
            "After a success the lowest error is a new one: set the variable again.",
        ),
        (
            [by(lower, resets=False)],
            "A success does not set your counter back. Patience is for epochs in a row.",
            counter,
        ),
        (
            [stopped(errors, 1), best_until(errors, at_first(lambda k: k > 1 and errors[k - 1] > errors[k - 2], 1))],
            "You stop at the first epoch that is no better, whatever the patience is.",
            counter,
        ),
        (
            [by(lambda error, lowest, previous: lowest == math.inf or error > lowest)],
            "You keep the largest error, so the worst epoch.",
            "Low errors are good. Turn the comparison round.",
        ),
        (
            [
                by(lambda error, lowest, previous: error < 0.99 * lowest),
                *(by(lambda error, lowest, previous, gain=gain: error < lowest - gain) for gain in (1e-4, 1e-3, 1e-2)),
                stopped([round(error, 2) for error in errors], patience),
            ],
            "You ask for a minimal gain. Here each error below the lowest so far is a success.",
            "Compare the errors as they are: nothing subtracted, nothing rounded.",
        ),
    ]


def twin_states() -> Iterator[tuple[dict[str, Tensor], dict[str, Tensor]]]:
    """Pairs of state dicts: of two small nets of the book, and one with entries of every kind."""
    states = []
    for _ in range(2):
        net = models.cifar_net(8, width=3, num_classes=4)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                for values in (module.weight.data, module.bias.data, module.running_mean, module.running_var):
                    values.uniform_(0.2, 1.2)
                module.num_batches_tracked += torch.randint(10, 1000, ())
        states.append(net.state_dict())
    yield tuple(states)
    yield tuple(
        {
            "scale": torch.randn(()),
            "layer.weight": torch.randn(3, 4),
            "places": torch.randperm(5),
            "norm.running_mean": torch.randn(3, dtype=torch.float64),
            "norm.running_var": torch.rand(3, dtype=torch.float64),
            "norm.num_batches_tracked": torch.tensor(steps),
        }
        for steps in (80, 21)
    )


@exercise("16.7", "You can walk from one net to another, and look for a better one on the way.")
def check_interpolated(interpolated: Callable[[dict, dict, float], dict]) -> None:
    """Exercise 16.7: `interpolated(a, b, alpha)` is a new state dict, (1 - alpha) * a + alpha * b for all floats."""
    for a, b in twin_states():
        for alpha in (0.3, 1.7, -0.6, 0.0, 1.0):
            given = copy.deepcopy((a, b))
            try:
                found = interpolated(*given, alpha)
            except (ValueError, AssertionError) as error:
                if alpha not in (1.7, -0.6):
                    raise
                said = f"For alpha = {alpha} you raise {type(error).__name__}. There the line goes on, past the nets."
                raise Wrong(said, "Take the same formula for all alpha, without a check.") from error
            blame_given(found, given, (a, b))
            blame_entries(found, a)
            blame_floats(found, a, b, alpha)
            blame_whole_numbers(found, a, b, alpha)
            blame_shared(found, given)


def blame_given(found, given: tuple[dict, dict], before: tuple[dict, dict]) -> None:
    """Raise Wrong if a or b is not what it was, or is the result itself."""
    for name, now, old in zip("ab", given, before, strict=True):
        same = now.keys() == old.keys() and all(
            now[key].dtype == old[key].dtype and torch.equal(now[key], old[key]) for key in old
        )
        itself = f"You give {name} itself, not a new dict."
        mistakes = [
            (
                not same,
                f"After the call, {name} is not what it was. A net that uses it is changed, too.",
                "Write into a new dict, and make new tensors: no add_, mul_, lerp_ or copy_.",
            ),
            (found is now, itself, "Start with an empty dict, and fill it: key by key."),
        ]
        blame(mistakes)


def blame_entries(found, a: dict[str, Tensor]) -> None:
    """Raise Wrong if the result is no dict of tensors with the keys and the shapes of a."""
    state = "Return a dict with the keys of a: {key: ... for key in a}. load_state_dict takes it."
    blame([(found is None, "interpolated gives None.", "The last line of the function must be `return ...`.")])
    if not isinstance(found, Mapping):
        raise Wrong(f"You give a {type(found).__name__}, not a state dict.", state)
    missing, more = [key for key in a if key not in found], [key for key in found if key not in a]
    lost, new_key = next(iter(missing), ""), next(iter(more), "")
    statistics = {key for key in a if "running_" in key}
    whole = {key for key in a if not a[key].is_floating_point()}
    all_keys = "Go through all the keys of a state dict, not only the parameters."
    mistakes = [
        (
            missing and more,
            f"Your keys have other names: {new_key}, not {lost}. No net can load them.",
            "Take each key as it is.",
        ),
        (more, f"Your result has a key that a has not: {new_key}.", state),
        (
            statistics and set(missing) == statistics | whole,
            "The statistics of batch norm are missing. Without them a net in eval mode knows nothing of its data.",
            all_keys,
        ),
        (set(missing) == statistics and missing, "The running statistics of batch norm are missing.", all_keys),
        (
            set(missing) == whole and missing,
            "The entries of whole numbers are missing. load_state_dict asks for every key.",
            "Copy them from b.",
        ),
        (
            missing,
            f"{len(missing)} of {len(a)} keys are missing, such as {lost}. load_state_dict asks for every key.",
            all_keys,
        ),
    ]
    blame(mistakes)
    for key, old in a.items():
        new = found[key]
        if not isinstance(new, Tensor):
            raise Wrong(f"Your entry {key} is a {type(new).__name__}, not a tensor.", "Calculate with the tensors.")
        to_float = not old.is_floating_point() and new.is_floating_point()
        mistakes = [
            (
                new.shape != old.shape,
                f"Your entry {key} has the shape {tuple(new.shape)}, and a's has {tuple(old.shape)}.",
                "All operations go entry by entry. Take no mean, no sum and no flatten.",
            ),
            (
                to_float,
                f"The entry {key} holds whole numbers. In your result they are {new.dtype}.",
                "value.is_floating_point() tells the two kinds apart. Only floats are mixed.",
            ),
            (
                new.dtype != old.dtype,
                f"Your entry {key} is {new.dtype}, and a's is {old.dtype}.",
                "a * number keeps the dtype of a. Leave out .double(), .float() and NumPy.",
            ),
        ]
        blame(mistakes)


def blame_floats(found: Mapping, a: dict[str, Tensor], b: dict[str, Tensor], alpha: float) -> None:
    """Raise Wrong if the floating-point entries are not on the line through a and b, at alpha."""
    floats = [key for key in a if a[key].is_floating_point()]

    def fits(formula: Callable[[Tensor, Tensor], Tensor], keys: Iterable[str] = floats) -> bool:
        return all(torch.allclose(found[key], formula(a[key], b[key]), rtol=1e-4, atol=1e-5) for key in keys)

    def line(x: Tensor, y: Tensor) -> Tensor:
        return (1 - alpha) * x + alpha * y

    wrong = {key for key in floats if not fits(line, [key])}
    if not wrong:
        return
    mixed = "(1 - alpha) * a[key] + alpha * b[key]: at alpha = 0 it is a, at alpha = 1 it is b."
    cut, step = min(max(alpha, 0), 1), alpha * alpha * (3 - 2 * alpha)
    root = [math.sqrt(abs(weight)) for weight in (1 - alpha, alpha)]
    ideas = [
        ([lambda x, y: alpha * x + (1 - alpha) * y], "a and b are exchanged: at alpha = 0 you are at b."),
        ([lambda x, y: x + y], "You add a and b. The weights become too large, and alpha does nothing."),
        ([lambda x, y: (x + y) / 2], "You take the mean of a and b, whatever alpha is."),
        ([lambda x, y: (1 - cut) * x + cut * y], f"You cut alpha off at 0 or 1. alpha = {alpha} goes past the nets."),
        ([lambda x, y: x], "You give the values of a, whatever alpha is."),
        ([lambda x, y: y], "You give the values of b, whatever alpha is."),
        ([lambda x, y: x + alpha * y], "You add a part of b to all of a."),
        ([lambda x, y: (1 - alpha) * x + y], "You add all of b to a part of a."),
        ([lambda x, y: alpha * (x + y)], "Both nets get the weight alpha. The two weights must have the sum 1."),
        ([lambda x, y: (1 - alpha) * (x + y)], "Both nets get the weight 1 - alpha. Their sum must be 1."),
        ([lambda x, y: (1 - alpha) * x - alpha * y], "You subtract b's part."),
        ([lambda x, y: x - alpha * (y - x)], "You go away from b: the sign of the difference is wrong."),
        (
            [lambda x, y: alpha * (y - x), lambda x, y: y - x],
            "You give the difference of the nets. Where it starts is lost.",
        ),
        ([lambda x, y: (1 - alpha) * x, lambda x, y: alpha * y], "You give the part of one net only."),
        ([lambda x, y: 1 - alpha * x + alpha * y], "Brackets are missing: only 1 - alpha as a whole stands before a."),
        ([lambda x, y: line(x, y) / 2], "You divide by 2. But the weights have the sum 1 already."),
        (
            [lambda x, y: (1 - alpha) ** 2 * x + alpha**2 * y, lambda x, y: (1 - alpha**2) * x + alpha**2 * y],
            "You square alpha. The result is not on the line, or at another place of it.",
        ),
        (
            [
                lambda x, y: root[0] * x + root[1] * y,
                lambda x, y: (1 - root[1]) * x + root[1] * y,
                lambda x, y: math.cos(alpha * math.pi / 2) * x + math.sin(alpha * math.pi / 2) * y,
                lambda x, y: (1 - step) * x + step * y,
            ],
            "Your weights are bent: roots, squares or waves of alpha. On a line they are alpha and 1 - alpha.",
        ),
        (
            [
                lambda x, y: x.sign() * x.abs() ** (1 - alpha) * y.abs() ** alpha,
                lambda x, y: x.abs() ** (1 - alpha) * y.abs() ** alpha,
            ],
            "You multiply powers. On a line the two are added.",
        ),
    ]
    blame([(formulas, said, mixed) for formulas, said in ideas], lambda formulas: any(map(fits, formulas)))
    blame_some(fits, wrong, a, b, alpha)
    key = next(key for key in floats if key in wrong)
    i = int((found[key] - line(a[key], b[key])).abs().argmax())
    of_a, of_b, yours = (state[key].flatten()[i].item() for state in (a, b, found))
    said = f"At alpha = {alpha} your {key} has {yours:.4g}, where a has {of_a:.4g} and b has {of_b:.4g}."
    raise Wrong(said, mixed)


def blame_some(fits: Callable[..., bool], wrong: set[str], a: dict, b: dict, alpha: float) -> None:
    """Raise Wrong if only some of the floating-point entries are wrong, and these are of one kind."""
    floats = {key for key in a if a[key].is_floating_point()}
    statistics = {key for key in floats if "running_" in key}
    variances = {key for key in statistics if "running_var" in key}
    head = {key for key in floats if key.startswith("head")}
    vectors = {key for key in floats if a[key].ndim <= 1}
    kept = next((name for name, value in (("a", lambda x, y: x), ("b", lambda x, y: y)) if fits(value, wrong)), "")
    every = "Mix every floating-point entry of the state dict: weights, biases and running statistics."
    alike = "The variances are entries like all others: the same formula."
    starts = all(fits(lambda x, y, key=key: torch.full_like(x, "running_var" in key), [key]) for key in wrong)
    spread = {key: key.replace("_var", "_mean") for key in wrong}
    between = wrong == variances and all(
        fits(
            lambda x, y, key=key: (
                (1 - alpha) * x + alpha * y + alpha * (1 - alpha) * (a[spread[key]] - b[spread[key]]) ** 2
            ),
            [key],
        )
        for key in wrong
    )
    deviations = wrong == variances and fits(lambda x, y: ((1 - alpha) * x.sqrt() + alpha * y.sqrt()) ** 2, wrong)
    mistakes = [
        (
            wrong == statistics and kept,
            f"The running statistics are those of {kept}. They do not fit the mixed weights.",
            every,
        ),
        (wrong == statistics and starts, "You set the running statistics back to 0 and 1.", every),
        (deviations, "You mix standard deviations in place of variances.", alike),
        (between, "You add to the variance what the two means differ by.", alike),
        (wrong == head and kept, f"You leave the head as it is in {kept}. It does not fit the mixed body.", every),
        (wrong == floats - head and kept, f"You mix the head only. The body is that of {kept}.", every),
        (
            wrong == floats - statistics and kept,
            f"You mix the running statistics only. The weights are those of {kept}.",
            every,
        ),
        (
            wrong == vectors and kept,
            f"You mix only what has more than one axis. The rest, batch norm for one, is that of {kept}.",
            every,
        ),
        (
            kept,
            f"{len(wrong)} of {len(floats)} entries of floats are those of {kept}, such as {min(wrong)}.",
            every,
        ),
    ]
    blame(mistakes)


def blame_whole_numbers(found: Mapping, a: dict[str, Tensor], b: dict[str, Tensor], alpha: float) -> None:
    """Raise Wrong if an entry of whole numbers is not b's."""
    keys = [key for key in a if not a[key].is_floating_point()]

    def fits(formula: Callable[[Tensor, Tensor], Tensor]) -> bool:
        return all(bool(((found[key] - formula(a[key], b[key])).abs() < 1).all()) for key in keys)

    wrong = next((key for key in keys if not torch.equal(found[key], b[key])), None)
    if wrong is None:
        return
    copied = "Whole numbers count something. Copy b's."
    ideas = [
        (lambda x, y: x, f"The entries of whole numbers, such as {wrong}, are a's. They must be b's."),
        (lambda x, y: (1 - alpha) * x + alpha * y, f"You mix whole numbers, and round: {wrong} counts something."),
        (torch.add, "You add the whole numbers of a and b."),
        (torch.maximum, "You take the larger of two whole numbers."),
        (torch.minimum, "You take the smaller of two whole numbers."),
        (lambda x, y: 0 * x, f"You set {wrong} to 0."),
    ]
    blame([(formula, said, copied) for formula, said in ideas], fits)
    raise Wrong(f"The entry {wrong} holds whole numbers. They are not b's in your result.", copied)


def blame_shared(found: Mapping, given: tuple[dict, dict]) -> None:
    """Raise Wrong if a tensor of the result lies in the same memory as one of a or b."""
    for name, state in zip("ab", given, strict=True):
        owned = {value.untyped_storage().data_ptr() for value in state.values()}
        shared = [key for key in found if found[key].untyped_storage().data_ptr() in owned]
        said = (
            f"Your {''.join(shared[:1])} lies in the memory of {name}'s: if one is changed in place, so is the other."
        )
        blame([(shared, said, "value.clone() makes a new tensor.")])

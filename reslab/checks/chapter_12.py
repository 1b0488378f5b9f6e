"""Checkers of chapter 12, Feeding images."""

import contextlib
import io
import math
import random
import zlib
from collections.abc import Callable, Iterable

import numpy as np
import torch
from PIL import Image, ImageChops, ImageOps
from torch import Tensor

from reslab.checks.chapter_02 import as_numbers, check_untouched, multiple_of
from reslab.checks.exercise import Wrong, blame, exercise, number_from


def pair_from(answer, call: str, hint: str) -> list:
    """The two items of the pair that a function gives; Wrong if it gives no pair."""
    if answer is None:
        raise Wrong(f"{call} gives None.", hint)
    try:
        items = [] if isinstance(answer, str | dict | set) else list(answer)
    except TypeError:
        items = []
    if len(items) != 2:
        raise Wrong(f"{call} gives a {type(answer).__name__}, but not one with two items: a pair.", hint)
    return items


@exercise("12.1", "You know the size of every picture after Resize, before any pixel is computed.")
def check_resized(resized: Callable[[int, int, int], tuple[int, int]]) -> None:
    """Exercise 12.1: `resized(width, height, size)` is the pair (width, height) of the picture after Resize(size)."""
    cases = [(640, 480, 256), (375, 500, 224), (500, 375, 224), (48, 32, 100), (90, 90, 64), (130, 500, 32)]
    pair = "Return two whole numbers: the new width, then the new height."
    found = []
    for case in cases:
        items = pair_from(resized(*case), f"resized{case}", pair)
        found.append(tuple(number_from(item, "Each item of the pair") for item in items))
    right = [(int(s * w / min(w, h)), int(s * h / min(w, h))) for w, h, s in cases]
    if found == right:
        return
    if len(set(found)) == 1:
        raise Wrong(f"You give ({found[0][0]:g}, {found[0][1]:g}), whatever the arguments are.", pair)

    def fits(formula: Callable, slack: float) -> bool:
        pairs = [(formula(*case), given) for case, given in zip(cases, found, strict=True)]
        return all(abs(a - b) <= slack for wrong, given in pairs for a, b in zip(wrong, given, strict=True))

    one_scale = "Both sides get the same factor. Choose it so that the shorter side becomes size."
    cut = "int() and // cut off what stands after the point. So does torchvision."
    last = "Divide at the end: size * longer / shorter. Only then cut off what stands after the point."
    turned = "A picture that was wider than high is still wider than high. So min and max alone are not enough."
    roundings = [
        (lambda w, h, s: (s * w / min(w, h), s * h / min(w, h)), "You give parts of a pixel.", cut),
        (lambda w, h, s: (math.ceil(s * w / min(w, h)), math.ceil(s * h / min(w, h))), "You round up.", cut),
        (
            lambda w, h, s: (round(s * w / min(w, h)), round(s * h / min(w, h))),
            "You round to the nearest number. Resize does not.",
            cut,
        ),
    ]
    blame(roundings, lambda formula: fits(formula, 1e-6))
    ideas = [  # whatever the rounding: a wrong idea is named first
        (
            lambda w, h, s: (s, s),
            "Both sides become size. But Resize keeps the form of the picture: only a crop makes it a square.",
            one_scale,
        ),
        (
            lambda w, h, s: (s * w / max(w, h), s * h / max(w, h)),
            "You bring the longer side to size. Then a square of size x size does not fit into the picture.",
            one_scale,
        ),
        (
            lambda w, h, s: (s * h / min(w, h), s * w / min(w, h)),
            "Width and height are exchanged.",
            "Tensors and torchvision write height first. Here the pair is (width, height), as in Pillow.",
        ),
        (lambda w, h, s: (s, s * h / w), "The width becomes size, even where it is the longer side.", one_scale),
        (lambda w, h, s: (s * w / h, s), "The height becomes size, even where it is the longer side.", one_scale),
        (
            lambda w, h, s: (s * min(1, h / w), s * min(1, w / h)),
            "Your ratio is upside down: the longer side comes out as the shorter one.",
            one_scale,
        ),
        (
            lambda w, h, s: (s * math.sqrt(w / h), s * math.sqrt(h / w)),
            "You keep the area at size x size. Resize looks at one side only.",
            one_scale,
        ),
        (
            lambda w, h, s: (s * (w // min(w, h)), s * (h // min(w, h))),
            "You round the ratio of the sides first. A picture of 3 : 2 then counts as a square.",
            last,
        ),
        (
            lambda w, h, s: (w * (s // min(w, h)), h * (s // min(w, h))),
            "You round the factor first. A factor below 1 is then 0.",
            last,
        ),
        (
            lambda w, h, s: (w, h) if s > min(w, h) else (s * w / min(w, h), s * h / min(w, h)),
            "You leave small pictures as they are. Resize makes them larger.",
            "Use one formula for all pictures. Its factor may be above 1.",
        ),
        (
            lambda w, h, s: (w + s - min(w, h), h + s - min(w, h)),
            "You add the same number to both sides. That changes the form of the picture.",
            one_scale,
        ),
        (lambda w, h, s: (w, h), "You give the old size.", one_scale),
        (
            lambda w, h, s: (s if w <= h else w, s if h <= w else h),
            "You change one side and leave the other. That changes the form of the picture.",
            one_scale,
        ),
        (lambda w, h, s: (s * max(w, h) / min(w, h), s), "You always give the longer side as the width.", turned),
        (lambda w, h, s: (s, s * max(w, h) / min(w, h)), "You always give the shorter side as the width.", turned),
        (
            lambda w, h, s: (w * min(w, h) / s, h * min(w, h) / s),
            "Your factor is upside down: a small size gives a large picture.",
            one_scale,
        ),
        (lambda w, h, s: (w * s, h * s), "You multiply by size. That is the new side, not the factor.", one_scale),
    ]
    blame(ideas, lambda formula: fits(formula, 1))
    (w, h, size), given, truth = next(row for row in zip(cases, found, right, strict=True) if row[1] != row[2])
    said = f"For a picture of {w} x {h} and size = {size} you give ({given[0]:g}, {given[1]:g})."
    raise Wrong(said, f"It is {truth}. {last}")


class Augment:
    """A change of a batch that notes how many images it gets: a shift to the right, or the left half becomes 0."""

    def __init__(self, kind: str):
        self.kind, self.lengths = kind, []

    def __call__(self, images: Tensor) -> Tensor:
        """The changed batch."""
        if not isinstance(images, Tensor) or images.ndim != 4:
            got = f"a tensor of {images.ndim} axes" if isinstance(images, Tensor) else f"a {type(images).__name__}"
            raise Wrong(f"You call augment with {got}. It takes a batch (N, 3, H, W).", "Call augment once, on all.")
        self.lengths.append(len(images))
        return self.change(images)

    def change(self, images: Tensor) -> Tensor:
        """The changed batch, unnoticed."""
        if self.kind == "shift":
            return images.roll(1, -1)
        keep = torch.arange(images.shape[-1]) >= images.shape[-1] // 2
        return images * keep.to(images.dtype)


def photos(count: int, centre: list[int], spread: list[int]) -> Tensor:
    """Random uint8 images, each channel with its own centre and spread, and each image with its own brightness."""
    noise, brightness = torch.randn(count, 3, 4, 6), torch.randn(count, 1, 1, 1)
    centre, spread = (torch.tensor(values).reshape(3, 1, 1) for values in (centre, spread))
    return (centre + spread * noise + 15 * brightness).clamp(0, 255).to(torch.uint8)


@exercise(
    "12.2", "Train and val are measured with one ruler, made of training images only, and only train is changed."
)
def check_prepare(prepare: Callable[[Tensor, Tensor, Callable], tuple[Tensor, Tensor]]) -> None:
    """Exercise 12.2: `prepare(train, val, augment)` is the pair (train, val), two float32 tensors."""
    result = "Return the two batches, train first: `return train, val`. Keep their shape (N, 3, H, W)."
    for kind in ("shift", "erase"):
        images = {
            "train": photos(5, [50, 110, 170], [12, 22, 32]),
            "val": photos(4, [90, 150, 120], [20, 14, 26]),
        }
        before, augment = {name: x.clone() for name, x in images.items()}, Augment(kind)
        answer = prepare(images["train"], images["val"], augment)
        items = dict(zip(images, pair_from(answer, "prepare(train, val, augment)", result), strict=True))
        check_untouched(images, before)
        for name, found in items.items():
            blame_batch(name, found, before[name])
        for name, found in items.items():
            blame_scaling(name, found, before, augment)


def blame_batch(name: str, found, x: Tensor) -> None:
    """Raise Wrong if one of the two results is no float32 tensor of the shape of x."""
    if not isinstance(found, Tensor):
        raise Wrong(f"Your {name} is a {type(found).__name__}, not a tensor.", "Return tensors, as they come in.")
    keep = f"Keep the shape {tuple(x.shape)}: (N, 3, H, W)."
    count = found.shape[0] if found.ndim else 0
    mistakes = [
        (
            found.shape == x.movedim(1, -1).shape,
            f"In your {name}, the channels are the last axis. A convolution wants them as axis 1.",
            keep,
        ),
        (
            found.shape[1:] == x.shape[1:] and count != len(x),
            f"Your {name} has {count} images, not {len(x)}.",
            "augment *replaces* the images. It adds none, and no image is lost.",
        ),
        (found.shape != x.shape, f"Your {name} has the shape {tuple(found.shape)}, not {tuple(x.shape)}.", keep),
        (
            not found.is_floating_point(),
            f"Your {name} holds whole numbers ({found.dtype}), so all that stands after the point is lost.",
            "Turn the images into float32 first, with .float(). Do not turn back.",
        ),
        (
            found.dtype != torch.float32,
            f"Your {name} is {found.dtype}. The weights of a net are float32.",
            ".float() makes float32.",
        ),
        (not found.isfinite().all(), f"Your {name} has nan or inf in it.", "Look for a division by zero."),
    ]
    blame(mistakes)


def ruler(x: Tensor, axes: tuple[int, ...], correction: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over the axes, which stay with length 1."""
    return x.mean(axes, keepdim=True), x.std(axes, correction=correction, keepdim=True)


def wrong_scalings(name: str, raw: dict[str, Tensor], augment: Augment, correction: int) -> list:
    """Rows (scaling, message, hint): a scaling maps images with values 0 to 1 to wrong results."""
    unit = {key: x / 255 for key, x in raw.items()}
    channel = (0, 2, 3)
    mean, std = ruler(unit["train"], channel, correction)
    imagenet = [torch.tensor(values).reshape(3, 1, 1) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
    both = torch.cat(list(unit.values()))
    own = f"You use the statistics of {'val' if name == 'train' else 'val itself'}."
    low, high = unit["train"].amin(channel, keepdim=True), unit["train"].amax(channel, keepdim=True)

    def by(statistics: tuple[Tensor, Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda x: (x - statistics[0]) / statistics[1]

    def each(*axes: int) -> Callable[[Tensor], Tensor]:
        return lambda x: by(ruler(x, axes, correction))(x)

    def over(*axes: int) -> Callable[[Tensor], Tensor]:
        return by(ruler(unit["train"], axes, correction))

    def wrapped(x: Tensor) -> Tensor:
        return ((x * 255).to(torch.uint8) - (mean * 255).to(torch.uint8)) / (std * 255)

    formula = "(x - mean) / std, with one mean and one std for each channel, both from train."
    axes = "One number for each channel: average over axes 0, 2 and 3. Axis 1 holds the channels."
    from_train = "At test time you see one image at a time. Use what you know from training: train's mean and std."
    scale = "Either bring both the images and the statistics to 0 ... 1, or neither."
    early = "Take mean and std before you augment. Nobody augments the images that come later."
    rows = [
        ([by(ruler(unit["val"], channel, correction))], own, from_train),
        (
            [by(ruler(both, channel, correction))],
            "The statistics come from train and val together: val leaks into the training.",
            from_train,
        ),
        (
            [by(ruler(augment.change(unit["train"]), channel, correction))],
            "The statistics come from the augmented images.",
            early,
        ),
        ([over(0, 1, 2, 3)], "You use one mean and one standard deviation for all channels.", axes),
        ([over(0), over(0, 2), over(0, 3)], "Your statistics differ from pixel to pixel.", axes),
        ([each(2, 3), each(1, 2, 3)], "You use the statistics of each image by itself: its brightness is lost.", axes),
        ([each(1)], "You average over the channels of each pixel: its colour is lost.", axes),
        (
            [lambda x: (x - mean) / unit["train"].std((2, 3), correction=correction).mean(0).reshape(3, 1, 1)],
            "You average the standard deviations of single images. They leave out how images differ.",
            axes,
        ),
        ([lambda x: x - mean], "You subtract the mean, but you do not divide.", formula),
        ([lambda x: x / std], "You divide by the standard deviation, but you do not subtract the mean.", formula),
        ([lambda x: (x - mean) / std**2], "You divide by the variance.", formula),
        ([lambda x: (x - mean) * std], "You multiply by the standard deviation.", formula),
        ([lambda x: (x - std) / mean], "Mean and standard deviation are exchanged.", formula),
        ([lambda x: (x + mean) / std], "You add the mean.", formula),
        ([lambda x: x - mean / std], "You divide only the mean: brackets are missing.", formula),
        ([by(imagenet)], "You use ImageNet's numbers. These images have other colours.", formula),
        ([lambda x: 2 * x - 1], "You use 0.5 as mean and as standard deviation. Compute them.", formula),
        ([lambda x: x], "The images are in 0 ... 1, but not normalised.", formula),
        ([lambda x: 255 * x], "The images still have their values 0 ... 255.", formula),
        (
            [lambda x: (x - 255 * mean) / (255 * std)],
            "The images are divided by 255 once more than the statistics.",
            scale,
        ),
        ([lambda x: (255 * x - mean) / std], "The statistics are divided by 255, but the images are not.", scale),
        (
            [lambda x: (x - low) / (high - low), lambda x: (x - low.min()) / (high.max() - low.min())],
            "You scale from the smallest to the largest value. Two odd pixels decide it.",
            formula,
        ),
        ([wrapped], "uint8 knows no number below 0: your difference wraps round to 255.", "Use .float() first."),
    ]
    return [(formulas, f"In your {name}: {said}", hint) for formulas, said, hint in rows]


def blame_scaling(name: str, found: Tensor, raw: dict[str, Tensor], augment: Augment) -> None:
    """Raise Wrong if one of the two results has wrong values."""
    x = raw[name] / 255
    rulers = [ruler(raw["train"] / 255, (0, 2, 3), correction) for correction in (0, 1)]
    change = augment.change

    def same(*wrong: Tensor) -> bool:
        return any(torch.allclose(found, values, rtol=5e-3, atol=5e-3) for values in wrong)

    plain = [(x - mean) / std for mean, std in rulers]
    changed = [change(z) for z in plain] + [(change(x) - mean) / std for mean, std in rulers]
    again = [change(z) for z in changed] + [(change(change(x)) - mean) / std for mean, std in rulers]
    if same(*(changed if name == "train" else plain)):
        return
    once = "Call augment once, with train, and go on with what it returns."
    unused = "You call augment, but you do not use what it returns: train is not augmented."
    only_train = "val must show the images as they come. Only train goes through augment."
    mistakes = [
        (same(*plain), unused if len(x) in augment.lengths else "You do not augment train.", once),
        (name == "train" and same(*again), "You augment train twice.", once),
        (same(*changed, *again), "You augment val too.", only_train),
    ]
    blame(mistakes)

    def matches(scalings: list[Callable[[Tensor], Tensor]]) -> bool:
        return any(same(f(x), change(f(x)), f(change(x))) for f in scalings)

    blame([row for correction in (0, 1) for row in wrong_scalings(name, raw, augment, correction)], matches)
    mean, std = rulers[0]
    said = (
        f"In your {name}, the first pixel of the first image is {found[0, 0, 0, 0]:.4g} in channel 0. That is wrong."
    )
    hint = f"In train, channel 0 has mean {mean.flatten()[0]:.4g} and std {std.flatten()[0]:.4g} after / 255."
    raise Wrong(said, hint)


class Label(str):
    """A text whose place in a set depends on `salt`, as the place of a str does on the start of Python."""

    salt: int

    def __hash__(self) -> int:
        """Another number for another salt."""
        return zlib.crc32(f"{self.salt}{self!s}".encode())


def some_groups() -> list[int]:
    """The numbers 0 to 14, each as many times as that group has images, in a mixed order."""
    sizes = [1, 4, 2, 6, 1, 3, 5, 2, 2, 1, 7, 3, 2, 4, 1]
    images = [group for group, size in enumerate(sizes) for _ in range(size)]
    random.Random(5).shuffle(images)
    return images


def salted(texts: list[str], salt: int) -> list[Label]:
    """The texts, as Labels with this salt."""
    kind = type("Label", (Label,), {"salt": salt})
    return [kind(text) for text in texts]


@exercise("12.3", "No patient, no photo session, no person stands on both sides: val now asks for something new.")
def check_split_by_group(split_by_group: Callable[[list, float, int], tuple]) -> None:
    """Exercise 12.3: `split_by_group(groups, share, seed)` is the pair (train_indices, val_indices)."""
    numbers = [100 + 7 * group for group in some_groups()]
    own = "Make a generator of your own: random.Random(seed), np.random.default_rng(seed) or torch.Generator()."
    texts = [f"g{group:02}" for group in some_groups()]
    for groups in (numbers, texts):
        splits = {share: [val_of(split_by_group, groups, share, seed) for seed in range(10)] for share in (0.2, 0.6)}
        blame_counts(splits, groups)
        if any(val_of(split_by_group, groups, 0.6, seed) != splits[0.6][seed] for seed in range(3)):
            raise Wrong("Two calls with the same seed give two different splits.", own)
        blame_choice(splits, groups)
    drawn = []
    for salt in (1, 2):
        with contextlib.suppress(Exception):  # who turns a Label into another text cannot be asked in this way
            drawn.append([val_of(split_by_group, salted(texts, salt), 0.6, seed) for seed in range(3)])
    if len(drawn) == 2 and drawn[0] != drawn[1]:
        said = "You use the order of a set. For texts it changes with each start of Python, and so does your split."
        raise Wrong(said, "Sort the groups before you draw: sorted(set(groups)).")
    val_of(split_by_group, ["b", "a", "a", "c", "b"], 0.1, 0)
    random.random(), np.random.rand(), torch.rand(1)
    before = random_states()
    split_by_group(list(numbers), 0.2, 0)
    for name, state in random_states().items():
        if state != before[name]:
            raise Wrong(f"After the call, the random numbers of {name} are not where they were.", own)


def random_states() -> dict[str, object]:
    """The state of each generator that all code shares."""
    return {
        "Python's random": random.getstate(),
        "NumPy": str(np.random.get_state(legacy=False)["state"]),
        "PyTorch": torch.get_rng_state().tolist(),
    }


def val_of(split_by_group: Callable, groups: list, share: float, seed: int) -> frozenset[int]:
    """The images in val; Wrong if the two lists are no split of the images, or if a group is cut in two."""
    given, count = list(groups), len(groups)
    call = f"split_by_group(groups, {share:g}, {seed})"
    answer = split_by_group(given, share, seed)
    if given != groups:
        raise Wrong("After the call, the list `groups` is not what it was.", "sorted() makes a new list.")
    items = pair_from(answer, call, "Return two lists of indices: `return train_indices, val_indices`.")
    train, val = (indices_from(item, name, groups) for item, name in zip(items, ("train", "val"), strict=True))
    inside = {name: {groups[i] for i in part} for name, part in (("train", train), ("val", val))}
    torn = inside["train"] & inside["val"]
    whole = len(inside["train"] | inside["val"])
    each = "Go through all images once: those whose group was drawn go to val, all others to train."
    groups_first = "Draw groups, not images. Then each image goes where its group goes."
    mistakes = [
        (len(set(train)) < len(train), "An index stands twice in train_indices.", each),
        (len(set(val)) < len(val), "An index stands twice in val_indices.", each),
        (set(train) & set(val), f"{len(set(train) & set(val))} images are in train *and* in val.", each),
        (
            len(train) + len(val) < count,
            f"{count - len(train) - len(val)} of the {count} images are in neither part.",
            each,
        ),
        (
            len(torn) == sum(groups.count(group) > 1 for group in set(groups)),
            "You split each group by itself. So all groups stand on both sides, and val asks for nothing new.",
            groups_first,
        ),
        (
            torn,
            f"{len(torn)} of the {whole} groups have images on both sides. That is a leak.",
            groups_first,
        ),
        (
            not val,
            f"For {whole} groups and share = {share:g}, val_indices is empty.",
            "At least one group must go to val: max(1, ...).",
        ),
    ]
    blame(mistakes)
    return frozenset(val)


def indices_from(part, name: str, groups: list) -> list[int]:
    """The indices in one part; Wrong if they are none."""
    where = "Number the images from 0: for i, group in enumerate(groups). Return the i, not the group."
    what = f"{name}_indices"
    if part is None:
        raise Wrong(f"{what} is None.", where)
    try:
        found = part.tolist() if isinstance(part, Tensor | np.ndarray) else list(part)
    except TypeError:
        raise Wrong(f"{what} is a {type(part).__name__}, not a list of indices.", where) from None
    found = [i.item() if isinstance(i, Tensor | np.generic) else i for i in found]
    count, kinds = len(groups), {type(i).__name__ for i in found if type(i) is not int}
    mistakes = [
        (
            found and all(i in groups for i in found),
            f"{what} holds groups. It must hold the indices of images.",
            where,
        ),
        (
            kinds == {"bool"},
            f"{what} holds True and False. It must hold indices.",
            "np.flatnonzero(mask) makes indices of it.",
        ),
    ]
    blame(mistakes)
    if kinds:
        said = f"{what} holds something of type {'/'.join(sorted(kinds))}. It must hold indices: ints."
        raise Wrong(said, where)
    mistakes = [
        (
            any(i == count for i in found),
            f"There is no index {count}: the first of the {count} images has index 0.",
            where,
        ),
        (any(not 0 <= i < count for i in found), f"{what} holds an index that is not in 0 ... {count - 1}.", where),
    ]
    blame(mistakes)
    return found


def blame_counts(splits: dict[float, list[frozenset[int]]], groups: list) -> None:
    """Raise Wrong if val does not hold the share of the groups that was asked for."""
    total = len(set(groups))
    counts = {share: [len({groups[i] for i in val}) for val in vals] for share, vals in splits.items()}

    def near(wanted: Callable[[float], float]) -> bool:
        return all(abs(k - wanted(share)) < 1.001 for share, ks in counts.items() for k in ks)

    if near(lambda share: share * total):
        return
    most = max(map(groups.count, groups))
    number = "Count the different groups, and take round(share * count) of them for val, at least one."
    mistakes = [
        (
            near(lambda share: total - share * total),
            "train and val are exchanged: val gets what train should.",
            number,
        ),
        (
            set(counts[0.2]) == set(counts[0.6]),
            "You do not use share: val has the same number of groups for 0.2 and for 0.6.",
            number,
        ),
        (
            near(lambda share: min(share * len(groups), total)),
            "You take the share of the number of *images*, and draw that many groups.",
            number,
        ),
        (
            all(0 <= len(val) - share * len(groups) < most for share, vals in splits.items() for val in vals),
            "You draw groups until val has its share of the *images*. Here share counts groups.",
            number,
        ),
    ]
    blame(mistakes)
    share, k = next((share, k) for share, ks in counts.items() for k in ks if abs(k - share * total) >= 1.001)
    said = f"For {total} groups and share = {share:g} you put {k} groups into val."
    raise Wrong(said, f"It should be {round(share * total)}. {number}")


def blame_choice(splits: dict[float, list[frozenset[int]]], groups: list) -> None:
    """Raise Wrong if the groups in val are not drawn at random from the seed."""
    drawn = [{groups[i] for i in val} for vals in splits.values() for val in vals]
    shuffle = "random.Random(seed).shuffle(names) brings a list of the groups into a random order. Then cut it."

    def cut(order: list) -> bool:
        return all(val in (set(order[: len(val)]), set(order[-len(val) :])) for val in drawn)

    never = set(groups) - set.union(*drawn)
    mistakes = [
        (
            cut(sorted(set(groups))) or cut(list(dict.fromkeys(groups))),
            "You do not shuffle: val always gets the first or the last groups.",
            shuffle,
        ),
        (all(len(set(vals)) == 1 for vals in splits.values()), "You do not use seed: all give one split.", shuffle),
        (never, "In 20 splits with different seeds, a group is never in val.", f"All must be shuffled. {shuffle}"),
        (
            set.intersection(*drawn),
            "In 20 splits with different seeds, a group is always in val.",
            f"All must be shuffled. {shuffle}",
        ),
    ]
    blame(mistakes)


def pictures() -> tuple[np.ndarray, np.ndarray, dict[int, str], dict[int, str]]:
    """Train and val; then what each image of val is: a copy (of train[i], said in one word), or another picture."""
    rng = np.random.default_rng(12)
    train = rng.integers(0, 256, (7, 8, 11, 3))  # nobody copies the last one

    def copied(i: int, shift: int, error: int) -> np.ndarray:
        return (train[i] + shift + rng.integers(-error, error + 1, train[i].shape)).clip(0, 255)

    shuffled = rng.permutation(train[3].reshape(-1, 3)).reshape(train[3].shape)
    rows = [  # an image, what it is if it is a copy, or else the mistake of calling it one
        (train[0], "exact", ""),
        (copied(1, 5, 2), "brighter", ""),
        (copied(2, 0, 2)[:, ::-1], "mirrored", ""),
        (copied(3, 0, 3), "with noise", ""),
        (copied(4, 4, 2)[:, ::-1], "mirrored", ""),
        (copied(4, -5, 2), "darker", ""),
        (train[5][:, ::-1], "mirrored", ""),
        (train[3], "exact", ""),
        (train[0][::-1], "", "upside down"),
        (shuffled, "", "shuffled"),
        (train[5][:, :, ::-1], "", "colours"),
        (copied(5, 0, 60), "", "noisy"),
        (train[2][::-1, ::-1], "", "upside down"),
        (rng.integers(0, 256, train[0].shape), "", ""),
    ]
    val = np.stack([image for image, *_ in rows])
    train = np.concatenate([train, train[1:2, :, ::-1]])  # train itself has a picture twice
    copies, others = ({j: row[k] for j, row in enumerate(rows) if row[k]} for k in (1, 2))
    return train.astype(np.uint8), val.astype(np.uint8), copies, others


PLAIN = "Compare two pictures pixel by pixel: the mean of |a - b|. A copy has a small one, say below 15."


@exercise("12.4", "A copy in val is a question that the net has seen with its answer. Now you can find such copies.")
def check_find_copies(find_copies: Callable[[np.ndarray, np.ndarray], list]) -> None:
    """Exercise 12.4: `find_copies(train, val)` is a list of pairs (i, j): val[j] is a copy of train[i]."""
    train, val, copies, others = pictures()
    blame_pairs(copies_from(find_copies, train, val), train, val, copies, others)
    if copies_from(find_copies, train[2:6], val[8:11]):
        raise Wrong("You find copies where there are none.", PLAIN)


def copies_from(find_copies: Callable, train: np.ndarray, val: np.ndarray) -> set[tuple[int, int]]:
    """The pairs that an answer finds; Wrong if it gives no pairs of indices."""
    given = {"train": train.copy(), "val": val.copy()}
    answer = find_copies(given["train"], given["val"])
    check_untouched(given, {"train": train, "val": val})
    want = "Return a list such as [(0, 3), (2, 1)]: first the index in train, then the index in val."
    if answer is None:
        raise Wrong("find_copies(train, val) gives None.", f"{want} Without copies it is [].")
    arrays = isinstance(answer, tuple) and [type(part) for part in answer] == [np.ndarray] * 2
    table = isinstance(answer, np.ndarray | Tensor) and tuple(answer.shape) == (len(train), len(val))
    mistakes = [
        (arrays, "You give two arrays, as np.where does, not a list of pairs.", "np.argwhere gives pairs."),
        (
            table,
            "You give a table with a value for every pair.",
            "np.argwhere(table) gives the pairs where it is true.",
        ),
    ]
    blame(mistakes)
    try:
        items = answer.tolist() if isinstance(answer, np.ndarray | Tensor) else list(answer)
    except TypeError:
        raise Wrong(f"find_copies(train, val) gives a {type(answer).__name__}, not a list of pairs.", want) from None
    found = set()
    for item in items:
        if isinstance(item, int | np.integer):
            raise Wrong("You give single indices. A pair says which image of train and which of val.", want)
        i, j = (number_from(index, "Each index") for index in pair_from(item, "Your list", want))
        if not (i in range(len(train)) and j in range(len(val))):
            raise Wrong(f"({i:g}, {j:g}) is no pair: there are {len(train)} images in train, {len(val)} in val.", want)
        found.add((int(i), int(j)))
    return found


def pairs_below(distances: np.ndarray, limit: float = 15) -> set[tuple[int, int]]:
    """The places (i, j) with a distance below the limit."""
    return {(int(i), int(j)) for i, j in np.argwhere(distances < limit)}


def blame_pairs(
    found: set, train: np.ndarray, val: np.ndarray, copies: dict[int, str], others: dict[int, str]
) -> None:
    """Raise Wrong if `found` is not the set of all copies; `copies` and `others` say what the images of val are."""
    flipped = val[:, :, ::-1]

    def distances(a: np.ndarray, b: np.ndarray, kind: type = float) -> np.ndarray:
        return np.abs(a[:, None].astype(kind) - b[None].astype(kind)).mean((2, 3, 4))

    plain, mirrored = distances(train, val), distances(train, flipped)
    best = np.minimum(plain, mirrored)
    right = pairs_below(best)
    if found == right:
        return
    within = np.minimum(distances(train, train), distances(train, train[:, :, ::-1]))
    own = pairs_below(within)
    wraps = [pairs_below(distances(train, b, np.uint8)) for b in (val, flipped)]
    wraps += [pairs_below(distances(b, train, np.uint8).T) for b in (val, flipped)]
    nearest = [{(int(i), j) for j, i in enumerate(d.argmin(0))} for d in (best, plain)]
    nearest += [{(i, int(j)) for i, j in enumerate(d.argmin(1))} for d in (best, plain)]
    same_index = [{(i, j) for i, j in pairs if i == j} for pairs in (right, pairs_below(plain))]
    exact = [pairs_below(best, 1e-9), pairs_below(plain, 1e-9)]
    every = "Compare *each* image of train with *each* image of val: two loops, and no break or return inside."
    turn = "Mirrored left-right is image[:, ::-1]: the second axis is the width. Compare with both."
    wrap = "Turn the images into int16 or float before you subtract."
    limit = "A copy may differ by some grey levels at all pixels. Other pictures differ by over 25, on average."
    rows = [
        ([set()], "You find no copy at all. There are some.", PLAIN),
        (
            [{(j, i) for i, j in right}],
            "Your pairs are exchanged: first train, then val.",
            "Append (i, j), not (j, i).",
        ),
        (exact, "You find exact copies only. Saving a JPEG changes the numbers a little.", limit),
        (
            [wraps[0], wraps[2], wraps[0] | wraps[1], wraps[2] | wraps[3]],
            "uint8 knows no number below 0: your differences wrap round, so -1 becomes 255.",
            wrap,
        ),
        ([pairs_below(plain)], "You do not find the mirrored copies.", turn),
        ([pairs_below(mirrored)], "You find the mirrored copies only.", turn),
        (same_index, "You compare only images with the same index.", every),
        ([own, {(i, j) for i, j in own if i < j}], "You compare train with itself.", every),
        (nearest, "You take the most similar image, even if it is another picture.", limit),
        ([{(i, j) for i in range(len(train)) for j in range(len(val))}], "You call all pairs copies.", limit),
        ([{pair} for pair in right], "You give one pair only. There are more.", every),
    ]
    blame(rows, lambda sets: found in sets)
    extra, missed = sorted(found - right), sorted(right - found)
    kinds = {others[j] for _, j in extra if j in others}
    for_val, for_train = ([pair[k] for pair in found] for k in (1, 0))
    mistakes = [
        (
            "shuffled" in kinds,
            "You find a picture whose pixels are shuffled: means, sums or histograms do not see where a pixel is.",
            PLAIN,
        ),
        ("colours" in kinds, "You find a picture whose colours are exchanged.", "Compare all three channels."),
        (
            "upside down" in kinds,
            "You find a picture that is turned upside down. Here that counts as another picture.",
            turn,
        ),
        ("noisy" in kinds, "Your limit is too loose: you find a picture that differs by about 28 levels.", limit),
        (
            not extra and len(set(for_val)) == len(for_val) == len({j for _, j in right}),
            "You find only one image of train for each image of val.",
            every,
        ),
        (
            not extra and len(set(for_train)) == len(for_train) == len({i for i, _ in right}),
            "You find only one image of val for each image of train.",
            every,
        ),
    ]
    blame(mistakes)
    if extra:
        i, j = extra[0]
        raise Wrong(f"You find ({i}, {j}). These are two pictures: they differ by {best[i, j]:.0f} on average.", PLAIN)
    i, j = missed[0]
    said = f"You do not find ({i}, {j}). That copy is {copies[j]}: it differs by {best[i, j]:.1f} on average."
    raise Wrong(said, limit)


@exercise("12.5", "Each class now has the same chance, however many images it has.")
def check_draw_weights(draw_weights: Callable[[Tensor], Tensor]) -> None:
    """Exercise 12.5: `draw_weights(labels)` is one weight for each image, such as WeightedRandomSampler wants."""
    every_class = [2, 0, 1, 2, 3, 2, 0, 2, 2, 1, 3, 3, 2, 3, 0, 2]
    absent = [4, 1, 1, 4, 0, 1, 4, 1, 1, 4, 1, 0, 1]  # no 2, no 3
    no_zero = [3, 1, 3, 3, 2, 3, 1, 3]
    for numbers in (every_class, absent, no_zero):
        labels = torch.tensor(numbers)
        given = labels.clone()
        found = as_numbers(draw_weights(given), "draw_weights(labels)")
        check_untouched({"labels": given}, {"labels": labels})
        blame_weights(found, numbers)


def blame_weights(found: np.ndarray, numbers: list[int]) -> None:
    """Raise Wrong if the weights do not give each class the same chance."""
    labels, n = np.array(numbers), len(numbers)
    per_class = np.bincount(labels)
    counts = per_class[labels].astype(float)
    right = 1 / counts
    formula = "Count how often each class occurs. An image gets 1 / (the count of its own class)."
    each = "Go through the labels, and give each image the weight of its class. The order stays."
    one = f"Your result has the shape {found.shape}. There are {n} images, so it must be ({n},)."
    mistakes = [
        (
            found.shape in ((len(per_class),), (np.count_nonzero(per_class),)),
            "You give one weight for each class. The sampler draws images: it wants one for each image.",
            each,
        ),
        (found.shape != (n,), one, each),
        (
            not np.isfinite(found).all(),
            "Your weights have nan or inf in them.",
            "A class without images has the count 0. Leave it out, or use counts.clamp(min=1).",
        ),
        ((found < 0).any(), "A weight is negative. It stands for a chance.", formula),
        (not found.any(), "All weights are 0.", f"Integer division gives 0, and so does 1 / inf. {formula}"),
    ]
    blame(mistakes)
    if not math.isnan(multiple_of(right, found)):
        return
    shifted = [1 / np.roll(per_class, step).clip(1)[labels] for step in (1, -1)]
    share, most = counts / n, per_class.max()
    rows = [
        ([np.ones(n)], "All weights are equal: that is plain drawing.", formula),
        ([counts], "You use the count itself. Common classes then come even more often.", formula),
        ([1 - share], "You use 1 - frequency. Common classes still come more often than rare ones.", formula),
        ([most - counts, most - counts + 1], "You subtract the count from the largest one. Divide by it.", formula),
        ([right**0.5], "You use the root of the count. Common classes still come more often.", formula),
        ([right**2], "You divide by the count twice: rare classes now come more often.", formula),
        ([np.sort(labels), labels, labels + 1], "You use the class number as a weight.", formula),
        ([1 / (labels + 1)], "You divide by the class number, not by its count.", formula),
        ([right[labels.argsort(kind="stable")]], "Your weights are in the order of the classes.", each),
        (shifted, "Each image gets the weight of the next class: you are off by one.", each),
        (
            [n // counts, most // counts],
            "You divide with //, so the weights are rounded.",
            "A single / keeps what stands after the point.",
        ),
        (
            [-np.log(share), 1 / np.log1p(counts), 1 / (1 + np.log(counts))],
            "You use a logarithm. Common classes still come more often.",
            formula,
        ),
        (
            [np.exp(z) for z in (right, -counts, -share, counts, share, 1 / share)],
            "You use softmax or exp: that is no longer the inverse of the count.",
            formula,
        ),
        ([1 / (counts + 1)], "You add 1 to the count.", formula),
    ]
    blame(rows, lambda values: any(not math.isnan(multiple_of(value, found)) for value in values))
    chances = {c: found[labels == c].sum() / found.sum() for c in dict.fromkeys(sorted(numbers))}
    mixed = [c for c in chances if np.ptp(found[labels == c]) > 1e-3 * found.max()]
    if mixed:
        raise Wrong(f"The images of class {mixed[0]} have different weights.", each)
    said = ", ".join(f"{c}: {chance:.1%}" for c, chance in chances.items())
    raise Wrong(
        f"With your weights the classes come so often: {said}.", f"All should be {1 / len(chances):.0%}. {formula}"
    )


ON_WHITE = "Turn it into RGBA, then paste it on a new white image, with its alpha as the mask: both are in Pillow."


def colours(*channels: int) -> np.ndarray:
    """A random uint8 array of 6 rows and 9 columns, and with the channels asked for."""
    return np.random.randint(0, 256, (6, 9, *channels)).astype(np.uint8)


def reopened(image: Image.Image, form: str, **options) -> Image.Image:
    """The image, as it is after it was written to a file."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return Image.open(file)


def gray_cases() -> Iterable[tuple[str, Image.Image, np.ndarray, list]]:
    """Gray images: what to call it, the image, the right result, and rows (wrong results, message, hint)."""
    gray, deep = colours(), np.random.randint(3000, 40000, (6, 9)).astype(np.uint16)
    bits = Image.fromarray(np.where(gray > 99, 255, 0).astype(np.uint8)).convert("1")
    low, high = int(deep.min()), int(deep.max())
    red = np.stack([gray, 0 * gray, 0 * gray], -1)
    spread = "All pictures must be scaled alike: white is 65535, also where no pixel is white."
    scale = "16-bit gray goes from 0 to 65535, and 8-bit gray from 0 to 255. 65535 / 255 = 257."
    yield "gray, mode L", Image.fromarray(gray), gray, [([red], "Only the red channel is filled.", "Fill all three.")]
    dark = [([np.asarray(bits) * 1], "Your white is 1. In 8 bits it is 255.", "image.convert knows this mode.")]
    yield "black and white, mode 1", bits, np.asarray(bits) * 255, dark
    rows = [
        (
            [deep.clip(0, 255)],
            "Values above 255 are cut off, so nearly all is white. convert does that with 16 bits.",
            scale,
        ),
        ([deep & 255], "You keep the lower 8 bits only: the numbers wrap round.", scale),
        ([(deep - low) * 255.0 / (high - low)], "You scale from the darkest to the lightest pixel.", spread),
        ([deep * 255.0 / high], "You divide by the lightest pixel of the picture.", spread),
        ([deep * 0], "It is black: you divide by too much.", scale),
    ]
    yield "16-bit gray, mode I;16", Image.fromarray(deep), deep / 257, rows


def colour_cases() -> Iterable[tuple[str, Image.Image, np.ndarray, list]]:
    """As gray_cases, of pictures with colours, without transparency."""
    rgb, ink = Image.fromarray(colours(3)), colours(4)
    palette = rgb.quantize(16)
    inks = Image.frombytes("CMYK", (9, 6), ink.tobytes())
    yield "RGB", rgb, np.asarray(rgb), []
    numbers = [
        (
            [np.asarray(palette)],
            "You show the numbers of the colours in the palette.",
            "image.convert knows what its palette says.",
        )
    ]
    yield "a palette picture, mode P", palette, np.asarray(palette.convert("RGB")), numbers
    known = "image.convert knows CMYK: the more ink, the darker, and K is black."
    rows = [
        ([ink[..., :3]], "You take ink for light: the first three channels are used as RGB.", known),
        ([255 - ink[..., :3]], "You leave out the black ink, K.", known),
        ([np.asarray(ImageChops.invert(inks).convert("RGB"))], "You invert the ink first: light becomes dark.", known),
    ]
    yield "CMYK", inks, np.asarray(inks.convert("RGB")), rows
    frames = [Image.fromarray(colours(3)).quantize(8) for _ in range(3)]
    film = reopened(frames[0], "GIF", save_all=True, append_images=frames[1:])
    first, *later = (np.asarray(frame.convert("RGB")) for frame in frames)
    said = "You take a later frame of the animation, or the mean of all frames."
    mean = np.mean([first, *later], 0)
    yield (
        "a GIF with 3 frames",
        film,
        first,
        [([*later, mean], said, "It opens at the first frame. Do not call seek.")],
    )


def clear_cases() -> Iterable[tuple[str, Image.Image, np.ndarray, list]]:
    """As gray_cases, of pictures that let the paper shine through."""
    rgba, gray = colours(4), colours(2)
    rgba[:2, :, 3], rgba[3, :, 3], gray[:3, :, 1] = 0, 255, 0
    palette = Image.fromarray(colours(3)).quantize(16)
    index = palette.getpixel((4, 3))
    clear = reopened(palette, "PNG", transparency=index)
    pictures = [
        ("RGBA", Image.fromarray(rgba)),
        ("gray with alpha, mode LA", Image.frombytes("LA", (9, 6), gray.tobytes())),
        ("a palette picture with a transparent colour", clear),
    ]
    for name, image in pictures:
        pixels = np.asarray(image.convert("RGBA")).astype(float)
        hidden, alpha = pixels[..., :3], pixels[..., 3:] / 255
        hard = [np.where(alpha >= edge, hidden, 255) for edge in (1 / 255, 0.5, 1)]
        rows = [
            (
                [hidden],
                "Transparency is dropped, so hidden colours come to light. convert('RGB') does that.",
                ON_WHITE,
            ),
            ([hidden * alpha], "The transparent parts are black. They must be white.", ON_WHITE),
            ([hidden * (1 - alpha) + 255 * alpha], "The mask is upside down: you hide what should be seen.", ON_WHITE),
        ]
        if name != pictures[2][0]:
            rows.append((hard, "Half transparent pixels must be a mixture of their colour and white.", ON_WHITE))
        yield name, image, hidden * alpha + 255 * (1 - alpha), rows


def turned_cases() -> Iterable[tuple[str, Image.Image, np.ndarray, list]]:
    """As gray_cases, of photos that say in their EXIF data how they must be turned."""
    for mode, orientation in (("RGB", 6), ("RGB", 7), ("RGBA", 8)):
        exif = Image.Exif()
        exif[0x0112] = orientation
        solid = Image.fromarray(colours(3)).convert(mode)
        image = reopened(solid, "PNG", exif=exif)
        as_stored = np.asarray(solid.convert("RGB"))
        right = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        turns = [np.rot90(a, k) for a in (as_stored, as_stored[:, ::-1]) for k in range(4)]
        exif_transpose = "ImageOps.exif_transpose(image) knows all 8 cases. It needs the image as it was opened."
        rows = [
            ([as_stored], "You do not turn it as its EXIF data says, or these were lost before.", exif_transpose),
            (turns, "You turn it, but not as its EXIF data says.", exif_transpose),
        ]
        yield f"{mode} with EXIF orientation {orientation}", image, right, rows


def face(image: Image.Image) -> tuple:
    """What may not change in an image."""
    return image.mode, image.size, image.tobytes(), dict(image.getexif()), image.tell()


@exercise("12.6", "Whatever lies in the folder, your net sees what a person sees.")
def check_to_rgb(to_rgb: Callable[[Image.Image], Image.Image]) -> None:
    """Exercise 12.6: `to_rgb(image)` is a Pillow image of mode RGB that shows what a person sees."""
    for cases in (colour_cases, gray_cases, clear_cases, turned_cases):
        for name, image, right, rows in cases():
            before = face(image)
            found = to_rgb(image)
            blame_picture(name, found, right, rows)
            try:
                kept = face(image) == before
            except ValueError:
                raise Wrong(f"You close the image that you are given ({name}).", "Leave it open.") from None
            if not kept:
                hint = "Some methods change the image itself: putalpha, paste, thumbnail, seek. Work on image.copy()."
                raise Wrong(f"After the call, the given image ({name}) is not what it was.", hint)


def blame_picture(name: str, found, right: np.ndarray, rows: list) -> None:
    """Raise Wrong if `found` is not the right picture, up to rounding."""
    told = f"For a picture ({name})"
    want = "Return a Pillow image: Image.fromarray(array) makes one of a uint8 array (H, W, 3)."
    if found is None:
        raise Wrong(f"{told} you give None.", "Each path through the function needs its own `return`.")
    if not isinstance(found, Image.Image):
        raise Wrong(f"{told} you give a {type(found).__name__}, not a Pillow image.", want)
    if found.mode != "RGB":
        raise Wrong(f"{told} your result has the mode {found.mode}, not RGB.", "End with .convert('RGB').")
    pixels = np.asarray(found).astype(float)

    def same(wrong: np.ndarray) -> bool:
        wrong = wrong if wrong.ndim == 3 else np.repeat(wrong[..., None], 3, -1)
        return pixels.shape == wrong.shape and np.abs(pixels - wrong).max() <= 2

    if same(right):
        return
    right = right if right.ndim == 3 else np.repeat(right[..., None], 3, -1)
    gray = right @ [0.299, 0.587, 0.114]
    height, width = right.shape[:2]
    always = [
        ([gray, right.mean(-1)], "The colours are lost.", "Do not go through a gray mode such as L."),
        (
            [right[..., ::-1]],
            "Red and blue are exchanged: OpenCV has this order, Pillow has not.",
            "In Pillow, the channels come in the order R, G, B.",
        ),
        ([255 - right], "Light and dark are exchanged.", "0 is black and 255 is white."),
    ]
    told_rows = [(values, f"{told}: {said[0].lower()}{said[1:]}", hint) for values, said, hint in rows + always]
    blame(told_rows, lambda values: any(map(same, values)))
    if found.size != (width, height):
        said = f"{told} your result has the size {found.size}, not {(width, height)}."
        raise Wrong(said, "Only the colours change here, not the size. EXIF may turn a picture by 90 degrees.")
    y, x = np.unravel_index(np.abs(pixels - right).max(-1).argmax(), (height, width))
    given, truth = (tuple(int(v) for v in a[y, x].round()) for a in (pixels, right))
    raise Wrong(f"{told} the pixel in row {y}, column {x} is {given}. That is wrong.", f"It should be {truth}.")

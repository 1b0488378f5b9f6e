"""Checkers of chapter 13, Training: measuring, choosing, and reading curves."""

import copy
import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reslab.checks.exercise import Wrong, blame, exercise, number_from


class ScoringNet(nn.Module):
    """A small classifier of 6 classes; at each call it notes the batch's size, whether it trains, and gradients."""

    def __init__(self, calls: list[tuple[int, bool, bool]]):
        super().__init__()
        self.norm, self.head = nn.BatchNorm2d(3), nn.Linear(48, 6)
        nn.init.normal_(self.norm.running_mean)
        self.note = calls.append  # a copy of the net notes its calls in the same list

    def forward(self, x: Tensor) -> Tensor:
        scores = self.head(self.norm(x).flatten(1))
        self.note((len(x), any(module.training for module in self.modules()), scores.requires_grad))
        return scores


class OneWay:
    """Batches that can be gone through once, as those of a generator; it knows whether it was asked again."""

    def __init__(self, batches: list):
        self.batches, self.ends = iter(batches), 0

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        for batch in self.batches:
            return batch
        self.ends += 1
        raise StopIteration


@exercise("13.6", "An error that does not depend on the batches, and a model left as it was found.")
def check_error_rate(error_rate: Callable[[nn.Module, Iterable], float]) -> None:
    """Exercise 13.6: `error_rate(model, batches)` is the fraction of images whose largest score is not the label's."""
    put_back = "Note `module.training` of each of model.modules() before, and set it again after the last batch."
    not_as_before = {
        "train": "The model was in train mode. After the call it is not.",
        "eval": "The model was in eval mode. After the call it is not.",
        "frozen": "A frozen batch norm was in eval mode, the rest in train mode. After the call this is not so.",
    }
    for sizes, mode in (((1, 6, 6, 1, 6, 6, 1, 6), "train"), ((9, 4, 17), "eval"), ((5, 8), "frozen")):
        calls = []
        model = ScoringNet(calls).eval()
        images = [torch.randn(size, 3, 4, 4) for size in sizes]
        scores = [model(x).detach() for x in images]
        labels = [torch.where(torch.rand(len(s)) < 0.5, s.argmax(1), torch.randint(6, (len(s),))) for s in scores]
        model.train(mode != "eval").norm.train(mode == "train")
        calls.clear()
        modes = [module.training for module in model.modules()]
        before = copy.deepcopy(model.state_dict())
        batches = list(zip(images, labels, strict=True))
        stream = OneWay(batches)
        try:
            given = error_rate(model, stream if mode == "eval" else batches)
        except (ArithmeticError, ValueError, RuntimeError, LookupError):
            check_one_pass(stream)
            raise
        found = number_from(given, "error_rate(model, batches)")
        wrong = [(s.argmax(1) != y).sum().item() for s, y in zip(scores, labels, strict=True)]
        right = sum(wrong) / sum(sizes)
        close = math.isclose(found, right, abs_tol=1e-4)
        if not close:
            check_one_pass(stream)
        after = model.state_dict()
        mistakes = [
            (not calls, "You never call the model.", "Give it each batch of images: model(x)."),
            (
                any(trains for _, trains, _ in calls),
                "The model runs in train mode: its scores depend on the batch, and its running statistics move.",
                "Call model.eval() before the first batch.",
            ),
            (
                any(tracked for *_, tracked in calls),
                "The model runs with gradients: each call keeps what a backward pass would need.",
                "Put the loop under `with torch.no_grad():`.",
            ),
            (
                not torch.is_grad_enabled(),
                "After the call gradients are off, so nothing can be trained any more.",
                "`with torch.no_grad():` turns them on again at its end.",
            ),
            (
                not all(torch.equal(before[key], after[key]) for key in before),
                "After the call the weights are not what they were.",
                "Measuring needs no optimizer and no backward().",
            ),
            (
                not all(parameter.requires_grad for parameter in model.parameters()),
                "After the call some weights are frozen, so they can not be trained any more.",
                "Leave requires_grad as it is, and use `with torch.no_grad():`.",
            ),
            (modes != [module.training for module in model.modules()], not_as_before[mode], put_back),
        ]
        blame(mistakes)
        if close:
            continue
        blame_images(sum(size for size, *_ in calls), sizes)
        rows = wrong_error_rates(scores, labels, wrong)
        blame(rows, lambda values, found=found: any(math.isclose(found, v, rel_tol=1e-4) for v in values))
        raise Wrong(
            f"For {sum(sizes)} images in batches of {', '.join(map(str, sizes))} you give {found:.4g}.",
            f"{sum(wrong)} of them are wrong, so it is {right:.4g}.",
        )


def check_one_pass(stream: OneWay) -> None:
    """Raise Wrong if an answer has gone through the batches twice."""
    if stream.ends > 1:
        hint = "`batches` may be a generator: count the wrong ones and the images in the same loop."
        raise Wrong("You go through the batches twice. The second time nothing may be left.", hint)


def blame_images(seen: int, sizes: tuple[int, ...]) -> None:
    """Raise Wrong if the model did not see all images."""
    loop = "Go through all batches, and let `return` stand after the loop, not in it."
    mistakes = [
        (seen == sizes[0], "The model sees the first batch only.", loop),
        (seen == sizes[-1], "The model sees the last batch only.", "Call the model inside the loop."),
        (
            seen == sum(sizes[:-1]),
            "The model never sees the last batch.",
            "The last batch counts too, whatever its size is.",
        ),
        (seen < sum(sizes), f"The model sees {seen} of the {sum(sizes)} images.", loop),
    ]
    blame(mistakes)


def wrong_error_rates(scores: list[Tensor], labels: list[Tensor], wrong: list[int]) -> list[tuple]:
    """What wrong ideas give for the error: rows of values, message and hint."""
    sizes = [len(y) for y in labels]
    all_wrong, images, pairs = sum(wrong), sum(sizes), list(zip(scores, labels, strict=True))
    right, means = all_wrong / images, [n / size for n, size in zip(wrong, sizes, strict=True)]
    s, y = torch.cat(scores), torch.cat(labels)
    largest = "scores.argmax(dim=1) is, for each image, the class with the largest score."
    count = "Count the wrong images of all batches, count all images, and divide once, at the end."
    across = sum((a.argmax(0) != b).sum().item() for a, b in pairs if len(b) in (1, a.shape[1]))
    table = sum((a.argmax(1, keepdim=True) != b).sum().item() for a, b in pairs)
    losses = [F.cross_entropy(s, y).item(), sum(F.cross_entropy(*pair).item() for pair in pairs) / len(pairs)]
    top5 = (s.topk(5).indices != y[:, None]).all(1).float().mean().item()
    soft = 1 - s.softmax(1).gather(1, y[:, None]).mean().item()
    return [
        ([1 - right], "That is the accuracy. The error is the other part.", "Count where the two differ: !=."),
        ([all_wrong], "That is how many images are wrong, not which fraction.", count),
        ([images - all_wrong], "That is how many images are right.", count),
        ([100 * right], "You give per cent, not a fraction.", "A fraction lies between 0 and 1."),
        (
            [sum(means) / len(means)],
            "You average the errors of the batches. A small batch then counts as much as a large one.",
            count,
        ),
        ([sum(means)], "You add the errors of the batches.", count),
        ([all_wrong / len(sizes)], "You divide by the number of batches.", count),
        ([means[-1]], "You give the error of the last batch only.", "Add to the counts: `+=`, not `=`."),
        ([wrong[-1] / images], "Only the wrong images of the last batch are counted.", "Use `+=`, not `=`."),
        ([all_wrong / sizes[-1]], "You divide by the size of the last batch only.", count),
        ([all_wrong / s.numel()], "You divide by the number of scores. An image has a score for each class.", count),
        ([(s.argmin(1) != y).float().mean().item()], "You take the class with the smallest score.", largest),
        ([across / images], "You look for the largest score along the wrong axis: over images.", largest),
        ([table / images], "You compare each image with the labels of all images of its batch.", "No keepdim."),
        ([top5], "An image counts as right if the label is among the five largest scores. Take one.", largest),
        ([soft], "You use the probability of the label. An image is right or wrong, nothing between.", largest),
        (losses, "That is the loss, not the error.", largest),
        ([1], "All images are wrong to you: do you compare the labels with classes, or with scores?", largest),
    ]


def curves(val: list[float], test: list[float], train: list[float]) -> dict[str, list[float]]:
    """The record of one run, as `choose` gets it."""
    return {"val_error": val, "test_error": test, "train_error": train}


SWEEPS = [  # lists of runs
    [  # each wrong idea leads to a place of its own
        curves([0.62, 0.41, 0.31, 0.30], [0.60, 0.43, 0.25, 0.32], [0.58, 0.37, 0.27, 0.20]),
        curves(
            [0.48, 0.33, 0.22, 0.27, 0.35, 0.42],
            [0.50, 0.34, 0.28, 0.29, 0.26, 0.45],
            [0.44, 0.39, 0.23, 0.11, 0.06, 0.05],
        ),
        curves([0.71, 0.52, 0.24, 0.31, 0.253], [0.70, 0.51, 0.295, 0.33, 0.27], [0.69, 0.54, 0.30, 0.26, 0.21]),
        curves([0.36, 0.282, 0.29], [0.385, 0.315, 0.302], [0.355, 0.275, 0.245]),
        curves([0.55, 0.45, 0.47], [0.57, 0.46, 0.44], [0.32, 0.15, 0.01]),
    ],
    [  # the lowest validation error stands in four places
        curves([0.5, 0.3, 0.4, 0.3], [0.53, 0.34, 0.32, 0.36], [0.47, 0.27, 0.25, 0.1]),
        curves([0.6, 0.35, 0.3, 0.45], [0.61, 0.37, 0.31, 0.29], [0.58, 0.32, 0.2, 0.05]),
        curves([0.4, 0.3], [0.41, 0.365], [0.39, 0.28]),
    ],
    [curves([0.6, 0.5], [0.61, 0.52], [0.6, 0.5]), curves([0.7, 0.55, 0.4], [0.71, 0.57, 0.39], [0.7, 0.53, 0.3])],
    [
        curves([0.2, 0.5], [0.23, 0.52], [0.6, 0.1]),
        curves([0.7, 0.4, 0.55], [0.71, 0.39, 0.57], [0.7, 0.53, 0.5]),
        curves([0.65, 0.6], [0.66, 0.61], [0.64, 0.59]),
    ],
]


@exercise("13.7", "Validation chooses, and the test error is read once, at the place that was chosen.")
def check_choose(choose: Callable[[list[dict]], tuple[int, int, float]]) -> None:
    """Exercise 13.7: `choose(runs)` is a run, an epoch and its test error: where the validation error is lowest."""
    for sweep in SWEEPS:
        given = copy.deepcopy(sweep)
        chosen = choose(given)
        if given != sweep:
            raise Wrong("After the call, `runs` is not what it was before.", "Do not sort or change it. Only read.")
        check_choice(chosen, sweep)


def lowest(runs: list[dict], key: str, of: Iterable[int] | None = None) -> tuple[int, int]:
    """Run and epoch of the lowest value under `key`, the first of equals; in all runs, or in some of them."""
    places = [(run, epoch) for run in of or range(len(runs)) for epoch in range(len(runs[run][key]))]
    return min(places, key=lambda place: runs[place[0]][key][place[1]])


def check_choice(chosen, runs: list[dict]) -> None:
    """Raise Wrong if `chosen` is not the right run, epoch and test error."""
    three = "Return three numbers: return run, epoch, test_error."
    if chosen is None:
        raise Wrong("choose gives None.", three)
    if not isinstance(chosen, tuple | list | np.ndarray | Tensor) or len(chosen) != 3:
        size = f" of {len(chosen)}" if isinstance(chosen, tuple | list) else ""
        raise Wrong(f"choose gives a {type(chosen).__name__}{size}, not run, epoch and test error.", three)
    names = ("run", "epoch", "test error")
    found = [number_from(item, f"The {name} that you return") for item, name in zip(chosen, names, strict=True)]

    def gives(run: int, epoch: int, error: float) -> bool:
        return all(math.isclose(a, b, abs_tol=1e-6) for a, b in zip(found, (run, epoch, error), strict=True))

    def at(run: int, epoch: int) -> bool:
        return gives(run, epoch, runs[run]["test_error"][epoch])

    run, epoch = lowest(runs, "val_error")
    best = runs[run]
    error, val = best["test_error"][epoch], best["val_error"][epoch]
    if at(run, epoch):
        return
    count, everywhere = len(runs), [(r, e) for r in range(len(runs)) for e in range(len(runs[r]["val_error"]))]
    ties = [place for place in everywhere if runs[place[0]]["val_error"][place[1]] == val]
    last_val = [one["val_error"][-1] for one in runs]
    by_last, by_mean = (
        min(range(count), key=values.__getitem__)
        for values in (last_val, [sum(one["val_error"]) / len(one["val_error"]) for one in runs])
    )
    earlier = sum(len(one["val_error"]) for one in runs[:run])
    from_0 = "Count both from 0, as enumerate() does."
    by_val = "For each run and each epoch look at val_error only. Keep the place of the lowest."
    once = "The test error is read at the chosen place, and takes no part in the choice."
    place = "Take runs[run] first, then its list test_error, then the entry of that epoch."
    mistakes = [
        (
            at(*min(ties, key=lambda p: runs[p[0]]["test_error"][p[1]])),
            "Of two equal validation errors you take the one with the lower test error. So the test chooses.",
            once,
        ),
        (
            at(*ties[-1]) or at(*[p for p in ties if p[0] == run][-1]),
            "Of equal validation errors you take a later one. Take the first.",
            "`<` keeps the first of equals, `<=` takes the last.",
        ),
    ]
    blame(mistakes)
    mistakes = [
        (
            at(*lowest(runs, "test_error")),
            "You choose by the test error. What has chosen is no test any more: its error is too low.",
            once,
        ),
        (
            at(run, lowest(runs, "test_error", [run])[1]),
            "The run is chosen by validation, but the epoch by the test error.",
            once,
        ),
        (at(*lowest(runs, "train_error")), "You choose by the training error. It rewards learning by heart.", by_val),
        (
            at(by_last, len(runs[by_last]["val_error"]) - 1),
            "You compare the last epochs only. A run may have been better before.",
            by_val,
        ),
        (
            at(*lowest(runs, "val_error", [by_last])),
            "You choose the run by its last epoch. A run may have been better before.",
            by_val,
        ),
        (
            at(*lowest(runs, "val_error", [by_mean])) or at(by_mean, len(runs[by_mean]["val_error"]) - 1),
            "You choose the run by its mean over the epochs. Early epochs say nothing about the best one.",
            by_val,
        ),
        (
            at(*max(everywhere, key=lambda p: runs[p[0]]["val_error"][p[1]])),
            "You take the highest validation error. An error is bad.",
            by_val,
        ),
        (at(*lowest(runs, "val_error", [0])), "You look at the first run only.", by_val),
        (at(*lowest(runs, "val_error", [count - 1])), "You look at the last run only.", by_val),
        (at(run, len(best["val_error"]) - 1), "The run is right, but you give its last epoch.", by_val),
        (gives(epoch, run, error), "Run and epoch are exchanged.", three),
        (gives(run, epoch + 1, error), "You count the epochs from 1.", from_0),
        (gives(run + 1, epoch, error), "You count the runs from 1.", from_0),
        (gives(run + 1, epoch + 1, error), "You count runs and epochs from 1.", from_0),
        (
            gives(run, earlier + epoch, error),
            "You count the epochs on from run to run. Each run has its own epoch 0.",
            from_0,
        ),
    ]
    if runs is SWEEPS[0]:  # in the other lists two ideas may lead to one place
        blame(mistakes)
    if found[:2] != [run, epoch]:
        shown = [one["val_error"] for one in runs][:3]
        more = ", ..." if count > 3 else ""
        said = ", ".join(f"{number:g}" for number in found[:2])
        text = f"For the validation errors {str(shown)[1:-1]}{more} you give run and epoch {said}."
        raise Wrong(text, f"It is run {run}, epoch {epoch}. {by_val}")
    tests = [value for one in runs for value in one["test_error"]]
    mistakes = [
        (val, "The place is right, but you report the validation error. It is too low: it was chosen to be.", place),
        (best["train_error"][epoch], "The place is right, but you report the training error.", place),
        (
            min(tests),
            "The place is right, but you report the lowest test error of all. So the test chooses after all.",
            once,
        ),
        (
            min(best["test_error"]),
            "The place is right, but you report the lowest test error of that run. So the test chooses.",
            once,
        ),
        (best["test_error"][-1], "The place is right, but you report the test error of that run's last epoch.", place),
        (
            sum(best["test_error"]) / len(best["test_error"]),
            "The place is right, but you report a mean over the epochs.",
            place,
        ),
        (1 - error, "The place is right, but you report the accuracy.", place),
        (100 * error, "The place is right, but you report per cent.", place),
    ]
    blame(mistakes, lambda value: math.isclose(found[2], value, abs_tol=1e-6))
    raise Wrong(f"The place is right, but {found[2]:.4g} is not the test error there.", f"It is {error:g}. {place}")


@exercise("13.8", "A number for what the probabilities are worth: of images with 0.8, are 80 in 100 right?")
def check_calibration_error(calibration_error: Callable[[Tensor, Tensor, int], float]) -> None:
    """Exercise 13.8: `calibration_error(probabilities, labels, bins)` is one number, the weighted mean of the gaps."""
    for images, classes, bins in ((90, 3, 8), (120, 12, 4), (70, 4, 7)):
        probabilities, labels = uncertain_scores(images, classes, bins)
        given, given_labels = probabilities.clone(), labels.clone()
        found = number_from(calibration_error(given, given_labels, bins), "calibration_error(...)")
        kept = torch.equal(given, probabilities) and torch.equal(given_labels, labels)
        if not kept:
            raise Wrong("After the call, probabilities or labels are not what they were.", "Work on new tensors.")
        confidence, right = probabilities.max(1).values, probabilities.argmax(1) == labels
        wanted = sum(weighted_gaps(confidence, right, bin_of(confidence, bins)))
        if math.isclose(found, wanted, abs_tol=1e-5):
            continue
        if math.isnan(found):
            hint = "A bin without images has no mean: 0 / 0 is nan. Leave it out of the sum."
            raise Wrong("You give nan. Think of a bin in which no image falls.", hint)
        rows = wrong_calibrations(probabilities, labels, bins)
        blame(rows, lambda values, f=found: any(math.isclose(f, v, rel_tol=1e-4) for v in values))
        raise Wrong(
            f"For {images} images of {classes} classes and bins = {bins} you give {found:.4g}.",
            f"It is {wanted:.4g}: for each bin n / N * |accuracy - mean confidence|, and their sum.",
        )


def uncertain_scores(images: int, classes: int, bins: int) -> tuple[Tensor, Tensor]:
    """Probabilities whose largest are away from the edges of the bins, and labels that do not quite fit them."""
    scores = torch.randn(20 * images, classes) * torch.rand(20 * images, 1) * 4
    confidence = scores.softmax(1).max(1).values * bins
    clear = (confidence - confidence.round()).abs() > 0.02 * bins
    scores = scores[clear][:images]
    answer = scores.argmax(1)
    good = (scores.softmax(1).max(1).values * 13).long() % 2 == 0  # so that the sign of a gap depends on the bins
    other = (answer + torch.randint(1, classes, (images,))) % classes
    labels = torch.where(torch.rand(images) < torch.where(good, 0.95, 0.1), answer, other)
    return scores.softmax(1), labels


def bin_of(confidence: Tensor, bins: int) -> Tensor:
    """In which of the bins of equal width over 0..1 each confidence falls."""
    return (confidence * bins).long()


def weighted_gaps(confidence: Tensor, right: Tensor, index: Tensor, power: float = 1.0) -> list[float]:
    """For each bin that is not empty (n / N)^power * |accuracy - mean confidence|."""
    gaps = []
    for i in index.unique():
        chosen = index == i
        gap = (right[chosen].float().mean() - confidence[chosen].mean()).abs().item()
        gaps.append((chosen.sum().item() / len(confidence)) ** power * gap)
    return gaps


def wrong_calibrations(probabilities: Tensor, labels: Tensor, bins: int) -> list[tuple]:
    """What wrong ideas give for the calibration error: rows of values, message and hint."""
    images, classes = probabilities.shape
    confidence, right = probabilities.max(1).values, (probabilities.argmax(1) == labels).float()
    of_label = probabilities.gather(1, labels[:, None])[:, 0]
    one_hot = F.one_hot(labels, classes).float()
    index = bin_of(confidence, bins)

    def ece(c: Tensor = confidence, r: Tensor = right, i: Tensor = index) -> float:
        return sum(weighted_gaps(c, r, i))

    def in_bins(c: Tensor, count: int = bins) -> Tensor:
        return bin_of(c, count).clamp(max=count - 1)

    exact = ece()
    parts, gaps = weighted_gaps(confidence, right, index), weighted_gaps(confidence, right, index, 0)
    squares = sum(part * gap for part, gap in zip(parts, gaps, strict=True))
    together = (right.mean() - confidence.mean()).item()
    order = confidence.argsort()
    equal_count = torch.empty_like(index)
    for i, chosen in enumerate(np.array_split(order.numpy(), bins)):
        equal_count[chosen] = i
    quantiles = torch.quantile(confidence, torch.linspace(0, 1, bins + 1))
    low, high = confidence.min(), confidence.max()
    narrow = [(confidence - a) / (b - a) for a, b in ((low, high), (1 / classes, 1.0))]
    again = probabilities.softmax(1)
    by_class = [ece(p, t, in_bins(p)) for p, t in zip(probabilities.T, one_hot.T, strict=True)]
    flat = probabilities.flatten()
    cut = [exact - weighted for weighted in (parts[-1], parts[0])]
    brier = (probabilities - one_hot).square().sum(1).mean().item()
    losses = [brier, brier / classes, -of_label.log().mean().item()]
    rates = [right.mean().item(), 1 - right.mean().item(), confidence.mean().item(), of_label.mean().item()]
    formula = "Sum over the bins of n / N * |accuracy - mean confidence|: n images in the bin, N in all."
    weight = "A bin with n of the N images has the weight n / N."
    width = "Bin k holds the confidences from k / bins to (k + 1) / bins, for k = 0, ..., bins - 1."
    sure = "The confidence is the largest probability of the image, whatever its label is."
    hit = "An image is right if its largest probability stands at its label: argmax(dim=1) == labels."
    return [
        ([sum(gaps) / len(gaps)], "Each bin counts alike. A bin with two images should weigh less.", weight),
        ([sum(gaps) / bins], "Each bin counts alike, even an empty one.", weight),
        ([sum(gaps)], "You add the gaps of the bins without weights.", weight),
        ([sum(gaps) / images], "Your bins have the weight 1 / N, however many images are in them.", weight),
        ([exact * images], "You weigh each bin by its count, but do not divide by the number of images.", weight),
        ([exact / bins], "You divide by the number of bins. The weights already make it a mean.", formula),
        (
            [together, -together],
            "That is the gap of all images taken together. A gap up in one bin then hides a gap down in another.",
            "Take the absolute value in each bin, before the sum.",
        ),
        ([max(gaps)], "You give the largest gap. The exercise asks for their weighted mean.", formula),
        ([max(parts)], "You give the part of one bin. Add up the parts of all bins.", formula),
        (
            [squares, math.sqrt(squares)],
            "You square the gaps. Large gaps then count too much.",
            "Take the absolute value of each gap.",
        ),
        (
            [ece((index + shift) / bins) for shift in (0.5, 0, 1)],
            "As confidence of a bin you take its middle or its edge, not the mean of its images.",
            "Take confidence[chosen].mean() for the images in the bin.",
        ),
        (
            [ece(i=equal_count), ece(i=torch.searchsorted(quantiles[1:-1].contiguous(), confidence))],
            "Your bins hold equally many images. They should be equally wide.",
            width,
        ),
        ([ece(i=in_bins(c)) for c in narrow], "Your bins do not begin at 0 and end at 1.", width),
        ([ece(i=(confidence * bins).round())], "You round to the nearest edge: your bins are half a bin off.", width),
        ([ece(i=in_bins(confidence, bins - 1))], "You have one bin too few. Bins lie between edges.", width),
        ([ece(i=in_bins(confidence, bins + 1))], "You have one bin too many.", width),
        ([ece(i=in_bins(confidence, n)) for n in (10, 15)], "You do not use the argument `bins`.", width),
        (cut[:1], "The last bin is lost.", width),
        (cut[1:], "The first bin is lost.", width),
        (
            [ece(of_label, right, in_bins(of_label)), ece(of_label)],
            "As confidence you take the probability of the label. But the net does not know the label.",
            sure,
        ),
        (
            [sum(by_class) / classes, sum(by_class), ece(flat, one_hot.flatten(), in_bins(flat))],
            "You put all probabilities into the bins. Each image has one confidence.",
            sure,
        ),
        ([ece(torch.full_like(confidence, 1 / classes))], "You average over all classes, not the confidence.", sure),
        ([ece(again.max(1).values, right, in_bins(again.max(1).values))], "You apply softmax again.", sure),
        ([ece(r=1 - right)], "You compare the confidence with the error. It should equal the accuracy.", hit),
        (
            [ece(r=(labels == 1).float()), ece(r=labels.float())],
            "You use the labels themselves. What counts is whether the net is right.",
            hit,
        ),
        (
            [ece(r=right.mean().expand(images))],
            "You compare each bin with the accuracy of all images. Each bin has its own.",
            formula,
        ),
        (
            [(right - confidence).abs().mean().item()],
            "You compare image by image. One image is right or wrong: only many of them have an accuracy.",
            formula,
        ),
        ([100 * exact], "You give per cent, not a fraction.", formula),
        (losses, "That is a loss: it mixes calibration with how often the net is right.", formula),
        (rates, "That is a mean over all images: nothing is compared.", formula),
    ]


FAULT_RUNS = [  # real runs, rounded to three digits: the right word, and a column for each number of an epoch
    (
        "healthy",
        {
            "train_loss": "2 1.39 1.15 0.997 0.929 0.807 0.733 0.661 0.631 0.559",
            "train_error": "0.725 0.496 0.406 0.359 0.331 0.284 0.262 0.239 0.222 0.195",
            "val_loss": "1.78 1.29 1.23 1.02 0.892 0.84 0.833 0.767 0.721 0.707",
            "val_error": "0.645 0.47 0.434 0.369 0.311 0.298 0.287 0.266 0.262 0.247",
            "lr": "0.05 0.1 0.0877 0.0752 0.0627 0.0502 0.0377 0.0252 0.0127 0.000208",
        },
    ),
    (
        "healthy",
        {
            "train_loss": "1.87 1.42 1.11 0.962 0.854 0.737 0.66 0.58",
            "train_error": "0.684 0.496 0.402 0.333 0.317 0.262 0.241 0.213",
            "val_loss": "1.88 1.27 1.11 0.922 0.896 0.845 0.685 0.65",
            "val_error": "0.635 0.454 0.392 0.339 0.325 0.305 0.237 0.231",
            "lr": "0.312 0.47 0.392 0.314 0.236 0.158 0.0794 0.0013",
        },
    ),
    (
        "rate too high",
        {
            "train_loss": "nan nan nan nan nan nan nan nan",
            "train_error": "0.893 0.9 0.9 0.9 0.9 0.9 0.9 0.9",
            "val_loss": "nan nan nan nan nan nan nan nan",
            "val_error": "0.895 0.895 0.895 0.895 0.895 0.895 0.895 0.895",
            "lr": "0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5",
        },
    ),
    (
        "rate too high",
        {
            "train_loss": "4.21 2.75 2.6 2.51 2.51 2.51 2.64 2.44",
            "train_error": "0.911 0.906 0.914 0.908 0.908 0.9 0.894 0.899",
            "val_loss": "19.5 2.67 2.39 2.42 2.59 2.58 2.52 2.51",
            "val_error": "0.902 0.899 0.896 0.891 0.901 0.897 0.892 0.899",
            "lr": "5 5 5 5 5 5 5 5",
        },
    ),
    (
        "rate too low",
        {
            "train_loss": "2.32 2.24 2.18 2.11 2.05 1.98 1.92 1.87",
            "train_error": "0.901 0.848 0.794 0.727 0.702 0.656 0.65 0.632",
            "val_loss": "2.28 2.22 2.16 2.1 2.04 1.98 1.93 1.87",
            "val_error": "0.902 0.834 0.777 0.735 0.69 0.672 0.667 0.653",
            "lr": "0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001",
        },
    ),
    (
        "rate too low",
        {
            "train_loss": "2.31 2.25 2.2 2.15 2.09 2.04 2 1.96 1.91 1.88 1.84 1.81",
            "train_error": "0.88 0.838 0.783 0.736 0.712 0.683 0.667 0.643 0.626 0.621 0.607 0.6",
            "val_loss": "2.29 2.24 2.19 2.15 2.1 2.06 2.02 1.98 1.94 1.9 1.87 1.83",
            "val_error": "0.866 0.813 0.788 0.748 0.721 0.709 0.7 0.67 0.654 0.639 0.633 0.618",
            "lr": "0.0001 0.0001 0.0001 0.0001 0.0001 0.0001 0.0001 0.0001 0.0001 0.0001 0.0001 0.0001",
        },
    ),
    (
        "overfits",
        {
            "train_loss": "2.21 1.45 0.981 0.69 0.471 0.324 0.21 0.15 0.0938 0.0716 0.0486 0.0324",
            "train_error": "0.81 0.473 0.333 0.227 0.153 0.0967 0.06 0.03 0.0167 0.00333 0.01 0",
            "val_loss": "1.93 1.64 1.6 1.49 1.56 1.61 1.62 1.73 1.81 1.89 1.9 1.97",
            "val_error": "0.662 0.566 0.535 0.497 0.49 0.477 0.479 0.473 0.486 0.478 0.463 0.466",
            "lr": "0.003 0.003 0.003 0.003 0.003 0.003 0.003 0.003 0.003 0.003 0.003 0.003",
        },
    ),
    (
        "overfits",
        {
            "train_loss": "2.11 1.34 0.837 0.66 0.516 0.497 0.34 0.309 0.189 0.212 0.156 0.108",
            "train_error": "0.777 0.5 0.247 0.217 0.153 0.177 0.107 0.0933 0.0467 0.0667 0.0567 0.02",
            "val_loss": "1.83 1.5 1.62 1.69 1.9 1.77 1.78 1.8 1.97 2.03 2.14 1.96",
            "val_error": "0.631 0.519 0.514 0.495 0.49 0.487 0.496 0.486 0.48 0.506 0.473 0.448",
            "lr": "0.005 0.005 0.005 0.005 0.005 0.005 0.005 0.005 0.005 0.005 0.005 0.005",
        },
    ),
    (
        "labels shuffled",
        {
            "train_loss": "2.48 2.2 2.05 1.92 1.8 1.65 1.53 1.39 1.26 1.13 1 0.881",
            "train_error": "0.918 0.806 0.702 0.626 0.562 0.484 0.414 0.37 0.326 0.252 0.222 0.174",
            "val_loss": "2.4 2.36 2.39 2.47 2.48 2.53 2.62 2.65 2.74 2.85 2.94 3.04",
            "val_error": "0.904 0.883 0.906 0.925 0.906 0.903 0.921 0.911 0.91 0.891 0.901 0.906",
            "lr": "0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001",
        },
    ),
    (
        "labels shuffled",
        {
            "train_loss": "2.37 2.2 2.16 2.14 2.06 1.96 1.76 1.68 1.44 1.31 1.12 0.953",
            "train_error": "0.945 0.81 0.765 0.77 0.725 0.605 0.515 0.49 0.34 0.335 0.26 0.245",
            "val_loss": "2.34 2.4 2.33 2.44 2.39 2.45 2.53 2.57 2.64 2.9 2.89 2.8",
            "val_error": "0.897 0.875 0.881 0.895 0.878 0.886 0.9 0.889 0.895 0.902 0.877 0.888",
            "lr": "0.003 0.003 0.003 0.003 0.003 0.003 0.003 0.003 0.003 0.003 0.003 0.003",
        },
    ),
]
FAULTS = ("healthy", "rate too high", "rate too low", "overfits", "labels shuffled")
TRAIN_CURVES, VAL_CURVES = ("train_loss", "train_error"), ("val_loss", "val_error")


def epochs_of(columns: dict[str, str], other: dict[str, str], keys: Iterable[str], start: int = 0) -> list[dict]:
    """The history of a run, a dict for each epoch; from epoch `start` on the columns `keys` are another run's."""
    own, mixed = ({key: [float(text) for text in run[key].split()] for key in columns} for run in (columns, other))
    length = len(own["lr"])
    for key in keys:
        strange = mixed[key] + mixed[key][-1:] * length
        own[key] = own[key][:start] + strange[start:length]
    return [{key: own[key][epoch] for key in own} for epoch in range(length)]


def is_blind_to(name_the_fault: Callable, said: list[str], keys: Iterable[str], start: int) -> bool:
    """Whether no answer changes when the columns `keys`, from epoch `start` on, come from any other run."""
    for (_, columns), word in zip(FAULT_RUNS, said, strict=True):
        for _, other in FAULT_RUNS:
            try:
                if name_the_fault(epochs_of(columns, other, keys, start)) != word:
                    return False
            except Exception:  # numbers of two runs in one history may be too strange for an answer that looks at both
                return False
    return True


@exercise("13.9", "Five kinds of curves, and a rule that tells them apart before anybody has tried a cure.")
def check_name_the_fault(name_the_fault: Callable[[list[dict]], str]) -> None:
    """Exercise 13.9: `name_the_fault(history)` is one of five words, for a list with a dict for each epoch."""
    said = []
    for _, columns in FAULT_RUNS:
        history = epochs_of(columns, columns, ())
        given = copy.deepcopy(history)
        word = name_the_fault(given)
        if word is None:
            raise Wrong("For some history you return None.", "Each path through the function needs a `return`.")
        if not isinstance(word, str) or word not in FAULTS:
            raise Wrong(f"{word!r} is none of the five answers.", f"Return one of {', '.join(FAULTS)}.")
        if str(given) != str(history):
            raise Wrong("After the call, the history is not what it was before.", "Only read it.")
        said.append(word)
    wrong = [(truth, word, run) for (truth, run), word in zip(FAULT_RUNS, said, strict=True) if truth != word]
    if not wrong:
        return
    if len(set(said)) == 1:
        raise Wrong(f"You say {said[0]!r} whatever the history is.", "Compare training with validation, and with 0.9.")
    both = "Five words need both: does training learn, and does validation follow?"
    judge = "Judge a rate by what it does to the training loss, not by its size."
    mistakes = [
        (
            TRAIN_CURVES + VAL_CURVES,
            0,
            "You look at the rate alone. One net learns at 0.5, another breaks at 0.5.",
            judge,
        ),
        (
            (*TRAIN_CURVES, *VAL_CURVES, "lr"),
            1,
            "You look at the first epoch alone. Most faults show only later.",
            "history[-1] is the last epoch.",
        ),
        (TRAIN_CURVES, 0, "You look at validation alone. It does not show whether training learns.", both),
        (VAL_CURVES, 0, "You look at training alone. It does not show what new images bring.", both),
    ]
    by_rate = [row for row in wrong if at_one_rate(name_the_fault, epochs_of(row[2], row[2], ())) == row[0]]
    for keys, start, message, hint in mistakes:
        hides_all = keys == VAL_CURVES and by_rate  # a rule on the rate catches most runs before validation is asked
        if not hides_all and is_blind_to(name_the_fault, said, keys, start):
            raise Wrong(message, hint)
    blame_words(name_the_fault, by_rate or wrong)


def at_one_rate(name_the_fault: Callable, history: list[dict]) -> str | None:
    """The word for the same curves at the rate 0.05; None if it cannot be had."""
    try:
        return name_the_fault([epoch | {"lr": 0.05} for epoch in history])
    except Exception:
        return None


def blame_words(name_the_fault: Callable[[list[dict]], str], wrong: list[tuple[str, str, dict]]) -> None:
    """Raise Wrong for one of the rows (right word, word, run) of `wrong`, with the idea that leads to it."""
    truth, word, run = wrong[0]
    history = epochs_of(run, run, ())
    by_size = at_one_rate(name_the_fault, history) != word
    ended = "The rate goes down to 0 by the schedule. At the end of a run a small rate is no fault."
    mistakes = [
        (
            math.isnan(history[-1]["train_loss"]) and [row[0] for row in wrong].count(truth) == 1,
            f"A run whose loss is nan you call {word!r}. Each comparison with nan gives False.",
            "Ask first: math.isfinite(loss).",
        ),
        (by_size and truth == "healthy" and word == "rate too low", ended, "Look at the losses."),
        (
            by_size,
            f"You judge the rate by its size: at another rate you would not call these curves {word!r}.",
            "One net learns at a rate at which another breaks. Look at the training loss.",
        ),
    ]
    blame(mistakes)
    mistakes = [
        (
            ("healthy", "overfits"),
            "You call a small gap overfitting. A healthy run has one too, and both its errors still fall.",
        ),
        (
            ("healthy", "rate too low"),
            "You call a healthy run too slow. Its loss still falls a little, but it has learned most already.",
        ),
        (
            ("rate too high", "labels shuffled"),
            "You see that validation stays at chance. But is training any better in this run?",
        ),
        (
            ("rate too high", "rate too low"),
            "A run that learns nothing you call too slow. A slow run learns a little at each epoch.",
        ),
        (
            ("rate too low", "rate too high"),
            "A slow run you call too fast. A first epoch at chance says nothing: does the loss come down?",
        ),
        (
            ("rate too low", "healthy"),
            "A slow run you call healthy. Validation follows training, but both have learned little.",
        ),
        (
            ("overfits", "healthy"),
            "An overfitted run you call healthy. It knows its training images by heart, and others far less well.",
        ),
        (
            ("overfits", "labels shuffled"),
            "An overfitted run gains something on new images too. With shuffled labels it would gain nothing.",
        ),
        (
            ("labels shuffled", "overfits"),
            "There is more than overfitting in a run that gains nothing at all on new images.",
        ),
        (
            ("labels shuffled", "rate too high"),
            "Validation stays at chance, but the training loss falls. At too high a rate it would not.",
        ),
    ]
    hint = FAULT_SIGNS[truth]
    for pair, message in mistakes:
        if pair == (truth, word):
            raise Wrong(message, hint)
    raise Wrong(f"A run of the kind {truth!r} you call {word!r}.", hint)


FAULT_SIGNS = {
    "healthy": "Healthy: the training error has come down far below 0.5, and the validation error lies close to it.",
    "rate too high": "Rate too high: the training loss is nan or inf, or at the end it is not below ln 10 = 2.30.",
    "rate too low": "Rate too low: the training loss falls all the time, but at the end most images are still wrong.",
    "overfits": "Overfits: at the end the training error is near 0, the validation error far above, yet far below 0.9",
    "labels shuffled": "Labels shuffled: the training error falls far, and the validation error stays at chance, 0.9.",
}

"""Checkers of chapter 14, Reproducing the paper: its schedule, a cell of its table, how many runs an order needs."""

import copy
import math
import statistics
from collections.abc import Callable

import numpy as np

from reslab.checks.exercise import Wrong, blame, exercise, number_from

LAST_STEP = 63_999
TELLING_STEPS = (
    *(0, 1, 6, 7, 8, 50, 399, 400, 401, 20_000, 31_999, 32_000, 32_001, 32_200, 32_700, 40_000),
    *(47_999, 48_000, 48_200, 49_000, 63_998, LAST_STEP),
)


def papers_rate(step: int, low: int) -> float:
    """The paper's learning rate in a step, with `low` steps at 0.01 in front."""
    if step < low:
        return 0.01
    return 0.1 if step < 32_000 else 0.01 if step < 48_000 else 0.001


def same(a: float, b: float) -> bool:
    """Whether two numbers are equal but for rounding."""
    return math.isclose(a, b, rel_tol=1e-6)


# Each wrong schedule as a function of step and low start, and what is said of it.
WRONG_RATES = [
    (
        lambda step, low: papers_rate(step - 1, low) if step else papers_rate(0, low),
        "Your rate comes one step late: step 32,000 is the first one with 0.01.",
        "After 32,000 updates the steps 0 to 31,999 are done. Compare with `<`, not `<=`.",
    ),
    (
        lambda step, low: papers_rate(step + 1, low),
        "Your rate comes one step early: step 31,999 still has 0.1.",
        "Steps count from 0.",
    ),
    (
        lambda step, low: 0.01 if step < low else 0.1 if step < 32_000 else 0.01,
        "Your rate drops once. From step 48,000 on it is 0.001.",
        "Divided by 10 at 32,000, and again at 48,000.",
    ),
    (
        lambda step, low: 0.01 if step < low else 0.1 if step < 48_000 else 0.01,
        "Your rate does not drop at step 32,000.",
        "Divided by 10 at 32,000, and again at 48,000.",
    ),
    (
        lambda step, low: 0.01 if step < low else 0.1 * 0.5 ** ((step >= 32_000) + (step >= 48_000)),
        "You halve the rate at each drop.",
        "At each drop it is divided by 10.",
    ),
    (
        lambda step, low: 0.01 if step < low else papers_rate(step - low, 0),
        "Your low start moves the drops: with 400 low steps the first one comes at step 32,400.",
        "The drops stay at 32,000 and 48,000, with a low start or without.",
    ),
    (
        lambda step, low: papers_rate(step, 0),
        "You leave out the low start: with warm_steps the first steps have 0.01.",
        "Before all else: `if step < warm_steps`.",
    ),
    (
        lambda step, low: papers_rate(step, low + 1),
        "Your low start is one step too long; without one, step 0 must have 0.1.",
        "The first warm_steps steps are 0 to warm_steps - 1.",
    ),
    (
        lambda step, low: papers_rate(step, low - 1),
        "Your low start is one step too short.",
        "The first warm_steps steps are 0 to warm_steps - 1.",
    ),
    (
        lambda step, low: 0.1 * (step + 1) / low if step < low else papers_rate(step, 0),
        "Your low start climbs. In the paper it has one rate, 0.01, and then 0.1 at once.",
        "The first warm_steps steps all have 0.01.",
    ),
    (
        lambda step, low: 0.1 * step / low if step < low else papers_rate(step, 0),
        "Your low start climbs. In the paper it has one rate, 0.01, and then 0.1 at once.",
        "The first warm_steps steps all have 0.01.",
    ),
    (
        lambda step, low: 0.01 + 0.09 * step / low if step < low else papers_rate(step, 0),
        "Your low start climbs. In the paper it has one rate, 0.01, and then 0.1 at once.",
        "The first warm_steps steps all have 0.01.",
    ),
    (
        lambda step, low: 0.001 if step < low else papers_rate(step, 0),
        "Your low start has 0.001. A tenth of 0.1 is 0.01.",
        "The first warm_steps steps have 0.01.",
    ),
    (
        lambda step, low: papers_rate(step, 0) * (0.1 if low else 1),
        "With a low start all your rates are a tenth, to the end.",
        "Only steps below warm_steps are low.",
    ),
    (
        lambda step, low: papers_rate(390 * step, 0) if 390 * step <= LAST_STEP else 0.001,
        "You seem to count epochs. `step` is one batch: there are 64,000 of them.",
        "Compare `step` itself with 32,000 and 48,000.",
    ),
    (
        lambda step, low: 0.01 if step < low else 0.1 if step < 32 else 0.01 if step < 48 else 0.001,
        "Your rate drops at 32 and 48. The paper's 32k and 48k are thousands of steps.",
        "32k is 32_000.",
    ),
    (
        lambda step, low: 0.01 if step < low else 0.1 if step < 32_768 else 0.01 if step < 49_152 else 0.001,
        "Your k is 1,024. In the paper 32k is 32,000.",
        "32k is 32_000, 48k is 48_000.",
    ),
    (
        lambda step, low: 0.01 if step < low else papers_rate(step, 0) * 10,
        "Your rates are ten times too large: the first one is 0.1.",
        "0.1, then 0.01, then 0.001.",
    ),
    (
        lambda step, low: 0.1,
        "Your rate is 0.1 in all steps.",
        "Compare the step with 32,000 and with 48,000.",
    ),
]


@exercise("14.1", "You can turn half a page of a paper into the rate of each of its 64,000 steps.")
def check_paper_rate(paper_rate: Callable[..., float]) -> None:
    """Exercise 14.1: `paper_rate(step, warm_steps=0)` is one number, the paper's learning rate in this step."""
    cases = [(step, low) for low in (0, 400, 7) for step in TELLING_STEPS]
    found = {}
    for step, low in cases:
        given = (step, low) if low else (step,)
        found[step, low] = number_from(paper_rate(*given), f"paper_rate({', '.join(map(str, given))})")
    if any(not same(rate, papers_rate(*case)) for case, rate in found.items()):
        rows = [(idea, said, hint) for idea, said, hint in WRONG_RATES]
        blame(rows, lambda idea: all(same(rate, idea(*case)) for case, rate in found.items()))
        (step, low), rate = next((case, rate) for case, rate in found.items() if not same(rate, papers_rate(*case)))
        start = f" with {low} low steps" if low else ""
        said = f"In step {step:,}{start} your rate is {rate:.4g}; the paper has another one there."
        raise Wrong(said, "0.1; from step 32,000 on a tenth; from 48,000 on a hundredth. Low steps have 0.01.")
    for step in (-1, LAST_STEP + 1, 100_000):
        blame_no_error(
            lambda step=step: paper_rate(step),
            f"The paper takes no step {step:,}, but paper_rate({step}) gives",
            "`if not 0 <= step < 64_000: raise ValueError(...)` comes first.",
        )


def blame_no_error(call: Callable[[], object], said: str, cure: str) -> None:
    """Raise Wrong unless `call` raises a ValueError: `said` goes before what it gives."""
    try:
        given = call()
    except ValueError:
        return
    except Exception as error:
        kind = type(error).__name__
        raise Wrong(f"A wrong argument brings a {kind}; the exercise asks for a ValueError.", cure) from error
    raise Wrong(f"{said} {str(given)[:30]} in place of an error.", cure)


def fake_record(depth: int, residual: bool, seed: int, tested: list[float | None]) -> dict:
    """A record as runs.execute writes it, with these test errors; None for an epoch without a test."""
    history: list[dict] = [{"epoch": 0, "gradient_norms": [1.0]}]
    for epoch, error in enumerate(tested, 1):
        row = {"epoch": epoch, "train_loss": 2.0 / epoch, "train_error": 0.6 / epoch + 0.001 * seed}
        tests = {} if error is None else {"test_loss": 3 * error, "test_error": error}
        history.append(row | tests)
    return {"run": {"depth": depth, "residual": residual, "config": {"seed": seed, "epochs": 4}}, "history": history}


def fake_records() -> dict[str, dict]:
    """Four residual and two plain runs of 20 layers, and some of other depths; 20 is one of the seeds, too."""
    rows = [
        (120, True, 20, [0.9, 0.5, 0.21, 0.25]),
        (20, True, 0, [0.71, 0.33, 0.24, 0.28]),
        (32, False, 20, [0.8, 0.62, 0.44, 0.49]),
        (20, False, 1, [0.75, None, 0.39, 0.41]),
        (20, True, 20, [0.72, 0.29, None, 0.22]),
        (32, False, 1, [0.81, 0.52, 0.41, 0.43]),
        (20, False, 20, [0.73, 0.36, 0.31, 0.35]),
        (20, True, 2, [0.69, 0.31, 0.18, 0.33]),
        (56, True, 20, [0.77, 0.38, 0.3, 0.37]),
        (20, True, 3, [0.74, 0.35, 0.2, 0.24]),
        (56, True, 3, [0.78, 0.41, 0.32, 0.36]),
    ]
    kinds = {True: "residual", False: "plain"}
    return {
        f"{kinds[residual]}-{depth}-lr0.1-seed{seed}": fake_record(depth, residual, seed, tested)
        for depth, residual, seed, tested in rows
    }


def errors_in(record: dict) -> list[float]:
    """The test errors of a record, epoch by epoch, where there was a test."""
    return [epoch["test_error"] for epoch in record["history"] if "test_error" in epoch]


def cells(records: dict[str, dict], depth: int, residual: bool) -> list[tuple[list[float], str, str]]:
    """What wrong ideas take for the errors of one cell: rows of a list, message and hint."""
    right = [r for r in records.values() if (r["run"]["depth"], r["run"]["residual"]) == (depth, residual)]
    kind = "residual" if residual else "plain"
    by_depth = [r for r in records.values() if r["run"]["depth"] == depth]
    by_kind = [r for r in records.values() if r["run"]["residual"] == residual]
    in_name = [r for name, r in records.items() if str(depth) in name and name.startswith(kind)]
    part_of_name = [r for name, r in records.items() if f"{depth}-lr" in name and name.startswith(kind)]
    final = [errors_in(r)[-1] for r in right]
    last = "Take the last epoch: history[-1]."
    look = 'Look at record["run"]["depth"] and record["run"]["residual"], both.'
    return [
        (
            [min(errors_in(r)) for r in right],
            "You take the best epoch of each run. That is a choice made on the test set: it flatters.",
            last,
        ),
        ([errors_in(r)[0] for r in right], "You take the first epoch of each run.", last),
        ([errors_in(r)[-2] for r in right], "You take the last test but one of each run.", last),
        ([statistics.fmean(errors_in(r)) for r in right], "You take the mean over the epochs of each run.", last),
        ([e for r in right for e in errors_in(r)], "You pool all epochs of the runs.", last),
        (
            [r["history"][-1]["train_error"] for r in right],
            "These are training errors.",
            "The table has test errors.",
        ),
        ([r["history"][-1]["test_loss"] for r in right], "These are test losses.", "The table has test errors."),
        ([100 * e for e in final], "You give percent. Keep the fractions.", "Multiply by 100 only to print."),
        ([round(e, 1) for e in final], "You round the errors before you take their mean.", "Round only to print."),
        (final[:1], "You look at one run only, the first one that fits.", "Go through all records."),
        (final[1:], "You leave out the first run that fits.", "Go through all records."),
        ([errors_in(r)[-1] for r in by_depth], f"You mix plain and residual nets of {depth} layers.", look),
        ([errors_in(r)[-1] for r in by_kind], f"You mix all depths of {kind} nets.", look),
        ([errors_in(r)[-1] for r in records.values()], "You take all records, whatever net they are of.", look),
        (
            [errors_in(r)[-1] for r in in_name],
            f'You look for "{depth}" in the names: it is in those of other depths and seeds, too.',
            look,
        ),
        (
            [errors_in(r)[-1] for r in part_of_name],
            f'You look for "{depth}" in the names: it is in those of other depths, too.',
            look,
        ),
    ]


def spreads(errors: list[float]) -> list[tuple[float, str, str]]:
    """What wrong ideas take for the sample standard deviation: rows of a number, message and hint."""
    std = statistics.stdev(errors)
    divide = "statistics.stdev divides by n - 1; so does np.std(errors, ddof=1)."
    return [
        (
            statistics.pstdev(errors),
            "Your spread divides by n. With few runs that is too small: a sample divides by n - 1.",
            divide,
        ),
        (std**2, "Your spread is a variance. Its root is the standard deviation.", divide),
        (
            std / math.sqrt(len(errors)),
            "Your spread is the standard error of the mean. The table shows how far single runs spread.",
            "Do not divide by the root of n.",
        ),
        (max(errors) - min(errors), "Your spread is the range, largest less smallest.", divide),
        ((max(errors) - min(errors)) / 2, "Your spread is half of the range.", divide),
        (2 * std, "Your spread is two standard deviations.", divide),
    ]


@exercise("14.3", "You can make a cell of a table that says how many runs it stands for, and how far they spread.")
def check_summary(summary: Callable[[dict, int, bool], tuple]) -> None:
    """Exercise 14.3: `summary(records, depth, residual)` is (mean, std, n) of the final test errors."""
    for depth, residual in ((20, True), (32, False), (20, False), (120, True)):
        records = fake_records()
        errors = [
            errors_in(record)[-1]
            for record in records.values()
            if (record["run"]["depth"], record["run"]["residual"]) == (depth, residual)
        ]
        given = copy.deepcopy(records)
        mean, std, n = triple_from(summary(given, depth, residual))
        blame(
            [
                (
                    given != records,
                    "After the call the records are not what they were.",
                    "Read them, and leave them as they are.",
                )
            ]
        )
        blame_mean(mean, std, n, errors, cells(records, depth, residual))
        blame_spread(std, errors)
    missing = "A depth and kind without a run must raise a ValueError, but your function gives"
    blame_no_error(
        lambda: summary(fake_records(), 44, True), missing, "If the list of errors is empty, raise ValueError."
    )


def triple_from(found) -> tuple[float, object, float]:
    """Mean, spread and count of an answer; Wrong if it has not these three parts."""
    triple = "Return (mean, std, n)."
    if found is None:
        raise Wrong("summary gives None.", "The last line of the function must be `return ...`.")
    if not isinstance(found, tuple | list) or len(found) != 3:
        kind = f"{len(found)} parts" if isinstance(found, tuple | list) else f"a {type(found).__name__}"
        raise Wrong(f"You give {kind}, not the three parts mean, spread and count.", triple)
    mean, std, n = found
    mean, n = number_from(mean, "The first part, the mean,"), number_from(n, "The last part, the count,")
    return mean, std, n


def blame_mean(mean: float, std, n: float, errors: list[float], wrong: list[tuple[list[float], str, str]]) -> None:
    """Raise Wrong if the mean or the count is not that of the errors."""
    right = statistics.fmean(errors)
    if same(mean, right) and n == len(errors):
        return
    rows = [(values, said, hint) for values, said, hint in wrong if values and values != errors]
    blame(rows, lambda values: same(mean, statistics.fmean(values)) and n in (len(values), len(errors)))
    order = "The order is mean, spread, count."
    mistakes = [
        (
            same(mean, right),
            f"Your count is {n:g}. It must be the number of runs in the mean, here {len(errors)}.",
            "n = len(errors)",
        ),
        (same(mean, len(errors)) and same(n, right), "Count and mean stand in each other's place.", order),
        (
            same(n, right) or (isinstance(std, float) and same(std, right)),
            "Your mean does not come first.",
            order,
        ),
        (same(mean, statistics.median(errors)), "You give the median.", "The mean: their sum divided by n."),
        (same(mean, min(errors)), "You give the best run, not the mean of all.", "statistics.fmean(errors)"),
        (same(mean, max(errors)), "You give the worst run, not the mean of all.", "statistics.fmean(errors)"),
        (same(mean, sum(errors)), "You give the sum of the errors.", "Divide it by n."),
        (
            same(mean, round(right, 2)) or same(mean, round(right, 3)),
            "You round the mean.",
            "Round only to print.",
        ),
        (same(mean, 1 - right), "You give accuracies. The table has errors.", "Do not subtract from 1."),
    ]
    blame(mistakes)
    said = (
        f"Your mean is {mean:.4g}, your count {n:g}. The {len(errors)} runs of this depth and kind have another mean."
    )
    raise Wrong(said, 'The errors are record["history"][-1]["test_error"] of each record that fits.')


def blame_spread(std, errors: list[float]) -> None:
    """Raise Wrong if the spread is not the sample standard deviation, or None for one run."""
    if len(errors) == 1:
        if std is not None:
            said = f"One run has no spread that could be known, but you give {str(std)[:20]}. It must be None."
            raise Wrong(said, "std = statistics.stdev(errors) if len(errors) > 1 else None")
        return
    if std is None:
        raise Wrong(f"There are {len(errors)} runs, so there is a spread. You give None.", "None is for one run only.")
    std = number_from(std, "The second part, the spread,")
    right = statistics.stdev(errors)
    if same(std, right):
        return
    blame(spreads(errors), lambda value: same(std, value))
    rounded = any(same(std, round(right, digits)) for digits in (2, 3))
    blame([(rounded, "You round the spread.", "Round only to print.")])
    said = f"Your spread of {len(errors)} runs is {std:.4g}, which is not their sample standard deviation."
    raise Wrong(said, "statistics.stdev(errors)")


def runs_each(difference: float, std: float, k: float) -> int:
    """The smallest n with difference >= k std sqrt(2 / n)."""
    return max(1, math.ceil(2 * (k * std / difference) ** 2))


# What wrong ideas give, as a function of difference d, std s and k.
WRONG_COUNTS = [
    (
        lambda d, s, k: max(1, math.ceil((k * s / d) ** 2)),
        "You count the noise of one net only. Both means vary: their difference has std * sqrt(2 / n).",
        "n >= 2 * (k * std / difference) ** 2",
    ),
    (
        lambda d, s, k: max(1, math.floor(2 * (k * s / d) ** 2)),
        "You round down, so the difference is a little less than k standard errors.",
        "math.ceil rounds up.",
    ),
    (
        lambda d, s, k: max(1, round(2 * (k * s / d) ** 2)),
        "You round to the nearest whole number, which can be too few.",
        "math.ceil rounds up.",
    ),
    (
        lambda d, s, k: math.floor(2 * (k * s / d) ** 2) + 1,
        "You ask for one run too many where the difference is exactly k standard errors.",
        "`at least k` allows the exact case: math.ceil, or `>=`.",
    ),
    (
        lambda d, s, k: 2 * runs_each(d, s, k),
        "You count the runs of both nets together. Count those of each.",
        "Do not multiply by 2 at the end.",
    ),
    (
        lambda d, s, k: math.ceil(2 * (k * s / d) ** 2),
        "Without any spread you give 0 runs. You must run each net at least once.",
        "max(1, ...)",
    ),
    (
        lambda d, s, k: max(1, math.ceil(2 * k * (s / d) ** 2)),
        "You do not square k.",
        "Solve for n: k stands beside std, and is squared with it.",
    ),
    (
        lambda d, s, k: max(1, math.ceil(2 * k * s / d)),
        "You leave out the square: n stands under a root.",
        "Square both sides before you solve for n.",
    ),
    (
        lambda d, s, k: max(1, math.ceil(math.sqrt(2) * k * s / d)),
        "You leave out the square: n stands under a root.",
        "Square both sides before you solve for n.",
    ),
    (
        lambda d, s, k: max(1, math.ceil(k * s / d)),
        "You leave out the square: n stands under a root.",
        "Square both sides before you solve for n.",
    ),
    (
        lambda d, s, k: runs_each(d, s, 2),
        "You use k = 2 whatever k is.",
        "k is the third argument.",
    ),
    (
        lambda d, s, k: runs_each(d, s, 1.96),
        "You use 1.96 in place of k.",
        "k is the third argument.",
    ),
    (
        lambda d, s, k: max(1, math.ceil(2 * k**2 * s / d**2)),
        "You take the spread for a variance: std is not squared.",
        "(k * std / difference) ** 2 squares all three.",
    ),
    (
        lambda d, s, k: max(1, math.ceil(2 * (k * d / s) ** 2)) if s else 1,
        "The larger the difference, the more runs you ask for. It is the other way round.",
        "`difference` stands below, `std` above.",
    ),
    (
        lambda d, s, k: max(1, math.ceil(4 * (k * s / d) ** 2)),
        "You count the 2 twice.",
        "n >= 2 * (k * std / difference) ** 2",
    ),
    (
        lambda d, s, k: max(1, runs_each(d, s, k) - 1),
        "You give one run too few: with it the difference is less than k standard errors.",
        "The smallest n for which the difference is at least k standard errors.",
    ),
    (
        lambda d, s, k: runs_each(d, s, k) + 1,
        "You give one run too many: one less is enough.",
        "The smallest n for which the difference is at least k standard errors.",
    ),
    (
        lambda d, s, k: max(2, runs_each(d, s, k)),
        "You ask for two runs where one is enough.",
        "The smallest n is 1: the spread is given, and need not be estimated from these runs.",
    ),
]


@exercise("14.4", "You can say how many runs an order in a table needs.")
def check_seeds_needed(seeds_needed: Callable[..., int]) -> None:
    """Exercise 14.4: `seeds_needed(difference, std, k=2)` is the smallest number of runs of each net, an int."""
    cases = [
        (0.2, 0.16, 2),  # 5.12
        (0.34, 0.16, 2),  # 1.77
        (1.24, 0.16, 2),  # 0.13
        (0.5, 0.25, 2),  # exactly 2
        (0.5, 0.5, 2),  # exactly 8
        (0.3, 0.35, 3),  # 24.5
        (0.7, 0.9, 1),  # 3.31
        (4.0, 3.0, 4),  # exactly 18
        (0.4, 0.0, 2),  # nothing varies
    ]
    found = {}
    for difference, std, k in cases:
        given = (difference, std) if k == 2 else (difference, std, k)
        words = f"seeds_needed({', '.join(map(str, given))})"
        value = seeds_needed(*given)
        found[difference, std, k] = number_from(value, words)
        whole = isinstance(value, int | np.integer) or not isinstance(value, float | np.floating)
        blame(
            [
                (
                    not whole and float(value).is_integer(),
                    f"{words} gives {value}, a float. Runs are counted: give an int.",
                    "int(...), or math.ceil, which gives an int. np.ceil gives a float.",
                ),
                (
                    not whole and same(float(value), max(1.0, 2 * (k * std / difference) ** 2)),
                    f"{words} gives {value:.3g}. There is no such number of runs: round up to a whole one.",
                    "math.ceil rounds up.",
                ),
            ]
        )
    if any(value != runs_each(*case) for case, value in found.items()):
        rows = [(idea, said, hint) for idea, said, hint in WRONG_COUNTS]
        blame(rows, lambda idea: all(value == idea(*case) for case, value in found.items()))
        (difference, std, k), value = next((case, n) for case, n in found.items() if n != runs_each(*case))
        n = max(1, math.floor(value)) if math.isfinite(value) else 1
        errors = difference / (std * math.sqrt(2 / n)) if std else math.inf
        said = (
            f"For a difference of {difference}, std {std} and k = {k} you give {value:g}. With {n} runs of each "
            f"the difference is {errors:.2f} standard errors"
        )
        few = f"{said}: too few runs." if errors < k else f"{said}: fewer runs are enough, or the count is not whole."
        raise Wrong(few, "n >= 2 * (k * std / difference) ** 2, rounded up, and at least 1.")
    for difference in (0.0, -0.2):
        blame_no_error(
            lambda difference=difference: seeds_needed(difference, 0.16),
            f"No number of runs shows a difference of {difference}, but your function gives",
            "`if difference <= 0: raise ValueError(...)` comes first.",
        )

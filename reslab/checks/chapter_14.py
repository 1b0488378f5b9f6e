"""Checkers of chapter 14, Reproducing the paper: its schedule, a row of its table, how many runs an order needs."""

import copy
import itertools
import math
import numbers
import random
import statistics
import warnings
from collections.abc import Callable, Iterable

from reslab.checks.chapter_11 import is_whole
from reslab.checks.exercise import Wrong, blame, exercise, first_line, number_from


def error_from(call: Callable[[], object], told: str, hint: str) -> ValueError:
    """The ValueError that a call raises; Wrong if it raises another error or none. `told` names the case."""
    try:
        found = call()
    except ValueError as error:
        return error
    except Exception as error:
        raise Wrong(f"{told} you raise {type(error).__name__}, not ValueError.", hint) from error
    if isinstance(found, Exception):
        raise Wrong(f"{told} you return an error. Nobody notices it.", "Write raise in place of return.")
    plain = found is None or isinstance(found, numbers.Real)
    raise Wrong(f"{told} you give {found if plain else f'a {type(found).__name__}'} and raise no error.", hint)


STEPS = (  # the ends come after the first: an error in every step is no error of theirs
    *(1_000, 0, 1, 2, 81, 399, 400, 401, 999, 1_001, 1_002, 15_999, 16_000, 21_500, 31_700, 31_999, 32_000, 32_001),
    *(32_399, 32_999, 40_000, 42_700, 47_999, 48_000, 48_001, 48_399, 48_999, 63_999),
)
THREE_RATES = "Three rates, each a tenth of the one before, and each one stays until the next drop."
FIRST_STEP = "Steps count from 0: after n updates the next step has the number n. So it has the new rate already."


def staircase(step: float, drops: Iterable[float] = (32_000, 48_000), rates=(0.1, 0.01, 0.001)) -> float:
    """The rate of one step, if it changes from each of the drops on."""
    return rates[sum(step >= drop for drop in drops)]


def warmed(step: int, end: float, low: float = 0.01) -> float:
    """The rate of one step of the paper, if all steps before `end` have the rate `low`."""
    return low if step < end else staircase(step)


def same_rates(found: Iterable[float], wanted: Iterable[float]) -> bool:
    """Whether two lists of rates agree to six digits."""
    return all(math.isclose(a, b, rel_tol=1e-6) for a, b in zip(found, wanted, strict=True))


@exercise("14.1", "Three rates, two drops and a short warm-up: the whole schedule of the paper, step by step.")
def check_paper_rate(paper_rate: Callable[..., float]) -> None:
    """Exercise 14.1: `paper_rate(step, warm_steps)` is the learning rate of one step of the paper, a number."""

    def rates_for(*warm: int) -> list[float]:
        return [rate_of(paper_rate, step, *warm) for step in STEPS]

    plain = rates_for(0)
    again = [rate_of(paper_rate, step, 0) for step in reversed(STEPS)]
    said = "Called twice with the same step, your function gives two rates."
    hint = "Find the rate from step and warm_steps alone: no global, no counter."
    blame([(not same_rates(again[::-1], plain), said, hint)])
    blame_staircase(dict(zip(STEPS, plain, strict=True)))
    said = "Without warm_steps your rates are not those for warm_steps = 0."
    blame([(not same_rates(rates_for(), plain), said, "Its default is 0: def paper_rate(step, warm_steps=0).")])
    blame_warm_up({(step, warm): rate_of(paper_rate, step, warm) for warm in (400, 1_000) for step in STEPS})
    hint = "The first lines of the function ask for step < 0 and for the steps from 64,000 on, and raise ValueError."
    for step, *warm in ((-1,), (-400,), (64_000,), (64_001,), (100_000,), (-1, 400), (64_000, 400)):
        told = f"For step {step:,}{f' and warm_steps = {warm[0]}' if warm else ''}"
        error_from(lambda step=step, warm=warm: paper_rate(step, *warm), told, hint)


def rate_of(paper_rate: Callable[..., float], step: int, *warm: int) -> float:
    """The learner's rate of one step; Wrong if there is no such number, or an error at an end of the run."""
    ends = "Steps 0 to 63,999 are right, with both ends: 0 <= step < 64,000."
    try:
        rate = number_from(paper_rate(step, *warm), "paper_rate(...)")
    except ValueError as error:
        if step in (0, 63_999):
            raise Wrong(f"For step {step:,} you raise an error. It belongs to the run.", ends) from error
        raise
    if not math.isfinite(rate):
        raise Wrong(f"Step {step:,} has the rate {rate}.", f"Write the rates as numbers. {THREE_RATES}")
    return rate


def blame_staircase(rates: dict[int, float]) -> None:
    """Raise Wrong if these are not the rates of a run without warm-up."""

    def fits(*formulas: Callable[[int], float]) -> bool:
        return any(same_rates(rates.values(), map(formula, rates)) for formula in formulas)

    def drops_at(*drops: float) -> Callable[[int], float]:
        return lambda step: staircase(step, drops, (0.1, 0.01, 0.001, 0.0001))

    def has(*three: float) -> bool:
        return fits(lambda step: staircase(step, rates=three))

    if fits(staircase):
        return
    no_warm = "For warm_steps = 0 no step is smaller than warm_steps. So no step has the rate of the warm-up."
    updates = "Take the step as it is. The drops stand at 32,000 and 48,000 steps."
    last_first = "Ask for the last drop first, or ask for step < 32,000, then for step < 48,000."
    values = list(rates.values())
    levels = {f"{rate:.6g}" for rate in values}
    mistakes = [
        (
            len(levels) == 1,
            f"Your rate is {values[0]:.4g} in every step.",
            f"Compare step with 32,000 and with 48,000. {THREE_RATES}",
        ),
        (
            fits(lambda step: warmed(step, 1)),
            "For warm_steps = 0, step 0 has the rate 0.01: a warm-up of one step.",
            no_warm,
        ),
        (
            fits(lambda step: warmed(step, 400), lambda step: warmed(step, 401)),
            "For warm_steps = 0 you warm up all the same, for 400 steps.",
            no_warm,
        ),
        (
            fits(drops_at(32_001, 48_001), drops_at(32_001, 48_000), drops_at(32_000, 48_001)),
            "You drop one step late: a drop counts from its own step on.",
            FIRST_STEP,
        ),
        (
            fits(drops_at(31_999, 47_999), drops_at(31_999, 48_000), drops_at(32_000, 47_999)),
            "You drop one step early: the steps count from 0, not from 1.",
            FIRST_STEP,
        ),
        (
            all(math.isclose(rate, 0.001, rel_tol=1e-6) for step, rate in rates.items() if step >= 999),
            "Step 999 has the rate 0.001 already. Do you compare a step with a number of epochs?",
            updates,
        ),
        (
            rates[32_000] < rates[32_001] or rates[48_000] < rates[48_001],
            "Your rate drops for one step only, and then it rises again.",
            "A drop lasts: compare with < or >=, not with ==.",
        ),
        (
            rates[0] < rates[63_999],
            "Your rate rises from drop to drop. It should fall.",
            THREE_RATES,
        ),
        (
            fits(drops_at(16_000, 32_000, 48_000)),
            "You drop each 16,000 steps, so three times. The paper drops twice.",
            updates,
        ),
        (
            fits(drops_at(16_000, 32_000), drops_at(16_000, 48_000), drops_at(64_000 / 3, 128_000 / 3)),
            f"Your first drop is too early: step 31,700 has the rate {rates[31_700]:g} already.",
            updates,
        ),
        (
            has(0.1, 0.01, 0.01) or has(0.1, 0.1, 0.01),
            "Your rate drops once only. It never comes down to 0.001.",
            last_first,
        ),
        (has(0.1, 0.001, 0.001), "Both of your drops come at step 32,000.", updates),
        (has(0.01, 0.01, 0.001), "The rate of 0.1 never comes: your first question holds for it too.", last_first),
        (has(0.1, 0.01, 0), "Your last rate is 0. The net learns nothing in it.", "Leave out round(), int() and //."),
        (
            has(0.1, 0.05, 0.025) or has(0.1, 0.05, 0.005),
            "You halve the rate. The paper divides it by 10.",
            THREE_RATES,
        ),
        (
            has(0.05, 0.005, 0.0005) or has(0.2, 0.02, 0.002),
            "You scale the rate with the batch. The paper takes 0.1 for its batch of 128 as it is.",
            THREE_RATES,
        ),
        (
            len(levels) > 6,
            "Your rate changes between the drops. In the paper it is a staircase, with three values only.",
            THREE_RATES,
        ),
        (
            has(rates[0], rates[32_000], rates[48_000]),
            f"The drops are right, but your rates are {rates[0]:.4g}, {rates[32_000]:.4g} and {rates[48_000]:.4g}.",
            THREE_RATES,
        ),
    ]
    blame(mistakes)
    step = next(step for step in sorted(rates) if not math.isclose(rates[step], staircase(step), rel_tol=1e-6))
    raise Wrong(f"Step {step:,} has the rate {rates[step]:.4g}.", f"{THREE_RATES} They start at 0, 32,000 and 48,000.")


def blame_warm_up(rates: dict[tuple[int, int], float]) -> None:
    """Raise Wrong if these are not the rates of runs with a warm-up, by (step, warm_steps)."""

    def fits(*formulas: Callable[[int, int], float]) -> bool:
        return any(same_rates(rates.values(), itertools.starmap(formula, rates)) for formula in formulas)

    def then(rest: Callable[[int, int], float]) -> Callable[[int, int], float]:
        return lambda step, warm: 0.01 if step < warm else rest(step, warm)

    def share(step: float, total: float) -> float:
        return staircase(4 * step / total, (2, 3))

    if fits(warmed):
        return
    strictly = "The warm-up has the steps 0 to warm_steps - 1: these are warm_steps steps."
    stay = "After the warm-up ask for 32,000 and 48,000 as before: step stays as it is, and 64,000 too."
    constant = "One rate for all steps below warm_steps: 0.01. Then the schedule goes on as if nothing had been."
    mistakes = [
        (fits(lambda step, warm: warmed(step, 0)), "warm_steps changes nothing in your rates.", constant),
        (
            fits(lambda step, warm: warmed(step, warm + 1)),
            "Your warm-up has one step too many: for warm_steps = 400, step 400 is in it too.",
            strictly,
        ),
        (fits(lambda step, warm: warmed(step, warm - 1)), "Your warm-up ends one step early.", strictly),
        (
            fits(lambda step, warm: warmed(step, 400), lambda step, warm: warmed(step, 401)),
            "Your warm-up has 400 steps, whatever warm_steps is.",
            strictly,
        ),
        (
            fits(lambda step, warm: warmed(step, 64_000), lambda step, warm: 0.01 if step < 48_000 else 0.001),
            "Your rate is never 0.1: what starts as a warm-up does not end.",
            constant,
        ),
        (
            fits(lambda step, warm: 0.1 * staircase(step)),
            "With a warm-up you take a tenth of the rate in the whole run.",
            constant,
        ),
        (
            fits(lambda step, warm: 0.1 if step < warm else 0.01 if step < 48_000 else 0.001)
            or fits(lambda step, warm: staircase(step) if step < warm else 0.01),
            "Warm-up and the rest are exchanged: 0.1 comes before the end of the warm-up, and 0.01 after it.",
            constant,
        ),
        (
            fits(then(lambda step, warm: staircase(step - warm))),
            "Your drops are later by the warm-up. In the paper they stay where they are.",
            stay,
        ),
        (
            fits(
                then(lambda step, warm: share(step - warm, 64_000 - warm)),
                then(lambda step, warm: share(step, 64_000 - warm)),
            ),
            "You divide the steps after the warm-up anew, so both drops move.",
            stay,
        ),
        (
            fits(then(lambda step, warm: staircase(step + warm))),
            "Your drops are earlier by the warm-up. In the paper they stay where they are.",
            stay,
        ),
        (
            rates[399, 400] > rates[0, 400],
            "Your rate rises in the warm-up. The warm-up of the paper is flat, and then there is a jump.",
            constant,
        ),
        (
            fits(lambda step, warm: warmed(step, warm, rates[0, 400])),
            f"In the warm-up you give {rates[0, 400]:.4g}.",
            constant,
        ),
    ]
    blame(mistakes)
    (step, warm), rate = next(row for row in rates.items() if not math.isclose(row[1], warmed(*row[0]), rel_tol=1e-6))
    raise Wrong(f"For warm_steps = {warm}, step {step:,} has the rate {rate:.4g}.", constant)


FINAL_ERRORS = [  # run name, depth, residual, seed, final test error; the names are no help
    ("plain-20-lr0.1-seed1", 20, False, 1, 0.3127),
    ("residual-20-lr0.1-seed2", 20, True, 2, 0.2543),
    ("residual-200-lr0.1-seed0", 200, True, 0, 0.1894),
    ("residual-20-lr0.1-seed0", 20, True, 0, 0.2716),
    ("plain-56-lr0.1-seed20", 56, False, 20, 0.3961),
    ("my_first_run", 20, True, 0, 0.2989),
    ("residual-56-lr0.1-seed20", 56, True, 20, 0.2238),
    ("plain-20-lr0.1-seed0", 20, False, 0, 0.2984),
    ("residual-8-lr0.1-seed1", 8, True, 1, 0.3379),
    ("residual-20-B-lr0.1-seed1", 20, True, 1, 0.2543),
    ("plain-56-lr0.1-seed1", 56, False, 1, 0.4307),
    ("plain-20-lr0.1-seed2", 20, False, 2, 0.3127),
    ("plain-200-lr0.1-seed4", 200, False, 4, 0.4713),
    ("residual-200-lr0.1-seed5", 200, True, 5, 0.2051),
]
CELLS = [(20, True), (20, False), (200, True), (56, False)]
SINGLE_CELLS = [(56, True), (8, True), (200, False)]
EMPTY_CELLS = [(8, False), (44, True), (110, False)]
TRIPLE = "Return three items, in this order: return mean, std, n."


def small_record(depth: int, residual: bool, seed: int, final: float) -> dict:
    """A record with few epochs: the best of them is not the last, and one in the middle has no test error."""
    history = [{"epoch": 0, "gradient_norms": [1.5, 0.5]}]
    for epoch, factor in enumerate([1.7, 1.5, 2.4, 1.2, 0.94, 1.07, 1][seed % 3 :], 1):
        error, noise, other = factor * final, random.uniform(0.9, 1.1), random.uniform(0.9, 1.1)
        row = {"epoch": epoch, "train_loss": 1.9 * error, "train_error": 0.8 * noise * max(final, error)}
        if epoch != 2:
            row |= {"test_loss": 2.6 * other * error, "test_error": error}
        history.append(row)
    return {"run": {"depth": depth, "residual": residual, "config": {"seed": seed}}, "history": history}


def cell_name(depth: int, residual: bool) -> str:
    """What the book calls the nets of one cell: plain-20 or residual-56."""
    return f"{'residual' if residual else 'plain'}-{depth}"


def in_cell(name: str, run: dict, depth: int, residual: bool) -> bool:
    """Whether a run is of this depth and kind."""
    return run["depth"] == depth and run["residual"] == residual


def records_in(records: dict[str, dict], cell: tuple[int, bool], keep: Callable[..., bool] = in_cell) -> list[dict]:
    """The records that `keep(name, run, depth, residual)` keeps."""
    return [record for name, record in records.items() if keep(name, record["run"], *cell)]


def last_of(record: dict, key: str = "test_error") -> float:
    """An entry of the last epoch of a record."""
    return record["history"][-1][key]


def test_errors(record: dict) -> list[float]:
    """All test errors of a record, epoch by epoch."""
    return [row["test_error"] for row in record["history"] if "test_error" in row]


def error_at_lowest(record: dict, key: str) -> float:
    """The test error of the epoch in which the entry `key` is lowest."""
    return min((row for row in record["history"] if "test_error" in row), key=lambda row: row[key])["test_error"]


@exercise("14.3", "Mean, spread and number of runs: an entry of a table that others can compare with theirs.")
def check_summary(summary: Callable[[dict, int, bool], tuple]) -> None:
    """Exercise 14.3: `summary(records, depth, residual)` is (mean, std, n) of the final test errors of one cell."""
    records = {name: small_record(*rest) for name, *rest in FINAL_ERRORS}

    def entry(*cell) -> object:
        given = copy.deepcopy(records)
        answer = summary(given, *cell)
        said = "After the call, `records` are not what they were. The next cell reads them too."
        blame([(given != records, said, "Only read: no pop, no sort, no del, and write nothing into a record.")])
        return answer

    triples = {}
    for cell in CELLS:
        triples[cell] = numbers_of(full_entry(entry, cell, len(records_in(records, cell))), cell)
    blame_order(triples[CELLS[0]], [last_of(record) for record in records_in(records, CELLS[0])])
    blame_means(records, {cell: mean for cell, (mean, _, _) in triples.items()})
    blame_spreads(records, {cell: std for cell, (_, std, _) in triples.items()})
    blame_numbers_of_runs(records, {cell: n for cell, (_, _, n) in triples.items()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy and torch warn of one number, or of none
        for cell in SINGLE_CELLS:
            blame_single(entry, cell, last_of(*records_in(records, cell)))
        for depth, residual in EMPTY_CELLS:
            blame_nothing_found(entry, depth, residual)


def full_entry(entry: Callable[..., object], cell: tuple[int, bool], n: int) -> object:
    """The learner's entry for a cell of n runs; Wrong if the code finds none, or stops at an epoch without a test."""
    try:
        return entry(*cell)
    except KeyError as error:
        if error.args != ("test_error",):
            raise
        said = "Your code reads a test_error where there is none: not every epoch has one, and epoch 0 never."
        raise Wrong(said, "Of each history you need one entry: the last. It always has one.") from error
    except ValueError as error:
        if type(error) is not ValueError:
            raise
        told = f"For {cell_name(*cell)}, of which there are {n} runs,"
        said = f"{told} your code stops with ValueError: {first_line(error)}"
        raise Wrong(said, "depth is an int, residual is True or False, and all seeds count.") from error


def three_items(answer, cell: tuple[int, bool]) -> list:
    """The three items of an entry; Wrong if there are not three."""
    name = cell_name(*cell)
    blame([(answer is None, f"For {name} your function gives None.", TRIPLE)])
    try:
        items = [] if isinstance(answer, str | dict | set) else list(itertools.islice(answer, 4))
    except TypeError:
        items = []
    size = f" of {len(answer)}" if isinstance(answer, tuple | list) else ""
    said = f"For {name} you give a {type(answer).__name__}{size}, not mean, std and n."
    blame([(len(items) != 3, said, TRIPLE)])
    return items


def numbers_of(answer, cell: tuple[int, bool]) -> list[float]:
    """Mean, std and n of a cell of several runs, as floats; a std of None becomes nan."""
    mean, std, n = three_items(answer, cell)
    std = math.nan if std is None else std
    return [number_from(item, f"Your {name}") for item, name in ((mean, "mean"), (std, "std"), (n, "n"))]


def agree(a: float, b: float) -> bool:
    """Whether two numbers agree to five digits, as float32 does."""
    return math.isclose(a, b, rel_tol=1e-5)


def blame_order(found: list[float], errors: list[float]) -> None:
    """Raise Wrong if mean, std and n are right, but in another order."""
    right = dict(mean=statistics.mean(errors), std=statistics.stdev(errors), n=len(errors))
    for order in list(itertools.permutations(right))[1:]:
        exchanged = all(agree(a, right[name]) for a, name in zip(found, order, strict=True))
        blame([(exchanged, f"The three numbers are right, but you give them as {', '.join(order)}.", TRIPLE)])


def blame_means(records: dict[str, dict], found: dict[tuple[int, bool], float]) -> None:
    """Raise Wrong if the means are not those of the final test errors of all runs of the cell."""

    def fits(mean_of: Callable[[tuple[int, bool]], float]) -> bool:
        return all(agree(mean, mean_of(cell)) for cell, mean in found.items())

    def kept(*keeps: Callable[..., bool]) -> bool:
        """Whether the runs are chosen in one of these ways."""
        chosen = (lambda cell, keep=keep: errors(records_in(records, cell, keep)) for keep in keeps)
        return any(fits(lambda cell, one=one: statistics.mean(one(cell))) for one in chosen)

    def read(*values: Callable[[dict], float]) -> bool:
        """Whether one of these values is taken from each run."""
        return any(
            fits(lambda cell, value=value: statistics.mean(map(value, records_in(records, cell)))) for value in values
        )

    def joined(*rules: Callable[[list[float]], float]) -> bool:
        """Whether the errors of the right runs are made into one number in one of these ways."""
        return any(fits(lambda cell, rule=rule: rule(errors(records_in(records, cell)))) for rule in rules)

    def errors(chosen: Iterable[dict]) -> list[float]:
        return [last_of(record) for record in chosen]

    def one_per_seed(cell: tuple[int, bool]) -> float:
        return statistics.mean({r["run"]["config"]["seed"]: last_of(r) for r in records_in(records, cell)}.values())

    def pooled_by_seed(cell: tuple[int, bool]) -> float:
        seeds = {}
        for record in records_in(records, cell):
            seeds.setdefault(record["run"]["config"]["seed"], []).append(last_of(record))
        return statistics.mean(map(statistics.mean, seeds.values()))

    def pooled(cell: tuple[int, bool]) -> float:
        return statistics.mean(error for record in records_in(records, cell) for error in test_errors(record))

    def by_name(cell: tuple[int, bool]) -> list[float]:
        return errors([records[name] for name in sorted(records) if in_cell(name, records[name]["run"], *cell)])

    if joined(statistics.mean):
        return
    both = 'Two questions to record["run"]: is its depth this one, and its residual this one?'
    every = "Go through all records, and keep each one of this depth and kind."
    last = "The result of a run is what it has at its end: the entry test_error of the last epoch."
    plain_mean = "The mean: the sum of the errors, divided by how many there are."
    mistakes = [
        (
            read(lambda record: min(test_errors(record))),
            "You take the best epoch of each run. That is a peek: the test set has chosen the epoch.",
            last,
        ),
        (
            read(lambda record: error_at_lowest(record, "test_loss")),
            "You take the epoch with the lowest test loss. So the test set has chosen the epoch.",
            last,
        ),
        (
            read(lambda record: error_at_lowest(record, "train_error")),
            "You take the epoch with the lowest training error, not the last one.",
            last,
        ),
        (read(lambda record: max(test_errors(record))), "You take the worst epoch of each run.", last),
        (read(lambda record: test_errors(record)[0]), "You take the first epoch that was tested.", last),
        (read(lambda record: test_errors(record)[-2]), "You take the last epoch but one of each run.", last),
        (
            read(lambda r: statistics.mean(test_errors(r)), lambda r: statistics.median(test_errors(r)))
            or fits(pooled),
            "You average over the epochs. Those at the start say little about the trained net.",
            last,
        ),
        (
            read(*(lambda r, k=k: statistics.mean(test_errors(r)[-k:]) for k in (2, 3, 4))),
            "You average over the last epochs. The paper reports the net as it is at the end.",
            last,
        ),
        (
            read(lambda record: last_of(record, "train_error")),
            "You give the training error. The table is about the test error.",
            last,
        ),
        (
            read(lambda record: last_of(record, "test_loss"), lambda record: last_of(record, "train_loss")),
            "You give the loss, not the error.",
            last,
        ),
        (joined(lambda e: 1 - statistics.mean(e)), "You give the accuracy. The error is the other part.", last),
        (joined(lambda e: 100 * statistics.mean(e)), "You give per cent. Here an error is a fraction.", plain_mean),
        (
            kept(lambda name, run, depth, residual: run["depth"] == depth),
            "You mix plain and residual nets.",
            both,
        ),
        (
            kept(lambda name, run, depth, residual: run["depth"] == depth and run["residual"]),
            "You give the residual nets for plain ones too: the argument residual changes nothing.",
            both,
        ),
        (
            kept(lambda name, run, depth, residual: run["depth"] == depth and run["residual"] != residual),
            "Plain and residual are exchanged.",
            both,
        ),
        (
            kept(lambda name, run, depth, residual: run["residual"] == residual),
            "You mix nets of all depths.",
            both,
        ),
        (kept(lambda *_: True), "You take all records, of every depth and kind.", both),
        (
            kept(
                lambda name, run, depth, residual: str(depth) in name and run["residual"] == residual,
                lambda name, run, depth, residual: cell_name(depth, residual) in name,
            ),
            "You look for the depth in the names of the runs: 20 stands in 200 too.",
            both,
        ),
        (
            kept(lambda name, run, depth, residual: f"{cell_name(depth, residual)}-" in name),
            "You go by the names of the runs. A run may have any name.",
            both,
        ),
        (
            kept(lambda name, run, *cell: in_cell(name, run, *cell) and run["config"]["seed"] < 3),
            "You take the seeds 0, 1 and 2 only.",
            every,
        ),
        (joined(lambda e: e[0]) or fits(lambda cell: by_name(cell)[0]), "You take the first record only.", every),
        (joined(lambda e: e[-1]) or fits(lambda cell: by_name(cell)[-1]), "You take the last record only.", every),
        (
            joined(lambda e: statistics.mean(e[1:]), lambda e: statistics.mean(e[:-1]))
            or fits(lambda cell: statistics.mean(by_name(cell)[1:]))
            or fits(lambda cell: statistics.mean(by_name(cell)[:-1])),
            "You leave out one record, at the start or at the end.",
            every,
        ),
        (
            fits(one_per_seed),
            "You keep one run for each seed. Two runs of one seed both count.",
            "Collect the errors in a list, not in a dict by seed.",
        ),
        (fits(pooled_by_seed), "You average over each seed first. Each run counts the same.", every),
        (
            joined(lambda e: statistics.mean(set(e))),
            "Two runs with the same error count once only.",
            "Collect the errors in a list, not in a set.",
        ),
        (joined(statistics.median), "You give the median.", plain_mean),
        (joined(statistics.geometric_mean), "You give the geometric mean.", plain_mean),
        (joined(sum), "You give the sum of the errors.", plain_mean),
        (joined(min), "You give the best run only. The others happened too.", plain_mean),
        (joined(max), "You give the worst run only.", plain_mean),
        (
            joined(lambda e: sum(e) / (len(e) - 1)),
            "You divide the sum by n - 1. That is for the spread, not for the mean.",
            plain_mean,
        ),
        (
            joined(lambda e: sum(e) / len(records)),
            "You divide by the number of all records.",
            plain_mean,
        ),
        (
            joined(*(lambda e, k=k: round(statistics.mean(e), k) for k in (2, 3, 4))),
            "You round the mean. Round when you print.",
            plain_mean,
        ),
    ]
    blame(mistakes)
    cell, mean = next((c, m) for c, m in found.items() if not agree(m, statistics.mean(by_name(c))))
    finals = by_name(cell)
    shown = ", ".join(f"{error:g}" for error in finals)
    span = f"Its {len(finals)} runs end with errors from {min(finals):g} to {max(finals):g}"
    raise Wrong(
        f"For {cell_name(*cell)} your mean is {mean:.4g}. {span}.", f"The final test errors are {shown}. {every}"
    )


def blame_spreads(records: dict[str, dict], found: dict[tuple[int, bool], float]) -> None:
    """Raise Wrong if the spreads are not the sample standard deviations of the final test errors."""
    runs = {cell: records_in(records, cell) for cell in found}
    errors = {cell: [last_of(record) for record in runs[cell]] for cell in found}

    def fits(*rules: Callable[[list[float]], float]) -> bool:
        return any(all(agree(std, rule(errors[cell])) for cell, std in found.items()) for rule in rules)

    def spread_of(*values: Callable[[dict], float]) -> bool:
        """Whether it is the spread of another value of each run."""
        return any(
            all(agree(std, statistics.stdev(map(value, runs[cell]))) for cell, std in found.items())
            for value in values
        )

    def absolute(e: list[float], centre: float) -> list[float]:
        return [abs(error - centre) for error in e]

    if fits(statistics.stdev):
        return
    sample = "The squared distances from the mean, added, divided by n - 1, and of that the root."
    unknown = next((cell_name(*cell) for cell, std in found.items() if math.isnan(std)), "")
    same = "Mean and std are of the same numbers: the final test errors of the runs."
    mistakes = [
        (unknown, f"For {unknown} your std is None or nan, but there are several runs.", sample),
        (
            fits(statistics.pstdev),
            "You divide by n, so the spread is too small. A sample of n runs asks for one less.",
            "n - 1: statistics.stdev, or ddof=1 in NumPy.",
        ),
        (
            fits(statistics.variance, statistics.pvariance),
            "You give the variance.",
            "The standard deviation is its root.",
        ),
        (
            fits(*(lambda e, std=std: std(e) / math.sqrt(len(e)) for std in (statistics.stdev, statistics.pstdev))),
            "You give the standard error of the mean. The table shows how far single runs lie apart.",
            sample,
        ),
        (fits(lambda e: max(e) - min(e)), "You give the range, from the lowest to the highest error.", sample),
        (fits(lambda e: (max(e) - min(e)) / 2), "You give half the range.", sample),
        (
            fits(
                lambda e: statistics.mean(absolute(e, statistics.mean(e))),
                lambda e: statistics.median(absolute(e, statistics.median(e))),
            ),
            "You give a mean or median of the distances. They must be squared.",
            sample,
        ),
        (
            fits(lambda e: statistics.stdev(e) / statistics.mean(e)),
            "You divide the std by the mean. It has the same unit as the errors.",
            sample,
        ),
        (
            fits(*(lambda e, k=k: k * statistics.stdev(e) for k in (2, 1.96))),
            "Your spread is two standard deviations. Give one.",
            sample,
        ),
        (fits(lambda e: 100 * statistics.stdev(e)), "Your std is in per cent, and the mean is a fraction.", sample),
        (
            fits(lambda e: math.sqrt(sum((error - statistics.mean(e)) ** 2 for error in e))),
            "You do not divide the sum of squares.",
            sample,
        ),
        (fits(lambda e: 0), "Your std is 0 for runs that differ.", sample),
        (
            spread_of(lambda record: min(test_errors(record))),
            "The mean is of the last epochs, but the std is of the best ones.",
            same,
        ),
        (
            spread_of(*(lambda record, key=key: last_of(record, key) for key in ("train_error", "test_loss"))),
            "The mean is of the test error, but the std is of something else.",
            same,
        ),
        (
            fits(lambda e: statistics.stdev(map(last_of, records.values()))),
            "Your std is that of all records, of every depth and kind.",
            same,
        ),
        (
            any(
                all(agree(std, statistics.mean(of(test_errors(r)) for r in runs[c])) for c, std in found.items())
                for of in (statistics.stdev, statistics.pstdev)
            ),
            "You take the std over the epochs of a run. The table asks how runs differ.",
            same,
        ),
        (
            fits(*(lambda e, k=k: round(statistics.stdev(e), k) for k in (2, 3, 4))),
            "You round the std. Round when you print.",
            sample,
        ),
        (fits(lambda e: statistics.stdev(set(e))), "For the std, two runs with the same error count once.", same),
    ]
    blame(mistakes)
    cell, std = next((c, std) for c, std in found.items() if not agree(std, statistics.stdev(errors[c])))
    shown = ", ".join(f"{error:g}" for error in errors[cell])
    raise Wrong(f"The final test errors of {cell_name(*cell)} are {shown}. Your std of them is {std:.4g}.", sample)


def blame_numbers_of_runs(records: dict[str, dict], found: dict[tuple[int, bool], float]) -> None:
    """Raise Wrong if n is not the number of runs in the cell."""
    runs = {cell: records_in(records, cell) for cell in found}

    def fits(count: Callable[[list[dict]], float]) -> bool:
        return all(n == count(runs[cell]) for cell, n in found.items())

    if fits(len):
        return
    counted = "n is how many errors the mean is of: the length of their list."
    mistakes = [
        (fits(lambda r: len(records)), "Your n is the number of all records.", counted),
        (fits(lambda r: len(r) - 1), "Your n is n - 1. That stands only inside the std.", counted),
        (
            fits(lambda r: len({record["run"]["config"]["seed"] for record in r})),
            "Your n is the number of seeds. Two runs may have the same seed.",
            counted,
        ),
        (fits(lambda r: len(set(map(last_of, r)))), "Two runs with the same error count once in your n.", counted),
        (fits(lambda r: sum(len(test_errors(record)) for record in r)), "Your n counts epochs, not runs.", counted),
        (
            fits(lambda r: len(r[0]["history"])) or fits(lambda r: len(r[-1]["history"])),
            "Your n is the length of a history: it counts epochs, not runs.",
            counted,
        ),
    ]
    blame(mistakes)
    cell, n = next((c, n) for c, n in found.items() if n != len(runs[c]))
    raise Wrong(f"For {cell_name(*cell)} your n is {n:g}, but mean and std are right.", counted)


def blame_single(entry: Callable[..., object], cell: tuple[int, bool], error: float) -> None:
    """Raise Wrong if the entry of a single run is not (error, None, 1)."""
    told = f"{cell_name(*cell)} has a single run."
    branch = "If n is 1, give None in place of the std: std = None if n == 1 else ..."
    try:
        answer = entry(*cell)
    except (ArithmeticError, ValueError) as stop:
        raise Wrong(f"{told} Your code stops there with {type(stop).__name__}.", branch) from stop
    mean, std, n = three_items(answer, cell)
    mean, n = number_from(mean, "Your mean"), number_from(n, "Your n")
    std = std if std is None else number_from(std, "Your std")
    mistakes = [
        (not agree(mean, error), f"{told} Your mean is {mean:.4g}.", "The mean of one number is this number."),
        (n != 1, f"{told} Your n is {n:g}.", branch),
        (std is not None and math.isnan(std), f"{told} You give nan as its std, not None.", branch),
        (std == 0, f"{told} Your std of 0 says that runs agree. One run says nothing about that.", branch),
        (std is not None, f"{told} You give a number as its std. One run has no spread.", branch),
    ]
    blame(mistakes)


def blame_nothing_found(entry: Callable[..., object], depth: int, residual: bool) -> None:
    """Raise Wrong if a cell without runs does not raise a ValueError that names depth and kind."""
    told, hint = f"For {cell_name(depth, residual)}, of which there is no run,", "If n is 0: raise ValueError(...)."
    text = str(error_from(lambda: entry(depth, residual), told, hint)).lower()
    kinds = "plain", "residual", "true", "false"
    named = str(depth) in text and any(kind in text for kind in kinds)
    said = f"{told} your error does not name the depth and the kind."
    blame([(not named, said, "An f-string can hold both: {depth} and {residual}.")])


PAIRS_OF_NETS = [  # difference, std, and k or nothing; none but the last two is near a tie
    (0.01, 0.004),
    (0.0043, 0.0101),
    (0.02, 0.003),
    (0.013, 0.008, 3),
    (0.3, 0.5, 1),
    (0.7, 2.0, 1.5),
    (0.01, 0.011, 2),
    (1.125, 10.125, 1),
    (0.5, 0.25, 50),
]


@exercise("14.4", "You know before you train how many runs an order of two nets needs.")
def check_seeds_needed(seeds_needed: Callable[..., int]) -> None:
    """Exercise 14.4: `seeds_needed(difference, std, k)` is the smallest whole number of runs of each net."""
    results = {case: seeds_needed(*case) for case in PAIRS_OF_NETS}
    found = {case: number_from(result, f"seeds_needed{case}") for case, result in results.items()}
    case = next((case for case, number in found.items() if not math.isfinite(number)), None)
    blame([(case, f"seeds_needed{case} gives nan or inf.", "Solve std * sqrt(2 / n) * k = difference for n.")])
    blame_runs(found)
    point = f"You give {next(iter(found.values())):.1f}, a number with a point. Runs are counted."
    blame([(not all(map(is_whole, results.values())), point, "Give an int: math.ceil gives one.")])
    never = "With std = 0 all runs of a net are equal, so one run of each shows the difference."
    try:
        found = number_from(seeds_needed(0.004, 0.0), "seeds_needed(0.004, 0.0)")
    except ZeroDivisionError as error:
        raise Wrong("With std = 0 your code divides by 0.", f"{never} Divide by difference, not by std.") from error
    blame([(found != 1, f"With std = 0 you give {found:g}.", f"{never} Less than one run is none.")])
    hint = "The first line asks whether difference <= 0, and raises ValueError. No abs()."
    for difference in (0.0, -0.5):  # with k = -2 a loop ends here, even if it never asks for difference <= 0
        call = lambda difference=difference: seeds_needed(difference, 0.5, -2)  # noqa: E731
        error_from(call, f"For a difference of {difference:g}", hint)


def runs_of_each(d: float, s: float, k: float = 2) -> float:
    """The number of runs at which k standard errors are the difference d, before it is rounded up."""
    return 2 * (k * s / d) ** 2


def blame_runs(found: dict[tuple, float]) -> None:
    """Raise Wrong if these are not the numbers of runs, by the arguments."""

    def gives(formula: Callable[..., float]) -> bool:
        return all(math.isclose(number, formula(*case)) for case, number in found.items())

    def follows(*formulas: Callable[..., float]) -> bool:
        """Whether one of the formulas explains the numbers, rounded or not."""
        ways = itertools.product(formulas, (math.ceil, float, math.floor, round), (0, 1))
        return any(gives(lambda *case, f=f, way=way, least=least: max(least, way(f(*case)))) for f, way, least in ways)

    def right(*case: float) -> int:
        return math.ceil(runs_of_each(*case))

    if gives(right):
        return
    formula = "k * std * sqrt(2 / n) <= difference: square both sides, then solve for n."
    two = "Both means vary: the variance of their difference is 2 * std ** 2 / n."
    squared = "n stands under a root. To solve for it, square all that stands outside the root: k, std and difference."
    given = "k comes from the caller. Use it as it is; 2 is only its default."
    up = "Too few runs are not enough, so round up: math.ceil."
    wait = "The difference may be equal to k standard errors: compare with >=."
    mistakes = [
        (
            gives(runs_of_each),
            "You give a number with a part of a run in it. Runs are whole.",
            up,
        ),
        (
            gives(lambda *case: math.floor(runs_of_each(*case)))
            or gives(lambda *case: max(1, math.floor(runs_of_each(*case)))),
            "You round down, so the runs are too few.",
            up,
        ),
        (
            gives(lambda *case: round(runs_of_each(*case))) or gives(lambda *case: max(1, round(runs_of_each(*case)))),
            "You round to the nearest whole number. Where it lies below, the runs are too few.",
            up,
        ),
        (
            gives(lambda *case: math.floor(runs_of_each(*case)) + 1),
            "At an exact tie you give one run too many: equal is enough.",
            wait,
        ),
        (gives(lambda *case: right(*case) + 1), "You give one run too many in each case.", formula),
        (
            gives(lambda *case: right(*case) - 1) or gives(lambda *case: max(1, right(*case) - 1)),
            "You give one run less than needed.",
            formula,
        ),
        (
            gives(lambda *case: max(2, right(*case))),
            "You give at least 2 runs. If the std is known, one run may be enough.",
            "The smallest answer is 1.",
        ),
        (
            gives(lambda *case: 2 ** math.ceil(math.log2(right(*case)))),
            "You give powers of two only: a smaller number would do.",
            "Go up by one run each time.",
        ),
        (
            gives(lambda *case: 2 * right(*case)),
            "You count the runs of both nets together. Asked are the runs of each.",
            "n runs of each net: do not double it at the end.",
        ),
        (
            follows(lambda d, s, k=2: (k * s / d) ** 2),
            "You take one mean as fixed. But the means of both nets vary.",
            two,
        ),
        (
            follows(lambda d, s, k=2: 4 * (k * s / d) ** 2),
            "You give twice what is needed: a 2 too many. The variances of the means add up, not their std.",
            two,
        ),
        (
            follows(lambda d, s, k=2: (k * s / d) ** 2 / 2),
            "The 2 stands on the wrong side: a difference varies more than one mean, not less.",
            two,
        ),
        (
            follows(
                lambda d, s, k=2: k * s / d,
                lambda d, s, k=2: math.sqrt(2) * k * s / d,
                lambda d, s, k=2: 2 * k * s / d,
            ),
            "You forget a square: to halve the standard error, you need four times the runs.",
            squared,
        ),
        (follows(lambda d, s, k=2: 2 * k * (s / d) ** 2), "You do not square k.", squared),
        (follows(lambda d, s, k=2: (2 * k * s / d) ** 2 * 2), "You square the 2 as well, or take it twice.", two),
        *(
            (
                follows(lambda d, s, k=2, fixed=fixed: runs_of_each(d, s, fixed)),
                f"You take {fixed:g} in place of k, whatever k is.",
                given,
            )
            for fixed in (1, 1.96, 2, 3)
        ),
        (follows(lambda d, s, k=2: 2 * (k * d / s) ** 2), "difference and std are exchanged.", formula),
        (
            follows(lambda d, s, k=2: runs_of_each(d, s * s, k)),
            "You square std twice: you put the variance where std belongs.",
            squared,
        ),
        (
            follows(lambda d, s, k=2: 2 * k * k * s / d**2),
            "You do not square std: you use it as if it were the variance.",
            squared,
        ),
        (
            follows(lambda d, s, k=2: 2 * k * k * s * s / d),
            "You do not square the difference.",
            squared,
        ),
        (
            follows(lambda d, s, k=2: runs_of_each(d, s, 1 / k)),
            "You divide by k. A larger k needs more runs.",
            formula,
        ),
    ]
    blame(mistakes)
    case, number = next((case, number) for case, number in found.items() if number != right(*case))
    names = ", ".join(
        f"{name} = {value:g}" for name, value in zip(("difference", "std", "k"), (*case, 2), strict=False)
    )
    mistakes = [
        (number < 1, f"For {names} you give {number:.6g}. There is no such number of runs.", formula),
        (number < right(*case), f"For {names} you give {number:.6g} runs. These are too few.", formula),
        (True, f"For {names} you give {number:.6g} runs. Fewer would do.", formula),
    ]
    blame(mistakes)

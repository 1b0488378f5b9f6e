"""Chapter 14's exercises 1, 3 and 4: solutions, mistakes with the phrase that names each, other right answers."""

from reslab import checks

RATE = """
def paper_rate(step, warm_steps=0):
    if not 0 <= step < 64_000:
        raise ValueError(f"the paper takes steps 0 to 63,999, got {step}")
    if step < warm_steps:
        return 0.01
    return 0.1 if step < 32_000 else 0.01 if step < 48_000 else 0.001
"""

SUMMARY = """
def summary(records, depth, residual):
    errors = []
    for record in records.values():
        run = record["run"]
        if run["depth"] == depth and run["residual"] == residual:
            errors.append(record["history"][-1]["test_error"])
    n = len(errors)
    if n == 0:
        raise ValueError(f"no run with depth {depth} and residual={residual}")
    mean = sum(errors) / n
    if n == 1:
        return mean, None, 1
    std = math.sqrt(sum((error - mean) ** 2 for error in errors) / (n - 1))
    return mean, std, n
"""

SEEDS = """
def seeds_needed(difference, std, k=2):
    if difference <= 0:
        raise ValueError("no number of runs tells equal nets apart")
    return max(1, math.ceil(2 * (k * std / difference) ** 2))
"""

SOLUTIONS = {
    checks.check_paper_rate: RATE,
    checks.check_summary: SUMMARY,
    checks.check_seeds_needed: SEEDS,
}

STAIRS = "0.1 if step < 32_000 else 0.01 if step < 48_000 else 0.001"
WARM = "    if step < warm_steps:\n        return 0.01\n"
GUARD = "    if not 0 <= step < 64_000:\n"
RAISE = '        raise ValueError(f"the paper takes steps 0 to 63,999, got {step}")\n'


def rate(*lines):
    """An answer of its own to 14.1; it raises the right error."""
    body = "".join(f"    {line}\n" for line in lines)
    return f"def paper_rate(step, warm_steps=0):\n{GUARD}{RAISE}{body}"


def stairs(expression):
    return {STAIRS: expression}


def warm(line):
    return {WARM: f"    if step < warm_steps:\n        return {line}\n"}


def on(new):
    """14.1 with another staircase after the right warm-up."""
    return {STAIRS: new, "def paper_rate": "def S(step, first=32_000, second=48_000):\n    return "
            "0.1 if step < first else 0.01 if step < second else 0.001\n\ndef paper_rate"}  # fmt: skip


KEEP = 'run["depth"] == depth and run["residual"] == residual'
LAST = 'record["history"][-1]["test_error"]'
MEASURED = '[e for e in record["history"] if "test_error" in e]'
TESTED = '[e["test_error"] for e in record["history"] if "test_error" in e]'
ROOT = "math.sqrt(sum((error - mean) ** 2 for error in errors) / (n - 1))"
NONE = '        raise ValueError(f"no run with depth {depth} and residual={residual}")\n'
END = "return mean, std, n"
ONE = "return mean, None, 1"
COUNT = "    n = len(errors)\n"
LOOP = "    for record in records.values():\n"
SORTED = {LOOP: "    for _, record in sorted(records.items()):\n"}
NAMED = {LOOP: "    for name, record in records.items():\n"}


def keep(condition):
    return {**NAMED, KEEP: condition}


def value(expression):
    return {LAST: expression}


def errors(line):
    """14.3 with the list of errors changed before it is counted."""
    return {COUNT: f"    {line}\n{COUNT}"}


def mean(expression):
    return {"mean = sum(errors) / n": f"mean = {expression}"}


def std(expression):
    return {ROOT: expression}


FORMULA = "2 * (k * std / difference) ** 2"
ROUNDED = f"max(1, math.ceil({FORMULA}))"
CHECK = '    if difference <= 0:\n        raise ValueError("no number of runs tells equal nets apart")\n'


def formula(expression):
    return {FORMULA: expression}


def answer(expression):
    return {ROUNDED: expression}


def seeds(*lines):
    """An answer of its own to 14.4; it raises the right error."""
    return f"def seeds_needed(difference, std, k=2):\n{CHECK}" + "".join(f"    {line}\n" for line in lines)


MISTAKES = {
    checks.check_paper_rate: [
        ({"step < 32_000": "step <= 32_000", "step < 48_000": "step <= 48_000"}, "one step late"),
        ({"step < 32_000": "step <= 32_000"}, "one step late"),
        ({"step < 48_000": "step <= 48_000"}, "one step late"),
        (stairs("0.1 if step < 31_999 else 0.01 if step < 47_999 else 0.001"), "one step early"),
        ({"step < 48_000": "step + 1 < 48_000"}, "one step early"),
        ({"step < 32_000": "step + 1 < 32_000"}, "one step early"),
        (stairs("0.1 if step < 82 else 0.01 if step < 123 else 0.001"), "compare a step with a number of epochs"),
        (stairs("0.1 if step < 100 else 0.01 if step < 150 else 0.001"), "compare a step with a number of epochs"),
        (stairs("0.1"), "Your rate is 0.1 in every step"),
        (stairs("0.1 if step // 391 < 32_000 else 0.01"), "Your rate is 0.1 in every step"),
        (stairs("0.1 if step < 32_000 else 0.01"), "drops once only"),
        (stairs("0.1 if step < 48_000 else 0.01"), "drops once only"),
        (stairs("0.1 * 0.1 ** (step // 32_000)"), "drops once only"),
        (stairs("0.01 if step >= 32_000 else 0.001 if step >= 48_000 else 0.1"), "drops once only"),
        (stairs("0.1 if step < 32_000 else 0.001"), "Both of your drops come at step 32,000"),
        (stairs("0.01 if step < 48_000 else 0.1 if step < 32_000 else 0.001"), "The rate of 0.1 never comes"),
        (stairs("0.1 if step < 32_000 else 0.05 if step < 48_000 else 0.025"), "You halve the rate"),
        (stairs("0.1 if step < 32_000 else 0.05 if step < 48_000 else 0.005"), "You halve the rate"),
        (stairs("0.05 if step < 32_000 else 0.005 if step < 48_000 else 0.0005"), "You scale the rate with the batch"),
        (stairs("0.2 if step < 32_000 else 0.02 if step < 48_000 else 0.002"), "You scale the rate with the batch"),
        (stairs("0.1 if step < 32_000 else 0.01 if step < 48_000 else 0.0001"),
         "your rates are 0.1, 0.01 and 0.0001"),
        (stairs("1 if step < 32_000 else 0.1 if step < 48_000 else 0.01"), "your rates are 1, 0.1 and 0.01"),
        (stairs(f"round({STAIRS}, 2)"), "Your last rate is 0"),
        (stairs("0.001 if step < 32_000 else 0.01 if step < 48_000 else 0.1"), "Your rate rises from drop to drop"),
        (stairs("0.1 * 10 ** ((step >= 32_000) + (step >= 48_000))"), "Your rate rises from drop to drop"),
        (stairs("0.01 if step == 32_000 else 0.001 if step == 48_000 else 0.1"), "drops for one step only"),
        (stairs("0.1 if step < 32_000 else 0.001 if step == 48_000 else 0.01"), "drops for one step only"),
        (stairs("0.1 if step != 32_000 else 0.01"), "drops for one step only"),
        (stairs("0.1 * 0.1 ** (step // 16_000)"), "three times"),
        (stairs("0.1 if step < 16_000 else 0.01 if step < 32_000 else 0.001"), "Your first drop is too early"),
        (stairs("0.1 if step < 16_000 else 0.01 if step < 48_000 else 0.001"), "Your first drop is too early"),
        (stairs("0.1 if 3 * step < 64_000 else 0.01 if 3 * step < 128_000 else 0.001"),
         "Your first drop is too early"),
        (stairs("0.05 * (1 + math.cos(math.pi * step / 64_000))"), "changes between the drops"),
        (stairs("0.1 * (1 - step / 64_000)"), "changes between the drops"),
        (stairs("0.1 * 0.01 ** (step / 48_000)"), "changes between the drops"),
        (stairs("0.1 if step < 30_000 else 0.01 if step < 60_000 else 0.001"), "Step 31,700 has the rate 0.01"),
        (stairs("float('nan')"), "Step 1,000 has the rate nan"),
        (
            "rate = 0.1\ndef paper_rate(step, warm_steps=0):\n    global rate\n    if step in (32_000, 48_000):\n"
            "        rate /= 10\n    return rate",
            "gives two rates",
        ),
        ("calls = []\n" + rate("calls.append(step)", "return 0.1 if len(calls) < 40 else 0.01"), "gives two rates"),
        (stairs("[0.1, 0.01, 0.001]"), "must give one number, but gives a list"),
        (stairs("(0.1, step)"), "must give one number, but gives a tuple"),
        (stairs("str(0.1)"), "must give one number, but gives a str"),
        ({"    return 0.1 if": "    yield 0.1 if"}, "must give one number, but gives a generator"),
        ({"    return 0.1 if": "    rate = 0.1 if"}, "paper_rate(...) gives None"),
        ({"warm_steps=0": "warm_steps=400"}, "not those for warm_steps = 0"),
        ({"warm_steps=0": "warm_steps=1"}, "not those for warm_steps = 0"),
        ({"step < warm_steps": "step <= warm_steps"}, "a warm-up of one step"),
        ({"step < warm_steps": "step < 400"}, "you warm up all the same"),
        ({"step < warm_steps": "step <= 400"}, "you warm up all the same"),
        ({"step < warm_steps": "step < (warm_steps or 400)"}, "you warm up all the same"),
        ({WARM: ""}, "warm_steps changes nothing"),
        ({"step < warm_steps": "warm_steps and step <= warm_steps"}, "one step too many"),
        ({"step < warm_steps": "step < warm_steps - 1"}, "one step early"),
        ({"step < warm_steps": "step < 400 and warm_steps"}, "400 steps, whatever warm_steps is"),
        ({"step < warm_steps": "step <= 400 and warm_steps"}, "400 steps, whatever warm_steps is"),
        ({"step < warm_steps": "warm_steps"}, "never 0.1"),
        ({"step < warm_steps": "step < 391 * warm_steps"}, "never 0.1"),
        ({"return 0.1 if": "return 0.01 if warm_steps and step < 48_000 else 0.1 if"}, "never 0.1"),
        ({WARM: "", "return 0.1 if": "return (0.1 if warm_steps else 1) * (0.1 if", "0.001": "0.001)"},
         "a tenth of the rate in the whole run"),
        (warm("0.1\n    if warm_steps and step < 48_000:\n        return 0.01"), "are exchanged"),
        ({"step < warm_steps": "step > warm_steps > 0 or step == warm_steps > 0"}, "are exchanged"),
        ({WARM: f"{WARM}    step -= warm_steps\n"}, "Your drops are later by the warm-up"),
        (on("S(step, 32_000 + warm_steps, 48_000 + warm_steps)"), "Your drops are later by the warm-up"),
        (on("S(step, 32_000 - warm_steps, 48_000 - warm_steps)"), "Your drops are earlier by the warm-up"),
        (on("S(step, (64_000 - warm_steps) / 2, (64_000 - warm_steps) * 3 / 4)"), "both drops move"),
        (on("S(step - warm_steps, (64_000 - warm_steps) / 2, (64_000 - warm_steps) * 3 / 4)"), "both drops move"),
        (warm("0.1 * (step + 1) / warm_steps"), "Your rate rises in the warm-up"),
        (warm("0.1 * step / warm_steps"), "Your rate rises in the warm-up"),
        (warm("0.01 + 0.09 * step / warm_steps"), "Your rate rises in the warm-up"),
        (warm("0.001"), "In the warm-up you give 0.001"),
        (warm("0.05"), "In the warm-up you give 0.05"),
        (warm("0.1 - 0.09 * step / warm_steps"), "For warm_steps = 400, step 0 has the rate 0.1"),
        (warm("0.01 if step else 0.1"), "For warm_steps = 400, step 0 has the rate 0.1"),
        ({"0 <= step < 64_000": "0 < step < 64_000"}, "For step 0 you raise an error"),
        ({"0 <= step < 64_000": "0 <= step < 63_999"}, "For step 63,999 you raise an error"),
        ({"0 <= step < 64_000": "0 <= step"}, "For step 64,000 you give 0.001 and raise no error"),
        ({"0 <= step < 64_000": "0 <= step <= 64_000"}, "For step 64,000 you give 0.001 and raise no error"),
        ({"0 <= step < 64_000": "step < 64_000"}, "For step -1 you give 0.01 and raise no error"),
        ({"not 0 <= step < 64_000": "step == -1 or step >= 64_000"}, "For step -400 you give 0.01"),
        ({"not 0 <= step < 64_000": "step < 0 or step == 64_000"}, "For step 64,001 you give 0.001"),
        ({"not 0 <= step < 64_000": "step < 0 or step in (64_000, 64_001)"}, "For step 100,000 you give 0.001"),
        ({GUARD + RAISE: ""}, "For step -1 you give 0.01 and raise no error"),
        ({RAISE: "        return None\n"}, "For step -1 you give None and raise no error"),
        ({RAISE: "        return 0\n"}, "For step -1 you give 0 and raise no error"),
        ({RAISE: '        return "no such step"\n'}, "For step -1 you give a str and raise no error"),
        ({"raise ValueError": "return ValueError"}, "For step -1 you return an error"),
        ({"raise ValueError": "raise IndexError"}, "For step -1 you raise IndexError, not ValueError"),
        ({GUARD: "", RAISE: "    assert 0 <= step < 64_000\n"}, "For step -1 you raise AssertionError"),
        ({GUARD + RAISE + WARM: WARM.replace("if", "if warm_steps and") + GUARD + RAISE},
         "For step -1 and warm_steps = 400 you give 0.01 and raise no error"),
        ({GUARD: "    if not 0 <= step < 64_000 + warm_steps:\n"}, "For step 64,000 and warm_steps = 400 you give"),
    ],
    checks.check_summary: [
        (value(f"min({TESTED})"), "That is a peek"),
        (value(f"min({MEASURED}, key=lambda e: e['test_loss'])['test_error']"), "lowest test loss"),
        (value(f"min({MEASURED}, key=lambda e: e['train_error'])['test_error']"), "lowest training error"),
        (value(f"max({TESTED})"), "the worst epoch"),
        (value(f"{TESTED}[0]"), "the first epoch that was tested"),
        (value('record["history"][1]["test_error"]'), "the first epoch that was tested"),
        (value('record["history"][-2]["test_error"]'), "the last epoch but one"),
        (value(f"np.mean({TESTED})"), "You average over the epochs"),
        (value(f"np.median({TESTED})"), "You average over the epochs"),
        ({"errors.append": "errors.extend", LAST: TESTED}, "You average over the epochs"),
        (value(f"np.mean({TESTED}[-3:])"), "You average over the last epochs"),
        (value(f"np.mean({TESTED}[-2:])"), "You average over the last epochs"),
        (value('record["history"][-1]["train_error"]'), "the training error"),
        (value('record["history"][-1]["test_loss"]'), "You give the loss"),
        (value('record["history"][-1]["train_loss"]'), "You give the loss"),
        (value(f"1 - {LAST}"), "You give the accuracy"),
        (value(f"100 * {LAST}"), "You give per cent"),
        (value("min(e['test_error'] for e in record['history'])"), "reads a test_error where there is none"),
        (value("[e['test_error'] for e in record['history'][1:]][-1]"), "reads a test_error where there is none"),
        (keep('run["depth"] == depth'), "You mix plain and residual"),
        (keep('run["depth"] == depth and run["residual"]'), "for plain ones too"),
        (keep('run["depth"] == depth and run["residual"] != residual'), "exchanged"),
        (keep('run["residual"] == residual'), "nets of all depths"),
        (keep("True"), "You take all records"),
        (keep('str(depth) in name and run["residual"] == residual'), "20 stands in 200 too"),
        (keep('f"-{depth}" in name and run["residual"] == residual'), "20 stands in 200 too"),
        (keep('name.startswith(f"{\'residual\' if residual else \'plain\'}-{depth}")'), "20 stands in 200 too"),
        (keep('name.startswith(f"{\'residual\' if residual else \'plain\'}-{depth}-")'), "by the names of the runs"),
        (keep('name.split("-")[:2] == ["residual" if residual else "plain", str(depth)]'), "by the names of the runs"),
        (keep(f'{KEEP} and run["config"]["seed"] == 0'), "of which there are 2 runs, your code stops with ValueError"),
        (keep('run["depth"] == str(depth)'), "of which there are 4 runs, your code stops with ValueError"),
        (keep(f'{KEEP} and run["config"]["seed"] < 3'), "You take the seeds 0, 1 and 2 only"),
        (errors("errors = errors[:1] * 2"), "the first record only"),
        (errors("errors = errors[-1:] * 2"), "the last record only"),
        (errors("errors = errors[1:] if len(errors) > 1 else errors"), "You leave out one record"),
        (errors("errors = errors[:-1] if len(errors) > 1 else errors"), "You leave out one record"),
        (SORTED | errors("errors = errors[:1] * 2"), "the first record only"),
        (SORTED | errors("errors = errors[-1:] * 2"), "the last record only"),
        (SORTED | errors("errors = errors[1:] if len(errors) > 1 else errors"), "You leave out one record"),
        (SORTED | errors("errors = errors[:-1] if len(errors) > 1 else errors"), "You leave out one record"),
        (
            {"errors = []": "errors = {}", f"errors.append({LAST})": f'errors[run["config"]["seed"]] = {LAST}',
             COUNT: f"    errors = list(errors.values())\n{COUNT}"},
            "one run for each seed",
        ),
        (
            {"errors = []": "seeds = {}",
             f"errors.append({LAST})": f'seeds.setdefault(run["config"]["seed"], []).append({LAST})',
             COUNT: f"    errors = [sum(e) / len(e) for e in seeds.values()]\n{COUNT}"},
            "You average over each seed first",
        ),
        (errors("errors = set(errors)"), "with the same error count once only"),
        (mean("np.median(errors)"), "the median"),
        (mean("math.prod(errors) ** (1 / n)"), "the geometric mean"),
        (mean("sum(errors)"), "the sum of the errors"),
        (mean("min(errors)"), "the best run only"),
        (mean("max(errors)"), "the worst run only"),
        (mean("sum(errors) / (n - 1) if n > 1 else errors[0]"), "You divide the sum by n - 1"),
        (mean("sum(errors) / len(records)"), "the number of all records"),
        (mean("round(sum(errors) / n, 4)"), "You round the mean"),
        (mean("round(sum(errors) / n, 2)"), "You round the mean"),
        (mean("sum(errors) / n + 0.01"), "For residual-20 your mean is"),
        (mean("float('nan')"), "your mean is nan. Its 4 runs end with errors from 0.2543 to 0.2989"),
        (std("np.std(errors)"), "You divide by n"),
        (std("(sum((e - mean) ** 2 for e in errors) / n) ** 0.5"), "You divide by n"),
        ({"math.sqrt(sum": "(sum"}, "You give the variance"),
        (std("np.var(errors)"), "You give the variance"),
        (std(f"{ROOT} / math.sqrt(n)"), "the standard error of the mean"),
        (std("np.std(errors) / math.sqrt(n)"), "the standard error of the mean"),
        (std("max(errors) - min(errors)"), "the range"),
        (std("(max(errors) - min(errors)) / 2"), "half the range"),
        (std("sum(abs(e - mean) for e in errors) / n"), "They must be squared"),
        (std("np.median([abs(e - np.median(errors)) for e in errors])"), "They must be squared"),
        (std(f"{ROOT} / mean"), "You divide the std by the mean"),
        (std(f"2 * {ROOT}"), "two standard deviations"),
        (std(f"100 * {ROOT}"), "Your std is in per cent"),
        (std("math.sqrt(sum((error - mean) ** 2 for error in errors))"), "You do not divide the sum of squares"),
        (std("0"), "Your std is 0 for runs that differ"),
        (
            {COUNT: f'    best = [min(e.get("test_error", 1) for e in r["history"]) for r in records.values() if '
             f'r["run"]["depth"] == depth and r["run"]["residual"] == residual]\n{COUNT}',
             ROOT: "np.std(best, ddof=1)"},
            "the std is of the best ones",
        ),
        (
            {COUNT: f'    train = [r["history"][-1]["train_error"] for r in records.values() if '
             f'r["run"]["depth"] == depth and r["run"]["residual"] == residual]\n{COUNT}',
             ROOT: "np.std(train, ddof=1)"},
            "the std is of something else",
        ),
        (std('np.std([r["history"][-1]["test_error"] for r in records.values()], ddof=1)'), "that of all records"),
        (
            {"errors = []": "errors, spreads = [], []",
             f"errors.append({LAST})": f"errors.append({LAST}); spreads.append(np.std({TESTED}))",
             ROOT: "np.mean(spreads)"},
            "over the epochs of a run",
        ),
        (std(f"round({ROOT}, 4)"), "You round the std"),
        (std("np.std(list(set(errors)), ddof=1)"), "For the std, two runs with the same error count once"),
        (std(f"{ROOT} + 0.01"), "Your std of them is"),
        (std("None"), "your std is None or nan, but there are several runs"),
        (std('"unknown"'), "Your std must give one number"),
        ({END: "return mean, std, len(records)"}, "number of all records"),
        ({END: "return mean, std, n - 1"}, "Your n is n - 1"),
        (
            {"errors = []": "errors, seeds = [], set()",
             f"errors.append({LAST})": f'errors.append({LAST}); seeds.add(run["config"]["seed"])',
             END: "return mean, std, len(seeds)"},
            "the number of seeds",
        ),
        ({END: "return mean, std, len(set(errors))"}, "count once in your n"),
        ({END: 'return mean, std, len(record["history"])'}, "For residual-20 your n is"),
        (
            {f"errors.append({LAST})": f"errors.append({LAST}); history = record['history']",
             END: "return mean, std, len(history)"},
            "the length of a history",
        ),
        (
            {"errors = []": "errors, lengths = [], []",
             f"errors.append({LAST})": f"errors.append({LAST}); lengths.append(len(record['history']))",
             END: "return mean, std, lengths[0]"},
            "the length of a history",
        ),
        (
            {"errors = []": "errors, epochs = [], 0",
             f"errors.append({LAST})": f"errors.append({LAST}); epochs += len({TESTED})",
             END: "return mean, std, epochs"},
            "Your n counts epochs",
        ),
        ({END: "return n, mean, std"}, "you give them as n, mean, std"),
        ({END: "return std, mean, n"}, "you give them as std, mean, n"),
        ({END: "return mean, n, std"}, "you give them as mean, n, std"),
        ({END: "return mean, std"}, "you give a tuple of 2, not mean, std and n"),
        ({END: "return mean"}, "you give a float, not mean, std and n"),
        ({END: "return dict(mean=mean, std=std, n=n)"}, "you give a dict, not mean, std and n"),
        ({END: "return f'{mean} {std} {n}'"}, "you give a str, not mean, std and n"),
        ({END: "mean, std, n"}, "your function gives None"),
        ({ONE: "return mean, 0.0, 1"}, "Your std of 0 says that runs agree"),
        ({ONE: "return mean, float('nan'), 1"}, "You give nan as its std"),
        ({ONE: "return mean, np.std(errors, ddof=1), 1"}, "You give nan as its std"),
        ({ONE: "return mean, torch.tensor(errors).std(), 1"}, "You give nan as its std"),
        ({ONE: "return mean, mean, 1"}, "You give a number as its std"),
        ({ONE: "return mean, None"}, "you give a tuple of 2"),
        ({ONE: "return None, None, 1"}, "Your mean gives None"),
        ({ONE: "return 0, None, 1"}, "has a single run. Your mean is 0"),
        ({ONE: "return mean, None, 0"}, "has a single run. Your n is 0"),
        ({f"    if n == 1:\n        {ONE}\n": ""}, "Your code stops there with ZeroDivisionError"),
        ({f"    if n == 1:\n        {ONE}\n": "", ROOT: "__import__('statistics').stdev(errors)"},
         "Your code stops there with StatisticsError"),
        ({"    if n == 1": "    if n <= 2"}, "your std is None or nan, but there are several runs"),
        ({"    if n == 0:\n" + NONE: ""}, "you raise ZeroDivisionError, not ValueError"),
        ({"    if n == 0:\n" + NONE: "", "sum(errors) / n": "np.mean(errors)", "n == 1": "n < 2"},
         "you give a tuple and raise no error"),
        ({NONE: "        return None\n"}, "you give None and raise no error"),
        ({NONE: "        return 0.0, None, 0\n"}, "you give a tuple and raise no error"),
        ({"raise ValueError": "return ValueError"}, "you return an error"),
        ({"raise ValueError": "raise KeyError"}, "you raise KeyError, not ValueError"),
        ({NONE: '        raise ValueError("no run")\n'}, "does not name the depth and the kind"),
        ({NONE: '        raise ValueError(f"no run of depth {depth}")\n'}, "does not name the depth and the kind"),
        ({NONE: '        raise ValueError(f"no run with residual={residual}")\n'}, "does not name the depth"),
        ({LOOP: f'{LOOP}        record["history"].pop(0)\n'}, "`records` are not what they were"),
        ({LOOP: f'{LOOP}        record["error"] = {LAST}\n'}, "`records` are not what they were"),
        ({LAST: 'record["history"].pop()["test_error"]'}, "`records` are not what they were"),
        ({"    return mean, std": "    records.clear()\n    return mean, std"}, "`records` are not what they were"),
    ],
    checks.check_seeds_needed: [
        (formula("(k * std / difference) ** 2"), "You take one mean as fixed"),
        (formula("(2 * k * std / difference) ** 2"), "a 2 too many"),
        (formula("4 * (k * std / difference) ** 2"), "a 2 too many"),
        (formula("(k * std / difference) ** 2 / 2"), "The 2 stands on the wrong side"),
        (formula("2 * (2 * k * std / difference) ** 2"), "square the 2 as well"),
        (formula("2 * k * std / difference"), "You forget a square"),
        (formula("k * std / difference"), "You forget a square"),
        (formula("math.sqrt(2) * k * std / difference"), "You forget a square"),
        (formula("math.sqrt(2) * k * std / difference") | {"math.ceil": "math.floor"}, "You forget a square"),
        (formula("2 * k * (std / difference) ** 2"), "You do not square k"),
        (formula("2 * (std / difference) ** 2"), "You take 1 in place of k"),
        (formula("2 * (2 * std / difference) ** 2"), "You take 2 in place of k"),
        (formula("2 * (1.96 * std / difference) ** 2"), "You take 1.96 in place of k"),
        (formula("2 * (3 * std / difference) ** 2"), "You take 3 in place of k"),
        (formula("2 * (k * difference / std) ** 2"), "difference and std are exchanged"),
        (formula("2 * (k * std ** 2 / difference) ** 2"), "You square std twice"),
        (formula("2 * k ** 2 * std / difference ** 2"), "You do not square std"),
        (formula("2 * (k * std) ** 2 / difference"), "You do not square the difference"),
        (formula("2 * (std / (k * difference)) ** 2"), "You divide by k"),
        (answer(FORMULA), "a part of a run"),
        (answer(f"max(1, math.floor({FORMULA}))"), "You round down"),
        (answer(f"int({FORMULA})"), "You round down"),
        (answer(f"round({FORMULA})"), "You round to the nearest"),
        (answer(f"max(1, round({FORMULA}))"), "You round to the nearest"),
        (answer(f"int({FORMULA}) + 1"), "At an exact tie"),
        (answer(f"{ROUNDED} + 1"), "one run too many in each case"),
        (answer(f"{ROUNDED} - 1"), "one run less than needed"),
        (answer(f"max(1, {ROUNDED} - 1)"), "one run less than needed"),
        (answer(f"max(2, {ROUNDED})"), "You give at least 2 runs"),
        (answer(f"2 * {ROUNDED}"), "the runs of both nets together"),
        (answer(f"float({ROUNDED})"), "a number with a point"),
        (answer(f"np.ceil(max(1, {FORMULA}))"), "a number with a point"),
        (answer(f"max(1, -(-{FORMULA} // 1))"), "a number with a point"),
        (answer(f"math.ceil({FORMULA})"), "With std = 0 you give 0"),
        (answer(f"str({ROUNDED})"), "must give one number, but gives a str"),
        (answer(f"({ROUNDED}, std)"), "must give one number, but gives a tuple"),
        (answer(f"complex({ROUNDED})"), "must give one number, but gives a complex"),
        (answer("True"), "must give one number, but gives a bool"),
        (answer("float('nan')"), "gives nan or inf"),
        (answer("math.inf"), "gives nan or inf"),
        (answer("-3"), "There is no such number of runs"),
        (answer("1"), "These are too few"),
        (answer("10_000"), "Fewer would do"),
        (answer(f"{ROUNDED} + 2"), "Fewer would do"),
        ({f"return {ROUNDED}": ROUNDED}, "gives None"),
        (seeds("n = 1", "while k * std * math.sqrt(2 / n) >= difference:", "    n += 1", "return n"),
         "At an exact tie"),
        (seeds("n = 1", "while k * std / math.sqrt(n) > difference:", "    n += 1", "return n"),
         "You take one mean as fixed"),
        (seeds("n = 1", "while k * std * 2 / n > difference:", "    n += 1", "return n"), "You forget a square"),
        (seeds("n = 1", "while k * std * math.sqrt(2 / n) > difference:", "    n *= 2", "return n"), "powers of two"),
        (seeds("n = 2", "while k * std * math.sqrt(2 / n) > difference:", "    n += 1", "return n"),
         "You give at least 2 runs"),
        (seeds("n = 0", "while n == 0 or k * std * math.sqrt(2 / n) > difference:", "    n += 1", "return n - 1"),
         "one run less than needed"),
        (seeds("for n in range(1, 100):", "    if difference >= k * std * math.sqrt(2 / n):", "        return n"),
         "gives None"),
        (seeds("n = 1", "while difference / (std * math.sqrt(2 / n)) < k:", "    n += 1", "return n"),
         "With std = 0 your code divides by 0"),
        ({CHECK: ""}, "For a difference of 0 you raise ZeroDivisionError, not ValueError"),
        ({CHECK: "    if difference == 0:\n        raise ValueError\n"}, "For a difference of -0.5 you give"),
        ({CHECK: "    if difference < 0:\n        raise ValueError\n"}, "For a difference of 0 you raise Zero"),
        ({CHECK: "    if difference == 0:\n        raise ValueError\n    difference = abs(difference)\n"},
         "For a difference of -0.5 you give"),
        ({CHECK: "    if difference <= 0:\n        return math.inf\n"}, "For a difference of 0 you give inf"),
        ({CHECK: "    if difference <= 0:\n        return None\n"}, "you give None and raise no error"),
        ({CHECK: "    if difference <= 0:\n        return 'never'\n"}, "you give a str and raise no error"),
        ({CHECK: "    assert difference > 0\n"}, "you raise AssertionError, not ValueError"),
        ({"raise ValueError": "return ValueError"}, "you return an error"),
        (seeds("n = 1", "while k * std * math.sqrt(2 / n) > difference:", "    n += 1", "return n").replace(CHECK, ""),
         "For a difference of 0 you give 1 and raise no error"),
    ],
}  # fmt: skip


RIGHT = {
    checks.check_paper_rate: [
        RATE,
        rate("return np.float64(0.01) if step < warm_steps else torch.tensor(" + STAIRS + ", dtype=torch.float64)"),
        rate("return 0.01 if step < warm_steps else 0.1 / 10 ** ((step >= 32_000) + (step >= 48_000))"),
        rate("if step < warm_steps: return 0.1 / 10", "return 0.1 * 0.1 ** sum(step >= s for s in (32_000, 48_000))"),
        rate(
            "rate = 0.1",
            "if step < warm_steps: rate = 0.01",
            "if 32_000 <= step: rate = 0.01",
            "if 48_000 <= step: rate = 0.001",
            "return rate",
        ),
        rate(
            "import bisect",
            "rates = [0.1, 0.01, 0.001]",
            "return min(rates[bisect.bisect([32_000, 48_000], step)], 0.01 if step < warm_steps else 1)",
        ),
        rate("rate = np.select([step < 32_000, step < 48_000], [0.1, 0.01], 0.001)",
             "return np.where(step < warm_steps, 0.01, rate)"),
        rate("return torch.tensor([0.01 if step < warm_steps else " + STAIRS + "])"),
        rate("return 0.01 if warm_steps > step else {0: 0.1, 1: 0.1, 2: 0.01, 3: 0.001}[step // 16_000]"),
        rate("fraction = step / 64_000", "if step < warm_steps: return 0.01",
             "return 0.1 if fraction < 1 / 2 else 0.01 if fraction < 3 / 4 else 0.001"),
        "def paper_rate(t, warm=0):\n    if t < 0 or t > 63_999:\n        raise ValueError\n"
        "    if t < warm:\n        return 1e-2\n    for start, rate in ((48_000, 1e-3), (32_000, 1e-2), (0, 1e-1)):\n"
        "        if t >= start:\n            return rate",
        "def paper_rate(step, warm_steps=0):\n    if step not in range(64_000): raise ValueError(step)\n"
        "    epoch = step / 391\n    return 0.01 if step < warm_steps else "
        "[0.1, 0.01, 0.001][(epoch >= 32_000 / 391) + (epoch >= 48_000 / 391)]",
    ],
    checks.check_summary: [
        SUMMARY,
        "import statistics\ndef summary(records, depth, residual):\n"
        '    e = [r["history"][-1]["test_error"] for r in records.values()\n'
        '         if (r["run"]["depth"], r["run"]["residual"]) == (depth, residual)]\n'
        '    if not e: raise ValueError(f"{depth} {residual}")\n'
        "    return statistics.mean(e), statistics.stdev(e) if len(e) > 1 else None, len(e)",
        {ROOT: "np.std(errors, ddof=1)", "sum(errors) / n": "np.mean(errors)"},
        {ROOT: "torch.tensor(errors).std()", "sum(errors) / n": "torch.tensor(errors).mean()"},
        {ROOT: "torch.tensor(errors, dtype=torch.float64).std().item()"},
        {LAST: "max(record['history'], key=lambda e: e['epoch'])['test_error']"},
        {LAST: f"{TESTED}[-1]"},
        {LAST: "[e.get('test_error') for e in record['history']][-1]"},
        {END: "return [mean, std, n]", ONE: "return [mean, None, 1]"},
        {END: "return np.array([mean, std, n])", ONE: "return np.array([mean, None, 1], dtype=object)"},
        {END: "return torch.tensor([mean, std, n], dtype=torch.float64)"},
        {ROOT: "math.sqrt((sum(e * e for e in errors) - n * mean ** 2) / (n - 1))"},
        {ROOT: "np.std(errors) * math.sqrt(n / (n - 1))"},
        {NONE: '        raise ValueError(f"no {\'residual\' if residual else \'plain\'} net with {depth} layers")\n'},
        {
            SUMMARY: "def summary(records, depth, residual):\n    errors = np.array([])\n"
            "    for name in records:\n        match records[name]:\n"
            '            case {"run": {"depth": d, "residual": r}, "history": [*_, {"test_error": e}]}:\n'
            "                if d == depth and r is residual: errors = np.append(errors, e)\n"
            '    if not errors.size: raise ValueError(f"no runs: depth={depth}, residual={residual}")\n'
            "    return errors.mean(), errors.std(ddof=1) if errors.size > 1 else None, errors.size\n"
        },
        "def summary(records, depth, residual):\n    from collections import namedtuple\n"
        '    mine = [r for r in records.values() if r["run"]["depth"] == depth and r["run"]["residual"] == residual]\n'
        '    finals = sorted(list(r["history"])[-1]["test_error"] for r in mine)\n'
        '    if len(finals) < 1: raise ValueError("no %s-%d" % (("plain", "residual")[residual], depth))\n'
        "    m = sum(finals) / len(finals)\n    s = None\n"
        "    if len(finals) > 1: s = (sum((x - m) ** 2 for x in finals) / (len(finals) - 1)) ** 0.5\n"
        '    return namedtuple("Cell", "mean std n")(m, s, len(finals))',
    ],
    checks.check_seeds_needed: [
        SEEDS,
        seeds("n = 1", "while difference < k * std * math.sqrt(2 / n):", "    n += 1", "return n"),
        seeds("n = 1", "while k * math.sqrt(std ** 2 / n + std ** 2 / n) > difference: n += 1", "return n"),
        seeds("n = 1", "while std and difference / (std * (2 / n) ** 0.5) < k: n += 1", "return n"),
        seeds("n = 1", "while k * std * math.sqrt(2) / math.sqrt(n) > difference: n += 1", "return n"),
        seeds("return max(1, math.ceil((k * std * math.sqrt(2) / difference) ** 2))"),
        seeds("return max(1, math.ceil(2 * k ** 2 * std ** 2 / difference ** 2))"),
        seeds("return max(1, int(np.ceil(2 * np.square(k * std / difference))))"),
        seeds("return np.int64(max(1, math.ceil(2 / (difference / k) ** 2 * std ** 2)))"),
        seeds("return torch.tensor(2 * (k * std / difference) ** 2).ceil().clamp(min=1).long()"),
        seeds("return math.ceil(2 * (k * std / difference) ** 2) or 1"),
        seeds("return max(1, int(-(-2 * (k * std / difference) ** 2 // 1)))"),
        seeds("import itertools",
              "return next(n for n in itertools.count(1) if difference >= k * std * math.sqrt(2 / n))"),
        seeds("if std == 0: return 1", "n = int(2 / (difference / (k * std)) ** 2)",
              "n = max(n, 1)", "return n if difference >= k * std * math.sqrt(2 / n) else n + 1"),
        seeds("return max(1, math.ceil(2 * (k * std / difference) ** 2))").replace(
            "if difference <= 0", "if not difference > 0"),
    ],
}  # fmt: skip


# What a reader must find alone: words of a solution that no message may say at the first failure.
SECRETS = {
    checks.check_paper_rate: ["raise ValueError", "step <", "<=", "64_000", "if step"],
    checks.check_summary: ["[-1]", "stdev", "ddof", '["history"]', "raise ValueError", "None if", "sqrt"],
    checks.check_seeds_needed: ["ceil", "sqrt", "** 2", "max(1", "while", "raise ValueError"],
}

"""Chapter 14's exercises 1, 3 and 4: solutions, planted mistakes with their phrases, other right answers."""

from reslab import checks

RATE = """
def paper_rate(step, warm_steps=0):
    if not 0 <= step < 64_000:
        raise ValueError(f"the paper takes steps 0 to 63,999, got {step}")
    if step < warm_steps:
        return 0.01
    if step < 32_000:
        return 0.1
    return 0.01 if step < 48_000 else 0.001
"""

SUMMARY = """
def summary(records, depth, residual):
    import statistics
    errors = [
        record["history"][-1]["test_error"]
        for record in records.values()
        if (record["run"]["depth"], record["run"]["residual"]) == (depth, residual)
    ]
    if not errors:
        raise ValueError(f"no run with depth={depth}, residual={residual}")
    std = statistics.stdev(errors) if len(errors) > 1 else None
    return statistics.fmean(errors), std, len(errors)
"""

NEEDED = """
def seeds_needed(difference, std, k=2):
    if difference <= 0:
        raise ValueError("no number of runs tells them apart")
    return max(1, math.ceil(2 * (k * std / difference) ** 2))
"""

SOLUTIONS = {
    checks.check_paper_rate: RATE,
    checks.check_summary: SUMMARY,
    checks.check_seeds_needed: NEEDED,
}

CHECK = '    if not 0 <= step < 64_000:\n        raise ValueError(f"the paper takes steps 0 to 63,999, got {step}")\n'
LOW = "    if step < warm_steps:\n        return 0.01\n"
FIRST = "step < 32_000"
SECOND = "step < 48_000"

FINAL = 'record["history"][-1]["test_error"]'
FITS = '(record["run"]["depth"], record["run"]["residual"]) == (depth, residual)'
STD = "statistics.stdev(errors) if len(errors) > 1 else None"
MEAN = "statistics.fmean(errors), std"
EMPTY = '    if not errors:\n        raise ValueError(f"no run with depth={depth}, residual={residual}")\n'
TESTED = '[e["test_error"] for e in record["history"] if "test_error" in e]'

REFUSE = '    if difference <= 0:\n        raise ValueError("no number of runs tells them apart")\n'
COUNT = "max(1, math.ceil(2 * (k * std / difference) ** 2))"

MISTAKES = {
    checks.check_paper_rate: [
        (
            {FIRST: "step <= 32_000", SECOND: "step <= 48_000", "step < warm_steps": "step - 1 < warm_steps > 0"},
            "late",
        ),
        (
            {FIRST: "step + 1 < 32_000", SECOND: "step + 1 < 48_000", "step < warm": "step + 1 < warm"},
            "one step early",
        ),
        ({FIRST: "step <= 32_000"}, "In step 32,000 your rate is 0.1"),
        ({SECOND: "step <= 48_000"}, "In step 48,000 your rate is 0.01"),
        ({SECOND: "True"}, "drops once"),
        ({"return 0.01 if step < 48_000 else 0.001": "return 0.01"}, "drops once"),
        ({FIRST: SECOND, "0.01 if step < 48_000 else 0.001": "0.01"}, "does not drop at step 32,000"),
        ({"0.01 if step < 48_000 else 0.001": "0.05 if step < 48_000 else 0.025"}, "You halve"),
        ({LOW: LOW + "    step -= warm_steps\n"}, "moves the drops"),
        ({FIRST: "step - warm_steps < 32_000", SECOND: "step < 48_000 + warm_steps"}, "moves the drops"),
        ({LOW: ""}, "leave out the low start"),
        ({"step < warm_steps": "step <= warm_steps"}, "one step too long"),
        ({"step < warm_steps": "step < warm_steps - 1"}, "one step too short"),
        ({LOW: "    if step < warm_steps:\n        return 0.1 * (step + 1) / warm_steps\n"}, "climbs"),
        ({LOW: "    if step < warm_steps:\n        return 0.1 * step / warm_steps\n"}, "climbs"),
        ({LOW: "    if step < warm_steps:\n        return 0.01 + 0.09 * step / warm_steps\n"}, "climbs"),
        ({LOW: LOW.replace("0.01", "0.001")}, "low start has 0.001"),
        ({LOW: "    if warm_steps:\n        return 0.1 * paper_rate(step)\n"}, "all your rates are a tenth"),
        ({FIRST: "step < 32", SECOND: "step < 48"}, "drops at 32 and 48"),
        ({FIRST: "step < 32 * 1024", SECOND: "step < 48 * 1024"}, "k is 1,024"),
        ({"return 0.1\n": "return 1\n", "0.01 if step < 48_000 else 0.001": "0.1 if step < 48_000 else 0.01"}, "ten"),
        ("def paper_rate(step, warm_steps=0):\n    return 0.1\n", "all steps"),
        ({"return 0.1\n": "return 0.2\n"}, "In step 0 your rate is 0.2"),
        ({"else 0.001": "else 0.0"}, "In step 48,000 your rate is 0"),
        ({FIRST: "step < 82 * 390", SECOND: "step < 123 * 390"}, "In step 31,999 your rate is 0.01"),
        ({CHECK: ""}, "takes no step -1"),
        ({"not 0 <= step < 64_000": "step >= 64_000"}, "takes no step -1"),
        ({"not 0 <= step < 64_000": "step < 0"}, "takes no step 64,000"),
        ({"64_000": "64_001"}, "takes no step 64,000"),
        ({"raise ValueError": "raise IndexError"}, "IndexError; the exercise asks for a ValueError"),
        ({CHECK: "    assert 0 <= step < 64_000\n"}, "AssertionError; the exercise"),
        ({CHECK: "    if not 0 <= step < 64_000:\n        return None\n"}, "gives None in place of an error"),
        ({"64_000": "63_999"}, "stopped with ValueError"),
        ({"return 0.1\n": "return [0.1]\n"}, "but gives a list"),
        ({"return 0.01 if step < 48_000": "rate = 0.01 if step < 48_000"}, "gives None"),
        ({"warm_steps=0": "warm_steps"}, "stopped with TypeError"),
        ({"return 0.1\n": 'return "0.1"\n'}, "but gives a str"),
        (
            "def paper_rate(step, warm_steps=0):\n    step *= 390\n"
            "    return 0.1 if step < 32_000 else 0.01 if step < 48_000 else 0.001\n",
            "count epochs",
        ),
    ],
    checks.check_summary: [
        ({FINAL: f"min({TESTED})"}, "best epoch"),
        ({FINAL: f"{TESTED}[0]"}, "the first epoch of each run"),
        ({FINAL: f"{TESTED}[-2]"}, "last test but one"),
        ({FINAL: f"statistics.fmean({TESTED})"}, "mean over the epochs"),
        (
            {
                f"{FINAL}\n": 'e["test_error"]\n',
                "records.values()\n": 'records.values()\n for e in record["history"] if "test_error" in e\n',
            },
            "pool all epochs",
        ),
        ({'["test_error"]': '["train_error"]'}, "training errors"),
        ({'["test_error"]': '["test_loss"]'}, "test losses"),
        ({FINAL: f"100 * {FINAL}"}, "percent"),
        ({FINAL: f"round({FINAL}, 1)"}, "round the errors"),
        ({"    if not errors": "    errors = errors[:1]\n    if not errors"}, "one run only"),
        ({"    std =": "    errors = errors[1:] or errors\n    std ="}, "leave out the first run"),
        ({FITS: 'record["run"]["depth"] == depth'}, "mix plain and residual nets of 20"),
        ({FITS: 'record["run"]["residual"] == residual'}, "mix all depths of residual"),
        ({FITS: "True"}, "all records"),
        (
            {
                "record in records.values()": "name, record in records.items()",
                FITS: 'str(depth) in name and name.startswith("residual" if residual else "plain")',
            },
            "in those of other depths and seeds",
        ),
        (
            {
                "record in records.values()": "name, record in records.items()",
                FITS: 'f"{depth}-lr" in name and name.startswith("residual" if residual else "plain")',
            },
            "in those of other depths, too",
        ),
        ({STD: STD.replace("stdev", "pstdev")}, "divides by n."),
        ({STD: "np.std(errors) if len(errors) > 1 else None"}, "divides by n."),
        ({STD: STD.replace("stdev", "variance")}, "a variance"),
        ({STD: "statistics.stdev(errors) / len(errors) ** 0.5 if len(errors) > 1 else None"}, "standard error"),
        ({STD: "max(errors) - min(errors) if len(errors) > 1 else None"}, "the range"),
        ({STD: "(max(errors) - min(errors)) / 2 if len(errors) > 1 else None"}, "half of the range"),
        ({STD: "2 * statistics.stdev(errors) if len(errors) > 1 else None"}, "two standard deviations"),
        ({STD: "statistics.stdev(errors) if len(errors) > 1 else 0.0"}, "It must be None"),
        ({STD: "statistics.stdev(errors) if len(errors) > 1 else float('nan')"}, "but you give nan"),
        ({STD: "np.std(errors, ddof=1) if len(errors) > 2 else None"}, "There are 2 runs"),
        ({STD: "None"}, "There are 4 runs"),
        ({STD: "round(statistics.stdev(errors), 2) if len(errors) > 1 else None"}, "round the spread"),
        ({STD: "statistics.stdev(errors)"}, "stopped with StatisticsError"),
        ({STD: "0.01 if len(errors) > 1 else None"}, "not their sample standard deviation"),
        ({"fmean": "median"}, "the median"),
        ({"statistics.fmean(errors)": "min(errors)"}, "the best run"),
        ({"statistics.fmean(errors)": "max(errors)"}, "the worst run"),
        ({"statistics.fmean(errors)": "sum(errors)"}, "the sum"),
        ({"statistics.fmean(errors)": "round(statistics.fmean(errors), 2)"}, "round the mean"),
        ({"statistics.fmean(errors)": "1 - statistics.fmean(errors)"}, "accuracies"),
        ({"statistics.fmean(errors)": "0.123"}, "Your mean is 0.123"),
        ({"len(errors)\n": "len(records)\n"}, "Your count is 11"),
        ({"len(errors)\n": "len(errors) - 1\n"}, "Your count is 3"),
        ({f"{MEAN}, len(errors)": "len(errors), std, statistics.fmean(errors)"}, "each other's place"),
        ({f"{MEAN}, len(errors)": "std, statistics.fmean(errors), len(errors)"}, "does not come first"),
        ({f"{MEAN}, len(errors)": "statistics.fmean(errors), std"}, "2 parts"),
        ({f"{MEAN}, len(errors)": "statistics.fmean(errors)"}, "a float"),
        ({f"return {MEAN}": f"x = {MEAN}"}, "summary gives None"),
        ({EMPTY: "    if not errors:\n        return None, None, 0\n"}, "in place of an error"),
        ({"raise ValueError": "raise KeyError"}, "KeyError; the exercise"),
        ({"    errors = [": "    records.pop('plain-32-lr0.1-seed20')\n    errors = ["}, "not what they were"),
    ],
    checks.check_seeds_needed: [
        ({"2 * (k": "(k"}, "noise of one net"),
        ({"math.ceil": "math.floor"}, "round down"),
        ({"math.ceil": "int"}, "round down"),
        ({"math.ceil": "round"}, "nearest"),
        ({COUNT: "1 + int(2 * (k * std / difference) ** 2)"}, "exactly k standard errors"),
        ({COUNT: f"2 * {COUNT}"}, "both nets together"),
        ({COUNT: "math.ceil(2 * (k * std / difference) ** 2)"}, "0 runs"),
        ({"(k * std / difference) ** 2": "k * (std / difference) ** 2"}, "square k"),
        ({" ** 2": ""}, "leave out the square"),
        ({"2 * (k * std / difference) ** 2": "math.sqrt(2) * k * std / difference"}, "leave out the square"),
        ({"2 * (k * std / difference) ** 2": "k * std / difference"}, "leave out the square"),
        ({"k * std": "2 * std"}, "k = 2 whatever"),
        ({"k * std": "1.96 * std"}, "1.96"),
        ({"(k * std / difference) ** 2": "k ** 2 * std / difference ** 2"}, "for a variance"),
        ({COUNT: "max(1, math.ceil(2 * (k * difference / std) ** 2)) if std else 1"}, "other way round"),
        ({"2 * (k": "4 * (k"}, "the 2 twice"),
        ({COUNT: f"max(1, {COUNT} - 1)"}, "one run too few"),
        ({COUNT: f"{COUNT} + 1"}, "one run too many"),
        ({"max(1,": "max(2,"}, "two runs where one"),
        ({COUNT: "max(1.0, float(np.ceil(2 * (k * std / difference) ** 2)))"}, "a float"),
        ({COUNT: "np.maximum(1, np.ceil(2 * (k * std / difference) ** 2))"}, "a float"),
        ({COUNT: "max(1, 2 * (k * std / difference) ** 2)"}, "round up to a whole one"),
        ({REFUSE: ""}, "ZeroDivisionError; the exercise"),
        ({"difference <= 0": "difference < 0"}, "ZeroDivisionError; the exercise"),
        ({"difference <= 0": "difference == 0"}, "difference of -0.2"),
        ({REFUSE: "    difference = abs(difference)\n    if not difference: raise ValueError\n"}, "of -0.2"),
        ({REFUSE: "    if difference <= 0:\n        return math.inf\n"}, "gives inf in place of"),
        ({REFUSE: "    if difference <= 0:\n        return None\n"}, "gives None in place of"),
        ({"raise ValueError": "raise RuntimeError"}, "RuntimeError; the exercise"),
        ({"return max": "n = max"}, "gives None"),
        ({COUNT: "[1]"}, "but gives a list"),
        ({COUNT: "5"}, "you give 5"),
        ({"k=2": "k"}, "stopped with TypeError"),
        ({"2 * (k": "3 * (k"}, "fewer runs are enough"),
        ({"2 * (k": "1.5 * (k"}, "too few runs"),
    ],
}
RIGHT = {
    checks.check_paper_rate: [
        "def paper_rate(step, warm_steps=0):\n    if step not in range(64_000): raise ValueError(step)\n"
        "    return 0.01 if step < warm_steps else 0.1 * 0.1 ** ((step >= 32_000) + (step >= 48_000))\n",
        {"0.1\n": "1e-1\n"},
        {"not 0 <= step < 64_000": "step < 0 or step > 63_999"},
        {FIRST: "step <= 31_999", SECOND: "not step >= 48_000"},
        {"return 0.1\n": "return np.float64(0.1)\n"},
        {"return 0.1\n": "return torch.tensor(0.1)\n"},
        "def paper_rate(step, warm_steps=0):\n    if step < 0 or step >= 64e3: raise ValueError\n"
        "    lr = 0.1\n    if step >= 32e3: lr /= 10\n    if step >= 48e3: lr /= 10\n"
        "    if step < warm_steps: lr = 0.01\n    return lr\n",
        "def paper_rate(step, warm_steps=0):\n    if not 0 <= step <= 63999: raise ValueError('no such step')\n"
        "    if step < warm_steps: return 1 / 100\n"
        "    return 10.0 ** -(1 + np.searchsorted([32_000, 48_000], step, side='right'))\n",
        "def paper_rate(step, warm_steps=0):\n    for start, end, lr in ["
        "(0, warm_steps, 0.01), (warm_steps, 32_000, 0.1), (32_000, 48_000, 0.01), (48_000, 64_000, 0.001)]:\n"
        "        if start <= step < end: return lr\n    raise ValueError(f'no step {step}')\n",
    ],
    checks.check_summary: [
        {STD: "np.std(errors, ddof=1) if len(errors) > 1 else None"},
        {STD: "torch.tensor(errors, dtype=torch.float64).std().item() if len(errors) > 1 else None"},
        {"statistics.fmean(errors)": "np.mean(errors)"},
        {"statistics.fmean(errors)": "sum(errors) / len(errors)"},
        {f"return {MEAN}, len(errors)": f"return [{MEAN}, len(errors)]"},
        {f"{FITS}\n": 'record["run"]["depth"] == depth and record["run"]["residual"] is residual\n'},
        {FINAL: f"{TESTED}[-1]"},
        {"if not errors": "if len(errors) == 0"},
        {"len(errors)\n": "np.int64(len(errors))\n"},
        "def summary(records, depth, residual):\n    errors = []\n    for record in records.values():\n"
        "        run = record['run']\n        if run['depth'] != depth or run['residual'] != residual: continue\n"
        "        errors.append(record['history'][-1]['test_error'])\n    n = len(errors)\n"
        "    if n == 0: raise ValueError(depth, residual)\n    mean = sum(errors) / n\n    if n == 1:\n"
        "        return mean, None, 1\n"
        "    return mean, math.sqrt(sum((e - mean) ** 2 for e in errors) / (n - 1)), n\n",
    ],
    checks.check_seeds_needed: [
        {COUNT: "max(math.ceil(2 * k ** 2 * std ** 2 / difference ** 2), 1)"},
        {COUNT: "int(max(1, np.ceil(2 * (k * std / difference) ** 2)))"},
        {COUNT: "math.ceil(2 * (k * std / difference) ** 2) or 1"},
        {COUNT: "np.int64(max(1, math.ceil(2 * (k * std / difference) ** 2)))"},
        {"difference <= 0": "not difference > 0"},
        {
            "    return max": "    n = 1\n    while difference < k * std * math.sqrt(2 / n):\n        n += 1\n"
            "    return n\n    return max"
        },
        {
            "    return max": "    return next(n for n in range(1, 999) if difference >= k * std * (2 / n) ** 0.5)\n"
            "    return max"
        },
        {COUNT: "max(1, -int(-2 * (k * std / difference) ** 2 // 1))"},
        {COUNT: "max(1, math.ceil((k * std * math.sqrt(2) / difference) ** 2 - 1e-9))"},
    ],
}

SECRETS = {
    checks.check_paper_rate: ["48_000", "if step <"],
    checks.check_summary: ["fmean", "history", "ddof"],
    checks.check_seeds_needed: ["ceil", "** 2"],
}

"""Each checker finds the wrong idea behind a planted mistake, and lets every right way of doing it pass.

The answers stand in answers_NN.py, one file for each chapter, as text, as a learner types them. A planted mistake is
the solution with some words replaced, and beside it the phrase that the checker must say.
"""

import contextlib
import importlib
import io
import itertools
import linecache
import math
import pathlib
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reslab import checks, models, probes
from reslab.checks.exercise import is_stub

pytestmark = pytest.mark.filterwarnings("error")  # a warning would stand in the notebook, below the message
number = itertools.count()

CHAPTERS = [importlib.import_module(path.stem) for path in sorted(pathlib.Path(__file__).parent.glob("answers_*.py"))]
SOLUTIONS, MISTAKES, RIGHT, SECRETS = (
    {check: rows for chapter in CHAPTERS for check, rows in getattr(chapter, table).items()}
    for table in ("SOLUTIONS", "MISTAKES", "RIGHT", "SECRETS")
)


def typed(source):
    """What the last statement of `source` defines; its lines are known to tracebacks, as those of a notebook cell."""
    name = f"<cell {next(number)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space = {
        "math": math,
        "random": random,
        "np": np,
        "torch": torch,
        "nn": nn,
        "F": F,
        "models": models,
        "probes": probes,
    }
    exec(compile(source, name, "exec"), space)
    return list(space.values())[-1]


def edited(source, edits):
    if isinstance(edits, str):  # an answer of its own
        return edits
    for old, new in edits.items():
        assert old in source, f"nothing to replace: {old}"
        source = source.replace(old, new)
    return source


def output(check, answer):
    with contextlib.redirect_stdout(io.StringIO()) as text:
        check(answer)
    return text.getvalue()


def cases(table):
    """One row for each answer: checker, source, and the phrase, if the table has one; with a readable name."""
    for check, rows in table.items():
        for i, row in enumerate(rows):
            edits, *phrase = row if isinstance(row, tuple) else (row,)
            name = f"{check.__name__}: {(phrase or [i])[0]}"
            yield pytest.param(check, edited(SOLUTIONS[check], edits), *phrase, id=name)


def twice(check, source):
    """What the checker says to an answer at the first and at the second failure."""
    assert output(check, typed(SOLUTIONS[check])).startswith("✓ Exercise ")  # sets its count of failures to zero
    return output(check, typed(source)), output(check, typed(source))


@pytest.mark.parametrize(("check", "source", "phrase"), list(cases(MISTAKES)))
def test_names_the_mistake(check, source, phrase, capfd):
    first, second = twice(check, source)
    assert first.startswith("✗ Exercise ") and phrase in first
    assert second.startswith(first.rstrip("\n") + "\n  Hint: ")
    hint = second.split("\n  Hint: ")[1].strip()
    assert len(hint) > 10 and hint not in first and "Hint" not in first, "the hint is for the second failure"
    assert max(map(len, first.splitlines())) < 220 and len(hint) < 200, "one or two short sentences"
    assert "Traceback" not in first + second and capfd.readouterr() == ("", "")
    assert not [secret for secret in SECRETS[check] if secret in first.split("\n  in the line: ")[0]]


@pytest.mark.parametrize(("check", "source"), list(cases(RIGHT)))
def test_accepts_every_right_way(check, source):
    assert output(check, typed(source)).startswith("✓ Exercise ")


# A stub as the notebooks have it, and as a reader may leave it.
STUBS = [
    'def f(x):\n    """What it does."""\n    ...',
    'def f(x):\n    """What it does."""\n    pass',
    'def f(x):\n    """What it does."""\n    return ...',
    'def f(x):\n    """What it does."""',
    'def f(x):\n    """What it does."""\n    return',
    "def f(x): ...",
    "def f(x): pass",
    "def f(x):\n    # to do\n    pass\n    ...\n    return None",
    "f = lambda x: ...",
    "@torch.no_grad()\ndef f(x):\n    ...",
    "class f(nn.Module):\n    def __init__(self):\n        super().__init__()\n    def forward(self, x):\n        ...",
    'class f(nn.Module):\n    def forward(self, x):\n        """What it does."""\n        return ...',
    'class f(nn.Module):\n    """y = relu(F(x) + x)."""',
    "f = ...",
    "f = None",
]
BEGUN = [
    "def f(x):\n    return x",
    "def f(x):\n    return 0",
    "def f(x):\n    return 'degradation'",
    "def f(x):\n    return {}",
    "def f(x):\n    y = 1",
    "def f(x):\n    print(x)",
    "def f(x):\n    raise NotImplementedError",
    "class f(nn.Module):\n    def forward(self, x):\n        return x",
    "class f(models.BasicBlock): pass",
    "f = models.BasicBlock",
    "f = len",
    "f = models.BasicBlock(4, 4)",
    "f = 3",
]


@pytest.mark.parametrize("check", SOLUTIONS)
@pytest.mark.parametrize("source", STUBS)
def test_a_stub_is_not_attempted_yet(check, source, capfd):
    exercise = check.__doc__.split(":")[0]
    assert output(check, typed(source)) == f"{exercise}: not attempted yet.\n" and capfd.readouterr() == ("", "")


@pytest.mark.parametrize("source", BEGUN)
def test_an_attempt_is_no_stub(source):
    assert not is_stub(typed(source))


def test_every_checker_has_eight_mistakes_and_three_right_answers():
    assert set(SOLUTIONS) == {getattr(checks, name) for name in checks.__all__}
    assert min(map(len, MISTAKES.values())) >= 8 and min(map(len, RIGHT.values())) >= 3
    assert set(SOLUTIONS) == set(MISTAKES) == set(RIGHT) == set(SECRETS)


def test_the_hint_comes_at_the_second_failure_and_the_count_starts_again_after_a_success():
    wrong, right, stub = (
        typed(source) for source in ("def f(model): return 3", SOLUTIONS[checks.check_depth], "def f(model): ...")
    )
    said = [output(checks.check_depth, answer) for answer in (right, wrong, stub, wrong, wrong, right, wrong, wrong)]
    assert ["Hint" in text for text in said] == [False, False, False, True, True, False, False, True]


@pytest.mark.parametrize("check", SOLUTIONS)
def test_no_checker_accepts_the_solution_of_another_exercise(check):
    for other, source in SOLUTIONS.items():
        assert output(check, typed(source)).startswith("✓" if check is other else "✗")


@pytest.mark.parametrize("check", SOLUTIONS)
@pytest.mark.parametrize(
    "value", ["0", "1", "''", "[]", "x", "torch.zeros(1)", "nn.Identity()", "[nn.Identity()] * 4"]
)
def test_no_checker_accepts_an_answer_that_never_changes(check, value):
    assert output(check, typed(f"x = 0.5\ndef f(*given): return {value}")).startswith("✗")


@pytest.mark.parametrize("check", SOLUTIONS)
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("f(*given)", "RecursionError: maximum recursion depth exceeded"),
        ("raise SystemExit(1)", "SystemExit: 1"),
        ("assert False", "AssertionError: no message"),
        ("raise MemoryError", "MemoryError: no message"),
        ("raise NotImplementedError('two\\nlines')", "NotImplementedError: two\n"),
        ("torch.zeros(2) @ torch.zeros(3)", "RuntimeError: "),
        ("F.cross_entropy(torch.zeros(2, 2), 'y')", "TypeError: "),
        ("__import__('json').loads('{')", "JSONDecodeError: "),
    ],
)
def test_an_error_is_told_in_two_lines_with_the_line_of_the_answer(check, line, said, capfd):
    first, second = twice(check, f"def f(*given):\n    {line}")
    assert f". Your code stopped with {said}" in first
    assert first.endswith(f"\n  in the line: {line}\n") and len(first.splitlines()) == 2
    assert second.startswith(first + "  Hint: `") and capfd.readouterr() == ("", "")


@pytest.mark.parametrize("check", SOLUTIONS)
def test_the_stop_button_stops(check):
    with pytest.raises(KeyboardInterrupt):
        check(typed("def f(*given): raise KeyboardInterrupt"))


@pytest.mark.parametrize("check", SOLUTIONS)
@pytest.mark.parametrize("made", [3, "degradation", [nn.Identity()], nn.Identity(), torch.zeros(2)])
def test_asks_for_the_function_not_for_what_it_returns(check, made):
    assert "the function or class itself" in output(check, made)


def notebook_state():
    return (
        random.getstate(),
        np.random.get_state()[1].tolist(),
        torch.get_rng_state().tolist(),
        torch.is_grad_enabled(),
    )


@pytest.mark.parametrize("check", SOLUTIONS)
@pytest.mark.parametrize("grad", [True, False])
def test_leaves_the_notebook_as_it_was(check, grad):
    lines = ["random.random()", "np.random.rand()", "torch.rand(1)", "torch.set_grad_enabled(False)", "1 / 0"]
    noisy = "def f(*given): " + "; ".join(lines)
    with torch.set_grad_enabled(grad):
        torch.manual_seed(grad)
        before = notebook_state()
        assert output(check, typed(SOLUTIONS[check])).startswith("✓")
        assert output(check, typed(noisy)).startswith("✗")
        assert notebook_state() == before


def test_leaves_the_blocks_that_it_is_given_as_they_were():
    blocks = typed(SOLUTIONS[checks.check_grow])(4, 8)
    blocks[0].eval()
    before = [{key: value.clone() for key, value in block.state_dict().items()} for block in blocks]
    assert output(checks.check_grow, lambda count, channels: blocks).startswith("✓")
    assert [block.training for block in blocks] == [False, True, True, True]
    for block, state in zip(blocks, before, strict=True):
        assert all(torch.equal(value, state[key]) for key, value in block.state_dict().items())
    assert all(parameter.grad is None for block in blocks for parameter in block.parameters())


@pytest.mark.parametrize(("check", "source", "phrase"), list(cases(MISTAKES))[::5])
def test_says_the_same_whatever_the_seed(check, source, phrase):
    said = set()
    for seed in range(2):
        torch.manual_seed(seed)
        said.add(twice(check, source))
    assert len(said) == 1


@pytest.mark.parametrize("drawn", ["random.random()", "np.random.rand()", "torch.rand(1).item()"])
def test_says_the_same_of_an_answer_that_draws_numbers(drawn):
    said = set()
    for seed in range(2):
        random.seed(seed), np.random.seed(seed), torch.manual_seed(seed)
        said.add(twice(checks.check_gradient_ratio, f"def f(*given): return {drawn}"))
    assert len(said) == 1

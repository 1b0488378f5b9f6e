"""What every exercise checker shares: a wrong answer with its hint, the stub, the one printed line.

A checker compares your answer with the right one and with the answers that common mistakes give; the one that
matches is the mistake. It prints one line, and at the next failure a stronger hint too. It never shows a traceback.
"""

import contextlib
import dis
import functools
import inspect
import math
import numbers
import pathlib
import random
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn


class Wrong(Exception):
    """A wrong answer: what is wrong with it, and the stronger hint that the next failure brings."""

    def __init__(self, message: str, hint: str):
        super().__init__(message)
        self.hint = hint


def blame(mistakes: Iterable[tuple[object, str, str]], matches: Callable[[object], bool] = bool) -> None:
    """Raise Wrong for the first of the rows (sign, message, hint) whose sign `matches`."""
    for sign, message, hint in mistakes:
        if matches(sign):
            raise Wrong(message, hint)


def is_stub(answer) -> bool:
    """Whether this is still the placeholder: `...`, or a function, or a class with a `forward`, that does nothing."""
    if answer is ... or answer is None:
        return True
    if isinstance(answer, type):
        own = vars(answer).values()
        return is_stub(vars(answer).get("forward", 0)) or (
            nn.Module in answer.__bases__ and not any(map(callable, own))
        )
    answer = inspect.unwrap(answer) if callable(answer) else answer
    if not inspect.isfunction(answer):
        return False
    steps = [step for step in dis.get_instructions(answer) if step.opname != "RESUME"]
    return all(step.argval is None or step.argval is ... for step in steps)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Random numbers from seed 0, and gradients on; afterwards all is as the notebook had it."""
    python, numpy, pytorch = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(0)
    np.random.seed(0)
    torch.default_generator.manual_seed(0)
    try:
        with torch.enable_grad():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(pytorch)


def exercise(number: str, praise: str) -> Callable:
    """Make a checker of a function that raises Wrong: `praise` is what a right answer is told."""

    def decorate(check: Callable) -> Callable[[object], None]:
        failures = 0

        @functools.wraps(check)
        def run(answer) -> None:
            nonlocal failures
            if is_stub(answer):
                print(f"Exercise {number}: not attempted yet.")
                return
            hint = check.__doc__.partition(": ")[2]
            try:
                if not callable(answer) or isinstance(answer, nn.Module):
                    made = f"not what it returns ({type(answer).__name__})"
                    raise Wrong(f"Give the checker the function or class itself, {made}.", hint)
                with undisturbed():
                    check(answer)
            except Wrong as wrong:
                message, hint = str(wrong), wrong.hint
            except (Exception, SystemExit) as error:
                message = f"Your code stopped with {type(error).__name__}: {first_line(error)}{where(error)}"
            else:
                failures = 0
                print(f"✓ Exercise {number}. {praise}")
                return
            failures += 1
            print(f"✗ Exercise {number}. {message}" + (f"\n  Hint: {hint}" if failures > 1 else ""))

        return run

    return decorate


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return (str(error).splitlines() or ["no message"])[0]


def where(error: BaseException) -> str:
    """The line of the learner's own code in which `error` arose, if there is one."""
    ours = pathlib.Path(__file__).parents[1], pathlib.Path(sysconfig.get_path("stdlib"))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = pathlib.Path(frame.filename)
        library = {"site-packages", "dist-packages"} & set(path.parts) or any(path.is_relative_to(p) for p in ours)
        if frame.line and not library:
            return f"\n  in the line: {frame.line}"
    return ""


def number_from(value, what: str) -> float:
    """`value` as a float; Wrong if it is nothing or no single number."""
    if value is None:
        raise Wrong(f"{what} gives None.", "The last line of the function must be `return ...` with your result.")
    if isinstance(value, Tensor | np.ndarray) and math.prod(value.shape) == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise Wrong(f"{what} must give one number, but gives a {type(value).__name__}.", "Return an int or a float.")
    return float(value)

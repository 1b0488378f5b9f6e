"""Run every check, in the order in which they are quick to fail: this is `make test`.

    python tools/check.py            # all; stops at the first failure
    python tools/check.py --list     # print the commands and run none

Each phase is one command. Its seconds are printed at the end.
"""

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# One thread for PyTorch: the tests' tensors are small, and two notebooks run at a time on two cores.
ONE_THREAD = {"unit tests", "notebooks"}
PHASES = [
    ("lint", "ruff check ."),
    ("format", "ruff format --check ."),
    ("unit tests", "pytest tests --ignore=tests/test_site.py --durations=10"),
    (
        "notebooks",
        "pytest --nbval --nbval-current-env --nbval-cell-timeout=200 -n 2 --dist loadfile --durations=15 "
        "--junitxml=_build/notebooks.xml notebooks",
    ),
    ("fetch scripts", "python tools/vendor.py"),
    ("book", "jupyter-book build . --all -W -n --keep-going"),
    ("site", "pytest tests/test_site.py --durations=5 -rs"),
]


def lost_a_request():
    """Whether the notebooks failed because a kernel waited for a request that it had lost (as in ipykernel #1554)."""
    report = ROOT / "_build" / "notebooks.xml"
    return report.exists() and "seconds exceeded" in report.read_text(encoding="utf-8")


def main():
    if "--list" in sys.argv:
        print("\n".join(f"{command}    # {name}" for name, command in PHASES))
        return 0
    beside_python = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    seconds = {}
    for name, command in PHASES:
        print(f"\n== {name}: {command}", flush=True)
        threads = {"OMP_NUM_THREADS": "1"} if name in ONE_THREAD else {}
        program, *options = shlex.split(command)
        found = shutil.which(program, path=beside_python)
        start = time.perf_counter()
        environment = {**os.environ, "PATH": beside_python, **threads}
        code = subprocess.run([found, *options], cwd=ROOT, env=environment).returncode
        if code and name == "notebooks" and lost_a_request():
            print("\n== notebooks, once more: a cell came to no end", flush=True)
            code = subprocess.run([found, *options], cwd=ROOT, env=environment).returncode
        seconds[name] = time.perf_counter() - start
        if code:
            break
    print("\n== seconds")
    for name, spent in seconds.items():
        print(f"{spent:8.1f}  {name}")
    print(f"{sum(seconds.values()):8.1f}  in all")
    if code:
        here = os.path.relpath(Path(sys.executable).parent, ROOT)
        print(f"\nFAILED at {name}. To run this check alone: {here}/{command}")
    else:
        print("\nAll checks passed.")
    return 1 if code else 0


if __name__ == "__main__":
    sys.exit(main())

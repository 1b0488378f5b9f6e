"""The rules of the design, read from the source: imports, names, docstrings, and the contract of every notebook.

Each rule is a function from source or notebook to a list of problems, so that the tests can also break every rule on
purpose and see that it is found.
"""

import ast
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = {
    ".".join(path.relative_to(ROOT / "reslab").with_suffix("").parts): path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "reslab").rglob("*.py"))
}
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

MAY_IMPORT = {
    "__init__": set(),
    "models": set(),
    "data": set(),
    "train": set(),
    "probes": set(),
    "plots": set(),
    "transfer": {"models", "train"},
    "runs": {"models", "data", "train", "probes", "transfer"},
    "finetune": {"models", "data", "train", "transfer", "runs", "plots"},
    "fewshot": {"models", "data", "train", "transfer", "runs", "probes"},
    "examine": {"models", "data", "train", "probes", "transfer", "runs"},
    "claims": {"runs"},
    "checks": {"models", "probes", "checks"},
}
MOST_LINES = 3500  # without checks, which grows with the exercises and which no chapter builds on
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def imported(tree):
    """The reslab modules that a module imports, in whatever way; "*" for a star import of anything."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("reslab."))
        if isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            parts = (node.module or "").split(".")
            if "*" in names:
                yield "*"
            if node.level:  # from . import data; from .data import cifar10
                yield from [parts[0]] if node.module else names
            elif parts[0] == "reslab":
                yield from parts[1:2] or names


def undocumented(tree):
    """The public functions, classes and methods without a docstring.

    `forward` may do without: the equation stands in the docstring of its class.
    """
    for node in tree.body:
        if not isinstance(node, DEFINITIONS):
            continue
        methods = node.body if isinstance(node, ast.ClassDef) else []
        for part in [node, *(method for method in methods if isinstance(method, DEFINITIONS))]:
            if not part.name.startswith("_") and part.name != "forward" and not ast.get_docstring(part):
                yield part.name


def module_problems(modules):
    """What is wrong in the package; `modules` maps names to sources."""
    owner = {}
    for name, source in modules.items():
        tree = ast.parse(source)
        for other in imported(tree):
            if other not in MAY_IMPORT.get(name.split(".")[0], set()):
                yield f"{name} imports {other}"
        if name.split(".")[0] not in MAY_IMPORT:
            yield f"{name} is no module of the design"
        for definition in (node.name for node in tree.body if isinstance(node, DEFINITIONS)):
            if definition in owner and definition != "main":  # each command line has its main
                yield f"{definition} is defined in {owner[definition]} and in {name}"
            owner[definition] = name
        for missing in undocumented(tree):
            yield f"{name}.{missing} has no docstring"


def test_the_package_follows_the_design():
    assert not list(module_problems(MODULES))


def test_the_package_stays_small():
    lines = {name: len(source.splitlines()) for name, source in MODULES.items()}
    print("lines of reslab:", lines, "in all", sum(lines.values()))
    assert sum(n for name, n in lines.items() if not name.startswith("checks.")) <= MOST_LINES, lines


@pytest.mark.parametrize(
    ("name", "source", "problem"),
    [
        ("data", "from reslab import models", "data imports models"),
        ("data", "from reslab.train import evaluate", "data imports train"),
        ("plots", "import reslab.data as d", "plots imports data"),
        ("plots", "from . import data", "plots imports data"),
        ("plots", "from .probes import capture", "plots imports probes"),
        ("probes", "def f():\n    'Why.'\n    from reslab import runs", "probes imports runs"),
        ("checks", "from reslab import models, train", "checks imports train"),
        ("models", "from math import *", "models imports *"),
        ("utils", "", "utils is no module of the design"),
        ("plots", "def evaluate():\n    'Why.'", "evaluate is defined in plots and in train"),
        ("plots", "class TrainConfig:\n    'Why.'", "TrainConfig is defined in plots and in train"),
        ("plots", "def new(): pass", "plots.new has no docstring"),
        ("plots", "class New: pass", "plots.New has no docstring"),
        ("plots", "class New:\n    'Why.'\n    def method(self): pass", "plots.method has no docstring"),
    ],
)
def test_finds_a_broken_rule_of_the_package(name, source, problem):
    train = "def evaluate():\n    'Why.'\nclass TrainConfig:\n    'Why.'"
    assert list(module_problems({name: source, "train": train})) == [problem]


@pytest.mark.parametrize(
    "source",
    [
        "from reslab import models, probes\nimport reslab.models\nfrom reslab.probes import capture",
        "def main():\n    'Why.'\ndef _private(): pass\ndef outer():\n    'Why.'\n    def inner(): pass",
        "class New:\n    'Why.'\n    def __init__(self): pass\n    def forward(self): pass",
    ],
)
def test_allows_what_the_design_allows(source):
    assert not list(module_problems({"checks": source, "runs": "def main():\n    'Why.'"}))


# Run in an interpreter of its own, since this one has imported reslab long ago. Other packages are imported first.
WATCH = """
import json, os, random, sys, warnings
import matplotlib.axes, numpy, torch, torchvision, torchvision.datasets

touched = []

def watch(event, arguments):
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        touched.append(f"opens {arguments[0]}")
    elif event in ("os.mkdir", "os.rename", "os.remove", "socket.connect", "subprocess.Popen"):
        touched.append(event)

def state():
    return {
        "random": random.getstate(), "numpy": numpy.random.get_state()[1].tolist(),
        "torch": torch.get_rng_state().tolist(), "rcParams": dict(matplotlib.rcParams),
        "dtype": torch.get_default_dtype(), "threads": torch.get_num_threads(),
        "grad": torch.is_grad_enabled(), "environ": dict(os.environ), "folder": os.getcwd(), "path": sys.path[:],
        "warnings": list(warnings.filters), "printing": numpy.get_printoptions(),
    }

sys.addaudithook(watch)
for line in sys.argv[1:]:
    touched.clear()
    before = state()
    exec(line)
    print(json.dumps([*touched, *(key for key, value in state().items() if value != before[key])]))
"""

PLANTED = {
    "open('x', 'w').close()": ["opens x"],
    "os.mkdir('y')": ["os.mkdir"],
    "random.random()": ["random"],
    "numpy.random.seed(1)": ["numpy"],
    "torch.manual_seed(1)": ["torch"],
    "matplotlib.rcParams['font.size'] = 11": ["rcParams"],
    "torch.set_default_dtype(torch.float64)": ["dtype"],
    "warnings.simplefilter('ignore')": ["warnings"],
}


def test_importing_changes_nothing(tmp_path):
    imports = [f"import reslab.{name}" for name in MODULES]
    done = subprocess.run(
        [sys.executable, "-B", "-c", WATCH, *imports, *PLANTED],
        cwd=tmp_path,
        env=os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "MPLCONFIGDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [json.loads(line) for line in done.stdout.splitlines()] == [[]] * len(imports) + list(PLANTED.values())


IGNORED = {"nbval-ignore-output", "nbval-skip", "nbval-raises-exception", "raises-exception", "skip-execution"}
MYST = {
    "directive": r"(?m)^\s*(?:```+|~~~+|:::+)\{",
    "substitution": r"\{\{",
    "label": r"(?m)^\([\w-]+\)=\s*$",
}
SPAN = r"(\{[A-Za-z][\w:+-]*\})?`[^`\n]+`"  # `code`, or a MyST role if it comes after braces
ELSEWHERE = r"!\[[^\]]*\]\(https?:|<(?:img|script|iframe)\b"
ABSOLUTE = r"(?<![\w.:/~-])/(?:home|root|Users|tmp|usr|opt|var|mnt|content|work|private)/\S*|\b[A-Z]:\\\w+"


def text(part):
    return part if isinstance(part, str) else "".join(part)


def parsed(cell):
    """The syntax tree of a code cell, without the lines that are for the notebook only, such as `%pip install`.

    None if it is not Python.
    """
    try:
        return ast.parse(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", text(cell["source"])))
    except SyntaxError:
        return None


def calls(tree):
    """Each call in a cell: the function as written, and the names it is given."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), [argument.id for argument in node.args if isinstance(argument, ast.Name)]


def does_nothing(definition):
    """Whether a function is a stub, or a class has a stub of `forward`."""
    if isinstance(definition, ast.ClassDef):
        return any(does_nothing(part) for part in definition.body if getattr(part, "name", "") == "forward")
    return all(
        isinstance(step, ast.Pass)
        or (isinstance(step, ast.Expr | ast.Return) and isinstance(step.value, ast.Constant | None))
        for step in definition.body
    )


def printed(cell):
    """What a cell has shown as text: its streams and the plain text of its results."""
    for output in cell["outputs"]:
        yield text(output.get("text", "")) + text(output.get("data", {}).get("text/plain", ""))


VERDICTS = {
    "not attempted yet": "not attempted",
    "✓ Exercise": "right",
    "✗ Exercise": "wrong",
    "": "no verdict stored",
}


def exercises(code):
    """{name: steps} of each object that a checker is given: a stub, a check, a hidden solution, a check again."""
    trees = [parsed(cell) for cell in code]
    checked = [[n for f, given in calls(tree) if f.startswith("checks.check_") for n in given] for tree in trees]
    steps = {name: [] for name in sorted({name for names in checked for name in names})}
    for cell, tree, names in zip(code, trees, checked, strict=True):
        folded = "hide-cell" in cell["metadata"].get("tags", [])
        solution = (
            "hidden solution" if folded and re.match("# ?@title Solution", text(cell["source"])) else "open solution"
        )
        for node in tree.body:
            if isinstance(node, DEFINITIONS) and node.name in steps:
                steps[node.name].append("stub" if does_nothing(node) else solution)
        said = "".join(printed(cell))
        for name in names:
            steps[name].append(next(verdict for mark, verdict in VERDICTS.items() if mark in said))
    return steps


def notebook_problems(name, notebook):
    """What is wrong in one notebook, of which `name` is the file."""
    cells = notebook["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    prose = [text(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    trees = [parsed(cell) for cell in code]
    if None in trees:
        yield f"code cell {trees.index(None) + 1}: not Python"
        return

    if not prose or not re.match(rf"# {int(name[:2])}\. \S", prose[0]):
        yield "the title is not `# N. ...` with the number of the file"
    if not any(re.search(rf"colab\.research\.google\.com/github/[\w./-]+/notebooks/{name}", cell) for cell in prose):
        yield "no Colab link to this file"
    for part in prose:
        for kind, pattern in MYST.items():
            if found := re.search(pattern, part):
                yield f"MyST {kind} in Markdown: {found[0].strip()}"
        for span in re.finditer(SPAN, part):
            if span[1]:
                yield f"MyST role in Markdown: {span[0]}"
        if found := re.search(ELSEWHERE, part):
            yield f"loaded from elsewhere: {found[0]}"

    if [cell["execution_count"] for cell in code] != list(range(1, len(code) + 1)):
        yield "not executed from top to bottom: execution counts are not 1, 2, 3, ..."
    if any(output["output_type"] == "error" for cell in code for output in cell["outputs"]):
        yield "an error is stored"
    if not any(cell["outputs"] for cell in code):
        yield "no outputs are stored"
    for count, cell in enumerate(code, 1):
        names = [output.get("name") for output in cell["outputs"]]
        if any(name and name == after for name, after in itertools.pairwise(names)):
            yield f"code cell {count}: what it printed is stored in pieces, with a gap on the page: refresh it"
    seeds = sum(len(re.findall(r"(?m)^SEED = 0$", text(cell["source"]))) for cell in code)
    if seeds != 1:
        yield f"the line `SEED = 0` stands there {seeds} times, not once"
    if not any(function.split(".")[-1] == "claim" for tree in trees for function, _ in calls(tree)):
        yield "no claim"
    if any("*" in imported(tree) for tree in trees):
        yield "a star import"

    steps = exercises(code)
    for exercise, done in steps.items():
        if done != ["stub", "not attempted", "hidden solution", "right"]:
            yield f"exercise {exercise} is {', '.join(done)}"
    if len(steps) < 3:
        yield f"{len(steps)} exercises, not three or more"

    ignored = 0
    for i, (cell, tree) in enumerate(zip(code, trees, strict=True), 1):
        if any(key.startswith("image/") for output in cell["outputs"] for key in output.get("data", {})):
            alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
            if not alt.strip():
                yield f"code cell {i}: a figure without alt text"
        if IGNORED & set(cell["metadata"].get("tags", [])) or "NBVAL_" in text(cell["source"]):
            ignored += 1
            if any(f.split(".")[-1] == "claim" or f.startswith("checks.check_") for f, _ in calls(tree)):
                yield f"code cell {i}: a claim or a check whose output is ignored"
    if 2 * ignored > len(code):
        yield f"{ignored} of {len(code)} code cells are ignored, more than half"

    for words in [
        *prose,
        *(text(cell["source"]) for cell in code),
        *(line for cell in code for line in printed(cell)),
    ]:
        if found := re.search(ABSOLUTE, words):
            yield f"absolute path: {found[0]}"
    widgets = notebook["metadata"].get("widgets", {"": {"state": "none"}})
    if not all(part.get("state") for part in widgets.values()):
        yield "widgets metadata without state"


def helper_problems(notebooks, modules):
    """Functions and classes of notebooks, other than answers to exercises, that reslab or another notebook has too."""
    owner = {
        node.name: f"reslab.{module}"
        for module, source in modules.items()
        for node in ast.parse(source).body
        if isinstance(node, DEFINITIONS)
    }
    for name, notebook in notebooks.items():
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        defined = {node.name for cell in code for node in parsed(cell).body if isinstance(node, DEFINITIONS)}
        for helper in sorted(defined - set(exercises(code))):
            if helper in owner:
                yield f"{helper} is defined in {owner[helper]} and in {name}"
            owner[helper] = name


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_there_is_a_chapter():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_notebook_keeps_the_contract(path):
    assert not list(notebook_problems(path.name, read(path)))


def test_no_helper_is_defined_twice():
    assert not list(helper_problems({path.name: read(path) for path in NOTEBOOKS}, MODULES))


def small_notebook():
    """A notebook that just keeps the contract. Its code: set-up, claim, figure, then three cells for each exercise."""
    link = "https://colab.research.google.com/github/the-residual-lab/residual-lab/blob/main/notebooks/04_degradation.ipynb"
    title = f"# 4. Degradation\n[Open]({link})"
    notebook = {"cells": [{"cell_type": "markdown", "source": title, "metadata": {}}], "metadata": {}}

    def add(source, *outputs, **metadata):
        number = len(notebook["cells"])
        cell = {"cell_type": "code", "source": source.splitlines(keepends=True), "outputs": list(outputs)}
        notebook["cells"].append(cell | {"execution_count": number, "metadata": metadata})

    def stream(line):
        return {"output_type": "stream", "name": "stdout", "text": [line + "\n"]}

    add("if True:\n    %pip install x\nSEED = 0\ndef helper(): return 1")
    add('claim("4.1", "Deeper is worse.", True)', stream("✓ 4.1  Deeper is worse."))
    figure = {"output_type": "display_data", "data": {"image/png": "/tmp/AAAA", "text/plain": "<Figure>"}}
    add("plt.show()", figure, mystnb={"image": {"alt": "A line that falls."}})
    for i in "abc":
        add(f'def {i}(x):\n    """Why."""\n    ...')
        add(f"checks.check_{i}({i})", stream(f"Exercise 4.{i}: not attempted yet."))
        solution = f"#@title Solution\ndef {i}(x):\n    return x\n\nchecks.check_{i}({i})"
        add(solution, stream(f"✓ Exercise 4.{i}. Well done."), tags=["hide-cell"])
    return notebook


def put(index, key, value):
    """A change to one cell: 0 is the title, from 1 on they are code."""

    def change(notebook):
        notebook["cells"][index][key] = value

    return change


def say(line):
    def change(notebook):
        notebook["cells"][0]["source"] += "\n\n" + line

    return change


def tag(*indices):
    def change(notebook):
        for index in indices:
            notebook["cells"][index]["metadata"]["tags"] = ["nbval-ignore-output"]

    return change


def drop(*indices):
    def change(notebook):
        notebook["cells"] = [cell for i, cell in enumerate(notebook["cells"]) if i not in indices]
        for count, cell in enumerate(notebook["cells"][1:], 1):
            cell["execution_count"] = count

    return change


WORK = "/".join(("", "work", "x.npz"))  # not written out: the search for such paths reads this file, too
ERROR = [{"output_type": "error", "ename": "KeyError", "evalue": "", "traceback": []}]
PRINTED = {"output_type": "stream", "name": "stdout", "text": ["a line\n"]}
CLASS_STUB = (
    "class a(nn.Module):\n    def __init__(self):\n        super().__init__()\n    def forward(self, x):\n        "
)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (put(0, "source", "# Degradation"), "the title is not"),
        (put(0, "source", "# 5. Degradation"), "the title is not"),
        (put(0, "source", "# 4. Degradation"), "no Colab link"),
        (say("```{note}\nRead this.\n```"), "MyST directive"),
        (say(":::{admonition} Title\n:::"), "MyST directive"),
        (say("as in {cite}`he2015`"), "MyST role in Markdown: {cite}`he2015`"),
        (say("{numref}`Figure %s <fig>`"), "MyST role"),
        (say("The value is {{ value }}."), "MyST substitution"),
        (say("(a-label)=\n## Title"), "MyST label"),
        (say("![badge](https://example.org/badge.svg)"), "loaded from elsewhere"),
        (say('<img src="x.png">'), "loaded from elsewhere"),
        (put(2, "execution_count", 3), "not executed from top to bottom"),
        (put(2, "execution_count", None), "not executed from top to bottom"),
        (put(2, "source", "if True:\n    # %pip install x"), "code cell 2: not Python"),
        (put(1, "outputs", ERROR), "an error is stored"),
        (put(1, "outputs", 2 * [PRINTED]), "code cell 1: what it printed is stored in pieces"),
        (put(1, "source", "SEED = 1"), "`SEED = 0` stands there 0 times"),
        (put(1, "source", "SEED = 0\nSEED = 0"), "`SEED = 0` stands there 2 times"),
        (put(2, "source", "claimed = True"), "no claim"),
        (put(2, "source", "from math import *"), "a star import"),
        (
            put(4, "source", "def a(x):\n    return x"),
            "exercise a is open solution, not attempted, hidden solution, right",
        ),
        (put(4, "source", CLASS_STUB + "return x"), "exercise a is open solution, not attempted"),
        (put(5, "source", "pass"), "exercise a is stub, hidden solution, right"),
        (put(5, "outputs", []), "exercise a is stub, no verdict stored, hidden solution, right"),
        (put(6, "metadata", {}), "exercise a is stub, not attempted, open solution, right"),
        (
            put(6, "source", "#@title Solution\ndef a(x):\n    return x"),
            "exercise a is stub, not attempted, hidden solution",
        ),
        (
            put(6, "source", "#@title Solution\ndef a(x): ...\nchecks.check_a(a)"),
            "exercise a is stub, not attempted, stub",
        ),
        (drop(4, 5, 6), "2 exercises, not three"),
        (put(3, "metadata", {}), "code cell 3: a figure without alt text"),
        (put(3, "metadata", {"mystnb": {"image": {"alt": " "}}}), "code cell 3: a figure without alt text"),
        (tag(2), "code cell 2: a claim or a check whose output is ignored"),
        (tag(5), "code cell 5: a claim or a check whose output is ignored"),
        (put(2, "source", '# NBVAL_IGNORE_OUTPUT\nclaim("4.1", "So.", True)'), "whose output is ignored"),
        (say("See /home/me/data."), "absolute path: /home/me/data."),
        (put(1, "source", f"SEED = 0\nx = open('{WORK}')"), f"absolute path: {WORK}"),
        (put(1, "source", "SEED = 0\nx = r'C:\\Users\\me'"), "absolute path: C:"),
        (put(1, "outputs", [{"output_type": "stream", "text": ["in /tmp/x/y.py"]}]), "absolute path: /tmp/x/y.py"),
        (lambda n: n["metadata"].update(widgets={"application/x+json": {"version_major": 2}}), "widgets metadata"),
        (lambda n: n["metadata"].update(widgets={"application/x+json": {"state": {}}}), "widgets metadata"),
    ],
)
def test_finds_a_broken_rule_of_the_notebook(change, problem):
    notebook = small_notebook()
    assert not list(notebook_problems("04_degradation.ipynb", notebook))
    change(notebook)
    assert any(problem in found for found in notebook_problems("04_degradation.ipynb", notebook))


def test_finds_a_notebook_that_ignores_more_than_half_or_has_no_outputs():
    notebook = small_notebook()
    for cell in notebook["cells"][1:]:
        cell["metadata"]["tags"], cell["outputs"] = ["nbval-skip"], []
    found = list(notebook_problems("04_degradation.ipynb", notebook))
    assert "12 of 12 code cells are ignored, more than half" in found and "no outputs are stored" in found


@pytest.mark.parametrize(
    "change",
    [
        put(4, "source", CLASS_STUB + "..."),
        put(4, "source", "def a(x):\n    return ..."),
        put(4, "source", "def a(x): pass"),
        put(6, "source", '# @title Solution { display-mode: "form" }\ndef a(x):\n    return x\n\nchecks.check_a(a)'),
        tag(1, 3, 4),
        say("$$\\mathbf{x}_{i} \\frac{a}{b}$$ and `x = {a}`, `{a}`. https://example.org/home/page and `~/tmp/x`, 1/2"),
        say("```python\nx = {}\n```"),
        lambda n: n["metadata"].update(widgets={"application/x+json": {"state": {"1": {}}}}),
    ],
)
def test_allows_what_the_contract_allows(change):
    notebook = small_notebook()
    change(notebook)
    assert not list(notebook_problems("04_degradation.ipynb", notebook))


def test_finds_a_helper_that_is_defined_twice():
    first, second = small_notebook(), small_notebook()
    second["cells"][1]["source"] = "def other(): pass"
    both = {"04_a.ipynb": first, "05_b.ipynb": second}
    assert not list(helper_problems(both, {"train": "def evaluate(): pass"}))  # a, b, c are answers to exercises
    assert list(helper_problems(both, {"train": "def other(): pass"})) == [
        "other is defined in reslab.train and in 05_b.ipynb"
    ]
    second["cells"][1]["source"] = "class helper: pass"
    assert list(helper_problems(both, {})) == ["helper is defined in 04_a.ipynb and in 05_b.ipynb"]

"""A claim prints its line or stops the notebook, and over seeds nothing is lost: no failure, no claim, no cause."""

import json

import numpy as np
import pytest
import torch

from reslab import claims, runs
from reslab.claims import claim


@pytest.fixture(autouse=True)
def no_log(monkeypatch):
    monkeypatch.delenv(claims.LOG_VARIABLE, raising=False)


@pytest.mark.parametrize("holds", [True, np.bool_(True), np.float32(2) > 1])
@pytest.mark.parametrize("margin", [None, 0, 0.123456, np.float32(1), torch.tensor(0.5)])
def test_prints_a_line_that_does_not_change_with_the_margin(holds, margin, capsys):
    assert claim("4.1", "Deeper is worse.", holds, margin=margin) is None
    assert claim("4.1", "Deeper is worse.", holds, margin=margin, recorded=3) is None
    assert capsys.readouterr() == ("✓ 4.1  Deeper is worse.\n" * 2, "")


@pytest.mark.parametrize(
    ("margin", "said"),
    [
        (None, r"^✗ 4\.1  Deeper is worse\.$"),
        (-0.123456, r"^✗ 4\.1  Deeper is worse\. \(margin -0\.123\)$"),
        (0.2, r"\(margin 0\.2\)"),  # another part of the condition failed
    ],
)
@pytest.mark.parametrize("holds", [False, np.bool_(False)])
def test_a_failed_claim_stops_with_its_sentence_and_margin(holds, margin, said, capsys):
    with pytest.raises(claims.ClaimFailed, match=said):
        claim("4.1", "Deeper is worse.", holds, margin=margin)
    assert issubclass(claims.ClaimFailed, AssertionError) and capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("holds", "said"),
    [
        ([True], "got list: compare something"),
        ([], "got list: compare something"),
        (None, "got NoneType: compare something"),
        (1, "got int: compare something"),
        (0.3, "got float: compare something"),
        ("no", "got str: compare something"),
        ((x > 0 for x in (1, 2)), "got generator: compare something"),
        (np.array([True, True]), r"got ndarray: end with .all\(\).item\(\)"),
        (np.array(True), r"got ndarray: end with .all\(\).item\(\)"),
        (torch.tensor([True, False]), r"got Tensor: end with .all\(\).item\(\)"),
        (torch.tensor(True), r"got Tensor: end with .all\(\).item\(\)"),
        (np.float64(0.3), "got float64"),
    ],
)
def test_refuses_what_is_not_one_truth_value(holds, said, capsys):
    with pytest.raises(TypeError, match=f"claim 4.1: `holds` must be True or False, {said}"):
        claim("4.1", "Deeper is worse.", holds)
    assert capsys.readouterr().out == ""


def test_the_cure_for_tensors_and_arrays_works():
    for value in (torch.tensor(True), torch.tensor([True, True]), np.array(True), np.array([True, True])):
        claim("4.1", "Deeper is worse.", value.all().item())


@pytest.mark.parametrize("margin", [-1e-9, -1, float("nan")])
def test_refuses_a_margin_that_contradicts_the_claim(margin):
    with pytest.raises(ValueError, match=r"claim 4\.1 holds, but by a margin of"):
        claim("4.1", "Deeper is worse.", True, margin=margin)


def test_collects_instead_of_stopping(tmp_path, monkeypatch, capsys):
    log = tmp_path / "log.jsonl"
    monkeypatch.setenv(claims.LOG_VARIABLE, str(log))
    claim("4.1", "Größer ist ≠ besser.", False, margin=-0.25)
    claim("4.2", "Small.", np.bool_(True), margin=np.float32(1.23456e-5))
    claim("4.3", "Exact.", True)
    assert [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] == [
        {"id": "4.1", "sentence": "Größer ist ≠ besser.", "held": False, "margin": -0.25},
        {"id": "4.2", "sentence": "Small.", "held": True, "margin": 1.235e-5},
        {"id": "4.3", "sentence": "Exact.", "held": True, "margin": None},
    ]
    assert capsys.readouterr().out == "✗ 4.1  Größer ist ≠ besser.\n✓ 4.2  Small.\n✓ 4.3  Exact.\n"
    with pytest.raises(TypeError):
        claim("4.4", "Not a comparison.", None)


HEAD = "from reslab.claims import claim\nSEED = 0"


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A function that writes a notebook of code cells; what is recorded goes to `results` beside it."""
    pytest.importorskip("nbclient", reason="the tests' packages are not installed: see requirements.txt")
    import nbformat.v4 as v4

    (tmp_path / "results").mkdir()
    monkeypatch.setattr(runs, "results_folder", lambda: tmp_path / "results")

    def write(*sources):
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        cells = [v4.new_markdown_cell("# 4. The line\n\nSEED = 0\n\nis not code here.")]
        cells += [v4.new_code_cell(source) for source in sources]
        path = tmp_path / "04_tiny.ipynb"
        path.write_text(json.dumps(v4.new_notebook(cells=cells, metadata=kernel)), encoding="utf-8")
        return path

    return write


def recorded(notebook):
    return sorted(path.name for path in (notebook.parent / "results").iterdir())


def test_records_each_seed_and_reports_the_claim_that_fails_in_one(notebook, capsys):
    path = notebook(
        HEAD,
        'claim("4.1", "The seed is at most 1.", SEED <= 1, margin=1.5 - SEED)',
        'claim("4.2", "This one is exact.", SEED == int(SEED))',
        'claim("4.3", "Some seeds have no margin.", True, margin=1 if SEED else None)',
    )
    before = path.read_bytes()
    assert claims.main([str(path), "--seeds", "3"]) == 1
    assert path.read_bytes() == before and recorded(path) == ["claims_04_tiny.json"]
    record = json.loads((path.parent / "results" / "claims_04_tiny.json").read_text(encoding="utf-8"))
    assert record["claims"] == {
        "4.1": {"sentence": "The seed is at most 1.", "held": [True, True, False], "margin": [1.5, 0.5, -0.5]},
        "4.2": {"sentence": "This one is exact.", "held": [True] * 3, "margin": None},
        "4.3": {"sentence": "Some seeds have no margin.", "held": [True] * 3, "margin": None},
    }
    assert record["seeds"] == [0, 1, 2] and record["notebook"] == "04_tiny"
    assert record["provenance"]["command"] == "python -m reslab.claims notebooks/04_tiny.ipynb --seeds 3"
    said = capsys.readouterr().out
    assert "seed 2: 2 of 3 claims held" in said and "4.1: held in 2 of 3, smallest margin -0.5" in said
    assert "4.2: held in 3 of 3, exact" in said


def test_returns_0_when_every_claim_holds_for_every_seed(notebook):
    path = notebook(HEAD, 'claim("4.1", "Fine.", True)')
    assert claims.main([str(path), "--seeds", "1"]) == 0 and recorded(path) == ["claims_04_tiny.json"]


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (["x = 1"], "the line `SEED = 0` must stand there exactly once, found 0"),
        ([HEAD.replace("0", "3")], "exactly once, found 0"),
        ([HEAD, "SEED = 0"], "exactly once, found 2"),
        ([HEAD + "\nSEED = 0"], "exactly once, found 2"),
        ([HEAD, 'claim("4.1", "Fine.", True)', "{}['gone']"], "seed 0: broke off with KeyError: 'gone'"),
        ([HEAD, 'claim("4.1", "Fine.", True)\nassert SEED < 1, "two"'], "seed 1: broke off with AssertionError: two"),
        ([HEAD, 'claim("4.1", "No bool.", [SEED])'], "seed 0: broke off with TypeError: claim 4.1: `holds` must be"),
        ([HEAD, "import os; os._exit(1)"], r"seed 0: broke off \(DeadKernelError\)"),
        ([HEAD], "seed 0: no claim is made"),
        ([HEAD, 'for _ in range(2): claim("4.1", "Fine.", True)'], "seed 0: claim 4.1 is made twice"),
        (
            [HEAD, 'claim("4.1", "Fine.", True)\nif SEED == 0: claim("4.2", "Only once.", True)'],
            "seeds 0 and 1 do not make the same claims: 4.2",
        ),
        (
            [HEAD, 'claim("4.1", "Fine.", True)\nif SEED == 1: claim("4.2", "Only once.", True)'],
            "seeds 0 and 1 do not make the same claims: 4.2",
        ),
        ([HEAD, 'claim("4.1", f"Seed {SEED}.", True)'], "seeds 0 and 1 do not make the same claims: 4.1"),
    ],
)
def test_a_broken_run_is_named_and_nothing_is_recorded(notebook, sources, said, capsys):
    path = notebook(*sources)
    with pytest.raises(ValueError, match=said):
        claims.record(path, range(2))
    assert recorded(path) == []


def test_the_command_names_the_cause_in_one_line_and_keeps_the_old_record(notebook, capsys):
    path = notebook(HEAD, 'claim("4.1", "Fine.", True)', "1 / 0")
    old = path.parent / "results" / "claims_04_tiny.json"
    old.write_text("{}")
    assert claims.main([str(path), str(path.with_name("gone.ipynb")), "--seeds", "1"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert "04_tiny.ipynb, seed 0: broke off with ZeroDivisionError: division by zero; nothing recorded" in first
    assert "gone.ipynb" in second and old.read_text() == "{}" and recorded(path) == ["claims_04_tiny.json"]


def test_the_command_wants_at_least_one_seed(notebook, capsys):
    with pytest.raises(SystemExit):
        claims.main([str(notebook(HEAD)), "--seeds", "0"])
    assert "--seeds must be at least 1" in capsys.readouterr().err


def test_a_run_that_came_to_no_end_is_done_once_more(notebook, monkeypatch, capsys):
    path = notebook(HEAD, 'claim("4.1", "Fine.", True)')
    run_once, tried = claims.run_once, []

    def sometimes(path, seed):
        tried.append(seed)
        if tried.count(seed) == 2:
            return run_once(path, seed)
        raise TimeoutError(f"seed {seed}: a cell came to no end")

    monkeypatch.setattr(claims, "run_once", sometimes)
    assert claims.main([str(path), "--seeds", "1"]) == 0 and tried == [0, 0]
    assert "no end; once more" in capsys.readouterr().out
    monkeypatch.setattr(claims, "run_once", lambda path, seed: (_ for _ in ()).throw(TimeoutError("never")))
    assert claims.main([str(path), "--seeds", "1"]) == 1 and "never; nothing recorded" in capsys.readouterr().err


def test_a_cell_that_takes_too_long_is_a_timeout(notebook, monkeypatch):
    import nbclient

    path = notebook(HEAD, "import time; time.sleep(30)")
    client = nbclient.NotebookClient
    monkeypatch.setattr(
        nbclient, "NotebookClient", lambda book, timeout, **options: client(book, timeout=1, **options)
    )
    with pytest.raises(TimeoutError, match="seed 3: a cell came to no end in 1 s"):
        claims.run_once(path, 3)

"""The ledger page tells the truth: it lists what notebooks claim, and reports what their outputs do not show."""

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="the site's packages are not installed: see requirements.txt")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "book" / "_ext"))
import ledger

SOURCE = """%matplotlib inline
claim(
    "4.1",
    "Deeper "
    "is worse.",
    final[8] < final[56],
    margin=final[56] - final[8],
)
"""
OUTPUT = "loss 1.0\n✓ 4.1  Deeper is worse.\n"


@pytest.fixture
def book(tmp_path):
    """A function that writes one notebook and, if given, its record, and returns what the ledger reads."""

    def read(source=SOURCE, output=OUTPUT, record=None):
        stream = {"output_type": "stream", "name": "stdout", "text": [output]}
        cells = [
            {"cell_type": "markdown", "source": ["# 4. Degradation\n", 'claim("9.9", "Only text.", True)']},
            {"cell_type": "code", "source": [source], "outputs": [stream]},
        ]
        notebook = tmp_path / "04_degradation.ipynb"
        notebook.write_text(json.dumps({"cells": cells}), encoding="utf-8")
        if record:
            (tmp_path / "claims_04_degradation.json").write_text(json.dumps({"claims": record}), encoding="utf-8")
        return ledger.read(notebook, tmp_path)

    return read


def test_finds_a_claim(book):
    assert book() == ([ledger.Claim("4.1", "Deeper is worse.", "this run")], [])


def test_says_when_no_chance_is_involved(book):
    claims, problems = book('claim("4.1", "Deeper is worse.", True)')
    assert (claims[0].evidence, problems) == ("exact", [])


def test_counts_seeds_and_gives_the_smallest_margin(book):
    record = {"4.1": {"sentence": "Deeper is worse.", "held": [True] * 10, "margin": [0.5] * 9 + [0.123]}}
    claims, problems = book(record=record)
    assert (claims[0].evidence, problems) == ("10 of 10 seeds, smallest margin 0.12", [])


def test_an_exact_claim_has_no_margin_in_the_record(book):
    record = {"4.1": {"sentence": "Deeper is worse.", "held": [True] * 10, "margin": None}}
    assert book(record=record)[0][0].evidence == "10 of 10 seeds, exact"


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        ({"output": "loss 1.0\n"}, "does not show that claim 4.1 held"),
        ({"output": "✓ 4.1  Deeper is better.\n"}, "does not show that claim 4.1 held"),
        ({"record": {"4.1": {"sentence": "Older words.", "held": [True], "margin": None}}}, "stale"),
        ({"record": {"4.7": {"sentence": "Gone.", "held": [True], "margin": None}}}, "stale"),
        ({"record": {"4.1": {"sentence": "Deeper is worse.", "held": [True, False], "margin": None}}}, "every seed"),
        ({"source": 'claim("4.1", f"Deeper is {word}.", True)'}, "plain strings"),
        ({"source": SOURCE + "\n" + SOURCE}, "stands twice"),
        ({"source": "claim('4.1',"}, "not Python"),
    ],
)
def test_reports(book, change, reported):
    _, problems = book(**change)
    assert len(problems) == 1 and reported in problems[0]


def test_every_claim_of_the_book_is_in_order():
    root = Path(__file__).resolve().parent.parent
    for notebook in sorted((root / "notebooks").glob("*.ipynb")):
        assert not ledger.read(notebook, root / "results")[1]

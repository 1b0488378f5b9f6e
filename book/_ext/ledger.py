"""The ledger page, made from the notebooks: every claim, where it is tested, in how many seeds it held.

Nothing on that page is typed by hand. A claim is a `claim("4.1", "One sentence.", ...)` call in a code cell; the
build fails (it runs with -W) when the cell's stored output does not show that the claim held, or when the
recorded seeds belong to an older wording of it.
"""

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim:
    """One claim as the reader sees it: its number, its sentence, and what stands behind it."""

    number: str
    sentence: str
    evidence: str


def calls(source):
    """Yield `(number, sentence, exact, seeds)` for each `claim(...)` call of a code cell, read from its syntax tree.

    A claim without a margin is exact: it counts or compares, with nothing to spare. `seeds` is the `recorded=` of a
    claim on recorded runs. What is not a plain value comes out as None: the ledger cannot know it without running.
    """
    # Lines for the notebook only, like `%matplotlib inline`, are no Python: blank them, keep the indentation.
    source = re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source)
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        if name != "claim":
            continue
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        number, sentence = ([*node.args[:2], None, None])[:2]
        number, sentence = number or given.get("id"), sentence or given.get("sentence")
        exact = "margin" not in given
        number, sentence, seeds = (
            n.value if isinstance(n, ast.Constant) else None for n in (number, sentence, given.get("recorded"))
        )
        yield number, sentence, exact, seeds


def printed(cell):
    """The lines a code cell has printed, as stored in the notebook."""
    text = "".join("".join(out["text"]) for out in cell.get("outputs", []) if out["output_type"] == "stream")
    return [line.strip() for line in text.splitlines()]


def evidence(entry, exact, seeds):
    """What stands behind a claim, in words, from its entry in the record of many seeds (or None)."""
    if entry is None:
        return f"{seeds} recorded seeds" if seeds else "exact" if exact else "this run"
    held, margin = entry["held"], entry.get("margin")
    words = f"{seeds} recorded seeds" if seeds else f"{sum(held)} of {len(held)} seeds"
    return f"{words}, smallest margin {min(margin):.2g}" if margin else f"{words}, exact"


def read(notebook, results):
    """Read one notebook: return `(claims, problems)`; a problem is one sentence that names the place."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    record = results / f"claims_{notebook.stem}.json"
    recorded = json.loads(record.read_text(encoding="utf-8"))["claims"] if record.exists() else {}
    claims, problems = [], []
    for index, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        place = f"{notebook.name}, cell {index}"
        try:
            found = list(calls("".join(cell["source"])))
        except SyntaxError as error:
            problems.append(f"{place}: not Python ({error.msg}), so its claims cannot be read")
            continue
        for number, sentence, exact, seeds in found:
            if not (isinstance(number, str) and isinstance(sentence, str)):
                problems.append(f"{place}: claim(...) needs its number and its sentence as plain strings")
                continue
            if f"✓ {number}  {sentence}" not in printed(cell):
                problems.append(f"{place}: the stored output does not show that claim {number} held")
            entry = recorded.get(number)
            if entry and entry["sentence"] != sentence:
                problems.append(f"{record.name}: stale, claim {number} reads differently in {notebook.name}")
            if entry and not all(entry["held"]):
                problems.append(f"{record.name}: claim {number} did not hold in every seed")
            if any(number == other.number for other in claims):
                problems.append(f"{place}: claim {number} stands twice in {notebook.name}")
            claims.append(Claim(number, sentence, evidence(entry, exact, seeds)))
    known = {claim.number for claim in claims}
    problems += [f"{record.name}: stale, {notebook.name} has no claim {n}" for n in recorded if n not in known]
    return claims, problems


def title(notebook):
    """The notebook's own title: the first level-one heading in its text."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        heading = re.search(r"(?m)^# (.+)$", "".join(cell["source"]))
        if cell["cell_type"] == "markdown" and heading:
            return heading[1].strip()
    return notebook.stem


class Ledger(SphinxDirective):
    """`claims-ledger`: one section a chapter, with a table of its claims."""

    def run(self):
        root = Path(self.env.srcdir)
        sections = []
        for notebook in sorted((root / "notebooks").glob("*.ipynb")):
            record = root / "results" / f"claims_{notebook.stem}.json"
            self.env.note_dependency(str(notebook))
            self.env.note_dependency(str(record))
            claims, problems = read(notebook, root / "results")
            for problem in problems:
                logger.warning("claims ledger: %s", problem, location=self.get_location())
            docname = f"notebooks/{notebook.stem}"
            if claims and docname in self.env.found_docs:
                sections.append(self.section(docname, title(notebook), claims))
        return sections

    def section(self, docname, heading, claims):
        section = nodes.section(ids=[f"claims-{nodes.make_id(docname.split('/')[-1])}"], names=[])
        link = pending_xref(
            "",
            nodes.inline(text="Open the chapter"),
            refdomain="std",
            reftype="doc",
            reftarget=f"/{docname}",
            refdoc=self.env.docname,
            refexplicit=True,
            refwarn=True,
        )
        section += [nodes.title(heading, heading), nodes.paragraph("", "", link), self.table(claims)]
        return section

    def table(self, claims):
        table = nodes.table(classes=["claims-ledger"])
        group = nodes.tgroup(cols=3)
        group += [nodes.colspec(colwidth=width) for width in (8, 64, 28)]
        head, body = nodes.thead(), nodes.tbody()
        head += self.row([nodes.Text("No."), nodes.Text("Claim"), nodes.Text("Held in")])
        for claim in claims:
            sentence, _ = self.state.inline_text(claim.sentence, self.lineno)  # Markdown: `code`, $math$
            body += self.row([nodes.Text(claim.number), *sentence, nodes.Text(claim.evidence)])
        group += [head, body]
        table += group
        return table

    @staticmethod
    def row(cells):
        """A table row; the first and last node have a cell each, whatever stands between them shares one."""
        row = nodes.row()
        for content in (cells[:1], cells[1:-1], cells[-1:]):
            row += nodes.entry("", nodes.paragraph("", "", *content))
        return row


def setup(app):
    app.add_directive("claims-ledger", Ledger)
    return {"version": "1", "parallel_read_safe": True}

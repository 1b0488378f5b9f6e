"""The public address stands in _config.yml, `repository.url`; every other occurrence must agree with it."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TRUTH = "_config.yml"
KINDS = {".cff", ".css", ".ipynb", ".js", ".json", ".md", ".py", ".svg", ".toml", ".txt", ".yml"}

# Where our own address can stand. Other people's repositories and pages are linked too, so a plain link counts as ours
# only when its owner or its name looks like ours; an install line or a Colab link is always ours.
OURS = re.compile(r"residual[-_]?lab", re.IGNORECASE)
GITHUB = re.compile(r"github\.com[/:]([\w.-]+)/([\w.-]+?)(?:\.git)?(?=[^\w.-]|\.?(?:\s|$)|$)")
INSTALL = re.compile(r"git\+https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?(?=[@#\"'\s]|$)")
COLAB = re.compile(r"colab\.research\.google\.com/github/([\w.-]+)/([\w.-]+)/blob/")
SITE = re.compile(r"https://([\w-]+)\.github\.io/([\w.-]*)")


def truth():
    url = re.search(r"(?m)^repository:\n(?:\s+.*\n)*?\s+url:\s*(\S+)", (ROOT / TRUTH).read_text(encoding="utf-8"))[1]
    return tuple(url.removeprefix("https://github.com/").split("/"))


def wrong(text, owner, name):
    """Yield `(line number, what stands there)` for every address in `text` that is ours and differs."""
    for number, line in enumerate(text.splitlines(), 1):
        always = [m for pattern in (INSTALL, COLAB) for m in pattern.finditer(line)]
        near = [m for pattern in (GITHUB, SITE) for m in pattern.finditer(line) if OURS.search(m[0])]
        for match in always + near:
            if (match[1], match[2]) != (owner, name):
                yield number, match[0]


def files():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = {ROOT / name for name in listed.stdout.split("\0") if name}
    return sorted(
        path for path in paths if path.suffix in KINDS and path.is_file() and path != Path(__file__).resolve()
    )


def test_one_address_everywhere():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {what}"
        for path in files()
        for number, what in wrong(path.read_text(encoding="utf-8"), *truth())
    ]
    assert not found, f"differs from {'/'.join(truth())} in {TRUTH}:\n" + "\n".join(found)


def test_the_site_is_where_the_address_says():
    owner, name = truth()
    text = (ROOT / TRUTH).read_text(encoding="utf-8")
    assert f"baseurl: https://{owner}.github.io/{name}/\n" in text
    assert f"notfound_urls_prefix: /{name}/\n" in text and f'href="/{name}/index.html"' in text


def test_the_notebooks_open_in_colab_from_there():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        link = f"https://colab.research.google.com/github/{'/'.join(truth())}/blob/main/notebooks/{path.name}"
        assert link in path.read_text(encoding="utf-8"), f"{path.name} has no Colab badge"


@pytest.mark.parametrize(
    "line",
    [
        "https://github.com/the-residual-lab/residual-labs",
        "https://github.com/someone/residual-lab/issues",
        "git+https://github.com/someone/else@v0.1.0",
        "https://colab.research.google.com/github/someone/else/blob/main/notebooks/x.ipynb",
        "https://the-residual-lab.github.io/residual/",
    ],
)
def test_a_wrong_address_is_found(line):
    assert [number for number, _ in wrong("fine\n" + line, "the-residual-lab", "residual-lab")][:1] == [2]


@pytest.mark.parametrize(
    "line",
    [
        "https://github.com/the-residual-lab/residual-lab.",
        "https://github.com/the-residual-lab/residual-lab/edit/main/README.md",
        "pip install git+https://github.com/the-residual-lab/residual-lab@v0.1.0",
        "https://the-residual-lab.github.io/residual-lab/book/index.html",
        "https://github.com/pytorch/vision and https://someone.github.io/else/",
    ],
)
def test_a_right_address_passes(line):
    assert not list(wrong(line, "the-residual-lab", "residual-lab"))

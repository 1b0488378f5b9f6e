"""Last touches to the site: leave out what no page uses, and give it a proper front door.

The theme ships all 2,000 Font Awesome icons (540 kB compressed, on every page) and uses about thirty. Jupyter Book
also loads MathJax on pages without a formula, and names a CDN for Thebe, which this book does not use.
"""

import re
from pathlib import Path

from sphinx.util import logging

logger = logging.getLogger(__name__)

# One icon in fontawesome.js: "name":[width,height,[aliases],"unicode","path" or ["path","path"]]
ICON = re.compile(r'"?([a-z0-9-]+)"?:\[\d+,\d+,(\[[^\]]*\]),"[0-9a-f]+",(?:"[^"]*"|\["[^"]*","[^"]*"\])\],?')
NAME = re.compile(r"fa-([a-z0-9-]+)")


def keep_icons(script, names):
    """Return fontawesome.js with only the icons whose name, or an alias of it, is in `names`."""

    def kept(match):
        aliases = re.findall(r'"([a-z0-9-]+)"', match[2])
        return match[0] if names & {match[1], *aliases} else ""

    # A dropped last icon leaves its neighbour's comma behind, which JavaScript allows in an object.
    return ICON.sub(kept, script)


def drop_scripts(app, pagename, templatename, context, doctree):
    """Leave Thebe out of every page, and MathJax (265 kB and its fonts) out of pages without a formula."""
    unwanted = ["thebe"]
    if not app.env.get_domain("math").data["has_equations"].get(pagename):  # its own: children do not count
        unwanted.append("mathjax")

    def wanted(file):
        name = f"{getattr(file, 'filename', '')} {getattr(file, 'attributes', '')}".lower()
        return not any(word in name for word in unwanted)

    context["script_files"] = [script for script in context["script_files"] if wanted(script)]
    context["css_files"] = [style for style in context["css_files"] if wanted(style)]


def unnumber_figures(app):
    """Figures have captions but no running number over all chapters, which the LaTeX part of Jupyter Book turns on."""
    app.config.numfig = False


def trim_icons(app, error):
    site = Path(app.outdir)
    script = site / "_static/scripts/fontawesome.js"
    if error or app.builder.name != "html" or not script.exists():
        return
    users = [
        *site.rglob("*.html"),
        *(f for f in site.glob("_static/**/*.js") if "vendor" not in f.parts and f != script),
    ]
    names = {name for file in users for name in NAME.findall(file.read_text(encoding="utf-8"))}
    before = script.read_text(encoding="utf-8")
    after = keep_icons(before, names)
    script.write_text(after, encoding="utf-8")
    script.with_suffix(".js.map").unlink(missing_ok=True)
    logger.info("fontawesome.js: %d kB, was %d kB", len(after) // 1000, len(before) // 1000)


def open_front_door(app, error):
    """Write index.html, which leads to the first page, with that page's title, description and picture.

    Jupyter Book's own redirect is a bare line: a shared link to the site would show no title and no picture.
    """
    site = Path(app.outdir)
    if error or app.builder.name != "html":
        return
    first = app.config.root_doc + ".html"
    head = (site / first).read_text(encoding="utf-8").split("</head>")[0]
    tags = re.findall(
        r'<title>.*?</title>|<meta (?:property="og:|name="(?:description|viewport))[^>]*>', head, re.DOTALL
    )
    (site / "index.html").write_text(
        f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{chr(10).join(dict.fromkeys(tags))}
<link rel="canonical" href="{app.config.html_baseurl}{first}">
<meta http-equiv="refresh" content="0; url={first}">
</head>
<body><h1>{app.config.project}</h1><p><a href="{first}">Open the book</a></p></body>
</html>
""",
        encoding="utf-8",
    )


def setup(app):
    app.connect("builder-inited", unnumber_figures, priority=900)
    app.connect("html-page-context", drop_scripts, priority=900)  # after those that add them
    app.connect("build-finished", trim_icons)
    app.connect("build-finished", open_front_door, priority=900)  # after the redirect it replaces
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

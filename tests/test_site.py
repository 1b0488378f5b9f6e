"""The built site, as a reader's browser sees it: every other host refused, on a wide and on a narrow screen.

The site is served under the path it has in public, with 404.html for missing pages, as GitHub Pages does.
"""

import functools
import gzip
import http.server
import os
import re
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

yaml = pytest.importorskip("yaml", reason="the site's packages are not installed: see requirements.txt")

ROOT = Path(__file__).resolve().parent.parent
SITE = Path(os.environ.get("SITE", ROOT / "_build/html"))
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
ADDRESS, BASE = CONFIG["repository"]["url"], CONFIG["html"]["baseurl"]
PREFIX = urlsplit(BASE).path
CHAPTER = "notebooks/04_degradation.html"
BUDGET = 1_500_000  # bytes, compressed, of a chapter without its figures

PAGES = sorted(file.relative_to(SITE).as_posix() for file in SITE.rglob("*.html") if "_static" not in file.parts)
READ = [page for page in PAGES if page.startswith(("book/", "notebooks/"))]

# Console errors of the theme or of a library that change nothing for the reader, by their exact text.
CONSOLE_ALLOWED: set[str] = set()

# What axe finds in the theme or in a library and we cannot mend here: (rule, start of the selector).
AXE_ALLOWED = {
    ("aria-required-children", ".citation-list"),  # docutils: a list of role doc-biblioentry
}

if not PAGES:
    message = "the site is not built: run `make book` first"
    if os.environ.get("CI"):
        raise RuntimeError(message)
    pytest.skip(message, allow_module_level=True)


class Pages(http.server.SimpleHTTPRequestHandler):
    """Serve SITE under PREFIX, and 404.html for what is not there."""

    def translate_path(self, path):
        path = unquote(urlsplit(path).path)
        return str(SITE / path.removeprefix(PREFIX)) if path.startswith(PREFIX) else str(SITE / "no such file")

    def send_error(self, code, *args, **kwargs):
        body = (SITE / "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def site():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Pages, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
    server.shutdown()


@pytest.fixture
def visit(page, site):
    """A function that opens a page of the site; `page.outside`, `page.errors` and `page.got` record what it did."""
    page.outside, page.errors, page.got = [], [], []

    def only_ours(route):
        if route.request.url.startswith(site):
            return route.continue_()
        page.outside.append(route.request.url)
        return route.abort()

    page.route("**/*", only_ours)
    page.on("console", lambda message: message.type == "error" and page.errors.append(message.text))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("response", lambda response: page.got.append((response.status, response.url)))

    def open_page(path, width=1280, theme="light"):
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(site + path, wait_until="networkidle")
        return page

    return open_page


class Parsed(HTMLParser):
    """The ids, links, sources and images of one page."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.sources, self.images, self.meta = set(), [], [], [], {}
        self.feed((SITE / path).read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids |= {attrs[key] for key in ("id", "name") if attrs.get(key) and tag != "meta"}
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        if tag in ("script", "img", "iframe", "source") and attrs.get("src"):
            self.sources.append(attrs["src"])
        if tag == "link" and attrs.get("rel") in ("stylesheet", "icon", "preload"):
            self.sources.append(attrs["href"])
        if tag == "img":
            self.images.append((attrs.get("src", ""), attrs.get("alt") or ""))
        if tag == "meta" and attrs.get("content"):
            self.meta[attrs.get("property") or attrs.get("name")] = attrs["content"]


parsed = functools.cache(Parsed)


def target(page, link):
    """The file under SITE and the anchor that a link means, or None for a link to another host."""
    parts = urlsplit(urljoin(BASE + page, link))
    if not parts.geturl().startswith(BASE) or parts.scheme == "mailto":
        return None
    path = unquote(parts.path).removeprefix(PREFIX)
    return (path + "index.html" if path.endswith("/") or not path else path), unquote(parts.fragment)


# Without a browser.


@pytest.mark.parametrize("path", PAGES)
def test_links_and_sources_exist(path):
    broken = []
    for link in [*parsed(path).links, *parsed(path).sources]:
        found = target(path, link)
        if found is None or link == "#":
            continue
        file, anchor = found
        if not (SITE / file).exists():
            broken.append(f"{link}: no such file")
        elif anchor and file.endswith(".html") and anchor not in parsed(file).ids:
            broken.append(f"{link}: no such anchor")
    assert not broken, f"{path} links to nothing: {broken}"


@pytest.mark.parametrize("path", PAGES)
def test_sources_are_ours(path):
    foreign = [source for source in parsed(path).sources if target(path, source) is None]
    assert not [source for source in foreign if not source.startswith("data:")]


@pytest.mark.parametrize("path", PAGES)
def test_images_have_alt_text(path):
    assert not [source for source, alt in parsed(path).images if not alt.strip()], "images without alt text"


@pytest.mark.parametrize("path", READ)
def test_repository_links_name_existing_files(path):
    links = [link for link in parsed(path).links if link.startswith((ADDRESS, "https://colab.research.google.com"))]
    files = [m[1] for link in links if (m := re.search(r"/(?:edit|blob|tree)/main/([^?#]+)", link))]
    assert [f"{ADDRESS}/edit/main/{file}" for file in files if f"{ADDRESS}/edit/main/{file}" in links], "no edit link"
    assert not [file for file in files if not (ROOT / unquote(file)).exists()], "links to files that do not exist"
    assert any(link.startswith(f"{ADDRESS}/issues/new") for link in links), "no issue button"
    if path.startswith("notebooks/"):
        notebook = path.replace(".html", ".ipynb")
        owner_and_name = urlsplit(ADDRESS).path
        assert f"https://colab.research.google.com/github{owner_and_name}/blob/main/{notebook}" in links
        notebooks = [found for link in parsed(path).links if (found := target(path, link)) and link.endswith(".ipynb")]
        assert notebooks and all((SITE / file).exists() for file, _ in notebooks), "no download button"


def test_sitemap_lists_every_page():
    listed = set(re.findall(r"<loc>([^<]*)</loc>", (SITE / "sitemap.xml").read_text(encoding="utf-8")))
    assert listed == {BASE + page for page in READ}


@pytest.mark.parametrize("path", ["index.html", *READ])
def test_social_card(path):
    meta = parsed(path).meta
    assert meta["og:title"] and meta["og:description"]
    file, _ = target(path, meta["og:image"])
    head = (SITE / file).read_bytes()[:24]
    size = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    assert head.startswith(b"\x89PNG") and size == (1200, 630)


# In a browser.


@pytest.mark.parametrize("path", PAGES)
def test_page_is_whole_and_fits(visit, path):
    page = visit(path)
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_timeout(200)
    assert not page.outside, "requests to other hosts"
    assert not [got for got in page.got if got[0] >= 400]
    assert not set(page.errors) - CONSOLE_ALLOWED
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "wider than a phone"
    # Font Awesome draws an animated question mark for an icon it does not have.
    assert not page.locator("svg[data-icon]:has(animate), svg[data-icon]:not(:has(path))").count(), (
        "an icon is missing"
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", READ)
def test_accessible(visit, path, theme):
    from axe_playwright_python.sync_playwright import Axe

    found = [
        (rule["id"], " ".join(map(str, node["target"])))
        for rule in Axe().run(visit(path, theme=theme)).response["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
    ours = [f for f in found if not any(f[0] == rule and f[1].startswith(start) for rule, start in AXE_ALLOWED)]
    assert not ours


def test_math_is_rendered_with_our_fonts(visit):
    page = visit(CHAPTER)
    formulas = page.locator("mjx-container")
    assert formulas.count() >= 2
    assert all(formulas.nth(i).bounding_box()["width"] > 5 for i in range(formulas.count()))
    assert not page.locator("mjx-merror").count()
    assert any(status == 200 and "vendor/mathjax" in url and url.endswith(".woff") for status, url in page.got)


def test_math_is_loaded_where_it_is_used(visit):
    assert not any("mathjax" in url for _, url in visit("book/how_to_use.html").got)


def test_search_finds_the_chapter(visit):
    page = visit("search.html?q=degradation")
    page.wait_for_selector("#search-results li a")
    links = page.locator("#search-results li a").evaluate_all("links => links.map(link => link.href)")
    assert any(CHAPTER in link for link in links)


def test_search_opens_from_the_keyboard(visit):
    page = visit("book/index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("degradation")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?*")
    page.wait_for_selector("#search-results li a")


def test_dark_mode(visit):
    def brightness(page, selector="body"):
        colour = page.locator(selector).first.evaluate("node => getComputedStyle(node).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    page = visit(CHAPTER)
    assert brightness(page) > 600
    for _ in range(3):  # the button goes round: light, dark, as the system says
        if page.evaluate("document.documentElement.dataset.theme") == "dark":
            break
        page.locator("button.theme-switch-button:visible").first.click()
    assert brightness(page) < 200
    assert brightness(page, ".cell_output img") > 600, "figures need their light panel in the dark"
    assert brightness(visit(CHAPTER, theme="dark")) < 200


def test_missing_page_is_helpful_at_any_depth(visit):
    page = visit("no/such/deep/page.html")
    assert page.got[0][0] == 404
    assert all(status == 200 for status, _ in page.got[1:]), "its own files are not found"
    assert page.locator("article h1").first.inner_text().startswith("This page does not exist")
    page.get_by_role("link", name="first page").click()
    page.wait_for_url("**/book/index.html")


def test_front_door_leads_to_the_book(visit):
    visit("").wait_for_url("**/book/index.html")


def test_widget_shows_something_without_a_kernel(visit):
    page = visit(CHAPTER)
    figures = page.locator(".cell_output img")
    figures.last.scroll_into_view_if_needed()
    assert all(figures.nth(i).evaluate("image => image.naturalWidth") > 100 for i in range(figures.count()))
    assert figures.count()
    if not page.locator('script[type="application/vnd.jupyter.widget-state+json"]').count():
        return  # no stored widget: the figure is the static state
    slider = page.locator(".jupyter-widgets .noUi-target, .jupyter-widgets.widget-slider").first
    slider.wait_for()
    assert slider.bounding_box()["width"] > 50


@pytest.mark.parametrize("path", ["book/index.html", CHAPTER])
def test_page_weight(visit, capsys, path):
    page, weight = visit(path), {}
    for _, url in page.got:
        file = SITE / urlsplit(url).path.removeprefix(PREFIX)
        kind = file.suffix.lstrip(".")
        if kind in ("html", "css", "js", "woff", "woff2", "svg"):
            size = file.stat().st_size if kind.startswith("woff") else len(gzip.compress(file.read_bytes()))
            weight[kind] = weight.get(kind, 0) + size
    total = sum(weight.values())
    with capsys.disabled():
        parts = ", ".join(f"{kind} {size // 1000}" for kind, size in sorted(weight.items()))
        print(f"\n{path}: {total // 1000} kB compressed ({parts})")
    assert total < BUDGET

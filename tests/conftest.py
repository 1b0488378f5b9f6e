"""The browser for tests/test_site.py: an installed Chromium or Chrome, as Playwright's own needs a download."""

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    if not CHROMIUM:
        reason = "no Chromium or Chrome found: install one, or name it in the variable CHROMIUM"
        # A reader may lack a browser; in CI a skipped check would look like a passed one.
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    return {
        **browser_type_launch_args,
        "executable_path": CHROMIUM,
        "args": ["--no-sandbox", "--disable-gpu", *quiet],
    }

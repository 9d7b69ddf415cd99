"""The static site as a reader meets it: every page opens, links lead somewhere, a phone shows it.

Built once from the committed notebooks, served from this computer alone; nothing is executed.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from bs4 import BeautifulSoup
from chromium import HEIGHT
from selenium.webdriver.common.by import By

from tl_helpers.kit import lessons

ROOT = Path(__file__).resolve().parents[2]
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
# What a page may ask others for, and can do without: badges of a lesson's header, formulas drawn.
ELSEWHERE = (
    "https://mybinder.org/",
    "https://colab.research.google.com/",
    "https://cdn.jsdelivr.net/npm/mathjax",
)


class Silent(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("site") / "html"
    call = [sys.executable, ROOT / "site" / "build.py", out]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def address(folder):
    handler = partial(Silent, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def pages(folder: Path) -> list[Path]:
    """Pages that somebody wrote; Sphinx adds a search page and an index of its own."""
    inside = [path for path in folder.rglob("*.html") if "_static" not in path.parts]
    return sorted(path for path in inside if path.name not in ("search.html", "genindex.html"))


def test_every_lesson_has_a_page_and_stands_on_the_map(folder):
    index = BeautifulSoup((folder / "index.html").read_text(encoding="utf-8"), "html.parser")
    linked = {a["href"] for a in index.select("article a[href]")} | {
        a["href"] for a in index.select("nav a[href]")
    }
    for lesson in lessons.find():
        page = next(folder.rglob(f"{lesson.path.stem}.html"))
        assert page.relative_to(folder).as_posix() in linked


def test_every_link_inside_leads_somewhere(folder):
    dead = []
    for page in pages(folder):
        text = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        for place in [*text.select("[href]"), *text.select("[src]")]:
            target, part = urldefrag(unquote(place.get("href") or place["src"]))
            target = target.partition("?")[0]
            if ":" in target or target.startswith("//") or place.name == "link":
                continue
            file = (page.parent / target).resolve() if target else page
            if not file.exists():
                dead.append((page.name, target))
            elif part and file == page and not text.find(id=part):
                dead.append((page.name, f"#{part}"))
    assert dead == []


def test_every_picture_has_words(folder):
    silent = [
        (page.name, image["src"][:60])
        for page in pages(folder)
        for image in BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").select("img")
        if not image.get("alt", "").strip()
    ]
    assert silent == []


def test_pages_open_without_an_error_and_fit_a_phone(browser, folder, address):
    browser.console()
    for page in pages(folder):
        name = page.relative_to(folder).as_posix()
        browser.driver.get(f"{address}/{name}")
        told = [line for line in browser.console() if not line.startswith(ELSEWHERE)]
        assert told == [], name
        browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
        width = browser.js("return document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{name} is {width} pixels wide on a phone"
        browser.resize(HEIGHT)


def test_the_search_finds_a_lesson(browser, address):
    browser.driver.get(f"{address}/search.html?q=forgetting")
    found = browser.wait(
        "a result of the search",
        lambda: [a.text for a in browser.driver.find_elements(By.CSS_SELECTOR, "ul.search a")],
    )
    browser.screenshot("site_search")
    assert any("forgetting" in text for text in found)

"""A Chromium without a window that reaches this computer only, and waits that tell what is missing.

Selenium drives it through chromedriver. Both come with the system: on Debian and Ubuntu, the
packages ``chromium`` and ``chromium-driver``.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service

WIDTH, HEIGHT = 1280, 900  # CSS pixels of the page: a small laptop

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # Chromium refuses to start for root otherwise; it opens our own pages only
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)


def programs() -> tuple[str, str]:
    """Paths of the browser and of its driver.

    Raises
    ------
    FileNotFoundError
        When one of them is not installed.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    missing = [name for name, path in [("Chromium", browser), ("chromedriver", driver)] if not path]
    if missing:
        raise FileNotFoundError(
            f"{' and '.join(missing)} not found on PATH, and these tests drive a real browser. On "
            "Debian or Ubuntu: apt-get install chromium chromium-driver (as root). Elsewhere, "
            "install Chromium or Chrome and the chromedriver of the same version."
        )
    return browser, driver


@contextmanager
def browser(profile: Path, screenshots: Path) -> Iterator[Browser]:
    """A browser with an empty profile folder; closed at the end, whatever happened."""
    binary, driver = programs()
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    try:
        started.set_page_load_timeout(60)
        yield Browser(started, screenshots)
    finally:
        started.quit()


class Browser:
    """The window: its driver, its screenshots, and what its console said."""

    def __init__(self, driver: webdriver.Chrome, screenshots: Path) -> None:
        self.driver, self.screenshots = driver, screenshots
        self.resize(HEIGHT)

    def resize(self, height: int) -> None:
        """Make the page `WIDTH` by ``height`` pixels, the screenshots too."""
        size = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def js(self, script: str, *arguments: Any) -> Any:
        """Result of JavaScript in the page; ``arguments[0]`` and so on hold the arguments."""
        return self.driver.execute_script(script, *arguments)

    def screenshot(self, name: str) -> Path:
        """Save what the window shows as ``name.png`` in the folder of screenshots."""
        path = self.screenshots / f"{name}.png"
        self.driver.save_screenshot(str(path))
        return path

    def wait(self, wanted: str, look: Callable[[], Any], seconds: float = 30) -> Any:
        """The first true answer of ``look``.

        The page may change between two questions; then ``look`` is asked again.

        Raises
        ------
        AssertionError
            When there is none in time: what was waited for, what was there instead, a screenshot.
        """
        end, found = time.monotonic() + seconds, None
        while time.monotonic() < end:
            try:
                found = look()
            except WebDriverException as error:
                found = f"{type(error).__name__}: {error.msg}"
            else:
                if found:
                    return found
            time.sleep(0.1)
        path = self.screenshot("failed_" + re.sub(r"\W+", "_", wanted)[:60].lower())
        raise AssertionError(
            f"waited {seconds:.0f} s for this in vain: {wanted}. Last seen: {found!r}. "
            f"Screenshot: {path}. Console: {self.console() or 'nothing'}"
        )

    def console(self) -> list[str]:
        """Errors in the page's console since this was last asked."""
        return [line["message"] for line in self.driver.get_log("browser") if _is_error(line)]


def _is_error(line: dict) -> bool:
    return line["level"] == "SEVERE"

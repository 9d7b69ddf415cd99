"""JupyterLab as a learner meets it: the server that `tl lab` starts, and a notebook in its page."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
from chromium import Browser
from offline_environment import offline_environment
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
SCROLLER = f"{PANEL} .jp-WindowedPanel-outer"
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/lab\S*token=\w+")


def environment(folder: Path) -> dict[str, str]:
    """Offline, with the learner's work and every setting of Jupyter's in ``folder``."""
    names = {
        "TL_WORK": "my_work",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    ours = offline_environment(**{name: str(folder / place) for name, place in names.items()})
    ours.pop("JUPYTER_TOKEN", None)
    return ours


def tl(folder: Path, *arguments: str) -> str:
    """What the command ``tl`` prints to the learner whose work is in ``folder``."""
    call = [sys.executable, "-m", "tl_helpers", *arguments]
    return subprocess.check_output(call, env=environment(folder), text=True)


class Lab:
    """The server that `tl lab LESSON` starts on a free port, for the learner in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "jupyterlab.log"
        self._process: subprocess.Popen | None = None

    def start(self, lesson: str, seconds: float = 60) -> str:
        """Start it; the address that it prints for the browser.

        Raises
        ------
        AssertionError
            When it prints none in time: what it said instead.
        """
        call = [sys.executable, "-m", "tl_helpers", "lab", lesson, "--", "--no-browser", "--port=0"]
        with self.log.open("w") as out:
            variables = environment(self.folder)
            self._process = subprocess.Popen(call, env=variables, stdout=out, stderr=out)
        end = time.monotonic() + seconds
        while self._process.poll() is None and time.monotonic() < end:
            if found := ADDRESS.search(self.log.read_text()):
                return found[0]
            time.sleep(0.1)
        code = self._process.poll()
        state = "printed no address" if code is None else f"ended with code {code}"
        raise AssertionError(f"`tl lab {lesson}` {state}; it said:\n{self.log.read_text()}")

    def stop(self) -> None:
        """End it as closing its terminal does, and end kernels that outlive it."""
        if self._process is None or self._process.poll() is not None:
            return
        kernels = psutil.Process(self._process.pid).children(recursive=True)
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        for left in psutil.wait_procs(kernels, timeout=5)[1]:
            left.kill()


class Notebook:
    """A notebook open in JupyterLab, and the file that holds it.

    A cell is named by its place in the notebook. JupyterLab draws only the cells in view, so that
    `cell` scrolls to the one that is asked for.
    """

    def __init__(self, browser: Browser, address: str, file: Path) -> None:
        self.browser, self.file = browser, file
        browser.driver.get(address)
        browser.wait(f"{file.name} is open and its kernel ready", self._is_ready, 60)

    def _is_ready(self) -> bool:
        # The indicator says idle too while there is no kernel yet.
        kernel = self._find(f"{PANEL} .jp-Toolbar-kernelName")
        idle = self._find(f"{PANEL} .jp-Notebook-ExecutionIndicator[data-status='idle']")
        return kernel is not None and kernel.text != "No Kernel" and idle is not None

    def _find(self, selector: str) -> WebElement | None:
        found = self.browser.driver.find_elements(By.CSS_SELECTOR, selector)
        return found[0] if found else None

    # What the file holds

    def saved(self) -> list[dict]:
        """Cells of the file as it is on disk."""
        return json.loads(self.file.read_text(encoding="utf-8"))["cells"]

    def place_of(self, code: str) -> int:
        """Place of the one cell whose source contains ``code``."""
        (place,) = [i for i, cell in enumerate(self.saved()) if code in "".join(cell["source"])]
        return place

    def save(self) -> None:
        """Save with Ctrl+S, as soon as the file is written."""
        before = os.stat(self.file).st_mtime_ns
        self.keys(Keys.ESCAPE)
        self._chord(Keys.CONTROL, "s")
        self.browser.wait("Ctrl+S saves", lambda: os.stat(self.file).st_mtime_ns != before)

    # What the page shows

    def cell(self, place: int) -> WebElement:
        """The cell at this place, scrolled into the middle of the view and drawn."""
        self.browser.wait(f"cell {place} is drawn", lambda: self._scroll_to(place))
        return self._find(f"{PANEL} [data-windowed-list-index='{place}']")

    def _scroll_to(self, place: int) -> bool:
        return self.browser.js(
            """
            const [scroller, place] = arguments;
            const drawn = [...scroller.querySelectorAll('[data-windowed-list-index]')];
            const cell = drawn.find(cell => cell.dataset.windowedListIndex == place);
            if (!cell) {
                const before = place < drawn[0].dataset.windowedListIndex;
                scroller.scrollTop += (before ? -1 : 1) * scroller.clientHeight;
                return false;
            }
            const top = cell.getBoundingClientRect().top;
            cell.scrollIntoView({block: 'center'});
            return Math.abs(cell.getBoundingClientRect().top - top) < 1;
            """,
            self._find(SCROLLER),
            place,
        )

    def output(self, place: int) -> str:
        """Text that the cell shows below its code."""
        found = self.cell(place).find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output")
        return "\n".join(area.text for area in found)

    # What the learner does

    def menu(self, *path: str) -> None:
        """Choose from the menu bar, such as ``menu("Run", "Run All Cells")``."""
        for name, bar in zip(path, ("MenuBar", "Menu"), strict=True):
            label = f"//*[contains(@class, 'lm-{bar}-itemLabel') and normalize-space()='{name}']"
            self.browser.wait(f"the menu offers {name}", lambda: self._click(label))  # noqa: B023

    def _click(self, path: str) -> bool:
        found = self.browser.driver.find_elements(By.XPATH, path)
        if found:
            found[0].click()
        return bool(found)

    def run_all(self, seconds: float) -> None:
        """Choose Run All Cells and wait until the last cell has run, or one has failed."""
        code = [place for place, cell in enumerate(self.saved()) if cell["cell_type"] == "code"]
        prompt = lambda: self.cell(code[-1]).find_element(By.CSS_SELECTOR, ".jp-InputPrompt").text  # noqa: E731
        self.menu("Run", "Run All Cells")
        self.browser.wait("the cells wait for their turn", lambda: "*" in prompt())
        self.browser.wait("all cells have run", lambda: "*" not in prompt(), seconds)

    def type_into(self, place: int, code: str) -> None:
        """Replace a cell's code by typing, with the editor's own indentation, and run the cell."""
        self.cell(place).find_element(By.CSS_SELECTOR, ".cm-content").click()
        self._chord(Keys.CONTROL, "a")
        for number, line in enumerate(code.splitlines()):
            self.keys(*([Keys.ENTER] if number else []), line.lstrip())
        self.run_selected()

    def run_selected(self) -> None:
        """Shift+Enter: run the selected cell and select the next one."""
        self._chord(Keys.SHIFT, Keys.ENTER)

    def keys(self, *keys: str) -> None:
        """Press keys, one after the other."""
        ActionChains(self.browser.driver).send_keys(*keys).perform()

    def _chord(self, held: str, key: str) -> None:
        ActionChains(self.browser.driver).key_down(held).send_keys(key).key_up(held).perform()

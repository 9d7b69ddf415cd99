"""What a learner does in a browser: open lesson 00, run it, play, solve, come back the next day.

One JupyterLab, started by `tl lab`, serves the first tests; a second one finds what they left. The
network is blocked for servers, kernels and the browser: all that is shown comes from this computer.
"""

from __future__ import annotations

import hashlib
import re

import pytest
from chromium import HEIGHT
from jupyterlab import Lab, Notebook, tl
from nbconvert import HTMLExporter
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

LESSON, FILE, EXERCISE = "00", "00_start_here.ipynb", "00.1"
NOT_FROZEN = """def with_new_head(network, classes):
    network.classifier = nn.Linear(network.num_features, classes)
    return network"""
FROZEN = """def with_new_head(network, classes):
    network.requires_grad_(False)
    network.classifier = nn.Linear(network.num_features, classes)
    return network"""

# Pages may ask these for what they can do without: badges of the header, scripts for formulas.
DISPENSABLE = {"mybinder.org", "colab.research.google.com", "cdnjs.cloudflare.com"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    started = Lab(tmp_path_factory.mktemp("learner"))
    yield started
    started.stop()


def open_lesson(browser, lab) -> Notebook:
    return Notebook(browser, lab.start(LESSON), lab.folder / "my_work" / FILE)


@pytest.fixture(scope="module")
def lesson(browser, lab):
    """Lesson 00 in JupyterLab, all cells run and saved."""
    notebook = open_lesson(browser, lab)
    browser.screenshot("1_opened")
    notebook.run_all(seconds=150)
    notebook.save()
    return notebook


@pytest.fixture(scope="module")
def answers(lesson):
    """What the check of an exercise says: at first, after a wrong answer, after a right one."""
    stub, check = lesson.place_of("def with_new_head"), lesson.place_of(f'check("{EXERCISE}"')
    said = [lesson.output(check)]
    for code in (NOT_FROZEN, FROZEN):
        lesson.type_into(stub, code)
        lesson.run_selected()

        def new_answer():
            text = lesson.output(check)
            return text if text.startswith(EXERCISE) and text != said[-1] else None

        said.append(lesson.browser.wait(f"the check answers to {code!r}", new_answer))
    lesson.browser.screenshot("4_solved")
    lesson.save()
    return said


@pytest.fixture(scope="module")
def next_day(browser, lab, lesson, answers):
    """The lesson in a second JupyterLab, after the first was stopped."""
    browser.driver.get("about:blank")
    lab.stop()
    return open_lesson(browser, lab)


# The first session


def test_every_cell_runs(lesson):
    code = [cell for cell in lesson.saved() if cell["cell_type"] == "code"]
    outputs = [output for cell in code for output in cell["outputs"]]
    assert [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"] == []
    assert [cell["execution_count"] for cell in code] == [n + 1 for n in range(len(code))]


def test_the_first_screen_asks_nothing(lesson):
    shown = ".jp-toast-button, .jp-Dialog"
    assert [e.text for e in lesson.browser.driver.find_elements(By.CSS_SELECTOR, shown)] == []


def test_every_picture_is_there_and_told_in_words(lesson):
    pictures = 0
    for place, cell in enumerate(lesson.saved()):
        kinds = {kind for output in cell.get("outputs", ()) for kind in output.get("data", ())}
        if not kinds & {"image/png", "image/jpeg"}:
            continue
        shown = lesson.cell(place)
        for image in shown.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output img"):
            pictures += 1
            assert int(image.get_property("naturalWidth")) > 0, f"cell {place}: broken picture"
            words = [
                e.get_attribute("textContent") for e in shown.find_elements("tag name", "details")
            ]
            assert image.get_attribute("alt") or words, f"cell {place}: a picture without words"
    assert pictures >= 5


def test_nothing_is_wider_than_the_window(lesson):
    assert too_wide(lesson.browser, ".jp-Notebook *") == []


def test_dragging_the_slider_changes_the_picture(lesson):
    before = picture(lesson)
    lesson.browser.screenshot("2_slider")
    handle, track = part(lesson, ".noUi-handle"), part(lesson, ".noUi-target")
    ActionChains(lesson.browser.driver).drag_and_drop_by_offset(
        handle, track.size["width"], 0
    ).perform()
    lesson.browser.wait("dragging changes the picture", lambda: picture(lesson) != before)
    lesson.browser.screenshot("3_slider_dragged")
    assert handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
    assert f"Labels a class: {readout(lesson)}." in picture(lesson)[1]
    assert picture(lesson)[0] != before[0], "other words, and the same picture"


def test_keys_alone_move_the_slider(lesson):
    before, at = picture(lesson), readout(lesson)
    part(lesson, ".jp-InputPrompt").click()  # the cell is selected; from here on, keys
    lesson.browser.wait("Tab reaches the slider", lambda: tab_to_handle(lesson))
    lesson.keys(Keys.ARROW_LEFT)
    lesson.browser.wait("an arrow key changes the picture", lambda: picture(lesson) != before)
    assert readout(lesson) != at and f"Labels a class: {readout(lesson)}." in picture(lesson)[1]
    lesson.keys(Keys.ARROW_RIGHT)
    lesson.browser.wait("the other one brings it back", lambda: picture(lesson) == before)


def test_an_exercise_goes_from_not_attempted_to_passed(answers):
    first, wrong, right = answers
    assert first.startswith(f"{EXERCISE} not attempted: ") and f'hint("{EXERCISE}")' in first
    assert wrong.startswith(f"{EXERCISE} not yet: the old weights would still train")
    assert right.startswith(f"{EXERCISE} passed: ")


def test_the_console_reports_no_error(lesson, answers):
    assert unexpected(lesson.browser) == []


# The next day


def test_a_new_server_finds_the_work_kept(next_day, lab, answers):
    stub, check = next_day.place_of("def with_new_head"), next_day.place_of(f'check("{EXERCISE}"')
    typed = next_day.cell(stub).find_elements(By.CSS_SELECTOR, ".cm-line")
    assert [line.text for line in typed] == FROZEN.splitlines()
    assert next_day.output(check) == answers[-1]
    next_day.browser.screenshot("5_next_day")
    (line,) = [row for row in tl(lab.folder, "progress").splitlines() if row.startswith("00 ")]
    assert re.search(r"\b1 of 1\b", line), line
    assert [path.name for path in (lab.folder / "my_work").glob("*.ipynb")] == [FILE]


def test_the_slider_of_a_gone_kernel_shows_its_picture(next_day):
    image = part(next_day, ".jp-OutputArea-output img")
    assert int(image.get_property("naturalWidth")) > 0
    assert "model not found" not in next_day.output(slider(next_day))


def test_the_saved_notebook_is_a_plain_page_without_errors(next_day, lab, browser):
    page = lab.folder / "lesson.html"
    page.write_text(HTMLExporter().from_filename(str(next_day.file))[0], encoding="utf-8")
    browser.console()
    browser.driver.get(page.as_uri())
    assert unexpected(browser) == []
    images = browser.js(
        """
        return [...document.images].map(image => ({
            source: image.src,
            drawn: image.naturalWidth > 0,
            words: image.closest('.jp-Cell').querySelector('details')?.textContent ?? image.alt,
        }));
        """
    )
    badges = [image for image in images if DISPENSABLE & set(hosts(image["source"]))]
    pictures = [image for image in images if image not in badges]
    assert len(pictures) >= 5 and len(badges) == 2
    assert [image["source"][:80] for image in pictures if not image["drawn"]] == []
    assert [image["words"] for image in images if undescribed(image["words"])] == []
    assert too_wide(browser, "body, body *") == []
    browser.resize(browser.js("return document.documentElement.scrollHeight"))
    browser.screenshot("6_plain_page")
    browser.resize(HEIGHT)


# What the tests look at


def slider(notebook) -> int:
    return notebook.place_of("widgets.slider(")


def part(notebook, selector):
    return notebook.cell(slider(notebook)).find_element(By.CSS_SELECTOR, selector)


def picture(notebook) -> tuple[str, str]:
    """Digest and description of the slider's picture."""
    image = part(notebook, ".jp-OutputArea-output img")
    digest = hashlib.sha256(image.get_attribute("src").encode()).hexdigest()
    return digest, image.get_attribute("alt")


def readout(notebook) -> str:
    return part(notebook, ".widget-readout").text


def tab_to_handle(notebook) -> bool:
    notebook.keys(Keys.TAB)
    return notebook.browser.js("return document.activeElement.classList.contains('noUi-handle')")


def too_wide(browser, selector: str) -> list[str]:
    """What reaches over the window's edge, or can only be seen by scrolling sideways."""
    return browser.js(
        """
        return [...document.querySelectorAll(arguments[0])].filter(element => {
            const hides = getComputedStyle(element).overflowX != 'visible';
            const cut = hides && element.clientWidth > 0
                && element.scrollWidth > element.clientWidth + 1;
            return cut || element.getBoundingClientRect().right > innerWidth + 1;
        }).map(element => `${element.tagName} ${element.className}: ${element.textContent}`
            .slice(0, 200));
        """,
        selector,
    )


def undescribed(words: str) -> bool:
    """Whether a picture lacks words; the second are those of nbconvert for a picture without."""
    return not words.strip() or "No description has been provided" in words


def hosts(text: str) -> list[str]:
    """Computers that a text names in addresses, this one aside."""
    found = re.findall(r"https?://([^/:\s\"']+)", text)
    return [host for host in found if host not in ("localhost", "127.0.0.1")]


def unexpected(browser) -> list[str]:
    """Errors of the console, but for dispensable files that the blocked network does not give."""
    unreachable = "net::ERR_NAME_NOT_RESOLVED"
    return [
        line
        for line in browser.console()
        if not (unreachable in line and set(hosts(line)) <= DISPENSABLE)
    ]

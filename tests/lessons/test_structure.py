"""Every committed lesson keeps the anatomy, and every rule of the anatomy can be broken."""

from __future__ import annotations

from functools import cache

import anatomy
import anatomy_parts
import nbformat
import pytest
from nbformat import v4

from tl_helpers.assets.entries import read_catalogue
from tl_helpers.kit import glossary, lessons, publish

LESSONS = lessons.find()
RULES = (*anatomy.RULES, *anatomy_parts.RULES)
CI_SECONDS = 40 * 60  # of the whole suite; two lessons run side by side


def _catalogue() -> dict[str, tuple[str, ...]]:
    return {asset.name: asset.lessons for asset in read_catalogue()}


@cache
def _page(lesson: lessons.Lesson) -> anatomy.Page:
    return anatomy.open_page(lesson, _catalogue())


def test_there_are_lessons():
    assert LESSONS


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_lesson_keeps_the_anatomy(lesson, rule):
    assert lesson.recorded, f"{lesson.id} is not in notebooks/index.json: run `make notebooks`"
    assert rule(_page(lesson)) == []


def test_every_term_of_the_glossary_belongs_to_a_track():
    tracks = {str(number) for number in range(12)} | {"00"}
    assert {term.lesson.partition(".")[0] for term in glossary.read()} <= tracks


def test_index_lists_the_lessons_in_order_and_nothing_else():
    assert [entry["id"] for entry in publish.read_index()] == [lesson.id for lesson in LESSONS]


def test_titles_in_the_index_are_those_of_the_notebooks():
    for lesson in LESSONS:
        assert lessons.read(lesson.path).cells[0].source.startswith(f"# {lesson.title}\n")


def test_recorded_seconds_fit_the_time_of_continuous_integration():
    seconds = sum(
        entry[profile]["seconds"]
        for entry in publish.read_index()
        for profile in ("smoke", "laptop")
    )
    assert seconds / 2 <= CI_SECONDS


def test_median_lesson_takes_at_most_a_minute():
    seconds = sorted(entry["laptop"]["seconds"] for entry in publish.read_index())
    assert seconds[len(seconds) // 2] <= 60


# A small sound lesson, and one way to break each rule.

ENTRY = {
    "id": "9.9",
    "title": "Does it?",
    "path": "notebooks/09_x/09_y.ipynb",
    "download_mb": 17,
    "gpu": None,
    "smoke": {"seconds": 5.0, "peak_mib": 300},
    "laptop": {"seconds": 50.0, "peak_mib": 900},
    "claims": {"held": 1, "total": 1},
    "gain": "+0.30 accuracy",
}
STUB = "answer = None  # your turn"
ALT = "A curve that rises from left to right."
TERMS = [glossary.Term(name, "It means this.", "9.9") for name in ("gain", "label budget")]
TERMS.append(glossary.Term("forgetting", "It means that.", "1.3"))
PARTS = {
    "guess": "1. Which is better?\n2. By how much?",
    "decide": "| labels | use |\n|---|---|\n| few | the probe |\n| many | fine-tune |",
    "answers": "1. The probe.\n2. By a tenth. Which surprised you?",
    "your-turn": "Set `image_folder` to your own pictures.",
}


def _text(text: str, name: str = "stdout"):
    return v4.new_output("stream", name=name, text=text)


def _picture(**metadata):
    return v4.new_output("display_data", data={"image/png": "aGk="}, metadata=metadata)


def sound_page() -> anatomy.Page:
    """A lesson that keeps every rule."""
    prose = "word " * 1200 + "A **gain** in a **label budget**.\n\n**References.** None."
    cells = [
        v4.new_markdown_cell(f"# Does it?\n\n{publish.header(ENTRY)}\n{prose}"),
        v4.new_code_cell(publish.SETUP_CELL, metadata={"tags": ["setup"]}),
        v4.new_code_cell('profile = "laptop"\nseed = 0', metadata={"tags": ["parameters"]}),
        v4.new_code_cell("plot()", outputs=[_picture(alt=ALT)]),
        _part("guess"),
        v4.new_code_cell("import timm\n\nmodel = timm.create()", metadata={"tags": ["recipe"]}),
        *(_shown(tag, name) for tag, name in anatomy_parts.SHOWS.items()),
        _part("decide"),
    ]
    for number in ("9.9.1", "9.9.2", "9.9.3"):
        cells.append(v4.new_code_cell(STUB, metadata={"tags": ["exercise"], "exercise": number}))
        cells.append(v4.new_code_cell(f'check("{number}", answer)', outputs=[_text("not yet\n")]))
    claim = 'report.claim("it does", beats("probe"))'
    tested = {"tags": ["nbval-check-output"]}
    cells.append(v4.new_code_cell(claim, metadata=tested, outputs=[_text("holds: it does\n")]))
    cells += [_part("answers"), _part("your-turn")]
    for count, cell in enumerate((c for c in cells if c.cell_type == "code"), start=1):
        cell.execution_count = count
    nb = v4.new_notebook(cells=cells, metadata={"tl": {"id": "9.9", "assets": ["weights"]}})
    nb.metadata |= {"language_info": {"name": "python"}}
    nb.metadata.kernelspec = dict(display_name="Python 3", language="python", name="python3")
    nb = nbformat.from_dict(nb)
    kinds = ["complete", "modify", "investigate"]
    catalogue = {"weights": ("9.9",), "other": ("1.1",)}
    return anatomy.Page("9.9", nb, dict(ENTRY), kinds, catalogue, list(TERMS))


def _part(tag: str):
    return v4.new_markdown_cell(PARTS[tag], metadata={"tags": [tag]})


def _shown(tag: str, function: str):
    source = f"plots.show(plots.{function}(model))"
    return v4.new_code_cell(source, metadata={"tags": [tag]}, outputs=[_picture(alt=ALT)])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_sound_lesson_keeps_every_rule(rule):
    assert rule(sound_page()) == []


def test_a_claim_may_name_its_statement_first_in_the_same_cell():
    page = sound_page()
    page.code[-1].update(source='shown = beats("probe")\nreport.claim("it does", shown)')
    assert anatomy.claims_are_tested(page) == []


def _cell(page, tag):
    return lessons.tagged(page.nb, tag)[0]


def _without(tag):
    def break_it(page):
        for cell in lessons.tagged(page.nb, tag):
            cell.metadata.tags.remove(tag)

    return break_it


def _moved_to_the_end(tag):
    def break_it(page):
        cells = lessons.tagged(page.nb, tag)
        page.nb.cells = [cell for cell in page.nb.cells if cell not in cells] + cells

    return break_it


def _with_terms(page, names):
    page.glossary += [glossary.Term(name, "It means so.", "9.9") for name in names]
    bold = " and ".join(f"**{name}**" for name in names)
    page.nb.cells.append(v4.new_markdown_cell(f"There are {bold} here."))


BREAKS = {
    "title_is_a_question": [
        lambda p: p.nb.cells[0].update(source=p.nb.cells[0].source.replace("Does it?", "It does")),
        lambda p: p.nb.cells[0].update(source="no title"),
    ],
    "metadata_names_lesson_and_assets": [
        lambda p: p.nb.metadata.tl.update(id="1.1"),
        lambda p: p.nb.metadata.tl.update(assets=[]),
        lambda p: p.nb.metadata.pop("tl"),
    ],
    "setup_cell_is_canonical": [
        lambda p: _cell(p, "setup").update(source="%pip install torch"),
        lambda p: _cell(p, "setup").metadata.clear(),
        lambda p: p.nb.cells.insert(1, v4.new_code_cell("x = 1")),
    ],
    "parameters_are_literals": [
        lambda p: _cell(p, "parameters").update(source='profile = "laptop"\nseed = int(0)'),
        lambda p: _cell(p, "parameters").update(source='profile = "smoke"\nseed = 0'),
        lambda p: _cell(p, "parameters").update(source='import os\nprofile = "laptop"\nseed = 0'),
    ],
    "header_is_current": [lambda p: p.entry.update(laptop={"seconds": 99.0, "peak_mib": 900})],
    "every_cell_ran": [
        lambda p: p.code[3].update(execution_count=None),
        lambda p: p.code[3].outputs.append(_text("Warning!", "stderr")),
        lambda p: p.code[3].outputs.append(v4.new_output("error", ename="E", evalue="")),
    ],
    "notebook_is_clean": [
        lambda p: p.code[3].metadata.update(execution={"iopub.execute_input": "10:00"}),
        lambda p: p.nb.metadata.update(widgets={"state": {}}),
        lambda p: p.code[3].outputs.extend([_text("a"), _text("b")]),
    ],
    "claims_are_tested": [
        lambda p: p.code[-1].update(source='report.claim("it does", lambda r: True)'),
        lambda p: p.code[-1].update(source='shown = print()\nreport.claim("it does", shown)'),
        lambda p: p.code[-1].update(outputs=[]),
        lambda p: p.code[-1].update(outputs=[_text("gain 0.31\n")]),
        lambda p: p.code[-1].metadata.clear(),
        lambda p: p.code[3].update(source='report.claim("also", beats("probe"))'),
    ],
    "exercises_answer_back": [
        lambda p: p.kinds.pop(),
        lambda p: _cell(p, "exercise").metadata.update(exercise="9.9.7"),
        lambda p: p.code[8].update(source='check("9.9.2", answer)'),
    ],
    "paths_stay_at_home": [
        lambda p: p.code[3].outputs.append(_text("saved to /home/ada/x")),
        lambda p: p.code[3].update(source="open('C:\\\\Users\\\\ada')"),
    ],
    "size_is_modest": [lambda p: p.code[3].outputs.append(_text("x" * 800_000))],
    "pictures_have_alt_text": [
        lambda p: p.code[3].update(outputs=[_picture()]),
        lambda p: p.nb.cells[0].update(source=p.nb.cells[0].source + "\n![](figure.png)"),
        lambda p: p.nb.cells[0].update(source=p.nb.cells[0].source + '\n<img src="x" alt="">'),
    ],
    "code_cells_are_short": [
        lambda p: p.code[3].update(source="\n".join(["x = 1"] * 21)),
        lambda p: [cell.update(source="\n".join(["x = 1"] * 7)) for cell in p.code[2:]],
        lambda p: p.code[3].update(source="from os import *"),
    ],
    "prose_has_the_right_length": [
        lambda p: p.nb.cells[0].update(source="# Does it?\nYes."),
        lambda p: p.nb.cells.append(v4.new_markdown_cell("word " * 1100)),
    ],
    "code_is_short": [
        lambda p: p.code[3].update(source="x = 1\n" * 150),
        lambda p: p.nb.cells.extend([v4.new_markdown_cell("So.")] * 45),
    ],
    "words_outweigh_code": [
        lambda p: p.code[3].update(source="x = 1\n" * 160),
        lambda p: p.nb.cells[0].update(source="# Does it?\n" + "word " * 500),
        lambda p: p.nb.cells.append(v4.new_markdown_cell("word " * 1100)),
    ],
    "parts_stand_in_order": [
        *(_without(tag) for tag in (*anatomy_parts.ORDER, "diagram", "nbval-check-output")),
        *(_moved_to_the_end(tag) for tag in anatomy_parts.ORDER[:-1]),
        _moved_to_the_end("diagram"),
        _moved_to_the_end("nbval-check-output"),
    ],
    "guesses_are_answered": [
        lambda p: _cell(p, "guess").update(source="What do you think?"),
        lambda p: _cell(p, "answers").update(source="1. The probe."),
        lambda p: _cell(p, "guess").update(source="1. a\n2. b\n3. c\n4. d"),
    ],
    "recipe_is_the_fields_own": [
        lambda p: _cell(p, "recipe").update(source="x = 1\n" * 26),
        lambda p: _cell(p, "recipe").update(source="from tl_helpers import features, plots"),
        lambda p: _cell(p, "recipe").update(source="from tl_helpers.training import fit"),
        lambda p: p.code[2].update(source="import tl_helpers.arms"),
        lambda p: p.code[2].update(source="from tl_helpers import arms"),
    ],
    "pictures_of_the_recipe_are_shown": [
        lambda p: _cell(p, "diagram").update(source="plots.show(my_own())"),
        lambda p: _cell(p, "loss-curve").update(outputs=[]),
        lambda p: _cell(p, "errors").update(outputs=[_text("no picture")]),
    ],
    "decision_is_a_table": [
        lambda p: _cell(p, "decide").update(source="It depends."),
        lambda p: _cell(p, "decide").update(source="| a | b |\n|---|---|\n| c | d |"),
    ],
    "bold_terms_are_in_the_glossary": [
        lambda p: p.nb.cells.append(v4.new_markdown_cell("A **new word** stands here.")),
        lambda p: p.nb.cells.append(v4.new_markdown_cell("Of **forgetting** we spoke.")),
        lambda p: p.glossary.append(glossary.Term("leakage", "It leaks.", "9.9")),
        lambda p: _with_terms(p, "abcdefg"),
    ],
    "alt_texts_are_sentences": [
        lambda p: p.code[3].update(outputs=[_picture(alt="a curve that rises to the right.")]),
        lambda p: p.code[3].update(outputs=[_picture(alt="The curve of this lesson rises")]),
        lambda p: p.code[3].update(outputs=[_picture(alt="A curve.")]),
        lambda p: p.code[3].update(outputs=[_picture(alt="The means are {'probe': 1} for it.")]),
    ],
    "arms_keep_their_look": [
        lambda p: p.code[3].update(source='ax.plot(x, color="red")'),
        lambda p: p.code[3].update(source='ax.plot(x, marker="s")'),
        lambda p: p.code[3].update(source="from tl_helpers.plots.style import colour\ncolour(1)"),
    ],
    "machinery_stays_out": [
        lambda p: p.nb.cells.append(v4.new_markdown_cell("Run `tl study` and wait.")),
        lambda p: p.nb.cells.append(v4.new_markdown_cell("Its hash is recorded.")),
    ],
    "glossary_is_current": [
        lambda p: p.nb.cells.append(v4.new_markdown_cell("<!-- glossary --> <!-- /glossary -->")),
    ],
    "map_is_current": [
        lambda p: p.nb.cells.append(v4.new_markdown_cell("<!-- map --> <!-- /map -->")),
        lambda p: setattr(p, "id", "00"),
    ],
    "budgets_are_kept": [
        lambda p: p.entry.update(laptop={"seconds": 121.0, "peak_mib": 900}),
        lambda p: p.entry.update(laptop={"seconds": 50.0, "peak_mib": 1300}),
        lambda p: p.entry.update(smoke={"seconds": 26.0, "peak_mib": 900}),
        lambda p: p.entry.update(claims={"held": 1, "total": 2}),
    ],
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_notices_when_it_is_broken(rule):
    for break_it in BREAKS[rule.__name__]:
        page = sound_page()
        break_it(page)
        assert rule(page), f"{rule.__name__} did not notice a break"

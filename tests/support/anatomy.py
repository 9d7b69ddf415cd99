"""Rules of a lesson's anatomy. Each takes a `Page` and returns its complaints, as sentences.

`test_structure.py` applies every rule to every committed lesson, and shows on a small sound lesson
that each rule notices when it is broken.
"""

from __future__ import annotations

import ast
import copy
import re
import statistics
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tl_helpers.kit import glossary, lessons, publish
from tl_helpers.kit.cleaning import EMBEDDED, clean, machine_folders, tags

MEDIAN_CODE_LINES, MOST_CODE_LINES, SETUP_LINES = 6, 20, 8
WORDS = (700, 2200)
LAPTOP_SECONDS, SMOKE_SECONDS, LAPTOP_MIB = 120, 25, 1.2e9 / 2**20
VOCABULARY = ("beats", "within", "saves", "leads_more", "fails")  # of tl_helpers.compare

_FOREIGN_PATH = re.compile(r"/home/\w|/Users/\w|/root/|[A-Z]:\\+Users|/tmp/|/var/folders/")
_MARKDOWN_PICTURE = re.compile(r"!\[([^\]]*)\]\(")
_HTML_PICTURE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_ALT = re.compile(r"""\balt=(["'])\s*\S.*?\1""", re.IGNORECASE | re.DOTALL)


@dataclass
class Page:
    """A lesson's notebook with what is known about it elsewhere."""

    id: str
    nb: NotebookNode
    entry: dict  # of notebooks/index.json
    kinds: list[str] = field(default_factory=list)  # of its exercises, in the file beside it
    catalogue: dict[str, tuple[str, ...]] = field(default_factory=dict)  # asset: lessons
    glossary: list[glossary.Term] = field(default_factory=list)

    @property
    def numbered(self) -> bool:
        """Whether the lesson belongs to a track; lesson 00 does not."""
        return self.id != "00"

    @property
    def code(self) -> list[NotebookNode]:
        """Code cells with something in them."""
        return [c for c in self.nb.cells if c.cell_type == "code" and c.source.strip()]

    @property
    def prose(self) -> str:
        """Markdown of the whole lesson without the generated header."""
        text = "\n".join(c.source for c in self.nb.cells if c.cell_type == "markdown")
        return re.sub("<!-- header -->.*<!-- /header -->", "", text, flags=re.DOTALL)

    @property
    def words(self) -> int:
        """Words of prose; addresses of links do not count."""
        text = re.sub(r"\]\([^)]*\)", "]", self.prose)
        return len(re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", text))

    @property
    def code_lines(self) -> int:
        """Lines of code over all cells, without blank ones."""
        return sum(bool(line.strip()) for c in self.code for line in c.source.splitlines())

    def outputs(self) -> list[NotebookNode]:
        """Outputs of all code cells."""
        return [output for cell in self.code for output in cell.outputs]


def title_is_a_question(page: Page) -> list[str]:
    """The first line is a heading; of a numbered lesson, a question."""
    first = page.nb.cells[0].source.splitlines()[0]
    if not first.startswith("# "):
        return [f"the first line is {first!r}; expected '# Title'"]
    asks = first.rstrip().endswith("?") or not page.numbered
    return [] if asks else [f"the title {first!r} is not a question"]


def metadata_names_lesson_and_assets(page: Page) -> list[str]:
    """Metadata ``tl`` holds the id and the assets, and the catalogue says the same."""
    meta = page.nb.metadata.get("tl", {})
    said, listed = set(meta.get("assets", [])), page.catalogue
    wanted = {name for name, users in listed.items() if page.id in users}
    complaints = [] if meta.get("id") == page.id else [f"metadata says id {meta.get('id')!r}"]
    if said != wanted:
        odd = ", ".join(sorted(said ^ wanted))
        complaints.append(f"metadata and data/catalogue.toml differ in the assets {odd}")
    return complaints


def setup_cell_is_canonical(page: Page) -> list[str]:
    """One cell tagged setup, the first code cell, with the text that every lesson has."""
    cells = lessons.tagged(page.nb, "setup")
    if [id(cell) for cell in cells] != [id(page.code[0])]:
        return ["expected one cell tagged 'setup', before all other code"]
    complaints = [] if cells[0].source == publish.SETUP_CELL else ["setup differs from SETUP_CELL"]
    lines = len(cells[0].source.splitlines())
    return complaints + [f"setup has {lines} lines"] * (lines > SETUP_LINES)


def parameters_are_literals(page: Page) -> list[str]:
    """One cell tagged parameters: only assignments of literals, profile and seed among them."""
    cells = lessons.tagged(page.nb, "parameters")
    if len(cells) != 1:
        return [f"{len(cells)} cells are tagged 'parameters'; expected one"]
    if not all(isinstance(line, ast.Assign) for line in ast.parse(cells[0].source).body):
        return ["the parameters cell holds more than assignments"]
    try:
        found = lessons.parameters(page.nb)
    except lessons.LessonError as error:
        return [str(error)]
    wanted = {"profile": "laptop", "seed": 0}
    return [
        f"parameter {name} is {found.get(name)!r}; expected {value!r}"
        for name, value in wanted.items()
        if found.get(name) != value
    ]


def header_is_current(page: Page) -> list[str]:
    """The header block is what the index gives."""
    current = publish.header(page.entry) in page.nb.cells[0].source
    return [] if current else ["the header is not that of notebooks/index.json"]


def every_cell_ran(page: Page) -> list[str]:
    """Counts from 1 upwards without a gap, and no error or warning among the outputs."""
    counts = [cell.execution_count for cell in page.code]
    complaints = []
    if counts != list(range(1, len(counts) + 1)):
        complaints.append(f"execution counts are {counts}")
    kinds = [output.output_type for output in page.outputs()]
    complaints += ["an output is an error"] * ("error" in kinds)
    loud = [o for o in page.outputs() if o.output_type == "stream" and o.name == "stderr"]
    return complaints + [f"stderr shows: {output.text[:80]!r}" for output in loud]


def notebook_is_clean(page: Page) -> list[str]:
    """Cleaning changes nothing: no times, widget state, foreign metadata or split streams."""
    cleaned = clean(copy.deepcopy(page.nb))
    return [] if cleaned == page.nb else ["`tl notebooks` would change it: it was not cleaned"]


def claims_are_tested(page: Page) -> list[str]:
    """Claims are statements with intervals, in cells whose stored output nbval compares."""
    cells = [cell for cell in page.code if "nbval-check-output" in tags(cell)]
    complaints = [] if cells else ["no cell is tagged 'nbval-check-output'"]
    for cell in cells:
        text = "".join(output.get("text", "") for output in cell.outputs)
        complaints += ["a compared cell has no stored output"] * (not text.strip())
        complaints += [f"a compared output has a decimal number: {text!r}"] * _decimal(text)
    made = [(cell, call) for cell in page.code for call in calls(cell.source, "claim")]
    complaints += ["there is no claim"] * (not made)
    complaints += ["a claim is made in a cell that is not compared"] * any(
        all(cell is not compared for compared in cells) for cell, _ in made
    )
    return complaints + [
        f"claim {ast.unparse(call)[:60]} carries no interval: use {', '.join(VOCABULARY)}"
        for cell, call in made
        if _called(_named(call.args[-1], cell.source)) not in VOCABULARY
    ]


def _named(statement: ast.expr, source: str) -> ast.expr:
    """A claim's statement, looked up where the cell gives it a name first."""
    given = [n for n in ast.walk(ast.parse(plain(source))) if isinstance(n, ast.Assign)]
    values = {ast.unparse(target): node.value for node in given for target in node.targets}
    return values.get(ast.unparse(statement), statement)


def _decimal(text: str) -> bool:
    return re.search(r"\d\.\d", re.sub(r"\b\d+\.\d+\.\d+\b", "", text)) is not None


def calls(source: str, name: str) -> list[ast.Call]:
    """Calls of a function or method by its name, in a code cell."""
    return [
        node
        for node in ast.walk(ast.parse(plain(source)))
        if isinstance(node, ast.Call) and _called(node) == name
    ]


def _called(call: ast.expr) -> str:
    """Last name of what is called: "claim" in ``reports["home"].claim(...)``; "" of no call."""
    function = getattr(call, "func", None)
    return getattr(function, "attr", "") or getattr(function, "id", "")


def plain(source: str) -> str:
    """Python without IPython's magics and shell lines."""
    return re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.MULTILINE)


def exercises_answer_back(page: Page) -> list[str]:
    """Three exercises of the three kinds, each stub followed by its check.

    Lesson 00 has one: it is there to learn how checks, hints and solutions answer.
    """
    stubs = lessons.tagged(page.nb, "exercise")
    ids = [stub.metadata.get("exercise") for stub in stubs]
    complaints = []
    if ids != [f"{page.id}.{n + 1}" for n in range(len(ids))] or not ids:
        complaints.append(f"exercises are {ids}; expected {page.id}.1 and so on")
    if page.numbered and sorted(page.kinds) != ["complete", "investigate", "modify"]:
        complaints.append(f"kinds are {page.kinds}; expected complete, modify and investigate")
    if not page.numbered and len(ids) != 1:
        complaints.append(f"lesson 00 has {len(ids)} exercises; expected one")
    if len(page.kinds) != len(ids):
        complaints.append(f"{len(ids)} stubs and {len(page.kinds)} exercises in the file")
    for stub, name in zip(stubs, ids, strict=True):
        place = next(n for n, cell in enumerate(page.code) if cell is stub)
        following = page.code[place + 1].source if place + 1 < len(page.code) else ""
        checked = [call.args[0].value for call in calls(following, "check") if call.args]
        complaints += [f"{name} is not followed by its check"] * (name not in checked)
    return complaints


def paths_stay_at_home(page: Page) -> list[str]:
    """No folder of the machine that executed it, in source or output."""
    text = EMBEDDED.sub("", "\n".join(_texts(page)))
    found = {match.group() for match in _FOREIGN_PATH.finditer(text)}
    found |= {folder for folder in machine_folders() if folder in text}
    return [f"a machine's folder is shown: {path}" for path in sorted(found)]


def _texts(page: Page) -> list[str]:
    """Sources and textual outputs: base64 pictures could hold "/tmp/" by chance."""
    texts = [cell.source for cell in page.nb.cells]
    for output in page.outputs():
        texts.append(output.get("text", ""))
        texts += [v for k, v in output.get("data", {}).items() if k.startswith("text/")]
    return texts


def size_is_modest(page: Page) -> list[str]:
    """At most `publish.LARGEST_NOTEBOOK` bytes."""
    size = len(nbformat.writes(page.nb).encode())
    return [f"{size} bytes"] * (size > publish.LARGEST_NOTEBOOK)


def pictures_have_alt_text(page: Page) -> list[str]:
    """Every picture, in prose and in outputs, says in words what it shows."""
    complaints = [
        f"picture without alt text in the prose: {match.string[match.start() :][:60]!r}"
        for match in _MARKDOWN_PICTURE.finditer(page.prose)
        if not match.group(1).strip()
    ]
    texts = [page.prose] + [o.data.get("text/html", "") for o in displays(page)]
    pictures = [tag for text in texts for tag in _HTML_PICTURE.findall(text)]
    complaints += [f"no alt text: {tag[:60]}" for tag in pictures if not _ALT.search(tag)]
    for output in displays(page):
        for kind in output.data:
            described = output.metadata.get("alt") or output.metadata.get(kind, {}).get("alt")
            if kind.startswith("image/") and not described:
                complaints.append(f"an output of type {kind} has no alt text")
    return complaints


def displays(page: Page) -> list[NotebookNode]:
    """Outputs that show something other than a stream of text."""
    return [o for o in page.outputs() if o.output_type in ("display_data", "execute_result")]


def code_cells_are_short(page: Page) -> list[str]:
    """A median of a few lines, and none that needs scrolling; no star imports."""
    lengths = [len(cell.source.splitlines()) for cell in page.code]
    middle = statistics.median(lengths)
    complaints = [f"code cells have a median of {middle} lines"] * (middle > MEDIAN_CODE_LINES)
    complaints += [f"a code cell has {n} lines" for n in lengths if n > MOST_CODE_LINES]
    starred = any(re.search(r"^\s*from .* import \*", c.source, re.MULTILINE) for c in page.code)
    return complaints + ["star import"] * starred


def prose_has_the_right_length(page: Page) -> list[str]:
    """Enough to explain, short enough to read, in a numbered lesson."""
    fits = WORDS[0] <= page.words <= WORDS[1] or not page.numbered
    return [] if fits else [f"{page.words} words of prose; expected {WORDS[0]} to {WORDS[1]}"]


def budgets_are_kept(page: Page) -> list[str]:
    """The recorded runs stayed within time and memory, and all claims held."""
    laptop, smoke, claims = (page.entry[name] for name in ("laptop", "smoke", "claims"))
    complaints = []
    if laptop["seconds"] > LAPTOP_SECONDS or smoke["seconds"] > SMOKE_SECONDS:
        complaints.append(f"took {laptop['seconds']} s at laptop, {smoke['seconds']} s at smoke")
    if laptop["peak_mib"] > LAPTOP_MIB:
        complaints.append(f"peak memory {laptop['peak_mib']} MiB")
    if not 0 < claims["held"] == claims["total"]:
        complaints.append(f"{claims['held']} of {claims['total']} claims held")
    return complaints


RULES = (
    title_is_a_question,
    metadata_names_lesson_and_assets,
    setup_cell_is_canonical,
    parameters_are_literals,
    header_is_current,
    every_cell_ran,
    notebook_is_clean,
    claims_are_tested,
    exercises_answer_back,
    paths_stay_at_home,
    size_is_modest,
    pictures_have_alt_text,
    code_cells_are_short,
    prose_has_the_right_length,
    budgets_are_kept,
)


def open_page(lesson: lessons.Lesson, catalogue: dict[str, tuple[str, ...]]) -> Page:
    """The page of a committed lesson."""
    from tl_helpers import exercises

    file: Path = lesson.exercises_file
    kinds = [exercise.kind for exercise in exercises.load(file)] if file.is_file() else []
    nb, terms = lessons.read(lesson.path), glossary.read()
    return Page(lesson.id, nb, lesson.recorded, kinds, catalogue, terms)

"""Rules for lessons that show their idea first: fixed parts in order, more words than code.

The parts are cells with tags: ``guess``, ``recipe``, ``diagram``, ``loss-curve``, ``errors``,
``decide``, ``answers`` and ``your-turn``. Each rule takes a `Page` and returns its complaints.
"""

from __future__ import annotations

import ast
import re

from anatomy import Page, calls, displays, plain
from nbformat import NotebookNode

from tl_helpers.kit import course_map, glossary, lessons
from tl_helpers.kit.cleaning import tags

CODE_LINES, CELLS, RECIPE_LINES, TERMS = 160, 60, 25, 8
WORDS_A_LINE, WORDS = 8, (1100, 2200)  # aim at 1,200 to 2,000; the rest is for references
ORDER = ("guess", "recipe", "loss-curve", "errors", "decide", "exercise", "answers", "your-turn")
SHOWS = {"diagram": "network", "loss-curve": "loss_curves", "errors": "errors"}  # of plots

_BOLD = re.compile(r"(?<![*\w])\*\*(?!\s)([^*\n]+?)(?<!\s)\*\*(?!\*)")
_LABEL = re.compile(r"[.:?!]$|^You will be able to$")
_MACHINERY = re.compile(r"\b(tl study|parcels?|hash(?:es)?|papermill|nbval|fingerprints?)\b")
_NEUTRAL = re.compile(r"black|white|none|gr[ae]y|light ?gr[ae]y|0?\.\d+|k|w")


def code_is_short(page: Page) -> list[str]:
    """At most 160 lines of code that are not blank, in at most 60 cells of all kinds."""
    complaints = [f"{page.code_lines} lines of code"] * (page.code_lines > CODE_LINES)
    cells = len(page.nb.cells)
    return complaints + [f"{cells} cells; at most {CELLS}"] * (cells > CELLS)


def words_outweigh_code(page: Page) -> list[str]:
    """Eight words of prose a line of code, and in a numbered lesson 1,100 to 2,200 in all."""
    share = page.words / max(page.code_lines, 1)
    complaints = [f"{share:.1f} words a line of code; expected {WORDS_A_LINE}"] * (
        share < WORDS_A_LINE
    )
    fits = WORDS[0] <= page.words <= WORDS[1] or not page.numbered
    return complaints + [f"{page.words} words; expected {WORDS[0]} to {WORDS[1]}"] * (not fits)


def parts_stand_in_order(page: Page) -> list[str]:
    """Every fixed part is there, in the order that a reader meets them."""
    places = {tag: _places(page, tag) for tag in (*ORDER, "diagram", "nbval-check-output")}
    missing = [f"no cell is tagged {tag!r}" for tag, found in places.items() if not found]
    if missing:
        return missing
    firsts = [places[tag][0] for tag in ORDER]
    late = [ORDER[n] for n in range(1, len(ORDER)) if firsts[n] <= firsts[n - 1]]
    complaints = [f"{tag!r} stands before the part that comes before it" for tag in late]
    claims = places["nbval-check-output"][-1]
    between = places["exercise"][-1] < claims < places["answers"][0]
    complaints += ["the claims stand between exercises and answered guesses"] * (not between)
    drawn = places["guess"][0] < places["diagram"][0] < places["decide"][0]
    return complaints + ["the diagram stands between the guesses and the table"] * (not drawn)


def guesses_are_answered(page: Page) -> list[str]:
    """Two or three numbered guesses in Markdown, and as many numbered answers."""
    asked, answered = (_numbered(page, tag) for tag in ("guess", "answers"))
    complaints = [f"{asked} numbered guesses; expected two or three"] * (asked not in (2, 3))
    return complaints + [f"{asked} guesses and {answered} answers"] * (asked != answered)


def recipe_is_the_fields_own(page: Page) -> list[str]:
    """At most 25 lines, of the field's library, before anything of training or arms."""
    cells = _cells(page, "recipe")
    lines = [line for cell in cells for line in cell.source.splitlines() if line.strip()]
    complaints = [f"the recipe has {len(lines)} lines"] * (len(lines) > RECIPE_LINES)
    complaints += ["a recipe cell is not code"] * any(c.cell_type != "code" for c in cells)
    rooms = _rooms(cells) - {"assets", "datasets", "plots", "runtime"}
    complaints += [f"the recipe uses tl_helpers.{room}" for room in sorted(rooms)]
    end = max(_places(page, "recipe"), default=0)
    early = _rooms(page.nb.cells[:end]) & {"training", "arms"}
    return complaints + [f"tl_helpers.{room} is imported before the recipe" for room in early]


def pictures_of_the_recipe_are_shown(page: Page) -> list[str]:
    """Diagram, loss curve and worst errors are drawn by plots, and have outputs."""
    complaints = []
    for tag, function in SHOWS.items():
        cells = [cell for cell in _cells(page, tag) if cell.cell_type == "code"]
        drawn = any(calls(cell.source, function) for cell in cells)
        complaints += [f"no cell tagged {tag!r} calls plots.{function}"] * (not drawn)
        shown = {kind for cell in cells for o in cell.outputs for kind in o.get("data", {})}
        seen = any(kind.startswith("image/") or kind == "text/html" for kind in shown)
        complaints += [f"the cell tagged {tag!r} shows nothing"] * (not seen)
    return complaints


def decision_is_a_table(page: Page) -> list[str]:
    """The part tagged decide is a Markdown table of two rows or more."""
    tables = [c for c in _cells(page, "decide") if c.cell_type == "markdown"]
    rows = max((c.source.count("\n|") for c in tables), default=0)
    return [] if rows >= 3 else ["when to use which is no table of at least two rows"]


def bold_terms_are_in_the_glossary(page: Page) -> list[str]:
    """Bold is for new terms alone, at most eight, each in the glossary and from this lesson."""
    bold = {glossary.key(term) for term in bold_terms(page)}
    home = {glossary.key(term.name): term.lesson for term in page.glossary}
    own = {term for term, lesson in home.items() if lesson == page.id}
    complaints = [f"{len(bold)} bold terms; at most {TERMS}"] * (len(bold) > TERMS)
    for term in sorted(bold - own):
        where = f"is introduced by {home[term]}" if term in home else "is not in glossary.md"
        complaints.append(f"bold {term!r} {where}")
    return complaints + [f"{term!r} of glossary.md is not bold here" for term in sorted(own - bold)]


def bold_terms(page: Page) -> list[str]:
    """Bold words outside headings, tables and code; what ends in punctuation is a label."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.prose, flags=re.DOTALL)
    lines = [line for line in text.splitlines() if not line.startswith(("#", "|"))]
    return [term for term in _BOLD.findall("\n".join(lines)) if not _LABEL.search(term)]


def alt_texts_are_sentences(page: Page) -> list[str]:
    """A picture's words begin with a capital, end in a full stop and hold no Python."""
    pictures = [(o, kind) for o in displays(page) for kind in o.data if kind.startswith("image/")]
    words = [o.metadata.get("alt") or o.metadata.get(k, {}).get("alt", "") for o, k in pictures]
    return [
        f"alt text {alt[:60]!r} is not a sentence"
        for alt in words
        if not re.match(r"[A-Z0-9\"“].*[.!?]$", alt, re.DOTALL)
        or len(alt.split()) < 5
        or re.search(r"[{}]|Axes\(|array\(|tensor\(", alt)
    ]


def arms_keep_their_look(page: Page) -> list[str]:
    """Colours and markers come from `plots.look`: none is chosen in the lesson."""
    complaints = []
    for cell in page.code:
        source = plain(cell.source)
        for node in ast.walk(ast.parse(source)):
            chosen = isinstance(node, ast.keyword) and node.arg in ("color", "c", "marker")
            text = getattr(node.value, "value", None) if chosen else None
            if isinstance(text, str) and not _NEUTRAL.fullmatch(text):
                complaints.append(f"{node.arg}={text!r} is chosen here: use plots.look(name)")
        if re.search(r"\b(COLOURS|MARKERS|DASHES)|(?<!arms\.)\bcolour\(", source):
            complaints.append("a palette is used by number: use plots.look(name)")
    return complaints


def machinery_stays_out(page: Page) -> list[str]:
    """No word of parcels, hashes or studies after the first cell: that is ours to know."""
    later = [c.source for c in page.nb.cells[1:] if c.cell_type == "markdown"]
    return [f"the prose speaks of {word!r}" for word in _MACHINERY.findall("\n".join(later))]


def glossary_is_current(page: Page) -> list[str]:
    """Where a page shows the glossary, it is that of glossary.md."""
    shown = [c.source for c in page.nb.cells if glossary.MARKERS[0] in c.source]
    current = glossary.block(page.glossary)
    return ["the glossary is not that of glossary.md"] * any(current not in s for s in shown)


def map_is_current(page: Page) -> list[str]:
    """Where a page shows the map, it has the lessons that are there; lesson 00 shows it."""
    shown = [c.source for c in page.nb.cells if course_map.MARKERS[0] in c.source]
    complaints = ["lesson 00 shows no map"] * (not shown and not page.numbered)
    if shown:
        current = course_map.block(course_map.read(), lessons.find())
        complaints += ["the map is not current: run `make notebooks`"] * (current not in shown[0])
    return complaints


def _cells(page: Page, tag: str) -> list[NotebookNode]:
    return lessons.tagged(page.nb, tag)


def _places(page: Page, tag: str) -> list[int]:
    return [place for place, cell in enumerate(page.nb.cells) if tag in tags(cell)]


def _numbered(page: Page, tag: str) -> int:
    prose = "\n".join(c.source for c in _cells(page, tag) if c.cell_type == "markdown")
    return len(re.findall(r"^\d+\. ", prose, re.MULTILINE))


def _rooms(cells: list[NotebookNode]) -> set[str]:
    """Rooms and short names of tl_helpers that code cells import."""
    code = [plain(cell.source) for cell in cells if cell.cell_type == "code"]
    found: set[str] = set()
    for node in (node for source in code for node in ast.walk(ast.parse(source))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "tl_helpers":
            found |= {f"tl_helpers.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name.split(".")[1] for name in found if name.startswith("tl_helpers.")}


RULES = (
    code_is_short,
    words_outweigh_code,
    parts_stand_in_order,
    guesses_are_answered,
    recipe_is_the_fields_own,
    pictures_of_the_recipe_are_shown,
    decision_is_a_table,
    bold_terms_are_in_the_glossary,
    alt_texts_are_sentences,
    arms_keep_their_look,
    machinery_stays_out,
    glossary_is_current,
    map_is_current,
)

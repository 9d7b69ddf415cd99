"""The course as a static site: `make site`, into build/site.

Gathers the committed notebooks with a page for the course map, the glossary and the sources, and
hands them to Sphinx. It executes no cell and fetches nothing.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import nbformat

from tl_helpers.assets import paths
from tl_helpers.kit import course_map, lessons, publish

ROOT = Path(__file__).resolve().parent.parent
COURSE = "lessons"  # folder of the notebooks on the site

INDEX = """\
# Transfer learning, measured

A hands-on course for anyone with a small labelled dataset and a laptop. Every lesson uses
pretrained weights, compares transfer with rivals that could win, and ends in a verdict that may be
"no benefit here". You read the lessons here with the results of their last run; to run them
yourself, follow the badges at the top of each, or [install the course](https://github.com/{repository}#start).

{map}

What a verdict rests on, and every term in bold, stands in the [glossary](glossary.md).
"""


def toctree(caption: str, pages: list[str]) -> str:
    """A part of the navigation."""
    lines = ["```{toctree}", ":hidden:", ":maxdepth: 1", f":caption: {caption}", "", *pages, "```"]
    return "\n".join(lines)


def index_page() -> str:
    """The first page: what this is, the map of the course, and the navigation by track."""
    about, found, root = course_map.read(), lessons.find(), paths.notebooks_dir()
    block = course_map.block(about, found).replace("](", f"]({COURSE}/")
    parts = [INDEX.format(repository=publish.site()["repository"], map=block)]
    tracks = {"": "Start"} | {id: name for id, name in about.items() if "." not in id}
    for track, name in tracks.items():
        here = [one for one in found if (one.id.split(".")[0] if one.track else "") == track]
        pages = [f"{COURSE}/{one.path.relative_to(root).as_posix()}" for one in here]
        parts += [toctree(name, pages)] * bool(pages)
    return "\n\n".join([*parts, toctree("Look up", ["glossary", "sources"])]) + "\n"


def fold_setup(path: Path) -> None:
    """Fold the cell that only Colab needs; readers of a page do not."""
    notebook = lessons.read(path)
    for cell in lessons.tagged(notebook, "setup"):
        cell.metadata.tags.append("hide-input")
    nbformat.write(notebook, path)


def gather(source: Path) -> None:
    """Write all pages to an empty folder ``source``."""
    shutil.rmtree(source, ignore_errors=True)
    pattern = shutil.ignore_patterns("solutions", "index.json", "*.md", ".ipynb_checkpoints")
    shutil.copytree(paths.notebooks_dir(), source / COURSE, ignore=pattern)
    for path in (source / COURSE).rglob("*.ipynb"):
        fold_setup(path)
    shutil.copytree(ROOT / "site" / "_static", source / "_static")
    (source / "index.md").write_text(index_page(), encoding="utf-8")
    shutil.copy(paths.notebooks_dir() / "glossary.md", source / "glossary.md")
    sources = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    (source / "sources.md").write_text(
        sources.replace("# Data and pretrained weights", "# Sources and licences", 1),
        encoding="utf-8",
    )


def main(arguments: list[str] | None = None) -> int:
    """Gather the pages and run Sphinx on them; its exit status."""
    from sphinx.cmd.build import build_main

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "build" / "site")
    out = parser.parse_args(arguments).out.resolve()
    source = out.parent / f"{out.name}-pages"
    gather(source)
    quiet = ["-q", "--fail-on-warning", "--keep-going", "-c", str(ROOT / "site")]
    status = build_main([*quiet, "-b", "html", str(source), str(out)])
    if status == 0:
        print(f"The site is in {out}; open {out / 'index.html'}.")
    return status


if __name__ == "__main__":
    sys.exit(main())

"""Clean an executed notebook for the repository: what differs from run to run goes.

Kept are the source, the text outputs, tables and pictures. Removed are execution times, widget
state, progress bars and the paths of the machine; execution counts restart from 1 (never null:
nbval then fails the cell or compares nothing).
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from nbformat import NotebookNode

from tl_helpers.assets import files, paths

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KEPT_CELL_METADATA = ("tags", "exercise", "jupyter")
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}

# Pictures inside HTML stay as they are: their base64 text can hold "/tmp" by chance.
EMBEDDED = re.compile(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=\s]+")
_ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")
_PROGRESS_BAR = re.compile(r"\d+%\|.*\||\d+it \[|\x1b\[A")


def clean(nb: NotebookNode) -> NotebookNode:
    """Clean ``nb`` in place and return it.

    Parameters
    ----------
    nb : NotebookNode
        Format 4; as papermill or JupyterLab leaves it.

    Returns
    -------
    NotebookNode
        The same object. Cleaning it again changes nothing.
    """
    nb.cells = [cell for cell in nb.cells if "injected-parameters" not in tags(cell)]
    nb.metadata = _notebook_metadata(nb.metadata)
    count = 0
    for cell in nb.cells:
        cell.metadata = _kept(cell.metadata, KEPT_CELL_METADATA)
        if cell.cell_type == "code":
            count += bool(cell.source.strip())
            _clean_code(cell, count)
    return nb


def tags(cell: NotebookNode) -> list[str]:
    """Tags of a cell; empty when it has none."""
    return list(cell.metadata.get("tags", []))


def _notebook_metadata(metadata: dict) -> NotebookNode:
    known = {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
    return NotebookNode({**_kept(metadata, ("tl",)), **known})


def _kept(metadata: dict, names: tuple[str, ...]) -> NotebookNode:
    return NotebookNode({name: metadata[name] for name in names if name in metadata})


def _clean_code(cell: NotebookNode, count: int) -> None:
    from nbconvert.preprocessors.coalescestreams import CoalesceStreamsPreprocessor

    cell.execution_count = count if cell.source.strip() else None
    cell.outputs = [each for each in map(_output, cell.outputs) if each is not None]
    CoalesceStreamsPreprocessor().preprocess_cell(cell, {}, 0)  # how a stream splits is chance
    for output in cell.outputs:
        if output.output_type == "execute_result":
            output.execution_count = count


def _output(output: NotebookNode) -> NotebookNode | None:
    """The output without what must go; None when nothing is left of it."""
    if output.output_type == "stream":
        if output.name == "stderr" and _PROGRESS_BAR.search(output.text):
            return None
        output.text = without_machine(output.text)
        return output
    if output.output_type not in ("display_data", "execute_result"):
        return output  # an error: the structure test refuses it, so that it is seen
    if WIDGET_VIEW in output.data:
        del output.data[WIDGET_VIEW]
        if set(output.data) <= {"text/plain"}:
            return None  # only the widget's repr is left, which says nothing to a reader
    for kind, value in output.data.items():
        if kind.startswith("text/") and isinstance(value, str):
            output.data[kind] = without_machine(value)
    return output


def without_machine(text: str) -> str:
    """``text`` with this machine's folders and memory addresses replaced by neutral words."""
    folders = machine_folders()
    anywhere = "|".join([EMBEDDED.pattern, *map(re.escape, folders)])

    def neutral(match: re.Match) -> str:
        return folders.get(match.group(), match.group())

    return _ADDRESS.sub("at 0x...", re.sub(anywhere, neutral, text))


def machine_folders() -> dict[str, str]:
    """Folders that tell one machine from another, longest first, and what stands for each."""
    known = {
        str(paths.cache_dir()): "CACHE",
        str(paths.work_dir()): "my_work",
        str(paths.kit_root()): ".",
        str(Path(tempfile.gettempdir())): "TMP",
        str(Path.home()): "~",
    }
    # A home of "/" (some containers) says nothing about a machine and occurs everywhere.
    telling = {folder: word for folder, word in known.items() if len(Path(folder).parts) > 1}
    return dict(sorted(telling.items(), key=lambda pair: -len(pair[0])))


def main(names: Sequence[str] | None = None) -> int:
    """Clean notebooks in place, as the hook before a commit does.

    Parameters
    ----------
    names : sequence of str, optional
        Paths; by default the command line's.

    Returns
    -------
    int
        1 when a file was changed, so that the commit waits for a second look, else 0.

    Raises
    ------
    ValueError
        When a file is no notebook.
    """
    import nbformat

    changed = 0
    for path in map(Path, sys.argv[1:] if names is None else names):
        before = path.read_text(encoding="utf-8")
        after = nbformat.writes(clean(nbformat.reads(before, as_version=4))).rstrip("\n") + "\n"
        if after != before:
            files.write_text(path, after)
            print(f"cleaned {path}")
            changed = 1
    return changed


if __name__ == "__main__":
    sys.exit(main())

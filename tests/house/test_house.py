"""The shape of the package: rooms stacked so that imports go only downward, readable files."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "tl_helpers"

# From the ground up. A room imports from the rooms on lower floors, and from itself; rooms on one
# floor do not know of each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("assets",),
    ("datasets", "simulators", "exercises"),
    ("models",),
    ("training",),
    ("techniques",),
    ("compare",),
    ("arms",),
    ("plots",),
    ("kit",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
OUTSIDE = {"__init__", "__main__", "_door"}  # the doors' own mechanism, and the way in

# Guards against growth, with headroom over what one should aim at: 300, 25 and 6.
FILE_LINES, FUNCTION_LINES, PARAMETERS = 330, 35, 9
LONGER_FUNCTIONS = {"training.loop.fit": 45}  # lines of code; the one training loop
WIDER_SIGNATURES = {"training.loop.fit": 30, "compare.comparison.run": 17}


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _name(path: Path) -> str:
    """Dotted name inside the package; a door is called by its room."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _imported(path: Path) -> set[str]:
    """Modules and rooms of the package that a file imports, those for type checkers included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {n.name for n in node.names if n.name.startswith("tl_helpers.")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tl_helpers"):
            for alias in node.names:
                inner = PACKAGE.parent.joinpath(*node.module.split("."), alias.name)
                is_module = inner.is_dir() or inner.with_suffix(".py").is_file()
                found.add(f"{node.module}.{alias.name}" if is_module else node.module)
    return {name.removeprefix("tl_helpers.") for name in found} - {"tl_helpers", "_door"}


def _room(name: str) -> str:
    return name.split(".")[0]


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_only_downward(path):
    name = _name(path)
    if name in OUTSIDE:
        return
    room = _room(name)
    assert room in FLOOR, f"{name} stands in no room: move it into one of {', '.join(FLOOR)}"
    for other in map(_room, _imported(path)):
        assert other in FLOOR, f"{name} imports {other}, which is no room"
        lower = FLOOR[other] < FLOOR[room] or other == room
        assert lower, f"{name} imports {other}, which is not below {room}"


def test_no_circle_of_imports():
    """Not even one under TYPE_CHECKING: two files that need each other are one idea in two."""
    graph = {_name(path): _imported(path) - {_name(path)} for path in _modules()}
    tuple(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, naming the circle


def test_no_module_imports_relatively():
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            relative = isinstance(node, ast.ImportFrom) and node.level > 0
            assert not relative, f"{path.name}: write `from tl_helpers...`, which this test reads"


def test_every_room_has_a_door_that_says_what_lives_there():
    rooms = [folder for folder in PACKAGE.iterdir() if list(folder.glob("*.py"))]
    assert {folder.name for folder in rooms} <= set(FLOOR)
    for folder in rooms:
        door = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
        assert ast.get_docstring(door), f"{folder.name}: its door says nothing"


def test_what_a_door_hands_on_is_there():
    import importlib

    for door in [PACKAGE / "__init__.py", *PACKAGE.glob("*/__init__.py")]:
        package = ".".join(door.parent.relative_to(PACKAGE.parent).parts)
        module = importlib.import_module(package)
        for name in getattr(module, "__all__", []):
            assert getattr(module, name) is not None, f"{package} does not have {name}"


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_functions_and_signatures_stay_readable(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{_name(path)}.{node.name}"
            lines, wide = _lines(node), _width(node)
            assert lines <= LONGER_FUNCTIONS.get(name, FUNCTION_LINES), f"{name}: {lines} lines"
            assert wide <= WIDER_SIGNATURES.get(name, PARAMETERS), f"{name}: {wide} parameters"


def _lines(function: ast.FunctionDef) -> int:
    """Lines of the body, without its docstring and the signature."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    body = function.body[documented:]
    return function.end_lineno - body[0].lineno + 1 if body else 0


def _width(function: ast.FunctionDef) -> int:
    a = function.args
    return len([x for x in a.posonlyargs + a.args + a.kwonlyargs if x.arg not in ("self", "cls")])

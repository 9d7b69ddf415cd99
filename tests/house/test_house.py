"""The shape of the package: imports go only upward, and files and functions stay readable."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "tl_helpers"

# A module imports from lower layers, and from its own as long as no circle closes.
LAYERS: tuple[set[str], ...] = (
    {"paths", "progress", "colab", "processes", "runtime", "metrics", "transferability"},
    {"catalogue", "integrity", "conversions", "origins", "acquire", "assets"},
    {"datasets", "weights", "backbones", "torchvision_backbones"},
    {"freezing", "batches", "evaluation", "features", "input_checks", "inputs", "logs", "mixup"}
    | {"adapters", "blobs", "detection", "domain_adaptation", "test_time_adaptation"}
    | {"checkpoints", "param_groups", "run_state", "steps", "training"},
    {"code_hash", "compare", "report", "sabotage", "scorecard", "setting", "studies"},
    {"figures", "plots", "data_plots", "box_plots", "widgets", "answers", "exercises"},
    {"lessons", "kernels", "running", "copies", "jobs", "lab", "listings", "skeleton"}
    | {"run_command", "summary", "cleaning", "publish", "doctor", "cli"}
    | {"targets", "wheelhouse", "bundle", "offline"},
)
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}
ENTRY_POINTS = {"__init__", "__main__", "templates"}  # hold nothing that others import

# Guards against growth, with headroom over what one should aim at: 300, 25 and 6.
FILE_LINES, FUNCTION_LINES, PARAMETERS = 330, 35, 9
LONGER_FUNCTIONS = {"training.fit": 45}  # lines of code; the one training loop
WIDER_SIGNATURES = {"training.fit": 30, "compare.run": 16}


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _name(path: Path) -> str:
    """Module directly under the package that ``path`` belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imported(tree: ast.AST) -> set[str]:
    """Modules of the package that are imported; those for type checkers only do not count."""
    found: set[str] = set()
    queue = [tree]
    while queue:
        node = queue.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        queue += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= {n.name.split(".")[1] for n in node.names if n.name.startswith("tl_helpers.")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tl_helpers"):
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {n.name for n in node.names}
    return {name for name in found if not name.startswith("__")}  # such as __version__


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_only_upward(path):
    name = _name(path)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if name in ENTRY_POINTS:
        return
    assert name in LAYER, f"{name} is in no layer: add it to LAYERS"
    above = {other for other in _imported(tree) if LAYER.get(other, 99) > LAYER[name]}
    assert not above, f"{name} imports {', '.join(sorted(above))}"


def test_no_circle_of_imports():
    graph: dict[str, set[str]] = {}
    for path in _modules():
        imported = _imported(ast.parse(path.read_text(encoding="utf-8")))
        graph.setdefault(_name(path), set()).update(imported - {_name(path)})
    tuple(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, naming the circle


def test_no_module_imports_relatively():
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            relative = isinstance(node, ast.ImportFrom) and node.level > 0
            assert not relative, f"{path.name}: write `from tl_helpers...`, which the layers read"


def test_layers_list_only_modules_that_exist():
    there = {_name(path) for path in _modules()}
    assert set(LAYER) <= there, sorted(set(LAYER) - there)


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

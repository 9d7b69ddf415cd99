"""From `tl run` to the first training step, and what imports cost.

The floor is what any notebook needs that trains with torch: a kernel of its own, torch's import,
and making an optimizer, which imports torch's compiler.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from bench.measuring import in_turn, ratio
from bench.report import Goal, Section
from tl_helpers.kit import lessons

IMPORTS = {  # what to import, and what of it is there before
    "torch": "pass",
    "torch's optimizers": "import torch",
    "torchvision": "import torch",
    "transformers.AutoModel": "import torch",
    "timm": "import torch",
    "sklearn.linear_model": "import torch",
    "matplotlib.pyplot": "import torch",
    "pandas": "import torch",
    "tl_helpers.training": "import torch",
    "tl_helpers.compare": "import torch",
}
STATEMENTS = {
    "torch's optimizers": "torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)",
    "transformers.AutoModel": "from transformers import AutoModel",
}
TIMED_IMPORT = """
import os, time
from tl_helpers.training.memory import anonymous_mib
{before}
memory, began = anonymous_mib(os.getpid()), time.perf_counter()
{statement}
print(time.perf_counter() - began, anonymous_mib(os.getpid()) - memory, flush=True)
os._exit(0)
"""

FIRST_STEP = """
import time
import torch
from torch.optim import optimizer as _optimizer
def _stamp(*_, name="step"):
    with open({stamps!r}, "a") as file:
        print(name, time.time(), file=file)
_stamp(name="torch")
_handle = _optimizer.register_optimizer_step_post_hook(
    lambda *_: (_stamp(), _handle.remove()))
"""
BARE_STEP = """
model = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
model(torch.randn(8, 4)).sum().backward()
optimizer.step()
"""
FIT_STEP = """
from tl_helpers.training import runtime
from tl_helpers import training
model = torch.nn.Linear(4, 2)
training.fit(
    model, (torch.randn(64, 4), torch.randint(0, 2, (64,))),
    loss_fn=torch.nn.CrossEntropyLoss(), optimizer=torch.optim.SGD(model.parameters(), 0.1),
    epochs=1, runtime=runtime.start(profile, seed), progress=False)
"""


def read_stamps(path: Path, began: float) -> dict[str, float]:
    """Seconds from ``began`` to each stamp; the file is emptied."""
    lines = path.read_text().splitlines()
    path.write_text("")
    return {name: float(at) - began for name, at in map(str.split, lines)}


def floor(stamps: Path) -> float:
    """Start a bare kernel, import torch in it and make one step."""
    from nbclient import NotebookClient

    cell = new_code_cell(FIRST_STEP.format(stamps=str(stamps)) + BARE_STEP)
    client = NotebookClient(new_notebook(cells=[cell]), shutdown_kernel="immediate")
    began = time.time()
    client.execute(stderr=subprocess.DEVNULL)  # warnings of the kernel
    return read_stamps(stamps, began)["step"]


def run(notebooks: Path, id: str, stamps: Path, *options: str) -> dict[str, float]:
    """`tl run`: seconds to torch in the lesson's kernel, to the first step, and to the end."""
    with tempfile.TemporaryDirectory() as out:
        call = [sys.executable, "-m", "tl_helpers", "run", id, "--out", out, *options]
        began = time.time()
        done = subprocess.run(call, env={**os.environ, "TL_NOTEBOOKS": str(notebooks)},
                              capture_output=True, text=True, check=False)  # fmt: skip
        ended = time.time() - began
    if done.returncode:
        raise RuntimeError(f"tl run {id} failed:\n{done.stdout}{done.stderr}")
    return {**read_stamps(stamps, began), "end": ended}


def tiny_lesson(root: Path, stamps: Path) -> str:
    """A lesson that only trains one step."""
    cells = [
        new_markdown_cell("# How soon?"),
        new_code_cell(FIRST_STEP.format(stamps=str(stamps))),
        new_code_cell('profile = "laptop"\nseed = 0', metadata={"tags": ["parameters"]}),
        new_code_cell(FIT_STEP),
    ]
    (root / "01_bench").mkdir(parents=True)
    made = new_notebook(cells=cells, metadata={"tl": {"id": "1.1", "assets": []}})
    nbformat.write(made, root / "01_bench" / "01_first_step.ipynb")
    return "1.1"


def real_lesson(root: Path, stamps: Path, id: str) -> str:
    """A lesson of the course with the clock in its first cell."""
    lesson = lessons.get(id)
    notebook = lessons.read(lesson.path)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    first.source = FIRST_STEP.format(stamps=str(stamps)) + first.source
    (root / lesson.track / "solutions").mkdir(parents=True)
    nbformat.write(notebook, root / lesson.track / lesson.path.name)
    copy = root / lesson.track / "solutions" / lesson.exercises_file.name
    copy.write_bytes(lesson.exercises_file.read_bytes())
    return id


def timed_import(name: str) -> tuple[float, float]:
    """Seconds and MiB of one import, in an interpreter of its own."""
    statement = STATEMENTS.get(name, f"import {name}")
    code = TIMED_IMPORT.format(before=IMPORTS[name], statement=statement)
    took, memory = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    return float(took), float(memory)


def measure(repeats: int, lesson: str = "1.1", imports: tuple = tuple(IMPORTS)) -> Section:
    """The floor, a lesson of one step, a real one at profile smoke, and the imports."""
    with tempfile.TemporaryDirectory() as folder:
        stamps = Path(folder, "stamps")
        tiny = tiny_lesson(Path(folder, "tiny"), stamps)
        real = real_lesson(Path(folder, "real"), stamps, lesson)
        sides: dict[str, Callable[[], float]] = {
            "a bare kernel, import torch, one step": lambda: floor(stamps),
            "tl run, a lesson of one step": lambda: run(Path(folder, "tiny"), tiny, stamps)["step"],
            f"tl run {lesson} --profile smoke": lambda: run(
                Path(folder, "real"), real, stamps, "--profile", "smoke"
            )["step"],
        }
        taken = in_turn(sides, repeats)
    least = taken[next(iter(sides))]
    rows = [
        row(f"first step: {n}", statistics.median(v), ratio(v, least)) for n, v in taken.items()
    ]
    found = {n: [timed_import(n) for _ in range(repeats)] for n in imports}
    for name, values in found.items():
        took, memory = (statistics.median(column) for column in zip(*values, strict=True))
        after = " after torch" if IMPORTS[name] != "pass" else ""
        rows.append({**row(f"import: {name}{after}", took, None), "memory_mib": memory})
    note = "Seconds to the first optimizer step; imports each in a new interpreter."
    reached = rows[1]["floor_ratio"]
    return Section("Start", note, rows, [Goal("tl run / floor, to the first step", reached, 1.5)])


def row(what: str, value: float, of_floor: float | None) -> dict:
    """One line."""
    return {"what": what, "time_s": value, "floor_ratio": of_floor, "memory_mib": None}

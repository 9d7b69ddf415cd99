"""Install on Colab what a lesson lacks there, around the torch that Colab brings.

A hosted notebook has torch built for its GPU. Replacing it takes minutes and often breaks CUDA,
so torch, its companions and numpy stay exactly as they are and pip works around them. The setup
cell of every lesson installs this package without its dependencies, then calls `install`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

KEPT = ("torch", "torchvision", "torchaudio", "numpy")
NOT_NEEDED = ("jupyterlab", "ipykernel")  # Colab is the notebook server and has its own kernel


def constraints(version_of: Callable[[str], str] = metadata.version) -> list[str]:
    """Pins of the packages in `KEPT` that are installed, such as ``torch==2.11.0+cu128``."""
    pins = []
    for name in KEPT:
        try:
            pins.append(f"{name}=={version_of(name)}")
        except metadata.PackageNotFoundError:
            continue  # nothing is there to protect
    return pins


def requirements(lines: list[str] | None = None) -> list[str]:
    """Requirements of the kit that pip is asked for: neither an extra, nor kept, nor not needed.

    Parameters
    ----------
    lines : list of str, optional
        Requirements as package metadata writes them; by default those of the installed kit.
    """
    lines = metadata.requires("tl-helpers") or [] if lines is None else lines
    return [line for line in lines if "extra ==" not in line and _name(line) not in _LEFT_ALONE]


def command(constraint_file: Path) -> list[str]:
    """Arguments of the pip call; pip keeps what is installed and satisfies the kit's ranges."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    return [*pip, "--constraint", str(constraint_file), *requirements()]


def install() -> None:
    """Install what is missing and leave torch, torchvision, torchaudio and numpy untouched.

    Raises
    ------
    RuntimeError
        When pip fails; its own message stands above.
    """
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "constraints.txt"
        pins.write_text("".join(f"{pin}\n" for pin in constraints()))
        code = subprocess.run(command(pins), check=False).returncode
    if code:
        raise RuntimeError(
            f"pip ended with code {code}; its message is above. The lesson needs the packages it "
            "names: see that the runtime has internet, restart the session, run this cell again."
        )


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


_LEFT_ALONE = frozenset(KEPT + NOT_NEEDED)

if __name__ == "__main__":
    install()

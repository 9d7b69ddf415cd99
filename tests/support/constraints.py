"""Write constraints.txt from the installed set: `python tests/support/constraints.py`.

Only what the kit and its checks need is pinned, each package with what it needs in turn, so that
a tool that happens to lie in the environment stays out.
"""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
HEADER = """\
# The one tested set: every package that the kit and its checks need, at the version they were run
# with. It only constrains: pip installs what pyproject.toml asks for. Written by
#     python tests/support/constraints.py
# in an environment where `make test` passes. On Linux torch is the CUDA build, which also runs on
# machines without a GPU; a CPU build of the same version satisfies the pin as well.
"""
LINUX_ONLY = ("cuda-", "nvidia-", "triton")  # torch asks for them there alone


def requirements() -> list[Requirement]:
    """Direct requirements of the kit, of its checks and of the lessons' voices."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = project["dependencies"] + extras["dev"] + extras["voices"]
    return [Requirement(line) for line in lines]


def closure(wanted: list[Requirement]) -> dict[str, str]:
    """Installed version of every package in ``wanted`` and of all that they need, by name."""
    found: dict[str, str] = {}
    asked: set[tuple[str, str]] = set()
    queue = [(requirement, "") for requirement in wanted]
    while queue:
        requirement, extra = queue.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        found[name] = metadata.version(name)
        for each in {"", *requirement.extras} - {e for n, e in asked if n == name}:
            asked.add((name, each))
            queue += [(Requirement(line), each) for line in metadata.requires(name) or []]
    return found


def pin(name: str, version: str) -> str:
    """One line of constraints.txt."""
    marker = ' ; sys_platform == "linux"' if name.startswith(LINUX_ONLY) else ""
    return f"{name}=={version.split('+')[0]}{marker}"


def text() -> str:
    """Content of constraints.txt for the environment that runs this."""
    pins = sorted(closure(requirements()).items())
    return HEADER + "".join(pin(*item) + "\n" for item in pins)


if __name__ == "__main__":
    (ROOT / "constraints.txt").write_text(text())

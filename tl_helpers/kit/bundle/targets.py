"""The computers that a bundle can be for: which wheels fit them, which requirements they have.

pip picks wheels for another computer (``pip download --platform``) but judges the conditions of
requirements, such as ``sys_platform == "win32"``, for the computer that it runs on. So both are
here: the tags that choose a wheel (PEP 425, PEP 600) and the values of the conditions (PEP 508).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from packaging import tags
from packaging.markers import Marker

# The lowest for which everything pinned has wheels: PyTorch asks for glibc 2.28 and macOS 14.
_GLIBC_MINOR, _MACOS = 28, (14, 0)
_OLDEST_PYTHON_MINOR = 11


def _linux(machine: str) -> list[str]:
    """Platform tags of a Linux with glibc, newest first; three of them have an older name too."""
    older = {17: ["manylinux2014"], 12: ["manylinux2010"], 5: ["manylinux1"]}
    minors = range(_GLIBC_MINOR, 4, -1)
    names = [name for n in minors for name in [f"manylinux_2_{n}", *older.get(n, [])]]
    return [f"{name}_{machine}" for name in names]


_ASKED = ("os_name", "sys_platform", "platform_system", "platform_machine")
# Name: platform tags, best first, and what is answered there to `_ASKED`.
_PLATFORMS = {
    "linux": (_linux("x86_64"), ("posix", "linux", "Linux", "x86_64")),
    "linux-arm": (_linux("aarch64"), ("posix", "linux", "Linux", "aarch64")),
    "macos": (
        list(tags.mac_platforms(_MACOS, "arm64")),
        ("posix", "darwin", "Darwin", "arm64"),
    ),
    "windows": (["win_amd64"], ("nt", "win32", "Windows", "AMD64")),
}
NAMES = tuple(_PLATFORMS)


@dataclass(frozen=True)
class Target:
    """A kind of computer: a platform and a Python.

    Attributes
    ----------
    platform : {"linux", "linux-arm", "macos", "windows"}
        Linux on x86-64 or on ARM with glibc 2.28 or newer, macOS 14 or newer on Apple's
        processors, Windows on x86-64.
    python : str
        CPython's version as "3.11".

    Raises
    ------
    ValueError
        For another platform, or a Python that the course does not run on.
    """

    platform: str
    python: str

    def __post_init__(self) -> None:
        if self.platform not in _PLATFORMS:
            raise ValueError(f"no platform {self.platform!r}; there are {', '.join(NAMES)}.")
        version = re.fullmatch(r"3\.(\d+)", self.python)
        if not version or int(version[1]) < _OLDEST_PYTHON_MINOR:
            raise ValueError(
                f"Python {self.python!r}: expected 3.{_OLDEST_PYTHON_MINOR} or newer, written so."
            )

    @property
    def name(self) -> str:
        """For example "linux-3.11"."""
        return f"{self.platform}-{self.python}"

    @property
    def pip_options(self) -> list[str]:
        """Options by which ``pip download`` picks wheels for this target."""
        platforms = [f"--platform={tag}" for tag in _PLATFORMS[self.platform][0]]
        # "3.11" would mean 3.11.0 to pip, which some packages do not run on.
        return [*platforms, f"--python-version={self.releases[-1]}", "--implementation=cp"]

    @property
    def releases(self) -> list[str]:
        """All releases that this Python may have, such as "3.11.0" to "3.11.99"."""
        return [f"{self.python}.{patch}" for patch in range(100)]

    @cached_property
    def ranks(self) -> dict[tags.Tag, int]:
        """Every wheel tag that fits, with its rank; 0 fits best."""
        version = (3, int(self.python.removeprefix("3.")))
        abi = f"cp3{version[1]}"
        platforms = _PLATFORMS[self.platform][0]
        fitting = [
            *tags.cpython_tags(version, abis=[abi], platforms=platforms),
            *tags.compatible_tags(version, interpreter=abi, platforms=platforms),
        ]
        return {tag: rank for rank, tag in reversed(list(enumerate(fitting)))}

    def holds(self, marker: Marker | None, extra: str = "") -> bool:
        """Whether a requirement's condition holds on such a computer, for any patch release.

        Parameters
        ----------
        marker : packaging.markers.Marker or None
            The condition; None always holds.
        extra : str
            The optional set that is asked for; none by default.
        """
        if marker is None:
            return True
        values = dict(zip(_ASKED, _PLATFORMS[self.platform][1], strict=True))
        values |= {"python_version": self.python, "extra": extra}
        ends = (self.releases[0], self.releases[-1])
        return any(marker.evaluate({**values, "python_full_version": end}) for end in ends)

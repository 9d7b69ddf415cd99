"""Finding and downloading an sdist: a source archive may carry data that the wheels leave out.

pip runs a package's setup.py before it hands over an sdist. unearth, the finder of the package
manager PDM, looks where pip is told to look and runs nothing.
"""

from __future__ import annotations

import ast
import contextlib
import logging
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tl_helpers.assets.archives import DISK_ERRORS, Tick
from tl_helpers.assets.entries import AssetError, Parcel

if TYPE_CHECKING:
    from unearth import PackageFinder
    from unearth.fetchers import PyPIClient

_SECTIONS = ("global", "download", ":env:")  # of pip's settings; the later one wins
_SECONDS = 15  # pip's own patience with a server
_ON = ("1", "on", "true", "yes", "y", "t")


def pip_settings() -> dict[str, str]:
    """What `pip download` would go by, option to value: its files and the environment.

    Raises
    ------
    AssetError
        When pip cannot say.
    """
    # -P: a stray module beside a notebook must not shadow one of pip's own.
    command = [sys.executable, "-P", "-m", "pip", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if done.returncode != 0:
        raise AssetError(f"pip does not tell its settings: {done.stderr.strip()[-300:]}")
    found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for line in done.stdout.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if section in found:
            found[section][option] = ast.literal_eval(value)
    return {**found["global"], **found["download"], **found[":env:"]}


def download(parcel: Parcel, work: Path, tick: Tick) -> Path:
    """Bring an sdist from the first place that has it, in the order in which pip is told of them.

    Parameters
    ----------
    parcel : Parcel
    work : Path
        Folder to download into.
    tick : callable
        Called with the number of bytes so far.

    Returns
    -------
    Path
        The sdist, unopened; one that lies in a local folder stays there.

    Raises
    ------
    AssetError
        When no place gave the recorded bytes, with what each answered.
    OSError
        When the disk is at fault.
    """
    answers = []
    with contextlib.ExitStack() as stack:
        try:
            finders = _finders(pip_settings(), stack)
        except (OSError, ValueError) as error:  # such as a file of certificates that is not there
            raise AssetError(f"pip's settings cannot be used: {error}") from error
        for place, finder in finders:
            try:
                return _from(finder, parcel, work, tick)
            except Exception as error:
                # unearth raises kinds of its own and those of its HTTP library.
                if isinstance(error, OSError) and error.errno in DISK_ERRORS:
                    raise
                answers.append(f"{place}: {' '.join(str(error).split()) or type(error).__name__}")
    raise AssetError("; ".join(answers) or "pip is told to ask no index, and of no find-links")


def _from(finder: PackageFinder, parcel: Parcel, work: Path, tick: Tick) -> Path:
    with _warnings() as said:
        found = finder.find_best_match(f"{parcel.package}=={parcel.version}").best
        if found is None:
            raise AssetError(f"no sdist of this version there. {' '.join(said)}")
        return finder.download(
            found.link,
            work,
            hashes={"sha256": [str(parcel.sha256)]},
            download_reporter=lambda link, completed, total: tick(completed),
        )


class _Listener(logging.Handler):
    """Collects warnings in a list."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.said = said

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@contextlib.contextmanager
def _warnings() -> Iterator[list[str]]:
    """What unearth would print, such as an index's refusal; our own message repeats it."""
    said: list[str] = []
    handler = _Listener(said)
    logger = logging.getLogger("unearth")
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate


def _finders(
    settings: dict[str, str], stack: contextlib.ExitStack
) -> list[tuple[str, PackageFinder]]:
    """A finder for each folder, page and index that pip is told of, with its name for messages."""
    from unearth import Link, PackageFinder

    links = settings.get("find-links", "").split()
    indexes = []
    if settings.get("no-index", "").lower() not in _ON:
        usual = PackageFinder().sources[0]["url"]  # pip's, too
        indexes = [settings.get("index-url", usual), *settings.get("extra-index-url", "").split()]
    session = stack.enter_context(_session(settings, indexes))
    places: list[dict[str, Any]] = [{"find_links": [link]} for link in links] + [
        {"index_urls": [url]} for url in indexes
    ]
    finders = []
    for place in places:
        # Data does not care which Python the package was written for.
        options = {**place, "no_binary": [":all:"], "ignore_compatibility": True}
        finder = PackageFinder(session, **options)  # type: ignore[arg-type]  # its own session
        (source,) = finder.sources
        name = Link(source["url"]).redacted if "://" in source["url"] else source["url"]
        finders.append((name, finder))
    return finders


def _session(settings: dict[str, str], indexes: list[str]) -> PyPIClient:
    """A client with pip's proxy, certificates, trusted hosts, patience and credentials."""
    from unearth.auth import MultiDomainBasicAuth
    from unearth.fetchers import PyPIClient

    bundles = (os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
    certificates = next(filter(None, (settings.get("cert"), *bundles)), None)
    session = PyPIClient(
        trusted_hosts=settings.get("trusted-host", "").split(),
        verify=ssl.create_default_context(cafile=certificates) if certificates else True,
        proxy=settings.get("proxy") or None,
        timeout=float(settings.get("timeout") or settings.get("default-timeout") or _SECONDS),
        follow_redirects=True,
    )
    session.auth = MultiDomainBasicAuth(prompting=False, index_urls=indexes)
    return session

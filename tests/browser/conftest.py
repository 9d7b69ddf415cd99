"""Option and fixtures of the tests in a browser; `make test` does not collect this folder."""

from __future__ import annotations

from pathlib import Path

import chromium
import pytest


def pytest_addoption(parser) -> None:
    parser.addoption(
        "--screenshots",
        default="build/screenshots",
        help="folder for pictures of what the browser showed",
    )


def pytest_sessionstart(session) -> None:
    try:
        chromium.programs()
    except FileNotFoundError as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="session")
def browser(request, tmp_path_factory):
    """One window for all tests."""
    screenshots = Path(request.config.getoption("--screenshots"))
    screenshots.mkdir(parents=True, exist_ok=True)
    for old in screenshots.glob("*.png"):
        old.unlink()
    with chromium.browser(tmp_path_factory.mktemp("profile"), screenshots) as window:
        yield window

"""Bars are for those who watch: a terminal or a notebook, and never against TL_PROGRESS=0."""

import io
import sys
from types import SimpleNamespace

import pytest

from tl_helpers.assets import watching


class _Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def unwatched(monkeypatch):
    monkeypatch.delenv("TL_PROGRESS", raising=False)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    return monkeypatch


def _in_kernel(monkeypatch) -> None:
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


def test_a_script_without_a_terminal_shows_none(unwatched):
    assert not watching.wanted()
    assert watching.bar(total=3).disable


def test_a_terminal_and_a_notebook_show_bars(unwatched):
    unwatched.setattr(sys, "stderr", _Terminal())
    assert watching.wanted()
    assert not watching.bar(total=3).disable
    unwatched.setattr(sys, "stderr", io.StringIO())
    _in_kernel(unwatched)
    assert watching.in_notebook()
    assert watching.wanted()


def test_the_setting_silences_terminal_and_notebook(unwatched):
    unwatched.setenv("TL_PROGRESS", "0")
    unwatched.setattr(sys, "stderr", _Terminal())
    _in_kernel(unwatched)
    assert not watching.wanted()
    unwatched.setenv("TL_PROGRESS", "1")
    assert watching.wanted()


def test_a_caller_may_do_without(unwatched):
    unwatched.setattr(sys, "stderr", _Terminal())
    assert watching.bar(total=3, show=False).disable


def test_a_process_without_stderr_shows_none(unwatched):
    unwatched.setattr(sys, "stderr", None)
    assert not watching.wanted()

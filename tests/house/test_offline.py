"""The network block of the lesson tests really blocks, in kernels and in their children."""

import subprocess
import sys

import nbformat
import pytest
import tiny_kit
from offline_environment import offline_environment, offline_variables

from tl_helpers.kit import running

ATTEMPTS = {
    "address": 'socket.create_connection(("192.0.2.1", 80), timeout=5)',
    "name": 'socket.create_connection(("lessons.invalid", 80), timeout=5)',
    "connect_ex": 'socket.socket().connect_ex(("192.0.2.1", 80))',
    "look-up": 'socket.getaddrinfo("lessons.invalid", 443)',
    "ipv6": 'socket.socket(socket.AF_INET6).connect(("2001:db8::1", 80))',
    "urllib": 'urllib.request.build_opener(urllib.request.ProxyHandler({})).open("http://x.invalid")',
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_a_process_cannot_leave_this_computer(attempt):
    code = f"import socket, urllib.request\n{attempt}"
    call = [sys.executable, "-c", code]
    done = subprocess.run(call, env=offline_environment(), capture_output=True, text=True)
    assert done.returncode == 1
    assert "the network is blocked in this test" in done.stderr


def test_loopback_still_works_for_kernels():
    code = (
        "import socket; s = socket.create_server(('127.0.0.1', 0));"
        "socket.create_connection(('localhost', s.getsockname()[1]), timeout=5); print('met')"
    )
    call = [sys.executable, "-c", code]
    done = subprocess.run(call, env=offline_environment(), capture_output=True, text=True)
    assert done.stdout.strip() == "met"


def test_a_lessons_kernel_cannot_leave_this_computer(tmp_path, monkeypatch):
    notebooks = tiny_kit.build(tmp_path)
    for name, value in offline_variables(TL_WORK=str(tmp_path)).items():
        monkeypatch.setenv(name, value)
    source = f"import socket\n{ATTEMPTS['address']}"
    id = tiny_kit.add(notebooks, "02_call", source)
    monkeypatch.setenv("TL_NOTEBOOKS", str(notebooks))
    (problem,) = running.run(id, out=tmp_path / "out").problems
    assert "the network is blocked in this test" in problem


def test_children_of_a_kernel_are_blocked_too(tmp_path, monkeypatch):
    notebooks = tiny_kit.build(tmp_path)
    for name, value in offline_variables(TL_WORK=str(tmp_path)).items():
        monkeypatch.setenv(name, value)
    child = f"import socket; {ATTEMPTS['address']}"
    source = (
        "import subprocess, sys\n"
        f"print(subprocess.run([sys.executable, '-c', {child!r}], capture_output=True, text=True))"
    )
    id = tiny_kit.add(notebooks, "02_call", source)
    monkeypatch.setenv("TL_NOTEBOOKS", str(notebooks))
    result = running.run(id, out=tmp_path / "out")
    text = nbformat.read(result.notebook, as_version=4).cells[-1].outputs[0].text
    assert "the network is blocked in this test" in text

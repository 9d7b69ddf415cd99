"""`python -m bench`: measure, print the tables, write bench.json and bench.md."""

from __future__ import annotations

import argparse
import datetime
import importlib
import platform
import sys
from importlib import metadata
from pathlib import Path

from bench import report
from tl_helpers.assets import paths

SECTIONS = ("loops", "precision", "peak", "start", "caching")


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Its name and the bf16 instructions it has."""
    if not cpuinfo.is_file():
        return platform.processor() or platform.machine()
    lines = dict(
        map(str.strip, line.split(":", 1))
        for line in cpuinfo.read_text().splitlines()
        if ":" in line
    )
    fast = [flag for flag in ("avx512_bf16", "amx_bf16") if flag in lines.get("flags", "").split()]
    return f"{lines.get('model name', platform.machine())} ({', '.join(fast) or 'no bf16'})"


def main() -> None:
    """Measure the sections asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--out", type=Path, default=paths.work_dir(), help="folder for the results")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"no section is called {', '.join(unknown)}; there are {', '.join(SECTIONS)}.")
    about = {
        "processor": processor(),
        "Python": platform.python_version(),
        "torch": metadata.version("torch"),
        "threads": 1,
        "repeats": options.repeats,
        "day": datetime.date.today().isoformat(),
    }
    for name in options.sections or SECTIONS:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        found = importlib.import_module(f"bench.{name}").measure(options.repeats)
        print(report.write(options.out, {name: found}, about), flush=True)
    print(f"Written to {options.out / 'bench.json'} and bench.md.")


if __name__ == "__main__":
    main()

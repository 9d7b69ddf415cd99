"""Environment for processes that must do without the network."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = str(Path(__file__).resolve().parent / "offline")
NOWHERE = "http://127.0.0.1:9"  # libraries that bypass Python's sockets obey a proxy
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def offline_variables(**more: str) -> dict[str, str]:
    """Only the variables that block the network and keep a process to one thread."""
    search = [BLOCK, str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "PYTHONPATH": os.pathsep.join(search),
        "TL_OFFLINE": "1",
        "HF_HUB_OFFLINE": "1",
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), NOWHERE),
        **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), NOWHERE),
        "NO_PROXY": "localhost,127.0.0.1,::1",
        **dict.fromkeys(ONE_THREAD, "1"),
        "TL_PROGRESS": "0",
        **more,
    }


def offline_environment(**more: str) -> dict[str, str]:
    """The present environment with the network blocked; pytest's own settings left out."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {**ours, **offline_variables(**more)}

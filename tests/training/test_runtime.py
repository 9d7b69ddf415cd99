"""What a run fixes before it starts: device, precision, threads, seeds; and its memory measured."""

import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from tl_helpers.training import memory, runtime
from tl_helpers.training.memory import MemoryPeak

CPU = torch.device("cpu")


def _start(*args, **options):
    return runtime.start(*args, **{"device": "cpu", "precision": "fp32", **options})


def _draws() -> tuple:
    return random.random(), float(np.random.rand()), torch.rand(3).tolist()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"profile": "huge"}, "profile is 'huge'; expected one of smoke, laptop, gpu"),
        ({"precision": "fp8"}, "precision is 'fp8'; expected one of auto, fp32, bf16, fp16"),
        ({"device": "toaster"}, "device 'toaster' cannot be used here"),
        ({"seed": -1}, "seed is -1; expected a whole number of at least 0"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"seed": True}, "seed is True"),
        ({"threads": 0}, "threads is 0; expected a whole number of at least 1"),
        ({"threads": "two"}, "threads is 'two'"),
    ],
)
def test_a_wrong_choice_is_refused_with_what_was_expected(options, said):
    with pytest.raises(ValueError) as error:
        _start(**options)
    assert said in str(error.value)


def test_profile_gpu_on_a_cpu_says_where_to_go():
    with pytest.raises(ValueError, match=r"needs a CUDA or MPS device.*laptop.*Colab"):
        _start("gpu")


def test_the_same_seed_gives_the_same_numbers_everywhere():
    first = (_start(seed=3) and _draws(), torch.rand(2, generator=_start(seed=3).generator(1)))
    again = (_start(seed=3) and _draws(), torch.rand(2, generator=_start(seed=3).generator(1)))
    other = (_start(seed=4) and _draws(), torch.rand(2, generator=_start(seed=4).generator(1)))
    assert first[0] == again[0]
    assert torch.equal(first[1], again[1])
    assert all(a != b for a, b in zip(first[0], other[0], strict=True))
    assert not torch.equal(first[1], other[1])


def test_a_generator_is_apart_from_the_global_one():
    chosen = _start(seed=5)
    before = torch.get_rng_state()
    torch.rand(10, generator=chosen.generator())
    assert torch.equal(before, torch.get_rng_state())


@pytest.fixture
def amx(tmp_path):
    """Two lists of processor features: with AMX, and without."""
    (tmp_path / "new").write_text("flags : sse4_2 avx2 avx512f amx_bf16 amx_tile\n")
    (tmp_path / "old").write_text("flags : sse4_2 avx2 avx512f avx512_bf16\n")
    return tmp_path


@pytest.mark.parametrize(
    ("cap", "expected"),
    [
        (None, True),
        ("ALL", True),
        ("AVX512_CORE_AMX", True),
        ("avx512_core_amx_fp16", True),
        ("AVX2", False),
        ("AVX512_CORE_BF16", False),
    ],
)
def test_amx_counts_only_as_far_as_onednn_may_use_it(amx, monkeypatch, cap, expected):
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if cap:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", cap)
    assert runtime.has_amx(amx / "new") is expected
    assert not runtime.has_amx(amx / "old")
    assert not runtime.has_amx(amx / "absent")


def test_auto_precision_is_fp32_on_a_cpu_without_amx(monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert runtime.best_precision(CPU) == "fp32"
    assert _start(precision="auto").precision == "fp32"


def test_auto_precision_is_bf16_where_the_cpu_has_amx(monkeypatch):
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    assert runtime.best_precision(CPU) == ("bf16" if runtime.has_amx() else "fp32")
    monkeypatch.setattr(runtime, "has_amx", lambda: True)
    assert runtime.best_precision(CPU) == "bf16"


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_autocast_computes_products_in_the_precision_and_keeps_weights(precision, dtype):
    layer = torch.nn.Linear(4, 2)
    with _start(precision=precision).autocast():
        assert layer(torch.ones(1, 4)).dtype == dtype
    assert layer.weight.dtype == torch.float32


def test_only_fp16_scales_its_loss():
    scalers = {p: _start(precision=p).scaler().is_enabled() for p in runtime.PRECISIONS}
    assert scalers == {"fp32": False, "bf16": False, "fp16": True}


def test_threads_are_set_and_told():
    before = torch.get_num_threads()
    try:
        chosen = _start(threads=1)
        assert torch.get_num_threads() == 1 == chosen.threads
        assert str(chosen) == "profile laptop, cpu with 1 thread, fp32, seed 0"
    finally:
        torch.set_num_threads(before)


def test_deterministic_mode_is_switched_on_and_off(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")  # so that it is put back afterwards
    try:
        assert _start(deterministic=True).deterministic
        assert torch.are_deterministic_algorithms_enabled()
        assert not _start().deterministic
        assert not torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def test_memory_peak_sees_100_megabytes_that_were_freed_again():
    with MemoryPeak() as idle:
        pass
    with MemoryPeak(interval=0.01) as peak:
        block = np.ones(100 * 2**20, np.uint8)
        time.sleep(0.5)
        del block
    assert 90 < peak.mib - idle.mib < 200


def test_memory_peak_sees_what_a_short_block_still_holds():
    with MemoryPeak(interval=60) as idle:
        pass
    with MemoryPeak(interval=60) as peak:
        block = np.ones(100 * 2**20, np.uint8)
    assert peak.mib > idle.mib + 90
    del block


def test_memory_peak_counts_child_processes():
    code = "block = bytearray(b'x') * (100 * 2**20); input(print('held', flush=True) or '')"
    with MemoryPeak(interval=60) as idle:
        pass
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as child:
        with MemoryPeak(interval=60) as peak:
            assert child.stdout.readline() == "held\n"
        child.communicate("\n")
    assert peak.mib > idle.mib + 90
    assert memory.anonymous_mib(child.pid) == 0.0  # it has ended


def test_released_memory_goes_back_to_the_system():
    blocks = [torch.ones(20_000) for _ in range(2_000)]  # 160 MB in blocks that malloc keeps
    full = memory.anonymous_mib(os.getpid())
    del blocks
    runtime.release_memory()
    assert memory.anonymous_mib(os.getpid()) < full - 100

"""Frozen features: computed once, cached on disk under all that decides them.

The key is a hash of what network and preprocessing compute (`models.behaviour`), of the data, the
stages and the precision. What cannot be read into a key is computed anew each time, and said.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from tl_helpers.assets import paths
from tl_helpers.datasets import Examples
from tl_helpers.models.backbones import Backbone
from tl_helpers.models.behaviour import NoFingerprint, fingerprint
from tl_helpers.techniques.feature_files import read, write
from tl_helpers.techniques.feature_passes import OUTPUT, features_after
from tl_helpers.training.inputs import tensors_of
from tl_helpers.training.runtime import Runtime

_CHUNK = 512  # examples between two saves: what an interrupted extraction can lose
_SAMPLE = 8  # examples, spread over the set, whose preprocessing is looked at
_VERSION = 3  # raise it when the computation below changes its results


@dataclass(frozen=True)
class FeatureSet:
    """Features of a data set: x float32 (N, D), y int64 (N,), ids of the N examples."""

    x: Tensor
    y: Tensor
    ids: list[str]

    def __len__(self) -> int:
        return len(self.y)

    def fingerprint(self) -> str:
        """SHA-256 of features, labels and ids; computed elsewhere, features differ by rounding."""
        digest = hashlib.sha256(json.dumps(self.ids).encode())
        for tensor in (self.x, self.y):
            digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def extract(
    backbone: Backbone, dataset: Examples, runtime: Runtime, batch_size: int = 64
) -> FeatureSet:
    """Features of every example under the frozen backbone, from the cache when they are there.

    Parameters
    ----------
    backbone : Backbone
        Used in eval mode under inference mode; its own mode is restored.
    dataset : Examples
    runtime : Runtime
        Device and precision. Precision is part of the cache's key.
    batch_size : int

    Returns
    -------
    FeatureSet
        x is (N, feature_size).

    Raises
    ------
    ValueError
        For an empty data set, features that are not finite, or a preprocessing that gives other
        inputs the second time: cached features of a random transform would be one frozen draw.

    Warns
    -----
    UserWarning
        When a part of the backbone cannot be read into the cache's key, such as a hook that holds
        an open file: the features are computed, and not kept.
    """
    return extract_stages(backbone, dataset, runtime, [OUTPUT], batch_size)[OUTPUT]


def extract_stages(
    backbone: Backbone,
    dataset: Examples,
    runtime: Runtime,
    stages: Sequence[str],
    batch_size: int = 64,
) -> dict[str, FeatureSet]:
    """Features after several stages, in one pass: maps and token vectors are averaged.

    Parameters
    ----------
    stages : sequence of str
        Keys of ``backbone.stages``, or "output" for the module's own output.

    Returns
    -------
    dict of str to FeatureSet
        x of a stage is (N, channels of the stage).

    Raises
    ------
    ValueError
        As `extract`, and for an unknown stage, or one that does not run exactly once in a pass.

    Warns
    -----
    UserWarning
        As `extract`.
    """
    if not len(dataset):
        raise ValueError("The data set is empty; expected at least one example.")
    unknown = [stage for stage in stages if stage not in (OUTPUT, *backbone.stages)]
    if unknown:
        raise ValueError(f"No stage is called {unknown[0]!r}. Known: {[*backbone.stages, OUTPUT]}.")
    wanted = (backbone, dataset, runtime, stages)
    try:
        folder = paths.cache_dir() / "features" / cache_key(*wanted)
    except NoFingerprint as error:
        warnings.warn(
            f"Features of {backbone.name} are not cached: {error} is part of it or of its "
            "preprocessing, and whether it stays the same cannot be told.",
            stacklevel=2,
        )
        with tempfile.TemporaryDirectory() as scratch:
            found = _compute(Path(scratch), *wanted, batch_size)
    else:
        found = _cached(folder, *wanted, batch_size)
    return {stage: FeatureSet(found[stage], dataset.y, list(dataset.ids)) for stage in stages}


def cache_key(
    backbone: Backbone, dataset: Examples, runtime: Runtime, stages: Sequence[str]
) -> str:
    """Name of the cache folder: a hash of network, transform, data, stages and precision.

    Raises
    ------
    ValueError
        For a random transform.
    tl_helpers.models.behaviour.NoFingerprint
        For a part of the network or the transform that cannot be read.
    """
    sample = _transformed_sample(backbone, dataset)
    after = [backbone.module, *(backbone.stages[stage] for stage in stages if stage != OUTPUT)]
    computed = fingerprint(backbone.name, after, backbone.preprocess)
    parts = (computed, sample, dataset.fingerprint(), runtime.precision)
    return hashlib.sha256(repr((*parts, *stages, _VERSION)).encode()).hexdigest()[:32]


def clear_cache() -> None:
    """Delete all cached features; assets stay."""
    shutil.rmtree(paths.cache_dir() / "features", ignore_errors=True)


def _transformed_sample(backbone: Backbone, dataset: Examples) -> str:
    """Hash of some inputs after preprocessing, which must be the same when they are made again."""
    spread = np.linspace(0, len(dataset) - 1, min(_SAMPLE, len(dataset))).astype(int)
    raw = dataset.take(spread).x
    with torch.random.fork_rng(devices=[]):
        before = _generator_states()
        first, second = (tensors_of(backbone.preprocess(raw)) for _ in range(2))
        drew = _generator_states() != before
    if drew or not all(torch.equal(a, b) for a, b in zip(first, second, strict=True)):
        raise ValueError(
            "The preprocessing draws random numbers, or gave other inputs for the same examples "
            "the second time. Cached features would freeze one draw of it; expected a "
            "deterministic transform. Augment while fine-tuning instead (fit(..., augment=...))."
        )
    digest = hashlib.sha256()
    for tensor in first:
        digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _generator_states() -> tuple:
    """States of the generators of torch, Python and numpy: they move when numbers are drawn."""
    rest = np.random.get_state(legacy=False)
    keys = rest["state"].pop("key").tolist()
    return torch.get_rng_state().tolist(), random.getstate(), keys, rest


def _cached(folder, backbone, dataset, runtime, stages, batch_size) -> dict[str, Tensor]:
    """Features from ``folder``, computed there first unless another process has done it."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        found = read(folder / "features.safetensors")
        if found is None:
            found = _compute(folder, backbone, dataset, runtime, stages, batch_size)
    return found


def _compute(folder, backbone, dataset, runtime, stages, batch_size) -> dict[str, Tensor]:
    """Fill ``folder`` chunk by chunk; chunks that an earlier, interrupted call left are kept."""
    order = _by_length(dataset)
    modes = [(module, module.training) for module in backbone.module.modules()]
    backbone.module.to(runtime.device).eval()
    parts = []
    try:
        for start in range(0, len(order), _CHUNK):
            members = order[start : start + _CHUNK]
            path = folder / f"chunk_{start}_{len(members)}.safetensors"
            part = read(path)
            if part is None:
                part = features_after(backbone, dataset.take(members), runtime, stages, batch_size)
                write(path, part)
            parts.append(part)
    finally:
        for module, training in modes:  # each its own: parts may be frozen, others not
            module.training = training
    return _join(folder, parts, order)


def _by_length(dataset: Examples) -> Tensor:
    """Texts from short to long, so that a batch pads little; pictures as they are."""
    if isinstance(dataset.x, Tensor):
        return torch.arange(len(dataset))
    return torch.tensor(sorted(range(len(dataset)), key=lambda i: (len(dataset.x[i]), i)))


def _join(folder: Path, parts: list[dict[str, Tensor]], order: Tensor) -> dict[str, Tensor]:
    back = torch.argsort(order)
    whole = {stage: torch.cat([part[stage] for part in parts])[back] for stage in parts[0]}
    write(folder / "features.safetensors", whole)
    for left in folder.glob("*chunk_*.safetensors*"):  # hidden ones are of a killed process
        left.unlink()
    return whole

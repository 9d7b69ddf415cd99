"""What must be unchanged for a recorded row to stand for a run now, and what changed."""

from __future__ import annotations

import hashlib
import json
import platform
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np

from tl_helpers.assets import paths
from tl_helpers.compare import evidence
from tl_helpers.compare.evidence import Evidence
from tl_helpers.compare.setting import Setting
from tl_helpers.training.runtime import Runtime

LIBRARIES = (  # that compute
    "numpy",
    "peft",
    "scikit-image",
    "scikit-learn",
    "scipy",
    "sentence-transformers",
    "timm",
    "torch",
    "torchvision",
    "transformers",
)
# How far floats computed elsewhere may differ and be the same data, as a share of their size.
ROUNDING = {"fp32": 1e-3, "fp16": 1e-2, "bf16": 3e-2}

_WHOLE = {
    "lesson": "they were recorded for lesson {then}, and this is {now}",
    "profile": "they were recorded at profile {then}, and this run is {now}",
    "metric": "they were recorded with the metric {then}, and this run uses {now}",
    "truth": "the test items are not those they were recorded on",
    "groups": "the test items are in other groups than when they were recorded",
    "assets": "the catalogue's entries of the lesson's assets changed since they were recorded",
}


@dataclass(frozen=True)
class Conditions:
    """What decided the rows of a study.

    Attributes
    ----------
    lesson, profile, metric : str
    truth : str
        SHA-256 of the test labels.
    assets : dict of str to str
        `asset_hashes` of the lesson.
    arms : dict of str to Evidence or None
        None where a file of an older version does not say.
    groups : str or None
        SHA-256 of the test items' groups.
    scoring : Evidence or None
        Of the metric.
    versions : dict of str to str
        Of the libraries that compute.
    machine, precision : str
        Processor, and type of the matrix products.
    """

    lesson: str
    profile: str
    metric: str
    truth: str
    assets: dict[str, str]
    arms: dict[str, Evidence | None]
    groups: str | None = None
    scoring: Evidence | None = None
    versions: dict[str, str] = field(default_factory=dict)
    machine: str = ""
    precision: str = "fp32"

    def rounding(self, other: Conditions) -> float:
        """How far floats may differ that both computed."""
        return max(ROUNDING[self.precision], ROUNDING[other.precision])


@dataclass(frozen=True)
class Changes:
    """What differs between the recording and now.

    Attributes
    ----------
    whole : str or None
        Why no row stands; only another recording can help.
    data : list of str
        Arms that read other data.
    code : list of str
        Arms whose code changed, or whose evidence is not known: unproven until checked.
    metric : bool
        Whether the code of the metric changed.
    removed : list of str
        Arms that are recorded and no longer compared.
    versions : str or None
        A sentence where other versions of libraries recorded the rows.
    """

    whole: str | None
    data: list[str]
    code: list[str]
    metric: bool
    removed: list[str]
    versions: str | None

    def stands(self, arm: str) -> bool:
        """Whether recorded rows of ``arm`` stand for runs now."""
        return not (self.whole or self.metric or arm in [*self.data, *self.code, *self.removed])


def current(setting: Setting, arms: Mapping[str, Callable], runtime: Runtime) -> Conditions:
    """Conditions of a run of ``arms`` now.

    Raises
    ------
    ValueError
        When an arm or the metric reads what `evidence.fingerprint` cannot count.
    """
    return Conditions(
        lesson=setting.lesson,
        profile=setting.profile,
        metric=setting.metric_name,
        truth=setting.items or array_hash(setting.truth),
        assets=asset_hashes(setting.lesson),
        arms=dict(evidence.of_each(arms)),
        groups=array_hash(setting.groups),
        scoring=evidence.of_each({"metric": setting.metric})["metric"],
        versions=versions(),
        machine=_machine(runtime),
        precision=runtime.precision,
    )


def changes(then: Conditions, now: Conditions) -> Changes:
    """What differs between ``then`` and ``now``."""
    rounding = then.rounding(now)
    both = {arm: (then.arms[arm], now.arms[arm]) for arm in then.arms if arm in now.arms}
    known = {arm: (old, new) for arm, (old, new) in both.items() if old and new}
    data = [arm for arm, (old, new) in known.items() if not new.has_data_of(old, rounding)]
    same = [arm for arm, (old, new) in known.items() if new.code == old.code]
    return Changes(
        whole=_whole(then, now, rounding),
        data=data,
        code=[arm for arm in both if arm not in same and arm not in data],
        metric=not (then.scoring and now.scoring and then.scoring.code == now.scoring.code),
        removed=[arm for arm in then.arms if arm not in now.arms],
        versions=_other_versions(then.versions, now.versions),
    )


def _whole(then: Conditions, now: Conditions, rounding: float) -> str | None:
    for what, sentence in _WHOLE.items():
        old, new = getattr(then, what), getattr(now, what)
        if old is not None and old != new:
            return sentence.format(then=old, now=new)
    old, new = then.scoring, now.scoring
    if old and new and not new.has_data_of(old, rounding):
        return "the metric reads other data than when they were recorded"
    return None


def _other_versions(then: dict[str, str], now: dict[str, str]) -> str | None:
    other = [name for name, version in then.items() if version != now.get(name)]
    if not other:
        return None
    recorded = ", ".join(f"{name} {then[name]}" for name in other)
    here = ", ".join(f"{name} {now.get(name, 'missing')}" for name in other)
    return f"were recorded with {recorded}; here are {here}."


def versions() -> dict[str, str]:
    """Versions of the libraries that compute, of those that are installed."""
    installed = {one.metadata["Name"] for one in metadata.distributions()} & set(LIBRARIES)
    return {name: metadata.version(name) for name in LIBRARIES if name in installed}


def _machine(runtime: Runtime) -> str:
    """What equal results may be expected on: processor, device, threads and precision."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor()
    threads = "" if runtime.threads == 1 else f" {runtime.threads} threads"
    return f"{platform.machine()} {model} {runtime.device}{threads} {runtime.precision}"


def asset_hashes(lesson: str) -> dict[str, str]:
    """Hash of the catalogue entry of each asset that lists ``lesson``, its prose left out."""
    text = (paths.kit_root() / "data" / "catalogue.toml").read_text(encoding="utf-8")
    prose = {"title", "citation", "licence_url", "content_licence", "lessons", "bytes", "hub"}
    hashes = {}
    for entry in tomllib.loads(text).get("asset", []):
        if lesson in entry.get("lessons", []):
            content = {key: entry[key] for key in entry if key not in prose}
            packed = json.dumps(content, sort_keys=True).encode()
            hashes[entry["name"]] = hashlib.sha256(packed).hexdigest()
    return hashes


def array_hash(array: np.ndarray) -> str:
    """SHA-256 of an array's values; of the text of each value for arrays of strings."""
    array = np.asarray(array)
    if array.dtype.kind in "OU":
        return hashlib.sha256("\n".join(map(str, array.tolist())).encode()).hexdigest()
    kind = np.int64 if array.dtype.kind in "iub" else np.float64
    return hashlib.sha256(np.ascontiguousarray(array, dtype=kind).tobytes()).hexdigest()


def stored(conditions: Conditions) -> dict:
    """The conditions as JSON values; arms name the sketches of their floats by number."""
    all_evidence = [*conditions.arms.values(), conditions.scoring]
    sketches = sorted({floats for one in all_evidence if one for floats in one.floats})
    numbers = {floats: number for number, floats in enumerate(sketches)}

    def packed(one: Evidence | None) -> dict | None:
        if one is None:
            return None
        floats = [numbers[floats] for floats in one.floats]
        return {"code": one.code, "data": one.data, "floats": floats}

    return {
        **vars(conditions),
        "arms": {arm: packed(one) for arm, one in conditions.arms.items()},
        "scoring": packed(conditions.scoring),
        "sketches": [list(floats) for floats in sketches],
    }


def restored(content: dict) -> Conditions:
    """Inverse of `stored`, for files of version 1 too, whose evidence says nothing now."""
    if "code" in content:
        plain = {key: value for key, value in content.items() if key != "code"}
        return Conditions(**plain, arms=dict.fromkeys(content["code"]))
    sketches = [tuple(floats) for floats in content["sketches"]]

    def unpacked(one: dict | None) -> Evidence | None:
        if one is None:
            return None
        floats = tuple(sketches[number] for number in one["floats"])
        return Evidence(one["code"], one["data"], floats)

    plain = {key: content[key] for key in content if key not in ("sketches", "arms", "scoring")}
    arms = {arm: unpacked(one) for arm, one in content["arms"].items()}
    return Conditions(**plain, arms=arms, scoring=unpacked(content["scoring"]))

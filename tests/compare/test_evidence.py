"""A fingerprint changes with all that can change a result, and with nothing else."""

import importlib.util
import linecache
import subprocess
import sys
import tempfile
import textwrap
import threading

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient

from tl_helpers.compare import evidence, sketches
from tl_helpers.datasets.examples import Examples, Splits
from tl_helpers.datasets.scenes import Scene
from tl_helpers.techniques.features import FeatureSet

ARMS = '''
import collections
import dataclasses
import decimal
import enum
import functools
import re
import types
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import nn

from tl_helpers import compare, features, freezing
from tl_helpers.compare import metrics

RATE = 0.1
SIZES = {"head": [16, 4]}
TYPE = np.float32
SPACE = types.SimpleNamespace(width=8)
WEIGHTS = torch.tensor([1.0, 2.0])
TABLE = np.arange(6)
FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
WORDS = re.compile("[a-z]+", re.IGNORECASE)
NAMES = frozenset({"oak", "pine"})
PLACE = Path("surfaces") / "oak"
COSTS = collections.defaultdict(int, {"oak": 2})
PRICE = decimal.Decimal("0.10")
GRID = range(3)
PART = slice(0, 5)
RAW = b"abc"
WAVE = 2 + 3j
SHAPE = (1, ..., None, True)
RIDGE = LogisticRegression(C=0.5, max_iter=30)
STEPS = make_pipeline(LogisticRegression(C=0.5))
NETWORK = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.2))
nn.init.constant_(NETWORK[0].weight, 0.5), nn.init.constant_(NETWORK[0].bias, 0.1)
NOISE = torch.Generator().manual_seed(3)
DICE = np.random.default_rng(3)
unrelated = 3


class Mode(enum.Enum):
    FAST = 1
    SLOW = 2


class Point(NamedTuple):
    x: int = 1


@dataclasses.dataclass(frozen=True)
class Plan:
    epochs: int = 5
    rates: tuple = dataclasses.field(default_factory=lambda: (0.1, 0.2))

    @property
    def steps(self):
        return 2 * self.epochs


class Base:
    depth = 3

    def deep(self):
        return self.depth


class Head(Base):
    width = 8
    shape = (3, 4)
    table = {"k": 5}

    class Inner:
        height = 7

        def tall(self):
            return self.height + 1

    def __init__(self):
        self.bias = 6

    def __call__(self, budget, seed):
        return self.size() * 3

    def size(self):
        return SIZES["head"]

    @functools.cached_property
    def cached(self):
        return self.width * 2

    @classmethod
    def made(cls):
        return cls().bias + 11

    @staticmethod
    def plain(x):
        return x + 12


def helper(x):
    return x * RATE


def twice(function):
    def inner(*args):
        return 2 * function(*args)

    return inner


@twice
def decorated(x):
    return x + 21


@functools.cache
def remembered(x):
    return x + 22


@torch.no_grad()
def quiet(x):
    return x + 23


@functools.singledispatch
def chosen(x):
    return x + 24


@chosen.register
def _(x: str):
    return x + "25"


def arm(budget, seed):
    """Docstring."""
    # A comment.
    head = Head()
    if budget < 0:
        raise ValueError(f"budget is {budget}; expected more")
    warnings.warn("slow", stacklevel=2)
    print("budget", budget)
    assert budget, "no budget"
    return compare.Prediction([helper(budget)] * head.size()[0], budget.unrelated)


def keyword_only(budget, seed, *, rate=RATE):
    return rate


def with_default(budget, seed, rate=(RATE,)):
    return rate


def inner(budget, seed):
    class Local(Base):
        height = 9

    return [Local().height + 31 for _ in range(33)]


def importing(budget, seed):
    from tl_helpers.techniques import freezing as f
    from sklearn.metrics import f1_score

    return f.freeze(budget), f1_score


def reads(budget, seed):
    return (SPACE, WEIGHTS, TABLE, FRAME, WORDS, NAMES, PLACE, COSTS, PRICE, GRID, PART, RAW, WAVE)


def computes(budget, seed):
    return TYPE, SHAPE, RIDGE, STEPS, NETWORK, NOISE, DICE, Mode.FAST, Point(), Plan().steps


def calls(budget, seed):
    return decorated(1), remembered(1), quiet(1), chosen(1), Head.made(), Head.plain(1)


def smooth(budget, seed):
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    return [loss for _ in range(3)], LogisticRegression(C=1.0), np.float32


def through_a_door(budget, seed):
    return features.extract(budget), freezing.freeze(seed)


def make(depth):
    return lambda budget, seed: helper(depth)


def never_reached(x):
    return x + 99


closed = make(2)
partial = functools.partial(arm, seed=1)
bound = Head().size
called = Head()
scored = lambda budget, seed: metrics.t_interval([budget, seed])
'''


@pytest.fixture
def edited(tmp_path):
    """Fingerprint of an arm of ARMS after replacing some text, as if the file were edited."""

    def fingerprint(arm, old="", new="", name="edited_arms"):
        assert old in ARMS
        path = tmp_path / f"{name}.py"
        path.write_text(ARMS.replace(old, new, 1) if old else ARMS)
        linecache.clearcache()
        spec = importlib.util.spec_from_file_location(name, path)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        exec(compile(path.read_text(), path, "exec"), module.__dict__)
        return evidence.fingerprint(getattr(module, arm))

    yield fingerprint
    sys.modules.pop("edited_arms", None)


CHANGES = [
    ("arm", "head.size()[0]", "head.size()[1]"),
    ("arm", "x * RATE", "x + RATE"),
    ("arm", "RATE = 0.1", "RATE = 0.2"),
    ("arm", "[16, 4]", "[16, 8]"),
    ("arm", "[16, 4]", "(16, 4)"),
    ("arm", '"head": [', '"tail": [1], "head": ['),
    ("arm", "width = 8", "width = 9"),
    ("arm", "shape = (3, 4)", "shape = (3, 5)"),
    ("arm", 'table = {"k": 5}', 'table = {"k": 6}'),
    ("arm", "height = 7", "height = 8"),
    ("arm", "self.height + 1", "self.height + 2"),
    ("arm", "depth = 3", "depth = 4"),
    ("arm", "return self.depth", "return -self.depth"),
    ("arm", "self.width * 2", "self.width * 3"),
    ("arm", "self.bias = 6", "self.bias = 7"),
    ("arm", 'return SIZES["head"]', 'return SIZES["head"][::-1]'),
    ("arm", "budget < 0", "budget < 1"),
    ("arm", "raise ValueError", "raise TypeError"),
    ("called", "self.size() * 3", "self.size() * 4"),
    ("called", "self.bias = 6", "self.bias = 7"),
    ("bound", 'return SIZES["head"]', 'return SIZES["head"][::-1]'),
    ("closed", "make(2)", "make(3)"),
    ("closed", "x * RATE", "x + RATE"),
    ("partial", "arm, seed=1", "arm, seed=2"),
    ("partial", "x * RATE", "x + RATE"),
    ("scored", "[budget, seed])", "[seed, budget])"),
    ("keyword_only", "RATE = 0.1", "RATE = 0.2"),
    ("with_default", "rate=(RATE,)", "rate=[RATE]"),
    ("with_default", "RATE = 0.1", "RATE = 0.2"),
    ("inner", "height = 9", "height = 10"),
    ("inner", "range(33)", "range(34)"),
    ("inner", "depth = 3", "depth = 4"),
    ("importing", "import f1_score", "import recall_score as f1_score"),
    ("importing", "f.freeze(budget)", "f.unfreeze(budget)"),
    ("smooth", "range(3)]", "range(30)]"),
    ("smooth", "label_smoothing=0.1", "label_smoothing=0.2"),
    ("smooth", "LogisticRegression(C=1.0)", "LogisticRegression(C=2.0)"),
    ("smooth", "(C=1.0), np.float32", "(C=1.0), np.float64"),
    ("reads", "SimpleNamespace(width=8)", "SimpleNamespace(width=9)"),
    ("reads", "[1.0, 2.0]", "[1.0, 2.0000002]"),
    ("reads", "[1.0, 2.0])", "[1.0, 2.0], requires_grad=True)"),
    ("reads", "[1.0, 2.0])", "[1.0, 2.0]).half()"),
    ("reads", "np.arange(6)", "np.arange(6)[::-1]"),
    ("reads", "np.arange(6)", "np.arange(6).reshape(2, 3)"),
    ("reads", "np.arange(6)", "np.arange(6, dtype='int16')"),
    ("reads", '["x", "y"]', '["x", "z"]'),
    ("reads", '"b": [', '"c": ['),
    ("reads", "re.IGNORECASE", "re.ASCII"),
    ("reads", '"[a-z]+"', '"[a-z]*"'),
    ("reads", '{"oak", "pine"}', '{"oak", "beech"}'),
    ("reads", "frozenset(", "set("),
    ("reads", '/ "oak"', '/ "pine"'),
    ("reads", "defaultdict(int", "defaultdict(float"),
    ("reads", '"0.10"', '"0.11"'),
    ("reads", "GRID = range(3)", "GRID = range(30)"),
    ("reads", "slice(0, 5)", "slice(0, 6)"),
    ("reads", 'b"abc"', 'b"abd"'),
    ("reads", "2 + 3j", "2 + 4j"),
    ("computes", "TYPE = np.float32", "TYPE = np.float16"),
    ("computes", "(1, ..., None, True)", "(1, ..., None, 1)"),
    ("computes", "C=0.5, max_iter", "C=0.6, max_iter"),
    ("computes", "make_pipeline(LogisticRegression(C=0.5))", "make_pipeline(LogisticRegression())"),
    ("computes", "Dropout(0.2)", "Dropout(0.3)"),
    ("computes", "bias, 0.1)", "bias, 0.2)"),
    ("computes", "nn.init.constant_(NETWORK", "NETWORK.eval(), nn.init.constant_(NETWORK"),
    (
        "computes",
        "nn.init.constant_(NETWORK",
        "NETWORK.requires_grad_(False), nn.init.constant_(NETWORK",
    ),
    ("computes", "manual_seed(3)", "manual_seed(4)"),
    ("computes", "default_rng(3)", "default_rng(4)"),
    ("computes", "SLOW = 2", "SLOW = 3"),
    ("computes", "Mode.FAST, ", "Mode.SLOW, "),
    ("computes", "x: int = 1", "x: int = 2"),
    ("computes", "epochs: int = 5", "epochs: int = 6"),
    ("computes", "(0.1, 0.2)", "(0.1, 0.3)"),
    ("computes", "2 * self.epochs", "3 * self.epochs"),
    ("calls", "2 * function", "3 * function"),
    ("calls", "x + 21", "x + 210"),
    ("calls", "x + 22", "x + 220"),
    ("calls", "x + 23", "x + 230"),
    ("calls", "@torch.no_grad()", "@torch.enable_grad()"),
    ("calls", "x + 24", "x + 240"),
    ("calls", 'x + "25"', 'x + "250"'),
    ("calls", "cls().bias + 11", "cls().bias + 110"),
    ("calls", "x + 12", "x + 120"),
    ("through_a_door", "features.extract(budget)", "features.extract_stages(budget)"),
    ("through_a_door", "features, freezing", "features, param_groups as freezing"),
]


@pytest.mark.parametrize(("arm", "old", "new"), CHANGES, ids=lambda text: text[:40])
def test_edits_that_can_change_a_result_change_the_fingerprint(edited, arm, old, new):
    if "param_groups as freezing" in new:
        new += "\nfreezing.freeze = freezing.layerwise"
    assert edited(arm, old, new) != edited(arm)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Docstring.", "Another docstring."),
        ('"""Docstring."""', "pass"),
        ("# A comment.", "# Another comment, and a blank line.\n"),
        ("head = Head()", "head = (Head())"),
        ("unrelated = 3", "unrelated = 4"),
        ("x + 99", "x + 98"),
        ("def make(depth)", "def make(deep, depth=3)"),
        ("expected more", "expected a number of at least 0"),
        ('f"budget is {budget}; expected more"', '"too few: " + str(helper(unrelated))'),
        ('warn("slow", ', 'warn("this takes a while", '),
        ('print("budget", budget)', 'print("labels", budget)'),
        (', "no budget"', ""),
        ("from pathlib import Path", "import pathlib\nfrom pathlib import Path"),
        ('{"oak", "pine"}', '{"pine", "oak"}'),
        ("NOISE = torch.Generator", "OTHER = torch.Generator(), torch.Generator"),
    ],
)
def test_edits_that_change_no_result_keep_the_fingerprint(edited, old, new):
    assert edited("arm", old, new) == edited("arm")


@pytest.mark.parametrize("arm", ["arm", "computes", "calls", "closed", "through_a_door", "called"])
def test_another_name_of_the_file_keeps_the_fingerprint(edited, arm):
    assert edited(arm, name="edited_arms_elsewhere") == edited(arm)


def write(folder, **files):
    """Files by their paths without the ending."""
    for name, text in files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))


def printed(folder):
    """What ``main.py`` prints, in a process of its own."""
    run = [sys.executable, "-B", "main.py"]
    return subprocess.run(run, check=True, capture_output=True, text=True, cwd=folder).stdout


FIT = "def fit(x):\n    return x + {}\n"
DOOR = """
import importlib

def __getattr__(name):
    return getattr(importlib.import_module("kit.loop"), name)
"""
HOMES = {
    "by name": ("from kit.loop import fit", "fit(budget)", {}),
    "module": ("from kit import loop", "loop.fit(budget)", {}),
    "another module": ("from kit.steps import fit", "fit(budget)", {"kit/steps": FIT}),
    "dotted": ("import kit.loop", "kit.loop.fit(budget)", {}),
    "a door": ("import kit", "kit.fit(budget)", {}),
    "in the function": ("", "fit(budget)", {}),
    "whole module there": ("", "loop.fit(budget)", {}),
}


@pytest.mark.parametrize("home", HOMES)
def test_a_definition_counts_by_content_wherever_it_lives(tmp_path, home):
    top, call, more = HOMES[home]
    inside = {
        "in the function": "from kit.loop import fit",
        "whole module there": "from kit import loop",
    }.get(home, "pass")

    def fingerprint(number):
        files = {name: text.format(number) for name, text in more.items()}
        files |= {"kit/__init__": DOOR, "kit/loop": FIT.format(number)}
        write(tmp_path, **files)
        main = f"""
            from tl_helpers.compare import evidence
            {top}
            def arm(budget, seed):
                {inside}
                return {call}
            print(evidence.fingerprint(arm))
        """
        write(tmp_path, main=main)
        return printed(tmp_path)

    write(tmp_path, plain=FIT.format(1))
    main = """
        from tl_helpers.compare import evidence
        def fit(x):
            "Its words."
            return x + 1
        def arm(budget, seed):
            return fit(budget)
        print(evidence.fingerprint(arm))
    """
    write(tmp_path, main=main)
    here = printed(tmp_path)
    assert fingerprint(1) == here != fingerprint(2)


def test_a_module_that_is_handed_on_counts_with_all_that_it_defines(tmp_path):
    main = """
        from tl_helpers.compare import evidence
        import first, second
        def arm(budget, seed):
            library = first if budget else second
            return library.load()
        print(evidence.fingerprint(arm))
    """
    write(tmp_path, main=main, first=FIT.format(1), second=FIT.format(1))
    before = printed(tmp_path)
    write(tmp_path, second=FIT.format(2))
    assert printed(tmp_path) != before


def test_neither_hash_seed_nor_address_counts(tmp_path, monkeypatch):
    write(tmp_path, arms=ARMS)
    main = """
        from arms import *
        from tl_helpers.compare import evidence
        print([evidence.fingerprint(one) for one in (arm, reads, computes, calls, called)])
    """
    write(tmp_path, main=main)
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    first = printed(tmp_path)
    monkeypatch.setenv("PYTHONHASHSEED", "2")
    assert printed(tmp_path) == first


def reading(value):
    return lambda budget, seed: value


def examples(x=None, **changes):
    x = torch.arange(12, dtype=torch.uint8).reshape(4, 3) if x is None else x
    y, names = torch.tensor([0, 1, 0, 1]), ["a", "b", "c", "d"]
    return Examples(
        **{"x": x, "y": y, "ids": names, "groups": names, "classes": ["n", "y"]} | changes
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"x": torch.zeros(4, 3, dtype=torch.uint8)},
        {"x": torch.arange(12, dtype=torch.uint8).reshape(4, 3, 1)},
        {"x": ["one", "two", "three", "four"]},
        {"y": torch.tensor([1, 1, 0, 1])},
        {"ids": ["a", "b", "c", "e"]},
        {"groups": ["a", "a", "c", "d"]},
        {"classes": ["no", "y"]},
    ],
)
def test_other_data_have_another_fingerprint_and_another_digest_of_data(changes):
    one, other = (evidence.of(reading(examples(**c))) for c in ({}, changes))
    assert one.data != other.data and examples().fingerprint() != examples(**changes).fingerprint()
    assert not one.has_data_of(other, rounding=1e-3)


def test_changed_code_leaves_the_digest_of_data():
    data = examples()
    one, other = evidence.of(lambda budget, seed: data), evidence.of(lambda budget, seed: data.x)
    assert one.code != other.code and one.has_data_of(other, rounding=0)


def test_two_data_sets_that_change_places_change_the_code():
    a, b = examples(), examples(x=torch.zeros(4, 3, dtype=torch.uint8))
    one, other = evidence.of(reading((a, b))), evidence.of(reading((b, a)))
    assert one.data == other.data and one.code != other.code
    x, y = torch.linspace(0, 1, 99), torch.linspace(1, 2, 99)
    one, other = evidence.of(reading((x, y))), evidence.of(reading((y, x)))
    assert one.floats == other.floats and one.code != other.code


def test_data_sets_state_their_fingerprints():
    splits = [
        Splits(
            examples(), examples(groups=list("efgh")), examples(groups=list("ijkl"), y=y), "card"
        )
        for y in (torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 0, 1]))
    ]
    x = torch.ones(4, 2)
    sets = [FeatureSet(x * scale, torch.zeros(4), list("abcd")) for scale in (1, 2)]
    picture = torch.zeros(3, 8, 8, dtype=torch.uint8)
    scenes = [Scene("home", picture, torch.tensor([[0.0, 0, 4, end]])) for end in (4, 5)]
    for one, other in (splits, sets, scenes):
        assert one.fingerprint() != other.fingerprint() and len(one.fingerprint()) == 64
        assert evidence.fingerprint(reading(one)) != evidence.fingerprint(reading(other))


def test_floats_computed_on_another_machine_are_the_same_data():
    x = torch.randn(300, 40, generator=torch.Generator().manual_seed(0))
    near = x * (1 + 1e-5 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1)))
    other = x.clone()
    other[7] = torch.randn(40)
    here, there, changed = (evidence.of(reading(examples(v[:4].T.T))) for v in (x, near, other))
    assert here.code == there.code == changed.code
    here, there, changed = (
        evidence.of(reading(FeatureSet(v, v[:, 0] > 0, ["a"]))) for v in (x, near, other)
    )
    assert here.code == there.code and here.has_data_of(there, rounding=1e-3)
    assert not here.has_data_of(changed, rounding=1e-3)
    prints = {evidence.fingerprint(reading(v)) for v in (x, near, other)}
    assert len(prints) == 3


@pytest.mark.parametrize("size", [3, 9, 64, 65, 1000, 200_000])
@pytest.mark.parametrize("change", ["one row", "order", "longer", "sign"])
def test_a_sketch_notices_changes_and_not_rounding(size, change):
    x = np.random.default_rng(size).normal(size=size)
    rounded = (x * (1 + 1e-6 * np.random.default_rng(1).normal(size=size))).astype(np.float32)
    changed = {
        "one row": np.concatenate([x[: -(size // 100 + 1)], x[: size // 100 + 1] + 1]),
        "order": np.roll(x, 1),
        "longer": np.append(x, 1.0),
        "sign": -x,
    }[change]
    now = sketches.sketch(x)
    assert sketches.same_within(1e-4, sketches.sketch(rounded), now)
    assert not sketches.same_within(1e-4, sketches.sketch(changed), now)


def test_a_small_array_is_compared_number_by_number():
    rates = np.array([1e-4, 1e-2, 1e2])
    assert not sketches.same_within(
        1e-3, sketches.sketch(rates), sketches.sketch(rates * [2, 1, 1])
    )


def test_inputs_count_by_name_and_value():
    arm = reading(1)
    prints = [
        evidence.fingerprint(arm),
        evidence.fingerprint(arm, truth=np.arange(3)),
        evidence.fingerprint(arm, truth=np.arange(4)),
        evidence.fingerprint(arm, groups=np.arange(3)),
        evidence.fingerprint(arm, metric=min),
        evidence.fingerprint(arm, metric=max),
    ]
    assert len(set(prints)) == len(prints)


def test_circles_end():
    circle = [1]
    circle.append(circle)
    other = [2]
    other.append(other)
    again = [1]
    again.append(again)
    assert evidence.fingerprint(reading(circle)) == evidence.fingerprint(reading(again))
    assert evidence.fingerprint(reading(circle)) != evidence.fingerprint(reading(other))


def test_equal_values_count_the_same_whether_shared_or_copied():
    one, copy = [1, 2], [1, 2]
    assert evidence.fingerprint(reading([one, one])) == evidence.fingerprint(reading([one, copy]))


def test_lambdas_of_one_line_are_told_apart():
    rate = 2
    some = [lambda b, s: b, lambda b, s: -b, lambda b, s: lambda: b, lambda b, s: rate]  # fmt: skip
    prints = [evidence.fingerprint(one) for one in (*some, some[2](1, 2))]
    assert len(set(prints)) == 5


def test_what_an_arm_only_writes_to_does_not_count():
    latest, seen = {}, []

    def arm(budget, seed):
        latest["model"] = budget
        arm.count = budget
        return budget

    def reader(budget, seed):
        return latest["model"]

    before = evidence.fingerprint(arm), evidence.fingerprint(reader)
    latest["model"] = 3
    after = evidence.fingerprint(arm), evidence.fingerprint(reader)
    assert before[0] == after[0] and before[1] != after[1] and not seen


def test_a_cached_property_does_not_count_once_it_was_asked_for(edited):
    edited("arm")
    called = sys.modules["edited_arms"].called
    before = evidence.fingerprint(called)
    assert called.cached == 16
    assert evidence.fingerprint(called) == before


def test_files_count_by_their_bytes_except_in_scratch_folders(tmp_path, monkeypatch):
    folder = tmp_path / "labels"
    folder.mkdir()

    def edited(path, text):
        (folder / "labels.csv").write_text(text)
        return evidence.fingerprint(reading(path))

    scratch = edited(folder, "1"), edited(folder / "labels.csv", "1")
    assert scratch == (edited(folder, "2"), edited(folder / "labels.csv", "2"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    for path in (folder, folder / "labels.csv"):
        assert edited(path, "1") != edited(path, "2")


def generator():
    yield 1


def importing():
    import a_module_that_is_not_there

    return a_module_that_is_not_there


def unguarded():
    from tl_helpers import a_module_that_is_not_there

    return a_module_that_is_not_there


def guarded():
    try:
        import a_module_that_is_not_there
    except ImportError:
        return 0
    return a_module_that_is_not_there


def evaluated():
    return eval("1")


def by_name():
    import importlib

    return importlib.import_module("tl_helpers")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (threading.Lock(), "_thread.lock, whose state cannot be read"),
        (generator(), "builtins.generator, whose state cannot be read"),
        (importing, "importing imports a_module_that_is_not_there, which cannot be resolved"),
        (unguarded, "unguarded imports tl_helpers, which cannot be resolved"),
        (evaluated, "evaluated calls eval, which cannot be followed"),
        (by_name, "by_name calls import_module; write an import"),
        ({reading, generator}, "a set of functions or objects has no order; use a tuple"),
    ],
    ids=lambda value: "",
)
def test_what_cannot_be_counted_is_refused_with_the_way_to_it(value, problem):
    pool = {"inner": [value]}
    with pytest.raises(ValueError) as error:
        evidence.fingerprint(lambda budget, seed: pool)
    assert str(error.value).startswith("arm → closure 'pool' → ['inner'] → [0]")
    assert problem in str(error.value)


def test_an_open_file_is_refused(tmp_path):
    with (tmp_path / "file").open("w") as file, pytest.raises(ValueError, match="TextIOWrapper"):
        evidence.fingerprint(reading(file))


def test_an_optional_import_may_be_absent():
    assert evidence.fingerprint(guarded)


def test_code_without_source_is_refused():
    scope = {"__name__": __name__}
    exec("def arm(budget, seed):\n    return 1", scope)
    scope["arm"].__code__ = scope["arm"].__code__.replace(co_filename="<gone>")
    with pytest.raises(ValueError, match="cannot be read"):
        evidence.fingerprint(scope["arm"])


def test_ten_arms_share_what_they_read(edited):
    x = torch.zeros(2**21)
    arms = {str(n): (lambda budget, seed, n=n: (n, x)) for n in range(10)}
    found = evidence.of_each(arms)
    assert len({one.code for one in found.values()}) == 10
    assert found["3"] == evidence.of(arms["3"])


def test_functions_of_a_notebook_are_followed_and_edits_noticed():
    cells = [
        "%matplotlib inline\nfrom tl_helpers.compare import evidence\nrate = 0.1",
        "def helper(x):\n    return x * rate",
        "def arm(budget, seed):\n    return helper(budget)\nfirst = evidence.fingerprint(arm)",
        "def arm(budget, seed):\n    '''Now told.'''\n    return helper(budget)  # the same\n"
        "assert evidence.fingerprint(arm) == first",
        "def helper(x):\n    return x + rate\nsecond = evidence.fingerprint(arm)\n"
        "assert second != first",
        "rate = 0.2\nassert evidence.fingerprint(arm) != second",
        "arms = {'a': lambda b, s: helper(b)}\nassert evidence.fingerprint(arms['a']) != second",
        "import dataclasses\n@dataclasses.dataclass\nclass Plan:\n    epochs: int = 5",
        "plan = Plan()\nplanned = lambda b, s: plan\nthird = evidence.fingerprint(planned)",
        "plan = Plan(6)\nassert evidence.fingerprint(planned) != third",
        "print('all seen')",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    assert notebook.cells[-1].outputs[0].text == "all seen\n"

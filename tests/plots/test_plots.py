"""Every figure names what it shows, tells its series apart without colour, and is described."""

import base64
import dataclasses
import io
from types import SimpleNamespace

import matplotlib as mpl
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import simulated
import torch
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from PIL import Image
from simulated import arm, good, poor

from tl_helpers import compare, plots
from tl_helpers.plots import style as figures
from tl_helpers.training.history import History

mpl.use("agg")
NAMES = [f"class {index}" for index in range(16)]


@pytest.fixture(scope="module")
def report():
    arms = {f"arm {index}": arm(good if index < 2 else poor, index) for index in range(6)}
    made = simulated.run(arms, pretrained=["arm 0", "arm 1"], task="surfaces")
    made.rows = [dataclasses.replace(row, recorded=row.arm == "arm 1") for row in made.rows]
    return made


@pytest.fixture
def trained():
    epochs = [
        {"epoch": e, "train_loss": 1 / e, "valid_loss": 2 / e, "valid_metric": 1 - 1 / e}
        for e in range(1, 6)
    ]
    return History(epochs=epochs, best_epoch=4, best_metric=0.75, stopped="early")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def drawings(report, trained):
    labels = np.arange(160) % 16
    return {
        "label_efficiency": lambda: plots.label_efficiency(report),
        "bars": lambda: plots.bars(report, 16),
        "loss_curves": lambda: plots.loss_curves(trained),
        "confusion": lambda: plots.confusion(labels, labels[::-1], NAMES),
    }


KINDS = ["label_efficiency", "bars", "loss_curves", "confusion"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_has_a_title_and_both_axes_named(report, trained, kind):
    ax = drawings(report, trained)[kind]()
    assert ax.get_title("left") and ax.get_xlabel()
    assert ax.get_ylabel() or all(label.get_text() for label in ax.get_yticklabels())


@pytest.mark.parametrize("kind", KINDS)
def test_figures_stay_small_and_fit_a_notebook(report, trained, kind):
    picture = figures.png(drawings(report, trained)[kind]().figure)
    assert len(picture) < 60_000
    assert Image.open(io.BytesIO(picture)).size[0] <= 800


def test_arms_differ_without_colour(report):
    ax = plots.label_efficiency(report)
    lines = [line for line in ax.lines if line.get_label() in report.setting.arms]
    looks = {(line.get_marker(), line.get_linestyle()) for line in lines}
    assert len(lines) == len(looks) == 6
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(report.setting.arms)
    hatches = {patch.get_hatch() for patch in plots.bars(report).patches}
    assert len(hatches) == 6


def test_recorded_points_are_hollow_and_the_legend_says_so(report):
    ax = plots.label_efficiency(report)
    hollow = [line for line in ax.lines if line.get_markerfacecolor() == "white"]
    assert sum(len(line.get_xdata()) for line in hollow) == 3
    assert "empty marker: recorded" in ax.get_legend().get_title().get_text()
    live = plots.label_efficiency(simulated.run())
    assert "recorded" not in live.get_legend().get_title().get_text()


def test_one_seed_draws_no_bars_of_uncertainty():
    ax = plots.label_efficiency(simulated.run(seeds=[0]))
    assert not any(bar.lines[2][0].get_segments() for bar in ax.containers)
    assert len(plots.bars(simulated.run(seeds=[0]), 16).lines) == 0


def test_intervals_are_drawn_as_reported(report):
    ax = plots.bars(report, 16)
    low, high = sorted(ax.containers[1].lines[2][0].get_segments()[0][:, 0])
    expected = report.interval("arm 0", 16)
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_drawing_into_given_axes_and_leaving_the_session_alone(report):
    before = dict(mpl.rcParams)
    _, (left, right) = plt.subplots(1, 2)
    assert plots.label_efficiency(report, ax=left) is left
    assert plots.bars(report, 4, ax=right) is right
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: np.zeros((5, 3, 8, 8), np.uint8), (8, 8, 3)),
        (lambda: torch.zeros((5, 1, 8, 8), dtype=torch.uint8), (8, 8)),
        (lambda: np.zeros((5, 8, 8, 3)), (8, 8, 3)),
    ],
)
def test_image_grid_takes_arrays_and_tensors(make, shape):
    axes = plots.image_grid(make(), titles=list("abcde"), columns=3)
    assert len(axes) == 5 and axes[0].images[0].get_array().shape == shape
    assert [ax.get_title() for ax in axes] == list("abcde")


def test_image_grid_names_the_classes_of_examples():
    examples = SimpleNamespace(
        x=torch.zeros((2, 3, 4, 4), dtype=torch.uint8), y=torch.tensor([1, 0]), classes=["a", "b"]
    )
    assert [ax.get_title() for ax in plots.image_grid(examples)] == ["b", "a"]


def test_confusion_counts_true_classes_in_rows():
    ax = plots.confusion([0, 0, 1], [0, 1, 1], ["no", "yes"])
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    assert cells == {(0, 0): "1", (1, 0): "1", (1, 1): "1"}


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda r: plots.bars(r, 5), "no arm has a row at 5"),
        (lambda r: plots.loss_curves(History()), "no finished epoch"),
        (lambda r: plots.image_grid(np.zeros((4, 4))), "expected"),
        (lambda r: plots.image_grid(np.zeros((2, 3, 4, 4)), titles=["one"]), "2 pictures"),
        (lambda r: plots.confusion([0, 1], [0], NAMES), "shape"),
        (lambda r: plots.confusion([0, 99], [0, 1], NAMES), "16 classes"),
        (lambda r: plots.show(plt.figure(), " "), "alt is empty"),
        (lambda r: plots.show(plt.figure()), "alt is empty"),
        (
            lambda r: plots.label_efficiency(compare.TransferReport(r.setting, [])),
            "no rows",
        ),
    ],
)
def test_bad_input_is_named(report, call, reason):
    with pytest.raises(ValueError, match=reason):
        call(report)


def test_a_shown_figure_keeps_its_description_through_nbconvert():
    code = (
        "import matplotlib.pyplot as plt\nfrom tl_helpers import plots\n"
        "plots.use_style()\n_, ax = plt.subplots()\nplots.show(ax, alt='A < B & \"C\" rises.')"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    picture, words = notebook.cells[0].outputs  # shown once, not again by the inline backend
    assert picture.metadata["image/png"]["alt"] == 'A < B & "C" rises.'
    assert picture.data["text/plain"] == 'A < B & "C" rises.'
    page = HTMLExporter().from_notebook_node(notebook)[0]
    assert f"base64,{picture.data['image/png'].strip()[:60]}" in page
    assert words.data["text/html"] in page and 'A &lt; B &amp; "C" rises.' in page


def test_a_figure_with_photographs_is_shown_as_jpeg(monkeypatch):
    import IPython.display

    shown = []
    monkeypatch.setattr(
        IPython.display, "display", lambda *data, **more: shown.append((data, more))
    )
    pixels = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 3), dtype=np.uint8)
    plots.show(plots.image_grid(pixels), alt="Four pictures of noise.")
    (data, more), _words = shown
    assert set(data[0]) == {"image/jpeg", "text/plain"}
    assert more["metadata"]["image/jpeg"]["alt"] == "Four pictures of noise."
    packed = base64.b64decode(data[0]["image/jpeg"])
    assert Image.open(io.BytesIO(packed)).format == "JPEG"

"""A slider draws what its function draws, and leaves a picture where widgets cannot run."""

import base64
import json

import matplotlib as mpl
import matplotlib.pyplot as plt
import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from tl_helpers.plots import widgets

mpl.use("agg")


def draw(value):
    figure, ax = plt.subplots(figsize=(2, 1))
    ax.plot([0, value])
    ax.set_title("Line")
    ax.set_xlabel("x")
    ax.set_ylabel("y")
    return figure


def live(function=draw, alt=None):
    pictures = widgets.Pictures(function, "height", alt)
    view, choice = widgets.live_view(pictures, "height", [1, 2, 3], 2)
    return pictures, view, choice


def test_moving_the_slider_shows_that_values_figure():
    pictures, view, choice = live()
    image = view.children[1]
    first = image.value
    choice.value = 3
    assert image.value != first
    assert base64.b64encode(pictures[3][0]).decode() in image.value
    choice.value = 2
    assert image.value == first


def test_pictures_are_drawn_once_and_figures_closed():
    calls = []

    def counted(value):
        calls.append(value)
        return draw(value)

    _, _, choice = live(counted)
    for value in (3, 2, 3, 1):
        choice.value = value
    assert calls == [2, 3, 1]
    assert plt.get_fignums() == []


def test_the_description_names_the_axes_and_the_value():
    pictures, view, _ = live()
    assert pictures[2][1] == "Line. y against x. height = 2."
    assert 'alt="Line. y against x. height = 2."' in view.children[1].value
    assert live(alt="Rising.")[0][1][1] == "Rising."
    assert live(alt=lambda value: f"Up to {value}.")[0][3][1] == "Up to 3."


def test_an_error_while_moving_is_shown_and_raised():
    def fragile(value):
        if value == 3:
            raise ZeroDivisionError("no such <figure>")
        return draw(value)

    _, view, choice = live(fragile)
    with pytest.raises(ZeroDivisionError):
        choice.value = 3
    assert "ZeroDivisionError: no such &lt;figure&gt;" in view.children[1].value
    choice.value = 1
    assert "<img" in view.children[1].value


@pytest.mark.parametrize(
    ("values", "start", "reason"),
    [([], None, "at least one"), ([1, 1], None, "each once"), ([1, 2], 3, "not among")],
)
def test_wrong_values_are_refused(values, start, reason):
    with pytest.raises(ValueError, match=reason):
        widgets.slider(draw, "height", values, start)


def test_a_value_that_cannot_be_drawn_fails_the_cell():
    def fragile(value):
        if value == 3:
            raise ZeroDivisionError("nothing to draw")
        return draw(value)

    with pytest.raises(ZeroDivisionError, match="nothing to draw"):
        widgets.slider(fragile, "height", [1, 2, 3], 1)


def test_a_function_that_returns_axes_is_told_what_to_return():
    with pytest.raises(TypeError, match="return ax.figure"):
        widgets.slider(lambda value: draw(value).axes[0], "height", [1])


SETUP = """
import sys
{hide}
from tl_helpers.plots import widgets
import matplotlib.pyplot as plt
def draw(value):
    figure, ax = plt.subplots(figsize=(2, 1))
    ax.plot([0, value])
    return figure
"""


def executed(hide=""):
    code = [SETUP.format(hide=hide), "widgets.slider(draw, 'height', [1, 2, 3], 1)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in code])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    return notebook


def test_one_output_holds_the_live_view_and_the_picture():
    notebook = executed()
    output, words = notebook.cells[1].outputs
    assert output.data[widgets.VIEW]["model_id"] in json.dumps(notebook.metadata.widgets)
    assert output.metadata["image/png"]["alt"] == "Figure. height = 1."
    folded = "<summary>The picture at height = 1, in words</summary>Figure. height = 1."
    assert folded in words.data["text/html"]
    del output.data[widgets.VIEW], notebook.metadata["widgets"]
    page = HTMLExporter().from_notebook_node(notebook)[0]
    assert f"base64,{output.data['image/png'].strip()[:60]}" in page


def test_a_saved_live_view_still_shows_the_picture_where_widgets_cannot_run():
    notebook = executed()
    del notebook.metadata["widgets"]
    page = HTMLExporter().from_notebook_node(notebook)[0]
    assert f"base64,{notebook.cells[1].outputs[0].data['image/png'].strip()[:60]}" in page


def test_without_ipywidgets_the_picture_is_shown():
    notebook = executed("sys.modules['ipywidgets'] = None  # as if it were not installed")
    said, picture, _ = notebook.cells[1].outputs
    assert "not installed: this is height = 1" in said.text
    assert set(picture.data) == {"image/png", "text/plain"}

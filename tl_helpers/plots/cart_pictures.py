"""Pictures and animations of carts with a pole, drawn from their states."""

from __future__ import annotations

import base64
import html
import io

import numpy as np
from PIL import Image, ImageDraw

WIDE, HIGH = 240, 100  # pixels of a frame
METRE = 45  # pixels
RAIL = 2.4  # m from the middle to the end


def cart_frames(states, half_length: float = 0.5) -> np.ndarray:
    """One picture a state: rail, its two ends, cart, pole, and a dotted line upright.

    Parameters
    ----------
    states : float array or tensor, shape (n, 4)
        Position (m), speed, angle from upright (rad), its speed.
    half_length : float, default 0.5
        Half the length of the pole in metres.

    Returns
    -------
    uint8 array, shape (n, `HIGH`, `WIDE`, 3)

    Raises
    ------
    ValueError
        For another shape.
    """
    states = np.asarray(states, dtype=float)
    if states.ndim != 2 or states.shape[1] != 4:
        raise ValueError(f"states have shape {states.shape}; expected (n, 4).")
    return np.stack([np.asarray(_frame(x, angle, half_length)) for x, _, angle, _ in states])


def _frame(x: float, angle: float, half_length: float) -> Image.Image:
    picture = Image.new("RGB", (WIDE, HIGH), "white")
    pen, floor = ImageDraw.Draw(picture), HIGH - 14
    left, right = (WIDE / 2 + side * RAIL * METRE for side in (-1, 1))
    pen.line((left, floor, right, floor), fill="#888888", width=2)
    for end in (left, right):
        pen.line((end, floor - 8, end, floor + 8), fill="#888888", width=3)
    middle, top = WIDE / 2 + x * METRE, floor - 14
    for dash in range(0, int(2 * half_length * METRE), 8):
        pen.line((middle, top - dash, middle, top - dash - 3), fill="#bbbbbb")
    tip = 2 * half_length * METRE
    ends = (middle, top, middle + tip * np.sin(angle), top - tip * np.cos(angle))
    pen.rectangle((middle - 14, top, middle + 14, floor - 1), fill="#333333")
    pen.line(ends, fill="#D55E00", width=5)
    return picture


def animation(frames: np.ndarray, alt: str, *, milliseconds: int = 60) -> None:
    """Show pictures one after another, for ever, with a description.

    A GIF inside HTML, which every viewer of notebooks plays.

    Parameters
    ----------
    frames : uint8 array, shape (n, height, width, 3)
    alt : str
        What happens in it, in whole sentences.
    milliseconds : int, default 60
        A frame.

    Raises
    ------
    ValueError
        Without a frame or a description.
    """
    from IPython.display import HTML, display

    if not len(frames) or not alt.strip():
        raise ValueError("an animation needs frames and an alt that says what happens in it.")
    first, *rest = [Image.fromarray(f).quantize(16, dither=Image.Dither.NONE) for f in frames]
    packed = io.BytesIO()
    times = {"duration": milliseconds, "loop": 0, "optimize": True}
    first.save(packed, format="GIF", save_all=True, append_images=rest, **times)
    data = base64.b64encode(packed.getvalue()).decode()
    words = html.escape(alt.strip())
    display(HTML(f'<img alt="{words}" src="data:image/gif;base64,{data}">'))

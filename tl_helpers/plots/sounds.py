"""Sounds: a spectrogram with seconds and hertz, and a player for the page."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from tl_helpers.plots.style import describe, new_axes, styled

if TYPE_CHECKING:
    from IPython.display import HTML

_FLOOR = -70  # decibels below the loudest, from which on everything is white
_WINDOW, _STEP = 0.025, 0.010  # seconds, as speech recognisers cut sound


@styled
def spectrogram(sound: np.ndarray, rate: int, ax: Axes | None = None, *, title: str) -> Axes:
    """Which pitches sound when: time to the right, frequency upwards, the louder the darker.

    Parameters
    ----------
    sound : float array (n,)
        At least 25 ms, and not silent.
    rate : int
        Samples a second.
    ax : Axes, optional
        By default of a new figure.
    title : str
        What the reader should see in it.

    Raises
    ------
    ValueError
        For a sound of another shape, too short or silent.
    """
    sound = np.asarray(sound, dtype=float)
    window = round(_WINDOW * rate)
    if sound.ndim != 1 or len(sound) < window or not np.abs(sound).max(initial=0) > 0:
        raise ValueError(
            f"the sound has shape {sound.shape}; expected at least {window} samples in a row that "
            "are not all 0."
        )
    seconds, hertz, level = _levels(sound, rate, window)
    ax = new_axes(ax, (7, 2.8))
    picture = ax.pcolormesh(
        seconds, hertz, level, cmap="Greys", vmin=_FLOOR, vmax=0, shading="auto", rasterized=True
    )
    ax.figure.colorbar(picture, ax=ax, label="decibels")
    ax.set(xlabel="seconds", ylabel="hertz", title=title)
    ax.grid(False)
    power = (10 ** (level / 10)).sum(axis=1).cumsum()
    most = hertz[np.searchsorted(power, 0.95 * power[-1])]
    describe(
        ax,
        f"Spectrogram of {len(sound) / rate:.1f} seconds, 0 to {hertz[-1]:.0f} hertz, louder is "
        f"darker. 95 % of the energy lies below {most:.0f} hertz.",
    )
    return ax


def _levels(sound: np.ndarray, rate: int, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Seconds, hertz and decibels below the loudest, (bands, frames)."""
    from scipy.signal import stft

    step = window - round(_STEP * rate)
    hertz, seconds, values = stft(sound, rate, nperseg=window, noverlap=step, boundary=None)
    power = np.abs(values) ** 2
    return seconds, hertz, 10 * np.log10(np.maximum(power / power.max(), 1e-12))


def player(sound: np.ndarray, rate: int, title: str) -> HTML:
    """A player of a sound, compressed as MP3: about 4 kB a second in the notebook.

    Parameters
    ----------
    sound : float array (n,)
        In [-1, 1]; what is louder is cut.
    rate : int
        Samples a second, one of those that MP3 has (8,000, 16,000, 22,050, 24,000, 44,100 ...).
    title : str
        Words above the player; say where the sound is from.

    Raises
    ------
    ValueError
        For a rate that MP3 does not have, or an empty sound.
    """
    import soundfile
    from IPython.display import HTML

    if not len(sound):
        raise ValueError("the sound is empty; expected samples to play.")
    packed = io.BytesIO()
    try:
        soundfile.write(packed, np.clip(sound, -1, 1), rate, format="MP3", compression_level=0.8)
    except soundfile.LibsndfileError as error:
        told = f"the sound cannot be packed at {rate} samples a second: {error}"
        raise ValueError(told) from error
    data = base64.b64encode(packed.getvalue()).decode()
    words = html.escape(title)
    return HTML(
        f"<figure><figcaption>{words} ({len(sound) / rate:.1f} s)</figcaption>"
        f'<audio controls preload="none" aria-label="{words}" '
        f'src="data:audio/mpeg;base64,{data}"></audio></figure>'
    )

"""LibriSpeech, for the gpu profile: volunteers reading books aloud (Panayotov et al. 2015)."""

from __future__ import annotations

from tl_helpers.assets.paths import cache_dir
from tl_helpers.datasets.recordings import LONGEST, RATE, Recordings


def clips(count: int, part: str = "test-clean", longest: float = LONGEST) -> Recordings:
    """The first clips of a part, downloaded by torchaudio into the course's cache.

    Parameters
    ----------
    count : int
    part : str, default "test-clean"
        346 MB; "test-other" has speakers that are harder to follow.
    longest : float, default 28.0
        Seconds; longer clips are passed over.

    Returns
    -------
    Recordings
        Groups are speakers.

    Raises
    ------
    ImportError
        Without torchaudio, which has to fit the installed torch.
    ValueError
        When the part has fewer such clips.
    """
    try:
        from torchaudio.datasets import LIBRISPEECH
    except ImportError as error:
        raise ImportError(
            "LibriSpeech is read by torchaudio, which is not installed. Install the version that "
            "belongs to your torch: pip install torchaudio"
        ) from error
    root = cache_dir() / "librispeech"
    root.mkdir(parents=True, exist_ok=True)
    found = _first(LIBRISPEECH(root, url=part, download=True), count, longest)
    if len(found) < count:
        raise ValueError(f"{part} has {len(found)} clips of at most {longest:.0f} s, not {count}.")
    return Recordings(*map(list, zip(*found, strict=True)))


def _first(data, count: int, longest: float) -> list[tuple]:
    """Sound, text, name and speaker of the first clips that are short enough."""
    found = []
    for wave, rate, text, speaker, chapter, number in data:
        sound = wave.mean(0).numpy()
        if rate == RATE and len(sound) / RATE <= longest:
            found.append((sound, text.capitalize(), f"{speaker}-{chapter}-{number}", str(speaker)))
        if len(found) == count:
            break
    return found

"""A finished classifier of pictures in a folder: saved with all that it needs, loaded, asked.

The folder holds ``weights.safetensors`` (with class names and a checksum), ``classifier.json``
(network, preprocessing) and ``README.md``, the model card (Mitchell et al., Model cards for model
reporting, 2019).
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from tl_helpers.assets import files
from tl_helpers.datasets import deep_pictures, picture_files
from tl_helpers.models.weights import CheckpointError, load_weights, save_weights

WEIGHTS, SETTINGS, CARD = "weights.safetensors", "classifier.json", "README.md"
FORMAT = 1
LIMITS = (
    "It names one of its classes, whatever the picture shows.",
    "It was measured on pictures of the same origin as its labels. Elsewhere, measure it again.",
    "How sure it says it is was fitted to such pictures, and need not hold for others.",
)
_ASK = """
import json, sys
from tl_helpers.models import classifiers
print(json.dumps(classifiers.load(sys.argv[1]).predict(sys.argv[2])))
"""
_KEYS = {"format", "network", "classes", "pixels", "mean", "std", "weights_sha256"}


class Answer(NamedTuple):
    """What a classifier says of one picture.

    Attributes
    ----------
    name : str
        The likeliest class.
    confidence : float
        Its probability, as the classifier sees it.
    """

    name: str
    confidence: float


class SavedClassifier:
    """A classifier made by `load`.

    Attributes
    ----------
    classes : list of str
    pixels : int
        Side to which pictures are scaled.
    """

    def __init__(self, network: nn.Module, settings: Mapping) -> None:
        self.network = network.eval()
        self.classes, self.pixels = list(settings["classes"]), settings["pixels"]
        mean, std = (torch.tensor(settings[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
        self._mean, self._std = mean, std

    def predict(self, picture: str | Path | Image.Image) -> Answer:
        """The likeliest class and its probability; see `probabilities`.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        datasets.picture_files.UnreadablePicture
            With the reason.
        """
        found = self.probabilities(picture)
        return Answer(*max(found.items(), key=lambda answer: answer[1]))

    @torch.inference_mode()
    def probabilities(self, picture: str | Path | Image.Image) -> dict[str, float]:
        """The probability of each class, by name.

        Parameters
        ----------
        picture : path or PIL.Image.Image
            Read as a folder of pictures is: upright, on white, its central square.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        datasets.picture_files.UnreadablePicture
            With the reason.
        """
        pixels = torch.from_numpy(_square(picture, self.pixels))[None]
        scores = self.network((pixels.float() / 255 - self._mean) / self._std)
        return dict(zip(self.classes, scores.softmax(1)[0].tolist(), strict=True))

    def __repr__(self) -> str:
        return f"SavedClassifier({len(self.classes)} classes, {self.pixels} pixels)"


def save(
    folder: str | Path, network: nn.Module, classes: Sequence[str], pixels: int, card: str
) -> Path:
    """Write a classifier that `load` reads, each file all or nothing.

    Parameters
    ----------
    folder : path
        Made when missing; an earlier classifier in it is replaced.
    network : nn.Module
        Made by ``timm.create_model``: its ``pretrained_cfg`` names the architecture, and the mean
        and spread that its inputs were normalised with. It gives scores (N, classes).
    classes : sequence of str
        In the order of the scores.
    pixels : int
        Side of the pictures that it learned from.
    card : str
        Markdown, as of `model_card`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        When the network is not timm's, or has another number of outputs.
    models.weights.CheckpointError
        When the weights cannot be written.
    """
    folder, config = Path(folder), getattr(network, "pretrained_cfg", None) or {}
    head = getattr(network, "get_classifier", nn.Identity)()
    outputs = getattr(head, "out_features", None)
    if not {"architecture", "mean", "std"} <= set(config) or outputs != len(classes):
        raise ValueError(
            f"the network has {outputs} outputs for {len(classes)} classes, and is named "
            f"{config.get('architecture')!r}; expected one of timm.create_model with an output a "
            "class."
        )
    settings = {
        "format": FORMAT,
        "network": config["architecture"],
        "classes": list(classes),
        "pixels": pixels,
        "mean": list(config["mean"]),
        "std": list(config["std"]),
    }
    weights = save_weights(folder / WEIGHTS, network, classes)
    files.write_json(folder / SETTINGS, settings | {"weights_sha256": _digest(weights)})
    files.write_text(folder / CARD, card.rstrip() + "\n")
    return folder


def load(folder: str | Path) -> SavedClassifier:
    """A classifier of `save`, on the CPU, ready to answer. Needs no internet and no other file.

    Parameters
    ----------
    folder : path

    Raises
    ------
    models.weights.CheckpointError
        For a missing, damaged or foreign file, and for weights and settings that do not belong
        together, saying which and what to do.
    """
    import timm

    folder = Path(folder).expanduser()
    settings = _settings(folder)
    if not (folder / WEIGHTS).is_file():
        raise CheckpointError(_missing(folder, WEIGHTS))
    if _digest(folder / WEIGHTS) != settings["weights_sha256"]:
        raise CheckpointError(
            f"{WEIGHTS} and {SETTINGS} in {folder} do not belong together, or one is damaged. "
            "Copy the whole folder again, or run the lesson that wrote it once more."
        )
    count = len(settings["classes"])
    network = timm.create_model(settings["network"], pretrained=False, num_classes=count)
    load_weights(folder / WEIGHTS, network, settings["classes"])
    return SavedClassifier(network, settings)


def in_a_fresh_process(folder: str | Path, pixels: Tensor) -> Answer:
    """What a saved classifier says in a new Python process, which has its folder and a PNG file.

    Parameters
    ----------
    folder : path
    pixels : Tensor
        uint8 (3, H, W), written to a file of its own for the process to read.

    Raises
    ------
    RuntimeError
        With the last words of the process, when it fails.
    """
    _hand_back_memory()
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "picture.png"
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(file)
        command = [sys.executable, "-c", _ASK, str(folder), str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no words"])[-1]
        raise RuntimeError(f"the saved classifier did not answer in a new process: {last}")
    return Answer(*json.loads(done.stdout.splitlines()[-1]))


def _hand_back_memory() -> None:
    """Let the system have what training has freed and the C library keeps: a process comes."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # glibc alone has the call
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def measured(probabilities, truth: Sequence[int], least: float = 0.8) -> dict[str, str]:
    """How often a classifier was right on a test set, in words for a model card.

    The interval is Wilson's for a share (Wilson 1927), at 95 %: each picture counts as a unit of
    its own.

    Parameters
    ----------
    probabilities : float array, shape (n, classes)
    truth : int array, shape (n,)
    least : float, default 0.8
        Confidence from which answers are counted a second time.
    """
    p = np.asarray(probabilities)
    right, sure = p.argmax(1) == np.asarray(truth), p.max(1)
    found = {"right": f"{_share(right)} of {len(right)} test pictures"}
    bold = right[sure >= least]
    said = f"{bold.mean():.0%} of them right" if len(bold) else "none to count"
    found[f"at least {least:.0%} sure"] = f"{len(bold) / len(right):.0%} of the answers, {said}"
    found["sure on average"] = f"{sure.mean():.0%}"
    return found


def model_card(title: str, measured: Mapping[str, str], limits: Sequence[str] = LIMITS) -> str:
    """A model card in Markdown: what it is, what was measured, where it must not be trusted.

    Parameters
    ----------
    title : str
        One line.
    measured : dict of str to str
        A row each: what, and its value with interval.
    limits : sequence of str, optional
        Sentences; by default what holds of every classifier that was tested on pictures of the
        same origin as its labels.
    """
    rows = [f"| {_cell(what)} | {_cell(value)} |" for what, value in measured.items()]
    use = [
        "```python",
        "from tl_helpers.models import classifiers",
        "",
        'model = classifiers.load("this folder")',
        'name, confidence = model.predict("picture.jpg")',
        "```",
    ]
    lines = [f"# {title}", "", "| measured | |", "|---|---|", *rows, "", "## Limits", ""]
    return "\n".join([*lines, *(f"- {limit}" for limit in limits), "", "## Use", "", *use, ""])


def _share(right: np.ndarray) -> str:
    from scipy.stats import binomtest

    interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return f"{right.mean():.0%} (95 % interval {interval.low:.0%} to {interval.high:.0%})"


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def _square(picture: str | Path | Image.Image, size: int) -> np.ndarray:
    if isinstance(picture, Image.Image):
        return picture_files.square_of(picture, size)
    path = Path(picture).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"there is no picture {path}; check the path.")
    return deep_pictures.alone(picture_files.read_square(path, size))


def _settings(folder: Path) -> dict:
    path = folder / SETTINGS
    if not path.is_file():
        raise CheckpointError(_missing(folder, SETTINGS))
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(
            f"{path} is damaged ({error}). Copy the whole folder again."
        ) from error
    if not isinstance(found, dict) or not set(found) >= _KEYS:
        raise CheckpointError(f"{path} is not of a saved classifier: it lacks some of its entries.")
    if found["format"] != FORMAT:
        raise CheckpointError(
            f"{path} has format {found['format']}; this version of the course reads {FORMAT}. "
            "Update the course, or save the classifier again."
        )
    return found


def _missing(folder: Path, name: str) -> str:
    return (
        f"{folder} holds no {name}; expected a folder of classifiers.save with {WEIGHTS} and "
        f"{SETTINGS}, such as the one that lesson 2.1 names in its last lines."
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

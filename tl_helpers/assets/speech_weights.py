"""Whisper's weights out of CTranslate2's container, under the names that transformers has.

The container, version 6, is a list of named arrays: a spec name, then for each variable its name,
shape, type and bytes, then names that stand for another variable. See `model_spec.py` of
CTranslate2 (Klein et al., The OpenNMT Neural Machine Translation Toolkit: 2020 Edition, AMTA 2020).
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tl_helpers.assets.tensor_files import write_safetensors

if TYPE_CHECKING:
    import torch

_VERSION, _SPEC, _FLOAT16 = 6, "WhisperSpec", 4
# Where words are aligned with time, which transformers does from its own settings.
_UNUSED = {"decoder/alignment_heads", "decoder/alignment_layer"}
_ALIASES = {"decoder/projection/weight": "decoder/embeddings/weight"}


def whisper(source: Path, target: Path, config: Mapping | None = None) -> None:
    """Write tiny.en as transformers stores it: weights, and beside them four files of settings.

    Every tensor is used exactly once. ``config.json`` beside ``source`` names the tokens that are
    never written (numbers of sounds and symbols); it is replaced by transformers' own.

    Parameters
    ----------
    source : Path
        CTranslate2's ``model.bin``.
    target : Path
        The safetensors file to write, float16; the projection to words is the embedding and is
        not stored twice.
    config : mapping, optional
        transformers' sizes of the network; by default tiny.en's, `CONFIG`.

    Raises
    ------
    ValueError
        For another format, variables that the network does not have or that are missing, or a
        file that is cut off or goes on.
    """
    config = CONFIG if config is None else config
    variables, aliases = read_container(source)
    if aliases != _ALIASES:
        raise ValueError(f"{source.name} has the aliases {aliases}; expected {_ALIASES}.")
    for name, value in _facts(config).items():
        if variables.pop(name, None) != value:
            raise ValueError(f"{source.name}: {name} is not {value!r}, as this network has it.")
    for name in _UNUSED:
        variables.pop(name, None)
    tensors = _renamed(variables, config)
    listed = json.loads((source.parent / "config.json").read_text(encoding="utf-8"))
    write_safetensors(tensors, target)
    for name, settings in _settings(listed, config).items():
        text = json.dumps(settings, indent=1) + "\n"
        (target.parent / name).write_text(text, encoding="utf-8", newline="\n")


def read_container(source: Path) -> tuple[dict[str, torch.Tensor | bytes], dict[str, str]]:
    """All variables and aliases of a container.

    Returns
    -------
    dict of str to torch.Tensor or bytes
        float16 tensors; of any other type the bytes as they are.
    dict of str to str
        Second names, and the variables they stand for.

    Raises
    ------
    ValueError
        For another version or spec, a name twice, or a file that is cut off or goes on.
    """
    reader = _Reader(source)
    version, spec, _, count = (reader.number("I"), reader.text(), *reader.numbers("II"))
    if (version, spec) != (_VERSION, _SPEC):
        raise ValueError(
            f"{source.name} is {spec!r} in version {version}; expected {_SPEC!r} in {_VERSION}."
        )
    variables: dict[str, torch.Tensor | bytes] = {}
    for _ in range(count):
        name = reader.text()
        if name in variables:
            raise ValueError(f"{source.name} holds {name} twice.")
        variables[name] = reader.variable(name)
    aliases = {reader.text(): reader.text() for _ in range(reader.number("I"))}
    reader.end()
    return variables, aliases


class _Reader:
    """Reads numbers, names and arrays one after the other; ValueError at the end of the file."""

    def __init__(self, source: Path) -> None:
        self.name, self.bytes, self.place = source.name, source.read_bytes(), 0

    def take(self, count: int) -> bytes:
        part = self.bytes[self.place : self.place + count]
        if len(part) < count:
            raise ValueError(
                f"{self.name} is cut off: {count} bytes were expected at {self.place}, and "
                f"{len(part)} are there."
            )
        self.place += count
        return part

    def numbers(self, types: str) -> tuple[int, ...]:
        return struct.unpack("<" + types, self.take(struct.calcsize("<" + types)))

    def number(self, kind: str) -> int:
        return self.numbers(kind)[0]

    def text(self) -> str:
        """A name, whose length counts the NUL at its end."""
        return self.take(self.number("H")).rstrip(b"\0").decode()

    def variable(self, name: str) -> torch.Tensor | bytes:
        import torch

        shape = self.numbers("I" * self.number("B"))
        kind, size = self.numbers("BI")
        data = self.take(size)
        if kind != _FLOAT16:
            return data
        values = torch.frombuffer(bytearray(data), dtype=torch.float16)
        try:
            return values.reshape(shape)
        except RuntimeError as error:
            count = values.numel()
            raise ValueError(f"{self.name}: {name} has {count} numbers, not {shape}.") from error

    def end(self) -> None:
        left = len(self.bytes) - self.place
        if left:
            raise ValueError(f"{self.name} goes on for {left} bytes after its last name.")


# Modules of a layer in the container, and their names (or those of their parts) in transformers.
_LAYER = {
    "self_attention/layer_norm": ("self_attn_layer_norm",),
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention/linear_1": ("self_attn.out_proj",),
    "attention/layer_norm": ("encoder_attn_layer_norm",),
    "attention/linear_0": ("encoder_attn.q_proj",),
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "attention/linear_2": ("encoder_attn.out_proj",),
    "ffn/layer_norm": ("final_layer_norm",),
    "ffn/linear_0": ("fc1",),
    "ffn/linear_1": ("fc2",),
}
_OUTSIDE = {
    "conv1": ("conv1",),
    "conv2": ("conv2",),
    "embeddings": ("embed_tokens",),
    "layer_norm": ("layer_norm",),
    "position_encodings": ("embed_positions",),
}
_TENSORS = {"beta": "bias", "gamma": "weight", "encodings": "weight"}


def _facts(config: Mapping) -> dict[str, bytes]:
    """What the container says besides weights, and what transformers assumes: pre-norm layers,
    GELU (3), embeddings that are not scaled, and the number of heads."""
    heads = {
        f"{half}/num_heads": struct.pack("<h", config[f"{half}_attention_heads"])
        for half in ("encoder", "decoder")
    }
    return heads | {
        "decoder/activation": b"\x03",
        "decoder/alibi": b"\x00",
        "decoder/pre_norm": b"\x01",
        "decoder/scale_embeddings": b"\x00",
        "decoder/start_from_zero_embedding": b"\x00",
    }


def _renamed(
    variables: dict[str, torch.Tensor | bytes], config: Mapping
) -> dict[str, torch.Tensor]:
    """transformers' names and tensors, in the order of its own network; every variable is used."""
    import torch
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    found: dict[str, torch.Tensor] = {}
    for name, values in variables.items():
        found |= _parts(name, values)
    with torch.device("meta"):
        expected = WhisperForConditionalGeneration(WhisperConfig(**config)).state_dict()
    del expected["proj_out.weight"]  # the embedding under a second name
    shapes = [{n: tuple(t.shape) for n, t in part.items()} for part in (found, expected)]
    if shapes[0] != shapes[1]:
        differing = sorted(dict(shapes[0].items() ^ shapes[1].items()))
        raise ValueError(f"the network differs in {len(differing)} tensors: {differing[:3]}.")
    return {name: found[name] for name in expected}


def _parts(name: str, values: torch.Tensor | bytes) -> dict[str, torch.Tensor]:
    """The tensors that one variable holds, under transformers' names."""
    match = re.fullmatch(r"(encoder|decoder)/(?:layer_(\d+)/)?(.+)/(\w+)", name)
    half, layer, module, kind = match.groups() if match else ("", None, "", "")
    names = (_OUTSIDE if layer is None else _LAYER).get(module)
    if names is None or isinstance(values, bytes):
        raise ValueError(f"Whisper has no place for the variable {name}.")
    where = f"model.{half}." + ("" if layer is None else f"layers.{layer}.")
    parts = {
        f"{where}{part}.{_TENSORS.get(kind, kind)}": tensor
        for part, tensor in zip(names, values.chunk(len(names)), strict=True)
    }
    for unused in [part for part in parts if part.endswith("k_proj.bias")]:
        if parts.pop(unused).any():  # a bias of keys shifts all attention alike: Whisper has none
            raise ValueError(f"{name} gives the keys a bias, and Whisper has none.")
    return parts


_START, _END, _NO_TIMES, _START_OF_PROMPT = 50257, 50256, 50362, 50360
CONFIG = {
    "architectures": ["WhisperForConditionalGeneration"],
    "vocab_size": 51864,
    "d_model": 384,
    "encoder_layers": 4,
    "decoder_layers": 4,
    "encoder_attention_heads": 6,
    "decoder_attention_heads": 6,
    "encoder_ffn_dim": 1536,
    "decoder_ffn_dim": 1536,
    "max_source_positions": 1500,
    "max_target_positions": 448,
    "num_mel_bins": 80,
    "decoder_start_token_id": _START,
    "bos_token_id": _END,
    "eos_token_id": _END,
    "pad_token_id": _END,
    "dtype": "float16",
}


def _settings(listed: Mapping, config: Mapping) -> dict[str, dict]:
    """transformers' files of settings, by name; ``listed`` is CTranslate2's config.json."""
    tokens = {
        "decoder_start_token_id": _START,
        "bos_token_id": _END,
        "eos_token_id": _END,
        "pad_token_id": _END,
    }
    generation = {
        **tokens,
        "is_multilingual": False,
        "no_timestamps_token_id": _NO_TIMES,
        "prev_sot_token_id": _START_OF_PROMPT,
        "return_timestamps": False,
        "max_length": config["max_target_positions"],
        "suppress_tokens": listed["suppress_ids"],
        "begin_suppress_tokens": listed["suppress_ids_begin"],
        "alignment_heads": listed["alignment_heads"],
    }
    return {
        "config.json": {"model_type": "whisper", **config},
        "generation_config.json": generation,
        "preprocessor_config.json": {
            "feature_extractor_type": "WhisperFeatureExtractor",
            "processor_class": "WhisperProcessor",
            "feature_size": config["num_mel_bins"],
            "sampling_rate": 16000,
        },
        "tokenizer_config.json": {
            "tokenizer_class": "WhisperTokenizer",
            "processor_class": "WhisperProcessor",
            "bos_token": "<|endoftext|>",
            "eos_token": "<|endoftext|>",
            "unk_token": "<|endoftext|>",
            "pad_token": "<|endoftext|>",
        },
    }

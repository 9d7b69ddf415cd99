"""Whisper's weights leave CTranslate2's container whole, or not at all."""

import json
import struct

import pytest
import torch
from safetensors.torch import load_file

from tl_helpers.assets.speech_weights import CONFIG, read_container, whisper

SIZES = {
    "vocab_size": 60_000, "d_model": 4, "encoder_layers": 1, "decoder_layers": 1,
    "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 6,
    "decoder_ffn_dim": 6, "max_source_positions": 5, "max_target_positions": 7, "num_mel_bins": 3,
}  # fmt: skip
TINY = {**CONFIG, **SIZES}
LISTED = {"suppress_ids": [1, 2], "suppress_ids_begin": [3], "alignment_heads": [[0, 0]]}


def variables(config=TINY):
    """Names, shapes and values of a container of these sizes; every number another one."""
    width, hidden = config["d_model"], config["encoder_ffn_dim"]
    shapes = {
        "encoder/conv1/weight": (width, config["num_mel_bins"], 3), "encoder/conv1/bias": (width,),
        "encoder/conv2/weight": (width, width, 3), "encoder/conv2/bias": (width,),
        "encoder/position_encodings/encodings": (config["max_source_positions"], width),
        "decoder/position_encodings/encodings": (config["max_target_positions"], width),
        "decoder/embeddings/weight": (config["vocab_size"], width),
    }  # fmt: skip
    linear = {
        "self_attention/linear_0": (3 * width, width),
        "self_attention/linear_1": (width,) * 2,
    }
    linear |= {"ffn/linear_0": (hidden, width), "ffn/linear_1": (width, hidden)}
    crossed = {"linear_0": (width,) * 2, "linear_1": (2 * width, width), "linear_2": (width,) * 2}
    for half in ("encoder", "decoder"):
        own = dict(linear)
        norms = ["layer_norm", "layer_0/self_attention/layer_norm", "layer_0/ffn/layer_norm"]
        if half == "decoder":
            own |= {f"attention/{name}": shape for name, shape in crossed.items()}
            norms.append("layer_0/attention/layer_norm")
        for name, shape in own.items():
            shapes[f"{half}/layer_0/{name}/weight"] = shape
            shapes[f"{half}/layer_0/{name}/bias"] = shape[:1]
        shapes |= {
            f"{half}/{norm}/{kind}": (width,) for norm in norms for kind in ("beta", "gamma")
        }
    found = {name: torch.randn(shape).half() for name, shape in shapes.items()}
    for name in found:  # keys have no bias
        if name.endswith("self_attention/linear_0/bias"):
            found[name][width : 2 * width] = 0
    found["decoder/layer_0/attention/linear_1/bias"][:width] = 0
    found |= {f"{half}/num_heads": struct.pack("<h", 2) for half in ("encoder", "decoder")}
    flags = {"activation": 3, "alibi": 0, "pre_norm": 1, "scale_embeddings": 0}
    found |= {f"decoder/{name}": bytes([value]) for name, value in flags.items()}
    found |= {"decoder/start_from_zero_embedding": b"\0", "decoder/alignment_layer": b"\xff\xff"}
    return found


def text(name):
    return struct.pack("<H", len(name) + 1) + name.encode() + b"\0"


def packed(found, version=6, spec="WhisperSpec"):
    """The bytes of a container."""
    parts = [struct.pack("<I", version), text(spec), struct.pack("<II", 3, len(found))]
    for name, value in found.items():
        tensor = isinstance(value, torch.Tensor)
        data = value.numpy().tobytes() if tensor else value
        shape = value.shape if tensor else ()
        parts += [text(name), struct.pack(f"<B{len(shape)}I", len(shape), *shape)]
        parts += [struct.pack("<BI", 4 if tensor else 1, len(data)), data]
    parts += [
        struct.pack("<I", 1),
        text("decoder/projection/weight"),
        text("decoder/embeddings/weight"),
    ]
    return b"".join(parts)


@pytest.fixture
def convert(tmp_path):
    """Converts what it is given, and says where the result is."""

    def run(data):
        (tmp_path / "model.bin").write_bytes(data)
        (tmp_path / "config.json").write_text(json.dumps(LISTED))
        whisper(tmp_path / "model.bin", tmp_path / "model.safetensors", TINY)
        return tmp_path

    return run


def test_every_tensor_is_used_exactly_once(convert):
    found = variables()
    written = load_file(convert(packed(found)) / "model.safetensors")
    kept = sum(value.abs().double().sum() for value in found.values() if hasattr(value, "abs"))
    torch.testing.assert_close(sum(t.abs().double().sum() for t in written.values()), kept)
    query, key, value = found["encoder/layer_0/self_attention/linear_0/weight"].chunk(3)
    where = "model.encoder.layers.0.self_attn."
    assert torch.equal(written[where + "q_proj.weight"], query)
    assert torch.equal(written[where + "k_proj.weight"], key)
    assert torch.equal(written[where + "v_proj.weight"], value)
    key, value = found["decoder/layer_0/attention/linear_1/weight"].chunk(2)
    assert torch.equal(written["model.decoder.layers.0.encoder_attn.k_proj.weight"], key)
    assert torch.equal(written["model.decoder.layers.0.encoder_attn.v_proj.weight"], value)


def test_transformers_loads_it_with_nothing_missing_and_nothing_left(convert):
    from transformers import WhisperForConditionalGeneration

    place = convert(packed(variables()))
    model, told = WhisperForConditionalGeneration.from_pretrained(
        place, dtype=torch.float32, output_loading_info=True
    )
    assert not told["missing_keys"] and not told["unexpected_keys"] and not told["mismatched_keys"]
    assert model.proj_out.weight is model.model.decoder.embed_tokens.weight
    assert model.generation_config.suppress_tokens == [1, 2]
    assert json.loads((place / "config.json").read_text())["model_type"] == "whisper"


def test_an_unknown_variable_is_refused(convert):
    with pytest.raises(ValueError, match="no place for the variable decoder/layer_0/gate/weight"):
        convert(packed({**variables(), "decoder/layer_0/gate/weight": torch.zeros(2).half()}))
    with pytest.raises(ValueError, match="no place for the variable mystery"):
        convert(packed({**variables(), "mystery": torch.zeros(2).half()}))


def test_a_missing_variable_and_another_shape_are_refused(convert):
    found = variables()
    del found["encoder/conv1/bias"]
    with pytest.raises(ValueError, match=r"differs in 1 tensors.*encoder\.conv1\.bias"):
        convert(packed(found))
    found = variables()
    found["encoder/conv1/bias"] = torch.zeros(5).half()
    with pytest.raises(ValueError, match="differs in 1 tensors"):
        convert(packed(found))


def test_a_bias_of_keys_is_refused(convert):
    found = variables()
    found["encoder/layer_0/self_attention/linear_0/bias"][5] = 1
    with pytest.raises(ValueError, match="gives the keys a bias"):
        convert(packed(found))


@pytest.mark.parametrize("kept", [3, 30, 400, -1])
def test_a_file_that_is_cut_off_is_refused(convert, kept):
    with pytest.raises(ValueError, match="is cut off"):
        convert(packed(variables())[:kept])


def test_bytes_after_the_end_are_refused(convert):
    with pytest.raises(ValueError, match="goes on for 2 bytes"):
        convert(packed(variables()) + b"xx")


def test_another_version_spec_or_kind_of_network_is_refused(convert):
    with pytest.raises(ValueError, match="in version 5"):
        convert(packed(variables(), version=5))
    with pytest.raises(ValueError, match="'TransformerSpec'"):
        convert(packed(variables(), spec="TransformerSpec"))
    with pytest.raises(ValueError, match="decoder/activation is not"):
        convert(packed({**variables(), "decoder/activation": b"\1"}))


def test_a_variable_that_stands_there_twice_is_refused(tmp_path):
    one = text("a") + struct.pack("<BBI", 0, 1, 1) + b"x"
    head = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, 2)
    (tmp_path / "model.bin").write_bytes(head + one + one + struct.pack("<I", 0))
    with pytest.raises(ValueError, match="holds a twice"):
        read_container(tmp_path / "model.bin")

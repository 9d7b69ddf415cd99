"""Pretrained networks by name, each with its preprocessing, ordered stages and feature size."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from tl_helpers import assets

if TYPE_CHECKING:
    from timm.models import ConvNeXt, EfficientNet
    from transformers import BertModel, MPNetModel

# Full-size models for the gpu profile; timm and transformers fetch their weights from the hub.
HUB_MODELS = {
    "convnext-tiny": "timm/convnext_tiny.in12k_ft_in1k",
    "mpnet-base": "sentence-transformers/all-mpnet-base-v2",
}
LITE = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
NAMES = (*LITE, "minilm-l6", *HUB_MODELS)


@dataclass
class Backbone:
    """A network without its head.

    Attributes
    ----------
    name : str
    module : nn.Module
        Inputs to features (N, feature_size), float32.
    preprocess : callable
        Raw data to inputs of ``module``. Pictures: an nn.Module, uint8 (N, C, H, W) to float
        (N, 3, H', W'). Texts: list of str to a dict of int64 tensors (N, length).
    feature_size : int
    stages : dict of str to nn.Module
        From input to output; together they hold every parameter of ``module`` once.
    classifier : nn.Module or None
        The head of pretraining: features to logits over ``categories``.
    categories : list of str or None
    """

    name: str
    module: nn.Module
    preprocess: Callable[[Any], Any]
    feature_size: int
    stages: dict[str, nn.Module]
    classifier: nn.Module | None = None
    categories: list[str] | None = field(default=None, repr=False)

    def fingerprint(self) -> str:
        """SHA-256 over names, shapes and values of weights and buffers, and the preprocessing."""
        digest = hashlib.sha256(f"{self.name} {self.preprocess!r}".encode())
        for key, tensor in self.module.state_dict().items():
            digest.update(f"{key} {tuple(tensor.shape)} {tensor.dtype}".encode())
            # Flat first: the layout of convolutions, which training may change, has no part in it.
            values = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(values.view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def load(name: str, pretrained: bool = True, seed: int = 0, size: int = 96) -> Backbone:
    """A backbone by name, in eval mode, all its parameters trainable.

    Parameters
    ----------
    name : str
        "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2" (Tan & Le 2019, the Lite
        variants, 4.7 M, 5.4 M and 6.1 M parameters with the head; pictures, 1,280 features),
        "minilm-l6" (Wang et al. 2020, sentence-transformers; texts, 384 features), or for the
        gpu profile "convnext-tiny" (768) and "mpnet-base" (768).
    pretrained : bool
        False gives the same architecture with random weights.
    seed : int
        Draws the random weights; torch's global generator is left as it was.
    size : int
        Side in pixels to which pictures are resized.

    Raises
    ------
    ValueError
        For an unknown name.
    tl_helpers.assets.AssetError
        When the weights cannot be had. Random weights never stand in for them.
    """
    builders: dict[str, Callable[[bool, int], Backbone]] = {
        **{lite: partial(_efficientnet, lite) for lite in LITE},
        "convnext-tiny": _convnext,
        "minilm-l6": _minilm,
        "mpnet-base": _mpnet,
    }
    if name not in builders:
        raise ValueError(f"No backbone is called {name!r}. Known are: {', '.join(NAMES)}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = builders[name](pretrained, size)
    backbone.module.eval()
    return backbone


class PicturePreprocess(nn.Module):
    """uint8 pictures (N, 1 or 3, H, W) to normalised float (N, 3, size, size)."""

    def __init__(self, size: int, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.size, self.mean, self.std = size, mean, std

    def extra_repr(self) -> str:
        """Settings for the printed form, which is part of the fingerprint."""
        return f"size={self.size}, mean={self.mean}, std={self.std}"

    def forward(self, pictures: Tensor) -> Tensor:
        """Resize and normalise.

        Raises
        ------
        ValueError
            For pictures of another shape or type.
        """
        if pictures.dim() != 4 or pictures.shape[1] not in (1, 3):
            raise ValueError(
                f"Pictures have shape {tuple(pictures.shape)}; expected (N, 1 or 3, H, W)."
            )
        if pictures.dtype != torch.uint8:
            raise ValueError(f"Pictures are {pictures.dtype}; expected uint8, values 0 to 255.")
        x = pictures.float() / 255
        if x.shape[-2:] != (self.size, self.size):
            x = functional.interpolate(
                x, (self.size, self.size), mode="bilinear", antialias=True, align_corners=False
            )
        mean, std = (x.new_tensor(v).view(1, 3, 1, 1) for v in (self.mean, self.std))
        return (x.expand(-1, 3, -1, -1) - mean) / std


class SentenceEncoder(nn.Module):
    """A transformer and the mean of its token vectors (Reimers & Gurevych 2019, section 3)."""

    def __init__(self, transformer: nn.Module) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, tokens: dict[str, Tensor]) -> Tensor:
        """input_ids and attention_mask (N, L) to sentence vectors (N, D)."""
        hidden = self.transformer(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        return (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)


class Tokenize:
    """Texts to token tensors, padded to the longest and cut at ``max_length``."""

    def __init__(self, tokenizer: Any, max_length: int = 64) -> None:
        self.tokenizer, self.max_length = tokenizer, max_length

    def __repr__(self) -> str:
        return f"Tokenize(vocabulary={len(self.tokenizer)}, max_length={self.max_length})"

    def __call__(self, texts: list[str]) -> dict[str, Tensor]:
        """input_ids and attention_mask, int64 (N, longest text in tokens)."""
        tokens = self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self.max_length,
            return_tensors="pt",
        )
        return {key: tokens[key] for key in ("input_ids", "attention_mask")}


def _efficientnet(name: str, pretrained: bool, size: int) -> Backbone:
    import timm
    from torchvision.models import EfficientNet_B0_Weights

    network = cast("EfficientNet", timm.create_model("tf_" + name.replace("-", "_")))
    if pretrained:
        from safetensors.torch import load_file

        path = assets.fetch(name) / "model.safetensors"
        network.load_state_dict(load_file(path))
    classifier = network.get_classifier()
    network.reset_classifier(0)
    stages: dict[str, nn.Module] = {"stem": nn.ModuleList([network.conv_stem, network.bn1])}
    stages |= {f"block {i}": block for i, block in enumerate(network.blocks)}
    stages["top"] = nn.ModuleList([network.conv_head, network.bn2])
    preprocess = PicturePreprocess(size, (0.5,) * 3, (0.5,) * 3)
    categories = EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]
    head = (classifier, categories) if pretrained else (None, None)
    return Backbone(name, network, preprocess, network.num_features, stages, *head)


def _convnext(pretrained: bool, size: int) -> Backbone:
    import timm
    from timm.data import resolve_model_data_config

    hub = HUB_MODELS["convnext-tiny"].removeprefix("timm/")
    built = timm.create_model(hub, pretrained=pretrained, num_classes=0)
    network, config = cast("ConvNeXt", built), resolve_model_data_config(built)
    stages: dict[str, nn.Module] = {"stem": network.stem}
    stages |= {f"stage {i}": stage for i, stage in enumerate(network.stages)}
    stages["top"] = network.head
    preprocess = PicturePreprocess(size, config["mean"], config["std"])
    return Backbone("convnext-tiny", network, preprocess, 768, stages)


def _minilm(pretrained: bool, size: int) -> Backbone:
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    # The tokenizer belongs to the architecture's vocabulary, so random weights need it too.
    folder = assets.fetch("minilm-l6")
    config = AutoConfig.from_pretrained(folder)
    transformer = AutoModel.from_config(config, add_pooling_layer=False)
    if pretrained:
        from safetensors.torch import load_file

        weights = load_file(folder / "model.safetensors")
        # The sentence vector is a mean of tokens: BERT's own pooler has no part in it.
        unused = ("pooler.", "embeddings.position_ids")
        transformer.load_state_dict(
            {key: value for key, value in weights.items() if not key.startswith(unused)}
        )
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return _sentences("minilm-l6", transformer, tokenizer)


def _mpnet(pretrained: bool, size: int) -> Backbone:
    from transformers import AutoModel, AutoTokenizer, MPNetConfig, MPNetModel

    hub = HUB_MODELS["mpnet-base"]
    if not pretrained:  # without the hub: the architecture alone, which needs no download
        network = MPNetModel(MPNetConfig(), add_pooling_layer=False)
        return _sentences("mpnet-base", network, None)
    transformer = AutoModel.from_pretrained(hub, add_pooling_layer=False)
    return _sentences("mpnet-base", transformer, AutoTokenizer.from_pretrained(hub))


def _sentences(name: str, transformer: BertModel | MPNetModel, tokenizer: Any) -> Backbone:
    stages: dict[str, nn.Module] = {"embeddings": transformer.embeddings}
    stages |= {f"layer {i}": layer for i, layer in enumerate(transformer.encoder.layer)}
    module = SentenceEncoder(transformer)
    # MPNet keeps its table of relative positions beside the layers. Last comes the embedding,
    # whose output is the stage's.
    bias = getattr(transformer.encoder, "relative_attention_bias", None)
    if bias is not None:
        stages["embeddings"] = nn.ModuleList([bias, transformer.embeddings])
    preprocess = Tokenize(tokenizer) if tokenizer else _no_tokenizer
    return Backbone(name, module, preprocess, transformer.config.hidden_size, stages)


def _no_tokenizer(texts: list[str]) -> dict[str, Tensor]:
    raise ValueError(
        "This backbone was built without its tokenizer, which lives on the hub; expected "
        "load(name, pretrained=True), or token tensors given to .module directly."
    )


class Classifier(nn.Module):
    """A backbone with a fresh linear head, made by `with_head`."""

    def __init__(self, backbone: Backbone, classes: int) -> None:
        super().__init__()
        is_module = isinstance(backbone.preprocess, nn.Module)
        self.preprocess = backbone.preprocess if is_module else nn.Identity()
        self.backbone = backbone.module
        self.head = nn.Linear(backbone.feature_size, classes)

    def forward(self, x: Any) -> Tensor:
        """Logits (N, classes)."""
        return self.head(self.backbone(self.preprocess(x)))


def with_head(backbone: Backbone, classes: int) -> Classifier:
    """The backbone's own module (not a copy) with a new linear head.

    Parameters
    ----------
    backbone : Backbone
    classes : int
        Outputs of the head.

    Returns
    -------
    Classifier
        Pictures: takes raw uint8 (N, C, H, W), a quarter of the memory of floats. Texts: takes
        the token tensors of ``backbone.preprocess``. Gives logits (N, classes).

    Raises
    ------
    ValueError
        For fewer than one class.
    """
    if classes < 1:
        raise ValueError(f"classes is {classes}; expected the number of classes, 1 or more.")
    return Classifier(backbone, classes)

"""Exercises of lesson 1.6: hints, checks, solutions, and the wrong answers they are tested on."""

from tl_helpers.exercises import Exercise, NotYet, Wrong


def _check_merged(answer):
    import torch

    draw = torch.Generator().manual_seed(0)
    weight, a, b = (torch.randn(*shape, generator=draw) for shape in ((5, 4), (2, 4), (5, 2)))
    kept = weight.clone()
    try:
        found = answer(weight, a, b, 6.0)
    except RuntimeError as error:
        raise NotYet(
            f"the shapes do not fit ({error}); B (out, rank) times A (rank, in), in this order, "
            "has the shape of the weight."
        ) from None
    if not torch.equal(weight, kept):
        raise NotYet("it changes the frozen weight in place; return a new tensor.")
    if not torch.is_tensor(found) or found.shape != weight.shape:
        raise NotYet("expected a tensor of the shape of the weight, (out, in).")
    if torch.allclose(found, 3 * b @ a, atol=1e-5):
        raise NotYet("that is the change alone; the merged weight holds the frozen one as well.")
    if any(torch.allclose(found, weight + k * b @ a, atol=1e-5) for k in (1, 6, 2, 1 / 3)):
        raise NotYet("the scale is alpha / rank, and the rank is the number of rows of A.")
    if not torch.allclose(found, weight + 3 * b @ a, atol=1e-5):
        raise NotYet("expected weight + (alpha / rank) * B @ A.")
    return "one plain layer, as fast as before, and the addition can no longer be taken out."


def _network():
    """MiniLM's shape with a head, without memory for its weights."""
    import torch
    from transformers import BertConfig, BertModel

    shape = {"hidden_size": 384, "intermediate_size": 1536, "num_attention_heads": 12}
    with torch.device("meta"):
        bert = BertModel(BertConfig(num_hidden_layers=6, **shape), add_pooling_layer=False)
        return torch.nn.ModuleDict({"bert": bert, "head": torch.nn.Linear(384, 2)})


def _check_everywhere(answer, most):
    from peft import LoraConfig, get_peft_model

    if not isinstance(answer, LoraConfig):
        raise NotYet(f"that is a {type(answer).__name__}; expected a LoraConfig(...).")
    if "head" not in (answer.modules_to_save or []):
        raise NotYet('without modules_to_save=["head"] the head is neither trained nor stored.')
    try:
        model = get_peft_model(_network(), answer)
    except ValueError as error:
        raise NotYet(f"peft refuses it: {error}") from None
    found = [name for name, module in model.named_modules() if hasattr(module, "lora_A")]
    if len(found) != 36:
        raise NotYet(
            f"it adapts {len(found)} layers; six blocks of query, key, value and three called "
            "dense make 36."
        )
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if count > most:
        raise NotYet(f"it trains {count:,} weights, and `lora` trains {most:,}: lower the rank.")
    return f"rank {answer.r} in 36 layers, {count:,} weights; is it better than rank 8 in 12?"


def _config(**changes):
    from peft import LoraConfig

    names = ["query", "key", "value", "dense"]
    return LoraConfig(**{"r": 1, "target_modules": names, "modules_to_save": ["head"], **changes})


def _check_directions(answer, update):
    import torch

    if isinstance(answer, bool) or not isinstance(answer, int):
        raise NotYet("expected one whole number of directions, an int.")
    values = torch.linalg.svdvals(update.double())

    def needed(strengths):
        return int((strengths.cumsum(0) / strengths.sum() < 0.9).sum()) + 1

    share = float((values**2)[: max(answer, 0)].sum() / (values**2).sum())
    if answer == needed(values**2):
        return f"{answer} directions hold {share:.0%} of the squared change."
    if answer == needed(values):
        raise NotYet("that adds up the singular values themselves; square them first.")
    if share < 0.9:
        raise NotYet(f"{answer} directions hold {share:.0%} of the sum of squares: too few.")
    raise NotYet(f"{answer} directions are enough, but fewer are too; find the smallest number.")


def _spectrum():
    import torch

    return {"update": torch.diag(torch.tensor([10.0, 4.0, 4.0, 3.0, 0.0, 0.0, 0.0]))}


EXERCISES = [
    Exercise(
        id="1.6.1",
        kind="complete",
        hints=[
            "LoRALinear adds scale * (x @ A.T @ B.T); which matrix times x gives the same?",
            "x @ A.T @ B.T is x @ (B @ A).T, and the rank is A.shape[0].",
        ],
        check=_check_merged,
        solution="""def merged_weight(weight, A, B, alpha):
    return weight + alpha / A.shape[0] * B @ A""",
        wrong=[
            Wrong(lambda: lambda weight, A, B, alpha: weight + B @ A, "scale is alpha / rank"),
            Wrong(lambda: lambda weight, A, B, alpha: weight + alpha * B @ A, "alpha / rank"),
            Wrong(lambda: lambda weight, A, B, alpha: weight + A @ B, "shapes do not fit"),
            Wrong(lambda: lambda weight, A, B, alpha: alpha / 2 * B @ A, "the change alone"),
            Wrong(lambda: lambda weight, A, B, alpha: weight.add_(B @ A), "in place"),
        ],
    ),
    Exercise(
        id="1.6.2",
        kind="modify",
        hints=[
            "target_modules takes ends of names; one name stands for all three dense layers.",
            "A layer costs rank * (in + out). The dense layers of 1,536 features are expensive.",
        ],
        check=_check_everywhere,
        solution="""everywhere = LoraConfig(
    r=1,
    lora_alpha=2,
    target_modules=["query", "key", "value", "dense"],
    modules_to_save=["head"],
)""",
        wrong=[
            Wrong(lambda: _config(r=2), "lower the rank"),
            Wrong(lambda: _config(target_modules=["query", "value"]), "adapts 12 layers"),
            Wrong(lambda: _config(modules_to_save=None), "neither trained nor stored"),
            Wrong(lambda: _config(target_modules=["weights"]), "peft refuses it"),
            Wrong(lambda: {"r": 1}, "expected a LoraConfig"),
        ],
        context=lambda: {"most": 74498},
    ),
    Exercise(
        id="1.6.3",
        kind="investigate",
        hints=[
            "torch.linalg.svdvals(update) gives the strengths, the largest first.",
            "Square them, take the cumulative sum as a share of the whole, and count the entries "
            "below 0.9; one more is needed.",
        ],
        check=_check_directions,
        solution="""strengths = torch.linalg.svdvals(update) ** 2
directions = int((strengths.cumsum(0) / strengths.sum() < 0.9).sum()) + 1""",
        wrong=[
            Wrong(4, "square them first"),
            Wrong(2, "too few"),
            Wrong(7, "fewer are too"),
            Wrong(0.9, "one whole number"),
        ],
        context=_spectrum,
    ),
]

"""Exercises of lesson 1.6: hints, checks, solutions, and the wrong answers they are tested on."""

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same


def _check_merged(answer):
    import torch

    draw = torch.Generator().manual_seed(0)
    weight, a, b = (torch.randn(*shape, generator=draw) for shape in ((5, 4), (2, 4), (5, 2)))
    kept = weight.clone()
    try:
        found = answer(weight, a, b, 5.0)
    except RuntimeError as error:
        raise NotYet(
            f"the shapes do not fit ({error}); B (out, rank) times A (rank, in), in this order, "
            "has the shape of the weight."
        ) from None
    if not torch.equal(weight, kept):
        raise NotYet("it changes the frozen weight in place; return a new tensor.")
    found = read(found, like=weight)
    if same(found, 2.5 * b @ a):
        raise NotYet("that is the change alone; the merged weight holds the frozen one as well.")
    if same(found, weight + 2 * b @ a):
        raise NotYet("the scale lost its half: alpha was 5.0 here, so divide with /, not with //.")
    if any(same(found, weight + k * b @ a) for k in (1, 5, 2 / 5, 5 / 4)):
        raise NotYet("the scale is not that of LoRALinear; which axis of A counts the rank?")
    if not same(found, weight + 2.5 * b @ a):
        raise NotYet(
            "a layer with this weight does not answer as LoRALinear does: write down both answers "
            "to one x, and compare what stands before x."
        )
    return "one plain layer, as fast as before, and the addition can no longer be taken out."


def _merged_in_numpy(weight, a, b, alpha):
    import numpy as np

    weight, a, b = (np.asarray(part) for part in (weight, a, b))
    return weight + alpha / len(a) * np.matmul(b, a)


def _merged_by_basis(weight, a, b, alpha):
    """What the layer answers to each unit vector, as its columns."""
    import torch

    x = torch.eye(weight.shape[1])
    return (x @ weight.T + alpha / a.shape[0] * (x @ a.T @ b.T)).T


def _network():
    """MiniLM's shape with a head, without memory for its weights."""
    import torch
    from transformers import BertConfig, BertModel

    shape = {"hidden_size": 384, "intermediate_size": 1536, "num_attention_heads": 12}
    with torch.device("meta"):
        bert = BertModel(BertConfig(num_hidden_layers=6, **shape), add_pooling_layer=False)
        return torch.nn.ModuleDict({"bert": bert, "head": torch.nn.Linear(384, 2)})


def _check_everywhere(answer):
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
    if (scale := answer.lora_alpha / answer.r) != 2:
        raise NotYet(
            f"lora_alpha / r is {scale:g} here and 2 in `lora`; keep the scale, or two things "
            "change at once."
        )
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if count > (most := 74498):  # what LoRA of rank 8 trains, its head included
        raise NotYet(f"it trains {count:,} weights, and `lora` trains {most:,}: lower the rank.")
    return f"rank {answer.r} in 36 layers, {count:,} weights; is it better than rank 8 in 12?"


def _config(**changes):
    from peft import LoraConfig

    names = ["query", "key", "value", "dense"]
    same = {"r": 1, "lora_alpha": 2, "target_modules": names, "modules_to_save": ["head"]}
    return LoraConfig(**{**same, **changes})


def _check_directions(answer, update):
    import torch

    answer = read(answer)
    if answer != int(answer):
        raise NotYet(f"that is {answer:g}; expected one whole number of directions.")
    answer = int(answer)
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


def _by_hint():
    """The second hint taken at its word: a tensor of one number."""
    import torch

    squares = torch.linalg.svdvals(_spectrum()["update"]) ** 2
    return (squares.cumsum(0) / squares.sum() < 0.9).sum() + 1


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
        right=[
            lambda: lambda weight, A, B, alpha: weight + alpha / A.shape[0] * B @ A,
            lambda: _merged_in_numpy,
            lambda: _merged_by_basis,
        ],
        wrong=[
            Wrong(lambda: lambda weight, A, B, alpha: weight + B @ A, "which axis of A"),
            Wrong(lambda: lambda weight, A, B, alpha: weight + alpha * B @ A, "which axis of A"),
            Wrong(lambda: lambda weight, A, B, alpha: weight + alpha // 2 * B @ A, "not with //"),
            Wrong(lambda: lambda weight, A, B, alpha: weight - alpha / 2 * B @ A, "both answers"),
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
            Wrong(lambda: _config(r=2, lora_alpha=4), "lower the rank"),
            Wrong(lambda: _config(lora_alpha=16), "keep the scale"),
            Wrong(lambda: _config(target_modules=["query", "value"]), "adapts 12 layers"),
            Wrong(lambda: _config(modules_to_save=None), "neither trained nor stored"),
            Wrong(lambda: _config(target_modules=["weights"]), "peft refuses it"),
            Wrong(lambda: {"r": 1}, "expected a LoraConfig"),
        ],
        right=[
            lambda: _config(),
            lambda: _config(target_modules=r".*\.(query|key|value|dense)", lora_dropout=0.1),
            lambda: _config(target_modules={"dense", "key", "query", "value"}),
        ],
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
            Wrong("3", "the text"),
        ],
        right=[3, 3.0, _by_hint],
        context=_spectrum,
    ),
]

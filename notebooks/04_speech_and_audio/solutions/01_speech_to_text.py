"""Exercises of lesson 4.1: hints, checks, solutions, and the answers they are tested on."""

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same

_WORDS = ["apixaban", "nebivolol"]
_TRUTH = ["take apixaban now", "apixaban and nebivolol", "good morning"]
_HEARD = ["take apixaban now", "apixaban and never all", "nebivolol good morning"]


def _check_share_found(answer):
    found = read(answer(_WORDS, _TRUTH, _HEARD))
    if same(found, 1):
        raise NotYet("a word counts only where it stands in the transcript of its own clip.")
    if same(found, 3 / 8, tolerance=0.01) or same(found, 2 / 8, tolerance=0.01):
        raise NotYet("divide by the rare words that were said, not by all words.")
    if same(found, 2 / 4, tolerance=0.01):
        raise NotYet(
            "divide by the rare words that were said; that counts a word that nobody said, in the "
            "third clip."
        )
    if same(found, 3 / 4, tolerance=0.01):
        raise NotYet("that is the average over clips; count all rare words that were said alike.")
    if not same(found, 2 / 3, tolerance=0.01):
        raise NotYet(
            "of the three rare words said in the example (apixaban twice, nebivolol once) two "
            "stand in their transcripts: 2 / 3."
        )
    if not same(read(answer(["nebivolol"], ["nebivolol"], ["nebivolols"])), 0):
        raise NotYet("nebivolols is another word: compare whole words, not pieces of text.")
    return "the share that a word error rate hides among all the easy words."


def _errors(truth, heard):
    row = list(range(len(heard) + 1))
    for i, said in enumerate(truth, start=1):
        diagonal, row[0] = row[0], i
        for j, letter in enumerate(heard, start=1):
            swapped = diagonal + (said != letter)
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, swapped)
    return row[-1]


def _check_characters(answer):
    truth, heard = "take lamotrigine", "take the lamotrigin"
    right = _errors(truth, heard) / len(truth)
    found = read(answer(truth, heard))
    if same(found, _errors(truth.split(), heard.split()) / 2):
        raise NotYet("that counts words; hand word_errors the texts themselves, letter by letter.")
    if same(found, _errors(truth, heard)):
        raise NotYet("that is the number of errors; divide by the letters of the truth.")
    if same(found, _errors(truth, heard) / len(heard), tolerance=1e-3):
        raise NotYet("that divides by the length of the transcript; divide by that of the truth.")
    bare = [text.replace(" ", "") for text in (truth, heard)]
    if same(found, _errors(*bare) / len(bare[0]), tolerance=1e-3):
        raise NotYet("spaces count too: a missing space joins two words.")
    if not same(found, right, tolerance=1e-3):
        raise NotYet(
            f"{truth!r} heard as {heard!r} takes {_errors(truth, heard)} changes over "
            f"{len(truth)} characters: {right:.3f}."
        )
    if not same(read(answer("abc", "")), 1):
        raise NotYet("an empty transcript of three letters takes three changes: a rate of 1.")
    return "the same table, over letters: a name that is nearly right costs little."


def _check_strict_enough(answer, heard, truth, words):
    from tl_helpers.arms import transcripts

    levels = list(range(50, 85, 5))
    invented = {
        level: transcripts.false_words(
            words, truth, [transcripts.match(text, words, level) for text in heard]
        )
        for level in levels
    }
    found, clean = read(answer), [level for level in levels if not invented[level]]
    right = clean[0] if clean else None
    if right is None:
        raise NotYet("on these transcripts every level invents a name; nothing is strict enough.")
    if not any(same(found, level) for level in levels):
        raise NotYet(f"try the levels {levels}.")
    if not same(found, right):
        level = int(found)
        if invented[level]:
            raise NotYet(f"at {level} it still invents {invented[level]}; be stricter.")
        raise NotYet(f"{level} invents none, but a smaller level does not either.")
    return "strictness is a choice: what spares everyday speech also misses some names."


def _share(words, truth, heard):
    rare = set(words)
    hits = [
        word in text.split()
        for said, text in zip(truth, heard, strict=True)
        for word in said.split()
        if word in rare
    ]
    return sum(hits) / len(hits)


def _share_numpy(words, truth, heard):
    import numpy as np

    return np.float64(_share(words, truth, heard))


def _share_tensor(words, truth, heard):
    import torch

    return torch.tensor([_share(words, truth, heard)])


def _anywhere(words, truth, heard):
    written = " ".join(heard).split()
    said = [word for text in truth for word in text.split() if word in words]
    return sum(word in written for word in said) / len(said)


def _of_all_words(words, truth, heard):
    said = [word for text in truth for word in text.split()]
    return _share(words, truth, heard) * sum(word in words for word in said) / len(said)


def _of_written(words, truth, heard):
    return 2 / 4


def _pieces_of_text(words, truth, heard):
    pairs = zip(truth, heard, strict=True)
    hits = [word in text for said, text in pairs for word in said.split() if word in words]
    return sum(hits) / len(hits)


def _rate(truth, heard):
    return _errors(truth, heard) / len(truth)


def _rate_of_lists(truth, heard):
    return _errors(list(truth), list(heard)) / len(list(truth))


def _rate_of_jiwer(truth, heard):
    import jiwer

    return jiwer.cer(truth, heard) if heard else 1.0


def _of_words(truth, heard):
    return _errors(truth.split(), heard.split()) / len(truth.split())


def _without_spaces(truth, heard):
    return _rate(truth.replace(" ", ""), heard.replace(" ", ""))


def _transcripts():
    """Stand-in for the lesson's everyday sentences: alike by 52 and by 71 of 100."""
    return {
        "truth": ["we saw a pixel man", "the never vowel"],
        "heard": ["we saw a pixel man", "the never vowel"],
        "words": ["apixaban", "nebivolol"],
    }


EXERCISES = [
    Exercise(
        id="4.1.1",
        kind="complete",
        hints=[
            "Go through the clips with zip(truth, heard), and through the words of each truth.",
            "For each word of a truth that is in words: is it in heard.split()? Then the mean.",
        ],
        check=_check_share_found,
        solution="""def share_found(words, truth, heard):
    rare = set(words)
    hits = [
        word in text.split()
        for said, text in zip(truth, heard)
        for word in said.split()
        if word in rare
    ]
    return sum(hits) / len(hits)""",
        right=[lambda: _share, lambda: _share_numpy, lambda: _share_tensor],
        wrong=[
            Wrong(lambda: _anywhere, "own clip"),
            Wrong(lambda: _of_all_words, "not by all words"),
            Wrong(lambda: _of_written, "nobody said"),
            Wrong(lambda: _pieces_of_text, "compare whole words"),
            Wrong(lambda: lambda words, truth, heard: 0.4, "2 / 3"),
        ],
    ),
    Exercise(
        id="4.1.2",
        kind="modify",
        hints=[
            "word_errors works on anything that can be gone through: a text gives its letters.",
            "word_errors(truth, heard) / len(truth), with the texts as they are.",
        ],
        check=_check_characters,
        solution="""def character_error_rate(truth, heard):
    return word_errors(truth, heard) / len(truth)""",
        right=[lambda: _rate, lambda: _rate_of_lists, lambda: _rate_of_jiwer],
        wrong=[
            Wrong(lambda: _of_words, "counts words"),
            Wrong(lambda: _errors, "number of errors"),
            Wrong(lambda: lambda t, h: _errors(t, h) / max(len(h), 1), "length of the transcript"),
            Wrong(lambda: _without_spaces, "spaces count too"),
            Wrong(lambda: lambda truth, heard: 0.9, "characters"),
        ],
    ),
    Exercise(
        id="4.1.3",
        kind="investigate",
        hints=[
            "Write a loop over range(50, 85, 5), match every as_it_is.texts(0, 0, usual).",
            "transcripts.false_words(words, everyday.texts, [transcripts.match(text, words, level) "
            "for text in as_it_is.texts(0, 0, usual)]) counts what was invented.",
        ],
        check=_check_strict_enough,
        solution="""def invented(level):
    texts = as_it_is.texts(0, 0, usual)
    matched = [transcripts.match(text, words, level) for text in texts]
    return transcripts.false_words(words, everyday.texts, matched)


strict_enough = next(level for level in range(50, 85, 5) if not invented(level))""",
        right=[75, 75.0, [75]],
        wrong=[
            Wrong(60, "still invents"),
            Wrong(80, "a smaller level does not"),
            Wrong(100, "try the levels"),
            Wrong("75", "the text"),
        ],
        context=_transcripts,
    ),
]

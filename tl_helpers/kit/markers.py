"""Blocks of pages that publishing renews, each between two markers."""

from __future__ import annotations


def replace_block(text: str, block: str, markers: tuple[str, str]) -> str:
    """``text`` with everything from the first to the second marker replaced by ``block``.

    Raises
    ------
    ValueError
        When the markers are not there exactly once each, in this order.
    """
    counts = [text.count(marker) for marker in markers]
    before, _, rest = text.partition(markers[0])
    if counts != [1, 1] or markers[1] not in rest:
        raise ValueError(
            f"expected {markers[0]} and then {markers[1]} once each, found {counts[0]} and "
            f"{counts[1]}{' in the other order' if counts == [1, 1] else ''}. Put them where the "
            "block belongs."
        )
    return before + block + rest.partition(markers[1])[2]

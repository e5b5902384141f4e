from dataclasses import replace

import pytest

from nst import RECIPES, Settings
from nst.sharing import Shared, from_query, to_query

CASES = [
    (Shared(), "v=1"),
    (
        Shared("atelier", Settings(strength=0.7), ("swirling_night",), "lion"),
        "photo=lion&style=swirling_night&strength=0.7&v=1",
    ),
    (
        Shared("gatys", replace(RECIPES["gatys"], size=256, style_weights=(1, 2)), ("a", "b")),
        "style=a,b&recipe=gatys&size=256&style_weights=1,2&v=1",
    ),
    (
        Shared("atelier", Settings(content_layers="relu3_1=0.5,relu4_1=1")),  # type: ignore[arg-type]
        "content_layers=relu3_1=0.5,relu4_1=1&v=1",
    ),
]


@pytest.mark.parametrize(("shared", "query"), CASES)
def test_a_link_is_readable_and_says_the_same(shared: Shared, query: str) -> None:
    assert to_query(shared) == query
    parts = dict(part.split("=", 1) for part in query.split("&"))
    assert from_query(parts) == (shared, [])


def test_bad_parts_are_told_and_left_out_one_by_one() -> None:
    shared, complaints = from_query(
        {"strength": "9", "size": "256", "recipe": "x", "seed": "__import__('os')", "hl": "de"}
    )
    assert shared == Shared("atelier", Settings(size=256))
    assert [complaint.split(" ")[0] for complaint in complaints] == ["recipe", "strength", "seed"]

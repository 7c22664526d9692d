"""Names in order: found as in a list, whatever they are; what goes with a key is the same, kept compactly or not."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_triage.knowledge.columns import names
from charger_triage.knowledge.columns.arrays import texts_of
from charger_triage.knowledge.columns.names import NEIGHBOURS, OrderedNames, names_by

some_names = st.text("abcß€😀-0", min_size=1, max_size=4)


@given(st.sets(some_names, max_size=3 * NEIGHBOURS), st.lists(some_names, max_size=5))
def test_names_are_where_they_are_in_a_list(known: set[str], asked: list[str]) -> None:
    """Each name has its place among all in order, and what is none of them has none, also after pickling."""
    ordered = sorted(known)
    for found in (OrderedNames(texts_of(ordered)), pickle.loads(pickle.dumps(OrderedNames(texts_of(ordered))))):
        assert list(found) == ordered
        assert [found[place] for place in range(len(found))] == ordered
        for name in [*ordered, *asked]:
            assert found.place(name) == (ordered.index(name) if name in known else None)


@pytest.mark.parametrize("many", [1, 10_000], ids=["in arrays", "in a dictionary"])
@given(pairs=st.lists(st.tuples(some_names, some_names)), asked=some_names)
def test_the_names_of_a_key(pairs: list[tuple[str, str]], asked: str, many: int) -> None:
    """Names go with their key, in order and each once, however many there are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(names, "MANY_NAMES", many)
        found = names_by(pairs)
    expected = {key: sorted({name for other, name in pairs if other == key}) for key, _ in pairs}
    assert {key: list(those) for key, those in found.items()} == expected
    assert list(found.get(asked, ())) == expected.get(asked, [])

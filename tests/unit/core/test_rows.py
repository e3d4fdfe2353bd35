"""Evidence in little memory."""

import sys
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from guardian.core.judges.rows import Rows

ROW = st.tuples(
    st.floats(0, 2e9),
    st.floats(0, 60),
    st.lists(st.integers(0, 2**53) | st.floats(allow_nan=False, allow_infinity=False), max_size=5).map(tuple),
)


@given(st.lists(ROW, max_size=30), st.integers(0, 30))
def test_what_was_kept_comes_out_again(rows: list[tuple[float, float, tuple[float, ...]]], forgotten: int) -> None:
    """To the last digit, in order, and without what was forgotten."""
    kept = Rows()
    for row in rows:
        kept.add(*row)
    assert (list(kept), len(kept)) == (rows, len(rows))
    kept.drop(min(forgotten, len(rows)))
    assert list(kept) == rows[forgotten:]
    kept.add(1.0, 2.0, (3,))
    assert list(kept)[-1] == (1.0, 2.0, (3,))


def test_whole_numbers_stay_whole() -> None:
    """A count of 5 is shown as 5, not as 5.0."""
    kept = Rows()
    kept.add(1.5, 0.05, (5, 0, 2.5))
    assert repr(list(kept)) == "[(1.5, 0.05, (5, 0, 2.5))]"


def test_a_look_takes_as_much_memory_as_its_numbers() -> None:
    """Some 40 bytes for four numbers, where objects would take four times as much."""
    kept = Rows()
    sizes = []
    for number in range(3):
        for look in range(1000 * number, 1000 * (number + 1)):
            kept.add(look * 0.05, 0.05, (100 + look % 2, look % 3))
        sizes.append(sys.getsizeof(kept._numbers) + sys.getsizeof(kept._lengths))
    assert all(later - sooner < 60_000 for sooner, later in pairwise(sizes))

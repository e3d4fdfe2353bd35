"""The circuit opens after failures in a row, tries once in a while, and closes by itself."""

from hypothesis import given
from hypothesis import strategies as st

from guardian.metrics.circuit import Circuit, Closed, Opened, Patience

PATIENCE = Patience(failures=3, shortest=1.0, longest=5.0)


def opened() -> Circuit:
    """A circuit that opened at 10.0."""
    circuit = Circuit(PATIENCE)
    for _ in range(3):
        circuit.failed(10.0)
    assert circuit.open
    return circuit


def test_it_opens_after_failures_in_a_row_and_says_so_once() -> None:
    """The third failure opens it; further ones, of queries that were under way, are no news."""
    circuit = Circuit(PATIENCE)
    assert [circuit.failed(each) for each in (1.0, 2.0)] == [None, None]
    assert circuit.admits(2.0)
    assert circuit.failed(3.0) == Opened(3, 1.0)
    assert circuit.failed(3.1) is None
    assert circuit.open


def test_a_success_in_between_starts_the_count_again() -> None:
    """Only failures in a row count: one expensive query does not speak for the server."""
    circuit = Circuit(PATIENCE)
    for _ in range(5):
        circuit.failed(1.0)
        circuit.failed(1.0)
        assert circuit.succeeded(1.0) is None
    assert not circuit.open


def test_while_open_one_probe_at_a_time_is_let_through() -> None:
    """Before the pause has passed nobody asks; then one does, and the others wait for its answer."""
    circuit = opened()
    assert not circuit.admits(10.9)
    assert circuit.admits(11.0)
    assert not circuit.admits(11.0)
    assert not circuit.admits(11.9)


def test_a_failed_probe_doubles_the_pause_up_to_its_bound() -> None:
    """The pauses are 1, 2, 4, 5 and 5 seconds."""
    circuit, now, pauses = opened(), 10.0, []
    for _ in range(5):
        before = now
        while not circuit.admits(now):
            now += 0.5
        pauses.append(now - before)
        assert circuit.failed(now) is None
    assert pauses == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_failures_of_older_queries_do_not_prolong_the_pause() -> None:
    """Eight queries that were under way when the circuit opened fail after it, and the first probe still comes on time."""
    circuit = opened()
    for _ in range(8):
        circuit.failed(10.5)
    assert circuit.admits(11.0)


def test_it_closes_with_the_first_answer_and_says_so_once() -> None:
    """Everybody may ask again, the count and the pause start afresh."""
    circuit = opened()
    assert circuit.admits(11.0)
    circuit.failed(11.0)
    assert circuit.admits(13.0)
    assert circuit.succeeded(13.5) == Closed(3.5)
    assert circuit.succeeded(13.6) is None
    assert circuit.admits(13.6)
    assert [circuit.failed(14.0) for _ in range(3)] == [None, None, Opened(3, 1.0)]


def test_a_probe_that_never_reports_is_followed_by_another() -> None:
    """A caller that was cancelled does not keep the circuit open for ever."""
    circuit = opened()
    assert circuit.admits(11.0)
    assert circuit.admits(12.0)


@given(st.lists(st.tuples(st.sampled_from(["admits", "failed", "succeeded"]), st.floats(0, 10)), max_size=60))
def test_openings_and_closings_alternate_and_it_never_stays_open(happenings: list[tuple[str, float]]) -> None:
    """In any order of events each opening is said before its closing; and from any state a probe and its success close it."""
    circuit, now, said = Circuit(PATIENCE), 0.0, []
    for name, passed in happenings:
        now += passed
        told = getattr(circuit, name)(now)
        if isinstance(told, Opened | Closed):
            said.append(type(told))
        assert circuit.open == (bool(said) and said[-1] is Opened)
    assert said == [Opened, Closed] * (len(said) // 2) + [Opened] * (len(said) % 2)
    assert circuit.admits(now + PATIENCE.longest)
    circuit.succeeded(now + PATIENCE.longest)
    assert not circuit.open

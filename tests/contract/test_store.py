"""What the program may expect of its store, whichever it is."""

import math
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from guardian.core.ledger import ChatOrder
from guardian.core.ports import KeptLetter, Store, StoreError
from guardian.records.store import SqlStore
from tests.doubles.store import MemoryStore


@pytest.fixture(params=[SqlStore, MemoryStore])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each implementation, empty."""
    if request.param is MemoryStore:
        yield MemoryStore()
        return
    made = SqlStore(tmp_path)
    yield made
    made.close()


@contextmanager
def failing(store: Store) -> Iterator[None]:
    """A store that can write nothing: a file that may not grow does to SQLite what a full disk does."""
    if isinstance(store, MemoryStore):
        store.fail()
        yield
        store.heal()
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def deployment(identifier: str, phase: str = "watching", **more: Any) -> dict[str, Any]:
    """A deployment as the state of a service holds it."""
    return {"id": identifier, "phase": phase, "requested_at": 1000.5, "ended_at": None, **more}


def append(store: Store, service: str, current: dict[str, Any] | None, at: float = 1001.0, **event: Any) -> int:
    """Append an event that led to a state with ``current`` in it; its number."""
    state = {"service": service, "deployment": current}
    return store.append(service, current and current["id"], at, {"kind": "routed", **event}, state).number


def test_a_new_store_knows_nothing(store: Store) -> None:
    """Every question to an empty store has an empty answer."""
    assert store.services() == {}
    assert store.journal() == []
    assert store.deployments() == []
    assert store.deployment("web-1") is None
    assert store.evidence("web-1") == {}


def test_an_entry_is_read_as_it_was_written(store: Store) -> None:
    """The journal gives back the entry that append returned, with any JSON in its event."""
    event = {
        "kind": "noted",
        "reason": "5.2 % > 1 % — „zu viel“ \ud83d \x00",
        "big": 2**70,
        "small": 5e-324,
        "deep": [{"a": [None, True]}],
    }
    entry = store.append("web", "web-1", 1700000000.123456, event, {"deployment": deployment("web-1")})
    assert (entry.number, entry.at, entry.service, entry.deployment, entry.event) == (1, 1700000000.123456, "web", "web-1", event)
    assert store.journal() == [entry]


def test_the_journal_is_numbered_without_a_gap(store: Store) -> None:
    """Entries of all services count in one line."""
    assert [append(store, service, None) for service in ("web", "api", "web")] == [1, 2, 3]
    assert [(entry.number, entry.service) for entry in store.journal()] == [(1, "web"), (2, "api"), (3, "web")]


def test_the_journal_is_read_in_parts(store: Store) -> None:
    """Service, deployment, number and limit choose the entries, in order."""
    for number in range(8):
        service = ("web", "api")[number % 2]
        append(store, service, deployment(f"{service}-{number // 4}"))
    assert [entry.number for entry in store.journal("api")] == [2, 4, 6, 8]
    assert [entry.number for entry in store.journal(deployment="web-1")] == [5, 7]
    assert [entry.number for entry in store.journal("web", "api-1")] == []
    assert [entry.number for entry in store.journal(after=5)] == [6, 7, 8]
    assert [entry.number for entry in store.journal("web", after=1, limit=2)] == [3, 5]


def test_the_last_state_of_a_service_is_kept(store: Store) -> None:
    """The state of the newest entry of each service stands."""
    append(store, "web", deployment("web-1"))
    append(store, "api", None)
    append(store, "web", deployment("web-1", "verified"))
    assert store.services() == {
        "web": {"service": "web", "deployment": deployment("web-1", "verified")},
        "api": {"service": "api", "deployment": None},
    }


def test_a_deployment_is_kept_as_last_recorded(store: Store) -> None:
    """A deployment follows its entries, and stays when its service has gone on."""
    append(store, "web", deployment("web-1"))
    append(store, "web", deployment("web-1", "verified", ended_at=2000.0, trouble="none"))
    append(store, "web", None)
    ended = deployment("web-1", "verified", ended_at=2000.0, trouble="none", service="web")
    assert store.deployment("web-1") == ended
    assert store.deployments() == [ended]


def test_deployments_come_newest_first(store: Store) -> None:
    """The order is that of first entries in the journal, whatever the clock said and whichever moved last."""
    for identifier, service, requested_at in (
        ("web-1", "web", 3.0),
        ("api-1", "api", 2.0),
        ("web-2", "web", 1.0),
        ("web-1", "web", 3.0),
    ):
        append(store, service, deployment(identifier, requested_at=requested_at))
    assert [found["id"] for found in store.deployments()] == ["web-2", "api-1", "web-1"]
    assert [found["id"] for found in store.deployments(limit=2)] == ["web-2", "api-1"]
    assert [found["id"] for found in store.deployments("web")] == ["web-2", "web-1"]
    assert [found["service"] for found in store.deployments()] == ["web", "api", "web"]
    assert [found["id"] for found in store.deployments(limit=1, among={"api", "shop"})] == ["api-1"]


def test_the_newest_evidence_of_each_rule_is_kept(store: Store) -> None:
    """Evidence of a rule takes the place of what was there, and of nothing else."""
    append(store, "web", deployment("web-1"))
    append(store, "api", deployment("api-1"))
    store.save_evidence("web-1", "errors", {"looks": [1]})
    store.save_evidence("web-1", "latency", {"looks": [2.5]})
    store.save_evidence("api-1", "errors", {"looks": []})
    store.save_evidence("web-1", "errors", {"looks": [1, 3]})
    assert store.evidence("web-1") == {"errors": {"looks": [1, 3]}, "latency": {"looks": [2.5]}}
    assert store.evidence("api-1") == {"errors": {"looks": []}}


def test_evidence_belongs_to_a_deployment_on_record(store: Store) -> None:
    """Evidence of a deployment that was never journalled is refused."""
    with pytest.raises(StoreError):
        store.save_evidence("web-1", "errors", {"looks": []})
    assert store.evidence("web-1") == {}


def test_a_write_that_fails_leaves_nothing_and_the_next_one_succeeds(store: Store) -> None:
    """A refused change is nowhere; when the trouble is over the same store goes on with the next number."""
    append(store, "web", deployment("web-1"))
    store.save_evidence("web-1", "errors", {"looks": [1]})
    with failing(store):
        for _ in range(3):
            with pytest.raises(StoreError):
                append(store, "web", deployment("web-1", "verified"))
        with pytest.raises(StoreError):
            store.save_evidence("web-1", "errors", {"looks": [2]})
        assert store.services()["web"]["deployment"]["phase"] == "watching"
    assert [entry.number for entry in store.journal()] == [1]
    assert store.evidence("web-1") == {"errors": {"looks": [1]}}
    assert append(store, "web", deployment("web-1", "rolled back")) == 2
    assert store.deployment("web-1") == deployment("web-1", "rolled back", service="web")


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ({"value": float("nan")}, {"deployment": None}),
        ({"value": object()}, {"deployment": None}),
        ({}, {"deployment": None, "value": float("inf")}),
        ({}, {}),
        ({}, {"deployment": {"id": "web-1", "phase": "watching", "requested_at": 1.0}}),
    ],
)
def test_what_no_record_can_hold_is_refused(store: Store, event: dict[str, Any], state: dict[str, Any]) -> None:
    """An event or a state that is no JSON, or lacks what is kept on its own, is refused and leaves nothing."""
    with pytest.raises(StoreError):
        store.append("web", None, 1.0, event, state)
    assert store.journal() == []
    assert store.services() == {}


def test_what_was_handed_over_or_out_is_not_what_is_kept(store: Store) -> None:
    """Nobody changes a record by changing a dictionary."""
    event, current = {"kind": "routed", "list": [1]}, deployment("web-1")
    state = {"deployment": current}
    entry = store.append("web", "web-1", 1.0, event, state)
    for mine in (event, entry.event, store.journal()[0].event):
        mine["list"].append(2)
    for mine in (current, store.services()["web"]["deployment"], store.deployment("web-1"), store.deployments()[0]):
        mine["phase"] = "verified"
    assert store.journal()[0].event == {"kind": "routed", "list": [1]}
    assert store.services()["web"]["deployment"] == deployment("web-1")
    assert store.deployment("web-1") == deployment("web-1", service="web")


def test_readers_in_other_threads_see_whole_changes_while_one_writes(store: Store) -> None:
    """A reader sees a state only together with its entry, and never an error."""
    append(store, "web", deployment("web-0", step=0))
    deadline = time.monotonic() + 30

    def read() -> int:
        step = 0
        while step < 20 and time.monotonic() < deadline:
            step = store.services()["web"]["deployment"]["step"]
            assert len(store.journal()) > step
        return step

    with ThreadPoolExecutor(2) as threads:
        readers = [threads.submit(read) for _ in range(2)]
        for step in range(1, 21):
            append(store, "web", deployment(f"web-{step}", step=step))
        assert [reader.result() for reader in readers] == [20, 20]


def test_a_deployment_that_has_not_begun_is_not_kept(store: Store) -> None:
    """What is put off was recorded as begun: once it is known not to be, only the journal and its other letters tell of it."""
    append(store, "web", deployment("web-1"))
    begun = {"deployment": deployment("web-2")}
    store.append("web", "web-2", 2.0, {"kind": "turn came"}, begun, [letter("card", deployment="web-2"), letter("news")])
    store.save_evidence("web-2", "errors", {"looks": [1]})
    state = {"deployment": deployment("web-1")}
    store.append("web", "web-2", 3.0, {"kind": "put off"}, state, [letter("news", sentence="put off")])
    assert store.services() == {"web": state}
    assert [each["id"] for each in store.deployments()] == ["web-1"]
    assert (store.deployment("web-2"), store.evidence("web-2")) == (None, {})
    assert [entry.event["kind"] for entry in store.journal(deployment="web-2")] == ["turn came", "put off"]
    assert store.letters() == [letter("news", sentence="put off")]


def letter(key: str, channel: str = "ops", **more: Any) -> KeptLetter:
    """A letter of the outbox about ``web-1``."""
    told = {name: more.pop(name) for name in tuple(more) if name not in ("unsure", "reference", "settled")}
    return KeptLetter({"channel": channel, "key": key, "deployment": "web-1"} | told, **more)


def post(store: Store, *letters: KeptLetter) -> None:
    """Append an entry that ``letters`` tell of."""
    store.append("web", "web-1", 1001.0, {"kind": "routed"}, {"deployment": deployment("web-1")}, letters)


def test_letters_are_kept_in_order_with_the_entry_that_they_tell_of(store: Store) -> None:
    """They come back as they were written, those of earlier entries first."""
    first, second, third = letter("b", sentence="„zu viel“ \ud83d"), letter("a", "hook"), letter("a", unsure=True)
    post(store, first, second)
    post(store, third)
    assert store.letters() == [first, second, third]


def test_a_letter_takes_the_place_of_one_with_its_key(store: Store) -> None:
    """The card of a deployment is one letter, however often it changes, and keeps its place."""
    post(store, letter("card", at=1.0), letter("news"))
    post(store, letter("card", at=2.0, reference="ts-1"))
    assert store.letters() == [letter("card", at=2.0, reference="ts-1"), letter("news")]


def test_what_becomes_of_a_letter_is_kept(store: Store) -> None:
    """An attempt, its outcome, and its end."""
    post(store, letter("card"), letter("news"))
    store.mark_letter(letter("card", reference="ts-1", settled=True))
    store.mark_letter(letter("news", unsure=True))
    assert store.letters() == [letter("card", reference="ts-1", settled=True), letter("news", unsure=True)]
    store.remove_letter("ops", "news")
    assert [each.letter["key"] for each in store.letters()] == ["card"]


def test_a_letter_that_is_not_kept_is_nothing_to_mark(store: Store) -> None:
    """What was told while nothing could be written leaves nothing behind."""
    store.mark_letter(letter("gone", unsure=True))
    store.remove_letter("ops", "gone")
    assert store.letters() == []


def test_a_letter_is_kept_with_its_entry_or_not_at_all(store: Store) -> None:
    """A refused entry leaves no letter, and what is no letter no entry."""
    with failing(store), pytest.raises(StoreError):
        post(store, letter("news"))
    with pytest.raises(StoreError):
        post(store, KeptLetter({"channel": "ops"}))
    assert (store.journal(), store.letters()) == ([], [])


def heard(fingerprint: str, **more: Any) -> dict[str, Any]:
    """An alert as it is kept."""
    return {"sender": "alertmanager", "fingerprint": fingerprint, **more}


def test_alerts_come_back_in_their_order_and_no_others(store: Store) -> None:
    """What is kept takes the place of all that was."""
    assert store.alerts() == []
    store.keep_alerts([heard("b", labels={"a": "„x“ \ud83d"}), heard("a", since=1000.25)])
    assert store.alerts() == [heard("b", labels={"a": "„x“ \ud83d"}), heard("a", since=1000.25)]
    store.keep_alerts([heard("c")])
    assert store.alerts() == [heard("c")]
    store.keep_alerts([])
    assert store.alerts() == []


def test_alerts_are_kept_as_a_whole_or_not_at_all(store: Store) -> None:
    """A write that fails, and what is no alert, leave those of before."""
    store.keep_alerts([heard("a")])
    with failing(store), pytest.raises(StoreError):
        store.keep_alerts([heard("b")])
    for unfit in ({"sender": "alertmanager"}, heard("b", since=math.nan)):
        with pytest.raises(StoreError):
            store.keep_alerts([heard("c"), unfit])
    assert store.alerts() == [heard("a")]


def chat_order(key: str, at: float = 1.0, **more: Any) -> ChatOrder:
    """An order of the chat."""
    return ChatOrder(key, at, "alice (Slack UALICE)", "C1", "rollback web --reason „zu viel“", **more)


def test_an_order_of_the_chat_is_kept_once(store: MemoryStore | SqlStore) -> None:
    """A key that is known is no new order, whatever came with it; each comes back as it was given, oldest first."""
    assert store.keep_order(chat_order("b", 2.0, deployment="web-1", generation=3))
    assert store.keep_order(chat_order("a", 1.0))
    assert not store.keep_order(chat_order("b", 9.0))
    assert store.open_orders() == [chat_order("a", 1.0), chat_order("b", 2.0, deployment="web-1", generation=3)]


def test_an_order_whose_outcome_is_known_is_not_open(store: MemoryStore | SqlStore) -> None:
    """It is not carried out again, and its key stays known; one that is not kept is nothing to settle."""
    store.keep_order(chat_order("a"))
    store.settle_order("a", "done: web-1 goes back")
    store.settle_order("gone", "done")
    assert store.open_orders() == []
    assert not store.keep_order(chat_order("a"))


def test_an_order_that_cannot_be_recorded_is_not_kept(store: MemoryStore | SqlStore) -> None:
    """A refusal is told, and leaves nothing."""
    with failing(store), pytest.raises(StoreError):
        store.keep_order(chat_order("a"))
    assert store.open_orders() == []

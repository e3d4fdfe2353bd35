"""A database that lost or changed bytes is refused with a sentence, or answers as if nothing had happened: never wrongly."""

import random
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from guardian.core.ports import StoreError
from guardian.core.words import records as words
from guardian.records.store import SqlStore

SERVICES = ("web", "api")
DEPLOYMENTS = [f"{service}-{number}" for service in SERVICES for number in range(3)]


def fill(store: SqlStore) -> None:
    """Two services, six deployments, 24 journal entries, and evidence that fills pages of its own."""
    chance = random.Random(1)
    for number in range(24):
        service = SERVICES[number % 2]
        deployment = {"id": f"{service}-{number // 8}", "phase": "watching", "requested_at": 1.5 * number, "ended_at": None}
        event = {"kind": "noted", "reason": "x" * 20 * number}
        store.append(service, deployment["id"], 2.5 * number, event, {"service": service, "deployment": deployment})
        store.save_evidence(deployment["id"], "errors", {"looks": [chance.random() for _ in range(20 * number)]})


def answers(store: SqlStore) -> list[Any]:
    """The answer to every question that a store can be asked."""
    return [
        store.verify(),
        store.services(),
        store.journal(),
        *(store.journal(service) for service in SERVICES),
        *(store.journal(deployment=identifier) for identifier in DEPLOYMENTS),
        store.deployments(),
        *(store.deployments(service) for service in SERVICES),
        *(store.deployment(identifier) for identifier in DEPLOYMENTS),
        *(store.evidence(identifier) for identifier in DEPLOYMENTS),
    ]


@dataclass
class Sample:
    """The bytes of a good database, what it answers, and a directory for bad ones."""

    content: bytes
    truth: list[Any]
    state_dir: Path

    def judge(self, content: bytes) -> str:
        """What comes of a store with ``content``: ``refused``, ``right``, or what is wrong."""
        for file in self.state_dir.iterdir():
            file.unlink()
        (self.state_dir / "guardian.db").write_bytes(content)
        try:
            with closing(SqlStore(self.state_dir)) as store:
                return "right" if answers(store) == self.truth else "wrong"
        except StoreError:
            return "refused"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A good database."""
    with closing(SqlStore(tmp_path_factory.mktemp("good"))) as store:
        fill(store)
        truth = answers(store)
        assert truth[0] is None
    return Sample(store._path.read_bytes(), truth, tmp_path_factory.mktemp("bad"))


def in_indexes(content: bytes) -> list[int]:
    """Where index pages (their first byte is 10) say ``web-1``."""
    return [found.start() for found in re.finditer(b"web-1", content) if content[found.start() // 4096 * 4096] == 10]


def flips(content: bytes) -> Iterator[tuple[int, bytes]]:
    """``content`` with one byte changed: in the header, at the start of every second page, in indexes, and anywhere not zero."""
    chance = random.Random(3)
    header = chance.sample(range(100), 8)
    starts = [page + offset for page in range(4096, len(content), 8192) for offset in chance.sample(range(12), 1)]
    filled = chance.sample([offset for offset, byte in enumerate(content) if byte], 30)
    for offset in (*header, *starts, *chance.sample(in_indexes(content), 6), *filled):
        flipped = bytearray(content)
        flipped[offset] ^= chance.choice((1, 16, 128, 255))
        yield offset, bytes(flipped)


def test_a_flipped_byte_is_refused_or_harmless(sample: Sample) -> None:
    """Whichever byte changes, no answer differs from what was written."""
    outcomes = {offset: sample.judge(content) for offset, content in flips(sample.content)}
    assert [offset for offset, outcome in outcomes.items() if outcome == "wrong"] == []
    assert "refused" in outcomes.values()


def test_a_truncated_database_is_refused(sample: Sample) -> None:
    """A file that lost its end is refused, however much of it is left, nothing included."""
    last_page = len(sample.content) - 4096
    lengths = sorted({0, 1, 15, 99, 100, 511, 512, 4095, *range(4096, last_page, 4 * 4096), last_page // 2 + 1, last_page})
    assert {length: sample.judge(sample.content[:length]) for length in lengths} == dict.fromkeys(lengths, "refused")
    assert sample.judge(sample.content[:-1]) != "wrong"  # what is lost of the last page may not have been in use


@pytest.mark.parametrize("content", [b"", b"live: green\n", b"\0" * 8192, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    """What guardian did not write is named as damaged, with what to do, and not written to."""
    path = tmp_path / "guardian.db"
    path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        SqlStore(tmp_path)
    assert str(caught.value).startswith(f"{path} is damaged (")
    assert str(caught.value).endswith(words.damaged(path, "").split("(")[1].removeprefix(")"))
    assert str(caught.value).isprintable()
    assert path.read_bytes() == content


def test_a_damaged_log_costs_its_newest_changes_at_most(tmp_path: Path) -> None:
    """SQLite drops what follows damage in the write-ahead log: what is left is a whole beginning of the journal, or refused."""
    with closing(SqlStore(tmp_path / "good")) as store:
        fill(store)
        files = {name: (tmp_path / "good" / name).read_bytes() for name in ("guardian.db", "guardian.db-wal")}
        whole = store.journal()
    log, chance, lengths = files["guardian.db-wal"], random.Random(4), set()
    for offset in chance.sample(range(len(log)), 8):
        flipped = bytearray(log)
        flipped[offset] ^= 255
        for content in (bytes(flipped), log[:offset]):
            state_dir = tmp_path / f"bad-{len(content)}-{offset}"
            state_dir.mkdir()
            (state_dir / "guardian.db").write_bytes(files["guardian.db"])
            (state_dir / "guardian.db-wal").write_bytes(content)
            with closing(SqlStore(state_dir)) as store:
                assert store.verify() is None
                assert store.journal() == whole[: len(store.journal())]
                lengths.add(len(store.journal()))
    assert len(lengths) > 2

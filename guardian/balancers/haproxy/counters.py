"""HAProxy's own counters: the CSV of ``show stat`` as readings, and as the health of a backend."""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from operator import itemgetter

from guardian.balancers.haproxy.refusals import Refusals
from guardian.balancers.haproxy.runtime import DIGITS
from guardian.core.ports import BalancerGone, BalancerUnfit, Health
from guardian.core.readings import TOTALS, Counters
from guardian.core.shield import Savings
from guardian.core.words import balancer as words

FEW = 8
"""Up to this many backends are asked for one by one; beyond it, one command for all costs HAProxy and us less."""
FRONTENDS_ONLY, BACKENDS_ONLY, SERVERS_TOO = 1, 2, 6
"""``show stat`` answers with rows of these types: 1 is a frontend, 2 a backend, 4 a server."""

WELL = ("responses_2xx", "responses_3xx", "responses_4xx")
"""Answers that are no failure of who gave them."""
COLUMNS = {
    "requests": "req_tot",
    "responses_1xx": "hrsp_1xx",
    "responses_2xx": "hrsp_2xx",
    "responses_3xx": "hrsp_3xx",
    "responses_4xx": "hrsp_4xx",
    "responses_5xx": "hrsp_5xx",
    "responses_other": "hrsp_other",
    "connection_errors": "econ",
    "response_errors": "eresp",
    "retries": "wretr",
    "redispatches": "wredis",
    "sessions": "stot",
    "in_flight": "scur",
    "queued": "qcur",
}
"""Where each counter stands. The backend's own row also counts the 503 that HAProxy answers for an environment that is down."""

_COUNTED_HERE = len(TOTALS) - 1
"""Where ``unreached`` stands among the totals: the last one, and the only one that HAProxy has no column for."""
_ROW = ("# pxname", "svname", "status", "act", "bck", "weight", *COLUMNS.values())


def questions(backends: Sequence[str]) -> tuple[str, ...]:
    """The commands that ask for ``backends``, whose names are safe."""
    if len(backends) <= FEW:
        return tuple(f"show stat {backend} {BACKENDS_ONLY} -1" for backend in backends)
    return (f"show stat -1 {BACKENDS_ONLY} -1",)


class Table:
    """Reads ``show stat``. The columns are found by their names, once for each form of the header."""

    def __init__(self) -> None:
        self._header = ""
        self._pick = _picker(_ROW)
        self._known: dict[str, tuple[str, Counters]] = {}
        """The last row of each backend, and its counters: an idle backend's row stays as it is."""
        self._refusals: defaultdict[str, Refusals] = defaultdict(Refusals)
        self._looked: dict[str, tuple[float, Counters]] = {}
        """When each backend was looked at last, and what its counters were."""

    def counters(self, backends: Sequence[str], texts: Sequence[str]) -> dict[str, Counters]:
        """The counters of ``backends``.

        :class:`BalancerUnfit` for a backend that HAProxy does not know, :class:`BalancerGone` for an answer that is no CSV.
        """
        found: dict[str, tuple[str, Counters]] = {}
        wanted = frozenset(backends)
        for text in texts:
            for row in self._lines(text):
                name = row.partition(",")[0]
                known = self._known.get(name)
                if known is not None and known[0] == row:
                    found[name] = known
                elif name in wanted:
                    backend, kind, *rest = self._split(row)
                    if kind == "BACKEND":
                        found[backend] = row, _counters(rest)
        self._known.update(found)
        return {backend: _found(found, backend) for backend in backends}

    def looked(self, backends: Sequence[str], texts: Sequence[str], at: float) -> dict[str, Counters]:
        """The same, and how many requests reached no server at the first attempt, with an answer that was complete ``at``."""
        found = self.counters(backends, texts)
        for backend, counters in found.items():
            since, before = self._looked.get(backend, (at, counters))
            if counters is not before:
                self._refused(backend, before, counters, (since, at))
            self._looked[backend] = at, counters
            if backend in self._refusals:
                found[backend] = replace(counters, unreached=self._refusals[backend].requests)
        return found

    def _refused(self, backend: str, before: Counters, after: Counters, span: tuple[float, float]) -> None:
        retries, errors = after.retries - before.retries, after.connection_errors - before.connection_errors
        if min(retries, errors, after.sessions - before.sessions) < 0:
            self._refusals[backend].forget()
        elif retries or errors:
            self._refusals[backend].add(*span, retries, errors)

    def health(self, backend: str, text: str) -> Health:
        """Whether ``backend`` can take traffic, from the rows of the backend and its servers. Errors as above."""
        servers_up = self.counters((backend,), (text,))[backend].servers_up
        if servers_up:
            return Health(servers_up)
        states = [(name, status, weight) for _, name, status, _, _, weight, *_ in self._rows(text) if name != "BACKEND"]
        return Health(0, words.no_server_up(states))

    def _rows(self, text: str) -> Iterator[tuple[str, ...]]:
        return map(self._split, self._lines(text))

    def _lines(self, text: str) -> list[str]:
        """The rows of an answer, unread; none of an answer that says "No such proxy."."""
        header, *rows = text.splitlines() or [""]
        if not header.startswith("# "):
            return []
        if header != self._header:
            self._pick = _picker(header.split(","))
            self._header, self._known = header, {}
        return [row for row in rows if row]

    def _split(self, row: str) -> tuple[str, ...]:
        try:
            return self._pick(next(csv.reader((row,))) if '"' in row else row.split(","))
        except (IndexError, csv.Error) as error:
            raise BalancerGone(words.garbled("show stat")) from error

    def savings(self, worker: str, other: str, texts: Sequence[str]) -> Savings | None:
        """What the shield did; ``None`` where HAProxy has not loaded it.

        ``texts`` tell of the backend in front of the candidate, whose server ``other`` saves; of the entrance by which it reaches
        the candidate; and of the candidate. A failure that the candidate has counted and its entrance has not came the plain way.
        """
        trial, entrance, own = ({kind: _counters(rest) for _, kind, *rest in self._rows(text)} for text in texts)
        whole, asked = trial.get("BACKEND"), trial.get(other)
        if whole is None or asked is None or "FRONTEND" not in entrance or "BACKEND" not in own:
            return None
        plain = own["BACKEND"].responses_5xx - entrance["FRONTEND"].responses_5xx
        return Savings(worker, whole.redispatches, sum(getattr(asked, name) for name in WELL), whole.responses_5xx, plain)


def _picker(names: Sequence[str]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    for name in _ROW:
        if name not in names:
            raise BalancerUnfit(words.missing_column(name))
    return itemgetter(*map(names.index, _ROW))


def _counters(fields: Sequence[str]) -> Counters:
    """What stands in the columns of a backend's row after its name and its type."""
    status, active, backup, _, *counts = fields
    # A server without health checks counts as active, one with weight 0 or in maintenance does not.
    up = 0 if status == "DOWN" else sum(_numbers((active, backup)))
    numbers = _numbers(counts)
    return Counters(*(*numbers[:_COUNTED_HERE], 0, *numbers[_COUNTED_HERE:], up))


def _numbers(fields: Sequence[str]) -> list[int]:
    """Counts; an empty field is 0, as those of HTTP are in a TCP backend."""
    together = "".join(fields)
    if (together and not together.isdecimal()) or max(map(len, fields)) > DIGITS:
        raise BalancerGone(words.garbled("show stat"))
    return [int(field) if field else 0 for field in fields]


def _found(found: dict[str, tuple[str, Counters]], backend: str) -> Counters:
    if backend not in found:
        raise BalancerUnfit(words.unknown_backend(backend))
    return found[backend][1]

"""A past to replay: what Prometheus scraped over two hours, the cutovers in it, and what guardian recorded of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from guardian.app.codec import state_to_record
from guardian.core.deployment import Cause, Deployment, Phase, Rollback, ServiceState
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment, Split
from guardian.core.readings import History
from guardian.core.rules import Action, Direction, Lack, Query, Rule, Source, Threshold, Unit
from guardian.records.store import SqlStore
from guardian.rehearsal.cutovers import Cutover

WATCH = 300.0
EVERY = 600
"""Seconds between two cutovers, each of green."""
BAD, SPIKE = (3, 7), 5
"""Which cutovers fail from a minute after the cutover on, and which one shows a harmless spike of a minute."""
SCRAPE = 5

BAD_SHARE = Rule(
    name="bad-share",
    summary="Too many bad answers",
    source=Source.PROMETHEUS,
    measure=Query('max_over_time(bad_share{env="$candidate"}[$window])', Unit.SHARE),
    test=Threshold(Direction.ABOVE, 0.05, needed=2, of=3, every=15.0, window=15.0),
    on_no_data=Lack.HOLD,
)
NOTIFY = Rule(
    name="slow",
    summary="Slow",
    source=Source.PROMETHEUS,
    measure=Query('latency{env="$candidate"} + 0 * $since_cutover', Unit.SECONDS),
    test=Threshold(Direction.ABOVE, 0.8, every=30.0, window=30.0),
    on_no_data=Lack.HOLD,
    action=Action.NOTIFY,
)


def share_at(second: int) -> float:
    """The share of bad answers of green, ``second`` seconds after the beginning."""
    number, after = divmod(second - 300, EVERY)
    if number in BAD and 60 <= after < WATCH:
        return 0.2
    if number == SPIKE and 100 <= after < 160:
        return 0.07
    return 0.001 + 0.0001 * (number % 10)


def samples(since: int, seconds: int = 7200) -> str:
    """All that Prometheus holds, as OpenMetrics text: a share, a latency, an alert, and HAProxy's own counters of green."""
    requests, responses = "haproxy_backend_http_requests counter", "haproxy_backend_http_responses counter"
    lines: dict[str, list[str]] = {"bad_share gauge": [], "latency gauge": [], "ALERTS gauge": [], requests: [], responses: []}
    good = bad = 0
    for second in range(0, seconds, SCRAPE):
        at, share = since + second, share_at(second)
        bad += round(500 * share)
        good += 500 - round(500 * share)
        lines["bad_share gauge"] += [f'bad_share{{env="green"}} {share} {at}', f'bad_share{{env="blue"}} 0.001 {at}']
        if share > 0.1:
            lines["ALERTS gauge"].append(f'ALERTS{{alertname="Bad",alertstate="firing",severity="page"}} 1 {at}')
        lines["latency gauge"].append(f'latency{{env="green"}} 0.1 {at}')
        lines[requests].append(f'haproxy_backend_http_requests_total{{proxy="web_green"}} {good + bad} {at}')
        for code, total in (("2xx", good), ("5xx", bad)):
            lines[responses].append(f'haproxy_backend_http_responses_total{{proxy="web_green",code="{code}"}} {total} {at}')
    kept = {family: sorted(rows, key=_series) for family, rows in lines.items()}
    return "\n".join((*(line for family, rows in kept.items() for line in (f"# TYPE {family}", *rows)), "# EOF", ""))


def _series(row: str) -> str:
    return row.split(" ", 1)[0]


@dataclass(frozen=True)
class Cutovers:
    """The cutovers of :func:`samples`, which begin at ``since``."""

    since: int

    def at(self, number: int) -> float:
        """When cutover ``number`` was."""
        return self.since + 300 + number * EVERY + 0.25

    def trial(self, number: int) -> Trial:
        """Green on trial."""
        return Trial(Environment.GREEN, self.at(number), WATCH, 0.05, shared=False, history=History())

    def __iter__(self) -> Iterator[Cutover]:
        """Ten of them; the bad ones were taken back by a person when their watch was over."""
        for number in range(10):
            trial = self.trial(number)
            cause = Cause.PERSON if number in BAD else None
            yield Cutover(f"web-{number}", "web", trial, trial.since + WATCH, "rolled back" if cause else "verified", cause)


def deployment(number: int, at: float, phase: Phase = Phase.VERIFIED, rollback: Rollback | None = None) -> Deployment:
    """A deployment of green as it is recorded."""
    return Deployment(
        id=f"web-{number}",
        number=number,
        candidate=Environment.GREEN,
        fallback=Split.all_on(Environment.BLUE),
        target=Split.all_on(Environment.GREEN),
        phase=phase,
        requested_at=at - 1,
        requested_by="alice",
        reason="v2",
        watch_seconds=WATCH,
        rules_digest="",
        history=History(),
        cutover_at=at,
        watch_ends_at=at + WATCH,
        rollback=rollback,
        ended_at=None if phase.active else at + WATCH,
    )


def state(number: int, at: float, phase: Phase = Phase.WATCHING) -> ServiceState:
    """The state of ``web`` while it watches that deployment."""
    green = Split.all_on(Environment.GREEN)
    return ServiceState("web", green, Split.all_on(Environment.BLUE), deployment=deployment(number, at, phase))


def remember(store: SqlStore, made: Deployment, evidence: Mapping[str, dict[str, object]] | None = None) -> None:
    """Record ``made`` as guardian would have, with its evidence by rule."""
    green = Split.all_on(Environment.GREEN)
    standing = ServiceState("web", green, green, deployment=made)
    store.append("web", made.id, made.requested_at, {"kind": "test"}, state_to_record(standing))
    for rule, record in (evidence or {}).items():
        store.save_evidence(made.id, rule, dict(record))

"""Evidence bundles: every verdict of a deployment comes out again anywhere, and what was altered is told."""

import json
from dataclasses import replace
from typing import Any

import pytest

from guardian.app.codec import state_to_record
from guardian.app.evidence import SCHEMA, Unfit, bundle, checked, evidence_of, explained
from guardian.core.deployment import Cause, Deployment, Phase, Rollback, ServiceState
from guardian.core.judges import judge_for
from guardian.core.judges.judge import CHUNK, Judge
from guardian.core.judges.trial import Trial
from guardian.core.model import Environment, Split
from guardian.core.readings import History, SourceFailure
from guardian.core.rules import Alerts, Command, Direction, Gauge, Lack, Link, Query, Ratio, Rule, Source, Threshold
from guardian.core.switch import Refused
from guardian.core.verdicts import Finding
from tests.unit.app.conftest import server_errors

SINCE = 1_700_000_000.25
TRIAL = Trial(Environment.GREEN, SINCE, 600.0, 0.05, shared=False, history=History())
ABOVE = Threshold(Direction.ABOVE, 0.8, needed=2, of=3, every=15.0, window=60.0)
QUERY = 'p99{env="$candidate",service="$service"}[$window] offset $since_cutover'


def rule(source: Source, measure: Any, **changes: Any) -> Rule:
    """A threshold rule of ``source``."""
    given = {"name": str(source), "source": source, "measure": measure, "test": ABOVE, "links": (Link("runbook", "https://r"),)}
    return server_errors(**(given | changes))


RULES = {
    "sequential": server_errors(),
    "gauge": rule(Source.HAPROXY, Gauge.LATENCY, test=replace(ABOVE, every=0.05, window=0.1)),
    "prometheus": rule(Source.PROMETHEUS, Query(QUERY)),
    "alerts": rule(Source.ALERTS, Alerts(('severity="page"', 'env=~"$candidate|all"'))),
    "command": rule(Source.COMMAND, Command(("/usr/bin/check", "--env", "$candidate", "--since", "$since_cutover", "a b"), 5.0)),
}


def fed(judged: Rule, looks: int = 6) -> Judge:
    """The judge of a rule, after some bad looks or answers."""
    judge = judge_for(judged, TRIAL)
    for number in range(1, looks + 1):
        match judged.measure:
            case Ratio():
                judge.feed(SINCE + number * 0.05, 0.05, (20, 0 if number < looks - 6 else 10))
            case Gauge():
                judge.feed(SINCE + number * 0.05, 0.05, (40.0, 20, 20, 0, 2))
            case _:
                judge.hear("checkout is slow", "https://alerts/1")
                judge.feed(SINCE + 60 + number * 15, 15.0, (1.5,))
    return judge


def deployment(phase: Phase, *judges: Judge) -> Deployment:
    """A deployment that ended in ``phase``, of which the first judge is to blame."""
    blamed = judges[0].verdict()
    return Deployment(
        id="web-1",
        number=1,
        candidate=Environment.GREEN,
        fallback=Split.all_on(Environment.BLUE),
        target=Split.all_on(Environment.GREEN),
        phase=phase,
        requested_at=SINCE - 1,
        requested_by="alice",
        reason="v2",
        watch_seconds=600.0,
        rules_digest="",
        history=History(),
        cutover_at=SINCE,
        rollback=Rollback(Cause.RULE, "guardian", "", SINCE + 9, blamed) if phase is Phase.ROLLED_BACK else None,
        conclusions=() if phase is Phase.ROLLED_BACK else tuple(judge.conclude() for judge in judges),
    )


def bundled(phase: Phase, *judges: Judge) -> dict[str, Any]:
    """The bundle of such a deployment, as it comes out of a file."""
    green = Split.all_on(Environment.GREEN)
    record = state_to_record(ServiceState("web", green, green, deployment=deployment(phase, *judges)))["deployment"]
    made = bundle({**record, "service": "web"}, {judge.rule.name: evidence_of(judge) for judge in judges})
    return checked(json.dumps(made).encode())


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("phase", [Phase.ROLLED_BACK, Phase.VERIFIED, Phase.UNVERIFIED])
def test_every_source_comes_to_the_same_verdict_again(name: str, phase: Phase) -> None:
    """Whatever a rule reads, and however the deployment ended: value, limit, sentence and links are those that were recorded."""
    judge = fed(RULES[name])
    assert judge.finding is Finding.BREACHED
    (told,) = explained(bundled(phase, judge)).rules
    assert told.identical
    assert told.recomputed == told.recorded == judge.verdict()
    assert told.fired is (phase is Phase.ROLLED_BACK)
    assert told.looks == 6


def test_evidence_that_lost_its_beginning_comes_to_the_same_verdict() -> None:
    """A long watch keeps the judge's state in place of its first looks."""
    judge = fed(RULES["sequential"], 2 * CHUNK + 100)
    assert judge.evidence()["base"] is not None
    assert explained(bundled(Phase.ROLLED_BACK, judge)).identical


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("sequential", "responses_5xx / responses, of the candidate's backend in HAProxy"),
        ("gauge", "latency, of the candidate's backend in HAProxy"),
        ("prometheus", 'p99{env="green",service="web"}[60s] offset 150s'),
        ("alerts", 'alerts with severity="page", env=~"green|all"'),
        ("command", "/usr/bin/check --env green --since 150.000 'a b'"),
    ],
)
def test_what_was_asked_is_shown_as_it_was_sent(name: str, asked: str) -> None:
    """Queries, commands and alerts with their variables as they stood at the last answer."""
    assert explained(bundled(Phase.VERIFIED, fed(RULES[name]))).rules[0].asked == asked


def test_every_rule_is_told_the_culprit_first() -> None:
    """Also those that had nothing against the release; or the one that is asked for."""
    healthy, guilty = judge_for(RULES["prometheus"], TRIAL), fed(RULES["sequential"])
    healthy.feed(SINCE + 60, 15.0, (0.1,))
    made = bundled(Phase.ROLLED_BACK, guilty, healthy)
    made["rules"].reverse()
    assert [(each.rule["name"], each.fired) for each in explained(made).rules] == [("server-errors", True), ("prometheus", False)]
    assert [each.rule["name"] for each in explained(made, "prometheus").rules] == ["prometheus"]
    with pytest.raises(Refused, match="no evidence of a rule `nosuch`"):
        explained(made, "nosuch")


def test_a_source_that_failed_last_is_part_of_the_evidence() -> None:
    """The verdict ``failed`` comes out again, too."""
    judge = judge_for(RULES["prometheus"], TRIAL)
    judge.fail(SourceFailure(SINCE + 60, "nobody listens"))
    told = explained(bundled(Phase.UNVERIFIED, judge)).rules[0]
    assert (told.identical, told.recomputed.finding) == (True, Finding.FAILED)


def test_an_altered_bundle_is_not_believed() -> None:
    """One digit of one reading is enough, and so is a digest that is not there."""
    made = bundled(Phase.ROLLED_BACK, fed(RULES["sequential"]))
    made["rules"][0]["evidence"]["looks"][0][2] += 1
    with pytest.raises(Unfit, match="its digest does not match"):
        checked(json.dumps(made).encode())
    del made["digest"]
    with pytest.raises(Unfit, match="no evidence bundle"):
        checked(json.dumps(made).encode())


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\xff\x00", b"[" * 100_000, b'"digest"', b'{"schema": 1}'])
def test_a_file_that_is_no_bundle_is_refused(text: bytes) -> None:
    """With a sentence."""
    with pytest.raises(Unfit, match="this is no evidence bundle"):
        checked(text)


def test_the_bundle_of_another_version_is_refused() -> None:
    """The sentence names both schemas."""
    made = bundled(Phase.VERIFIED, fed(RULES["gauge"]))
    with pytest.raises(Unfit, match=f"has schema `{SCHEMA + 1}`, and this guardian reads {SCHEMA}"):
        checked(json.dumps({**made, "schema": SCHEMA + 1}).encode())


def test_a_sealed_lie_is_found_by_computing_it_again() -> None:
    """Who alters readings and seals them anew still gets another verdict out of them than the recorded one."""
    judge = fed(RULES["sequential"])
    record = evidence_of(judge)
    record["evidence"]["looks"][1][3] = 0
    green = Split.all_on(Environment.GREEN)
    state = state_to_record(ServiceState("web", green, green, deployment=deployment(Phase.ROLLED_BACK, judge)))["deployment"]
    made = checked(json.dumps(bundle({**state, "service": "web"}, {judge.rule.name: record})).encode())
    assert not explained(made).identical


def test_lacks_are_not_lost() -> None:
    """The rule in a bundle is the rule that judged, to the last field."""
    lenient = replace(RULES["alerts"], on_no_data=Lack.PASS, shadow=True, test=replace(ABOVE, warm_up=5.0))
    told = explained(bundled(Phase.VERIFIED, fed(lenient))).rules[0]
    assert told.recomputed.shadow
    assert told.rule["on_no_data"] == "pass"

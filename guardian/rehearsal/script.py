"""Files of tests: made-up series, counters and results, and what guardian should make of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeVar

from guardian.config import kinds
from guardian.config.document import Node, read_document
from guardian.config.faults import ConfigFaults, Findings, GivenUp, Place
from guardian.config.fields import Fields, Kind, Misfit
from guardian.config.rulefiles import read_rule_file
from guardian.core.deployment import Phase
from guardian.core.model import BASIS_POINTS, Environment
from guardian.core.readings import Counters
from guardian.core.rules import RuleSet, Sender, Source
from guardian.core.verdicts import Finding
from guardian.core.words import faults, forms
from guardian.core.words import rehearsal as words
from guardian.rehearsal.notation import Counts, Name, Results, Values, read_counts, read_name, read_results, read_values

Row = TypeVar("Row", Values, Counts, Results)

MOST_SAMPLES = 1_000_000
MOST_LOOKS = 500_000
LONGEST_MESSAGE = 2000
VERDICTS = {"healthy": Finding.HEALTHY, "breached": Finding.BREACHED, "no data": Finding.NO_DATA, "failed": Finding.FAILED}
OUTCOMES = {"verified": Phase.VERIFIED, "unverified": Phase.UNVERIFIED, "rolled back": Phase.ROLLED_BACK}
SENDERS = tuple(each for each in Sender if each is not Sender.PROMETHEUS)
"""Those who send; the alerts of a Prometheus are its series ``ALERTS``."""
EXPECTED = ("verdict", "reason", "action", "message")
EFFECTS = ("rollback", "pause", "notify", "none")
COUNTERS = tuple(each.name for each in fields(Counters))


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one rule should have made of it at one moment; each of the four may be left out."""

    rule: str
    at: float
    """Seconds after the cutover."""
    verdict: Finding | None
    reason: str | None
    """The verdict's sentence."""
    action: str | None
    """What the rule has led to by then: one of :data:`EFFECTS`."""
    message: str | None
    """What people were told of it."""
    places: Mapping[str, Place] = field(default_factory=dict)
    """Where each of them stands."""

    @property
    def breach(self) -> bool:
        """Whether it is one of a rule that fires."""
        return self.verdict is Finding.BREACHED or self.action not in (None, "none")


@dataclass(frozen=True, slots=True)
class Outage:
    """A source that does not answer for a while."""

    source: Source
    first: float
    last: float
    """Seconds after the cutover."""


@dataclass(frozen=True, slots=True)
class Siren:
    """An alert that somebody sends."""

    name: str
    labels: Mapping[str, str]
    sender: Sender
    first: float | None
    """When it begins to fire, in seconds after the cutover; ``None``: before it."""
    last: float | None
    """When it is resolved; ``None``: it fires to the end."""
    summary: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is measured. Values begin ``cutover`` seconds before the cutover, and are ``interval`` seconds apart."""

    interval: float
    cutover: float
    series: tuple[tuple[Name, Values], ...]
    counters: Mapping[Environment, Mapping[str, Counts]]
    commands: Mapping[str, Results]
    """By rule."""
    alerts: tuple[Siren, ...]
    outages: tuple[Outage, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One test."""

    name: str
    place: Place
    candidate: Environment
    share: int
    """Basis points that the candidate gets."""
    watch: float
    look_every: float
    inputs: Inputs
    expectations: tuple[Expectation, ...]
    outcome: Phase | None
    message: str | None
    """What people are told at the end."""
    places: Mapping[str, Place]
    """Where ``outcome`` and ``message`` stand."""

    @property
    def checks(self) -> int:
        """How much is expected."""
        asked = ((each.verdict, each.reason, each.action, each.message) for each in self.expectations)
        return sum(part is not None for parts in (*asked, (self.outcome, self.message)) for part in parts)

    @property
    def needed(self) -> float:
        """Seconds after the cutover that have to be played."""
        ends = self.outcome is not None or self.message is not None
        return self.watch if ends else max((each.at for each in self.expectations), default=0.0)


@dataclass(frozen=True, slots=True)
class Script:
    """One file of tests."""

    file: str
    rules: RuleSet
    cases: tuple[Case, ...]


def read_script(path: Path) -> Script:
    """The tests in the file at ``path``; :class:`ConfigFaults` with all that is wrong in it, or in the rules under test."""
    findings = Findings()
    script = None
    try:
        document = read_document(path, findings)
        if document is not None:
            script = _Reader(path, findings).read(document.root)
    except GivenUp:
        pass
    if findings.faults or script is None:
        raise ConfigFaults(findings.faults)
    return script


class _Budget:
    """How many values one file may still hold: a row of a few characters can stand for 100,000."""

    def __init__(self) -> None:
        self._left = MOST_SAMPLES

    def of(self, kind: Kind[Row]) -> Kind[Row]:
        """``kind``, as long as there is something left."""

        def read(text: str) -> Row:
            found = kind.read(text) if self._left >= 0 else ()
            self._left -= len(found)
            if self._left < 0:
                raise Misfit(words.too_many_samples(MOST_SAMPLES))
            return found

        return Kind(read, kind.form, kind.stand_in)


class _Reader:
    """Reads one file."""

    def __init__(self, path: Path, findings: Findings) -> None:
        self._path, self._findings = path, findings
        self._rules = RuleSet("")
        self._interval = 15.0
        budget = _Budget()
        self._values, self._counts, self._results = budget.of(_VALUES), budget.of(_COUNTS), budget.of(_RESULTS)

    def read(self, root: Node) -> Script:
        """The file as a whole."""
        top = Fields(root, self._findings)
        file = top.required("rule_file", kinds.path(self._path.parent, "../web.yaml"))
        if top.sound("rule_file"):
            self._rules = read_rule_file(file, self._findings) or self._rules
        self._interval = top.optional("interval", _INTERVAL, 15.0)
        cases = tuple(self._case(Fields(node, self._findings)) for node in top.items("tests"))
        top.close()
        return Script(str(self._path), self._rules, cases)

    def _case(self, own: Fields) -> Case:
        watch = own.optional("watch", kinds.duration("1s", "7d", "10m"), 600.0)
        case = Case(
            name=own.required("name", _NAME),
            place=own.place("name"),
            candidate=own.optional("candidate", kinds.choice(Environment), Environment.GREEN),
            share=own.optional("share", _SHARE, BASIS_POINTS),
            watch=watch,
            look_every=own.optional("look_every", kinds.duration("10ms", "10s", "50ms"), 0.05),
            inputs=self._inputs(own),
            expectations=tuple(self._expectation(row, watch) for row in self._rows(own, "expect")),
            outcome=own.optional("outcome", kinds.word(OUTCOMES, words.an_outcome()), None),
            message=own.optional("message", _MESSAGE, None),
            places={key: own.place(key) for key in ("outcome", "message")},
        )
        if not any(map(own.has, ("expect", "outcome", "message"))):
            own.fault_here(words.expects_nothing())
        looks = (case.inputs.cutover + case.needed) / case.look_every
        if looks > MOST_LOOKS and any(rule.source is Source.HAPROXY for rule in self._rules.rules):
            own.fault("watch", words.too_many_looks(looks, MOST_LOOKS))
        own.close()
        return case

    def _rows(self, own: Fields, key: str) -> Iterator[Fields]:
        for node in own.items(key) if own.node(key) is not None else ():
            yield Fields(node, self._findings)

    def _inputs(self, own: Fields) -> Inputs:
        return Inputs(
            interval=own.optional("interval", _INTERVAL, self._interval),
            cutover=own.optional("cutover", kinds.duration("0s", "7d", "5m"), 0.0),
            series=tuple(self._series(own)),
            counters=dict(self._counters(own.optional_section("counters"))),
            commands=dict(self._commands(own.optional_section("commands"))),
            alerts=tuple(map(_siren, self._rows(own, "alerts"))),
            outages=tuple(map(_outage, self._rows(own, "outages"))),
        )

    def _series(self, own: Fields) -> Iterator[tuple[Name, Values]]:
        known: set[Name] = set()
        for row in self._rows(own, "input_series"):
            name, values = row.required("series", _SERIES), row.required("values", self._values)
            if row.sound("series") and name in known:
                row.fault("series", words.given_twice(row.text("series")))
            known.add(name)
            row.close()
            yield name, values

    def _counters(self, section: Fields) -> Iterator[tuple[Environment, Mapping[str, Counts]]]:
        for name, node in section.entries().items():
            if name not in list(Environment):
                section.fault(name, words.no_environment(name))
                continue
            row = Fields(node, self._findings)
            for key in row.entries():
                if key not in COUNTERS:
                    row.fault(key, words.no_counter(key, COUNTERS))
            yield Environment(name), {key: row.required(key, self._counts) for key in COUNTERS if row.has(key)}

    def _commands(self, section: Fields) -> Iterator[tuple[str, Results]]:
        sources = {rule.name: rule.source for rule in self._rules.rules}
        for name in section.entries():
            if name not in sources:
                section.fault(name, words.no_such_rule(name, list(sources)))
            elif sources[name] is not Source.COMMAND:
                section.fault(name, words.wrong_source(name, sources[name]))
            else:
                yield name, section.required(name, self._results)

    def _expectation(self, own: Fields, watch: float) -> Expectation:
        known = [rule.name for rule in self._rules.rules]
        at, rule = own.required("at", _AT), own.required("rule", kinds.name("server-errors"))
        if own.sound("at") and at > watch:
            own.fault("at", words.beyond_watch(at, watch))
        if own.sound("rule") and self._rules.service and rule not in known:
            own.fault("rule", words.no_such_rule(rule, known))
        expectation = Expectation(
            rule=rule,
            at=at,
            verdict=own.optional("verdict", kinds.word(VERDICTS, words.a_verdict()), None),
            reason=own.optional("reason", _MESSAGE, None),
            action=own.optional("action", kinds.word({word: word for word in EFFECTS}, words.an_effect()), None),
            message=own.optional("message", _MESSAGE, None),
            places={key: own.place(key) for key in EXPECTED},
        )
        if not any(map(own.has, EXPECTED)):
            own.fault_here(words.nothing_expected_here())
        own.close()
        return expectation


def _siren(own: Fields) -> Siren:
    first, last = own.optional("from", _AT, None), own.optional("to", _AT, None)
    if own.sound("from", "to") and last is not None and last <= (first or 0.0):
        own.fault("to", words.ends_before_it_begins())
    siren = Siren(
        name=own.required("alert", _ALERT),
        labels=own.mapping("labels", _LABEL),
        sender=own.optional("sender", kinds.word({each.value: each for each in SENDERS}), Sender.ALERTMANAGER),
        first=first,
        last=last,
        summary=own.optional("summary", kinds.SENTENCE, ""),
    )
    own.close()
    return siren


def _outage(own: Fields) -> Outage:
    first, last = own.required("from", _AT), own.required("to", _AT)
    if own.sound("from", "to") and last <= first:
        own.fault("to", words.ends_before_it_begins())
    outage = Outage(own.required("source", kinds.choice(Source)), first, last)
    own.close()
    return outage


def _sentence(form: str, most: int) -> Kind[str]:
    def read(text: str) -> str:
        sentence = " ".join(text.split())
        if not 0 < len(sentence) <= most:
            raise Misfit(faults.misfit(sentence, form))
        return sentence

    return Kind(read, form, "")


def _read_share(text: str) -> int:
    if text == "100%":
        return BASIS_POINTS
    return max(1, round(kinds.share("5%").read(text) * BASIS_POINTS))


_AT = kinds.duration("0s", "7d", "30s")
_INTERVAL = kinds.duration("10ms", "1d", "15s")
_NAME = _sentence(words.a_case(), 200)
_MESSAGE = _sentence(words.a_message(LONGEST_MESSAGE), LONGEST_MESSAGE)
_ALERT = _sentence(words.an_alert(), 200)
_LABEL = _sentence(words.a_label(), 200)
_SHARE = Kind(_read_share, forms.a_share("5%"), BASIS_POINTS)
_SERIES = Kind(read_name, words.a_series(), Name(()))
_VALUES: Kind[Values] = Kind(read_values, words.values(), ())
_COUNTS: Kind[Counts] = Kind(read_counts, words.counter_values(), (0.0,))
_RESULTS: Kind[Results] = Kind(read_results, words.command_values(), ())

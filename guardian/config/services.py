"""The services of ``guardian.yaml``: the backends of each, how long it is watched, and how its traffic is moved."""

from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from guardian.config import kinds
from guardian.config.document import Node
from guardian.config.faults import Findings, Place
from guardian.config.fields import Fields, Kind, Misfit
from guardian.config.shield import read_shield
from guardian.config.stages import read_stages
from guardian.config.strategy import read_strategy
from guardian.core.model import NAME, TOKEN, Ending, Holding, Preview, Routing, Service, Sticky, Way
from guardian.core.stages import Through
from guardian.core.strategy import StepKind
from guardian.core.words import faults as words
from guardian.core.words import forms, rule_faults
from guardian.core.words import strategy_faults as strategy_words
from guardian.core.words import testers as tester_words


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one file, by name."""

    found: dict[str, Service] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    watches: dict[str, float] = field(default_factory=dict)
    """Seconds that each is watched, infinite where that could not be read."""


def read_services(settings: Fields, base: Path, findings: Findings) -> Services:
    """The section ``services``. Where it has faults, they are added to ``findings``, and stand-ins are in their places.

    Relative paths start at ``base``.
    """
    services = Services()
    section = settings.section("services")
    for name, node in section.entries().items():
        _read(services, name, node, base, findings)
    if section.empty:
        settings.fault("services", words.no_services())
    return services


def _read(services: Services, name: str, node: Node, base: Path, findings: Findings) -> None:
    if not NAME.fullmatch(name):
        findings.add(node.place.fault(words.misfit(name, forms.a_name("web"))))
    fields = Fields(node, findings)
    routing = _routing(fields.optional_section("routing"), base)
    service = Service(
        name,
        blue=fields.required("blue", kinds.name("web_blue")),
        green=fields.required("green", kinds.name("web_green")),
        watch_seconds=fields.optional("watch", kinds.duration("1s", "7d", "10m"), 600.0),
        routing=routing,
        strategy=read_strategy(fields.optional_section("strategy"), findings),
        stages=read_stages(fields.optional_section("stages"), base, findings),
        shield=read_shield(fields, routing.way),
    )
    verify = service.stages.verify
    if verify is None and any(step.kind is StepKind.VERIFY for step in service.strategy.steps):
        fields.fault("strategy", strategy_words.nothing_verifies())
    if verify and service.routing.testers is None and any(check.through is not Through.SERVERS for check in verify.checks):
        fields.fault("stages", tester_words.needs_testers())
    if fields.sound("blue", "green") and service.blue == service.green:
        fields.fault("green", words.same_backend(service.green))
    fields.close()
    services.found[name] = service
    services.places[name] = node.place
    services.watches[name] = service.watch_seconds if fields.sound("watch") else inf


def _routing(fields: Fields, base: Path) -> Routing:
    routing = Routing(
        way=fields.optional("way", kinds.choice(Way, forms.a_way()), Way.RUNTIME),
        sticky=fields.optional("sticky", _STICKY, None),
        testers=_read_testers(fields, base),
        fallback=fields.optional("fallback", kinds.SWITCH, kinds.SWITCH.stand_in),
        frontends=fields.optional_list("frontends", kinds.name("www")),
        ending=fields.optional("ending", kinds.choice(Ending, forms.an_ending()), Ending.DRAIN),
        grace=fields.optional("grace", kinds.duration("0s", "1d", "30s"), 0.0),
    )
    if fields.sound("ending") and routing.ending is Ending.DRAIN:
        fields.refuse(("grace",), lambda _: rule_faults.grace_without_cut())
    if routing.testers and routing.way is not Way.RUNTIME:
        fields.fault("testers", tester_words.needs_map(routing.way))
    fields.close()
    return routing


def _read_testers(routing: Fields, base: Path) -> Preview | None:
    if not routing.has("testers"):
        routing.overlook(("testers",))
        return None
    fields = routing.section("testers")
    by, name = fields.required("by", _MARK)
    secret = fields.required("secret_file", kinds.path(base, "/etc/guardian/web-testers"))
    fields.close()
    return Preview(by, name, secret)


def _read_mark(text: str) -> tuple[Holding, str]:
    by, _, name = text.partition(" ")
    if by not in (Holding.HEADER, Holding.COOKIE) or not TOKEN.fullmatch(name.strip()):
        raise Misfit(words.misfit(text, tester_words.a_mark()))
    return Holding(by), name.strip()


_MARK = Kind(_read_mark, tester_words.a_mark(), (Holding.HEADER, "X-Guardian-Tester"))


def _read_sticky(text: str) -> Sticky:
    by, *names = text.split()
    named = by in {Holding.COOKIE, Holding.HEADER}
    if by not in set(Holding) or len(names) != named or not all(map(TOKEN.fullmatch, names)):
        raise Misfit(words.misfit(text, forms.a_visitors_mark()))
    return Sticky(Holding(by), *names)


_STICKY = Kind(_read_sticky, forms.a_visitors_mark(), Sticky(Holding.SOURCE))

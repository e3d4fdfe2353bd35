"""``guardian.yaml``: where guardian keeps its state, how it reaches HAProxy, who may steer it, and which services it guards."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from guardian.config import kinds
from guardian.config.api import ApiSettings, read_api
from guardian.config.channels import read_channels
from guardian.config.chat import read_slack
from guardian.config.document import Node, read_document
from guardian.config.faults import ConfigFaults, Findings, GivenUp, Place
from guardian.config.fields import Fields
from guardian.config.notes import read_notes
from guardian.config.records import RecordsSettings, read_records
from guardian.config.sentry import read_sentry
from guardian.config.services import read_services
from guardian.config.sources import read_alerts, read_commands, read_prometheus
from guardian.core.access import Access
from guardian.core.alerts import Ear
from guardian.core.channels import ChannelSettings
from guardian.core.chat import SlackSettings
from guardian.core.drift import Policy, Unloaded
from guardian.core.model import Service, Way
from guardian.core.notebook import NotesSettings
from guardian.core.rules import Sender
from guardian.core.sentry import SentrySettings
from guardian.core.words import forms, reload, rule_faults


@dataclass(frozen=True, slots=True)
class Instance:
    """A further HAProxy on this host, and the services that it carries."""

    socket: Path
    map: Path
    master_socket: Path | None
    files: tuple[Path, ...]
    services: tuple[str, ...]
    unit: str = ""
    """Its systemd unit, by which it is reloaded where no master socket is named."""


@dataclass(frozen=True, slots=True)
class HaproxySettings:
    """How guardian reaches HAProxy."""

    socket: Path
    """The stats socket; its user level must allow ``set map``."""
    map: Path
    """The map file that guardian owns; absolute, as it stands in haproxy.cfg."""
    master_socket: Path | None
    """The master's socket, through which workers that linger after a reload are reached."""
    look_every: float
    """Seconds between two looks at the counters, 0.01 to 1."""
    timeout: float
    """Seconds within which HAProxy must have answered, 0.01 to 30."""
    drift: Policy = Policy.ADOPT
    """What becomes of a split that somebody changed at the balancer itself."""
    files: tuple[Path, ...] = ()
    """HAProxy's configuration as its ``-f`` names it, where guardian may read it: a changed block is noticed."""
    unit: str = ""
    """Its systemd unit, by which it is reloaded where no master socket is named."""
    unloaded_edits: Unloaded = Unloaded.REFUSE
    """What becomes of edits of others that HAProxy has not loaded when guardian reloads it."""
    instances: Mapping[str, Instance] = field(default_factory=dict)
    """Further instances of HAProxy on this host, by name. What they do not carry belongs to the one above."""


class LogFormat(StrEnum):
    """How log lines are written."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """From which level on log lines are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged, and how."""

    format: LogFormat
    level: LogLevel


@dataclass(frozen=True, slots=True)
class Settings:
    """All of ``guardian.yaml``. Relative paths in it start at its own directory."""

    state_dir: Path
    rules: Path
    """The directory whose ``*.yaml`` are rule files."""
    haproxy: HaproxySettings
    api: ApiSettings
    log: LogSettings
    services: Mapping[str, Service]
    records: RecordsSettings
    prometheus: Access | None = None
    commands: tuple[Path, ...] = ()
    """The directories whose programs rules may run."""
    alerts: Mapping[Sender, Ear] = field(default_factory=dict)
    """Whose alerts guardian listens to."""
    channels: Mapping[str, ChannelSettings] = field(default_factory=dict)
    """Where guardian tells what happens, by name."""
    slack: SlackSettings | None = None
    notes: NotesSettings | None = None
    """Where deployment notes are written."""
    sentry: SentrySettings | None = None
    """What is told to a Sentry."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What could be read of ``guardian.yaml``, whether or not it has faults."""

    settings: Settings
    """Holds stand-ins where the file has faults."""
    rules_at: Place | None
    """Where the directory of rules is named; ``None`` where it could not be read."""
    services_at: Mapping[str, Place]
    prometheus_at: Place | None
    """Where a Prometheus would be named; ``None`` where one is, whatever its faults."""
    alerts_at: Place | None
    """Where senders of alerts are or would be named; ``None`` where they have faults."""
    commands_at: Place | None
    """Where directories of commands are or would be named; ``None`` where they have faults."""
    watches: Mapping[str, float] | None
    """Seconds that each service is watched, infinite where that could not be read; ``None`` where no services could be read."""


def load_settings(path: Path) -> Settings:
    """The settings in the file at ``path``; :class:`ConfigFaults` with all that is wrong with them."""
    findings = Findings()
    draft = read_settings(path, findings)
    if draft is None or findings.faults:
        raise ConfigFaults(findings.faults)
    return draft.settings


def read_settings(path: Path, findings: Findings) -> Draft | None:
    """As much of the file at ``path`` as can be read; ``None`` where that is nothing. What is wrong is added to ``findings``."""
    try:
        document = read_document(path, findings)
        return None if document is None else _draft(document.root, path.parent, findings)
    except GivenUp:
        return None


def _draft(root: Node, base: Path, findings: Findings) -> Draft:
    fields = Fields(root, findings)
    services = read_services(fields, base, findings)
    state_dir = fields.required("state_dir", kinds.path(base, "/var/lib/guardian"))
    settings = Settings(
        state_dir=state_dir,
        rules=fields.required("rules", kinds.path(base, "rules")),
        haproxy=_haproxy(fields.section("haproxy"), base, services.found, findings),
        api=read_api(fields.section("api"), base),
        log=_log(fields.optional_section("log")),
        services=MappingProxyType(services.found),
        records=read_records(fields.optional_section("records"), base, state_dir),
        prometheus=read_prometheus(fields, base),
        commands=read_commands(fields.optional_section("commands"), base),
        alerts=MappingProxyType(read_alerts(fields, base)),
        notes=read_notes(fields, base),
        sentry=read_sentry(fields, base, services.found),
        channels=MappingProxyType(read_channels(fields, base, services.found, findings)),
        slack=read_slack(fields, base),
    )
    fields.close()
    return Draft(
        settings=settings,
        rules_at=fields.place("rules") if fields.sound("rules") else None,
        services_at=services.places,
        prometheus_at=None if fields.has("prometheus") else fields.place("prometheus"),
        alerts_at=fields.place("alerts") if fields.sound("alerts") else None,
        commands_at=fields.place("commands") if fields.sound("commands") else None,
        watches=services.watches or None,
    )


def _haproxy(fields: Fields, base: Path, services: Mapping[str, Service], findings: Findings) -> HaproxySettings:
    settings = HaproxySettings(
        socket=fields.required("socket", kinds.socket(base, "/run/haproxy/admin.sock")),
        map=fields.required("map", kinds.plain_path(base, "/var/lib/guardian/haproxy.map")),
        master_socket=fields.optional("master_socket", kinds.socket(base, "/run/haproxy-master.sock"), None),
        look_every=fields.optional("look_every", kinds.duration("10ms", "1s", "50ms"), 0.05),
        timeout=fields.optional("timeout", kinds.duration("10ms", "30s", "1s"), 1.0),
        drift=fields.optional("drift", kinds.choice(Policy), Policy.ADOPT),
        files=fields.optional_list("files", kinds.path(base, "/etc/haproxy/haproxy.cfg")),
        unit=fields.optional("unit", kinds.UNIT, ""),
        unloaded_edits=fields.optional("unloaded_edits", kinds.choice(Unloaded, forms.unloaded_edits()), Unloaded.REFUSE),
        instances=MappingProxyType(_instances(fields, base, services, findings)),
    )
    carried = {name for instance in settings.instances.values() for name in instance.services}
    _needs_files(fields, settings.files, [service for name, service in services.items() if name not in carried])
    fields.close()
    return settings


def _instances(haproxy: Fields, base: Path, services: Mapping[str, Service], findings: Findings) -> dict[str, Instance]:
    """Each service on one instance, and each backend's name on one, by which it is asked for."""
    found: dict[str, Instance] = {}
    carried: dict[str, str] = {}
    sections: dict[str, Fields] = {}
    for name, node in haproxy.optional_section("instances").entries().items():
        fields = Fields(node, findings)
        instance = Instance(
            socket=fields.required("socket", kinds.socket(base, "/run/haproxy/edge.sock")),
            map=fields.required("map", kinds.plain_path(base, "/var/lib/guardian/edge.map")),
            master_socket=fields.optional("master_socket", kinds.socket(base, "/run/haproxy-edge-master.sock"), None),
            files=fields.optional_list("files", kinds.path(base, "/etc/haproxy/edge.cfg")),
            services=fields.optional_list("services", kinds.name("shop")),
            unit=fields.optional("unit", kinds.UNIT, ""),
        )
        _needs_files(fields, instance.files, [services[name] for name in instance.services if name in services])
        for service in instance.services:
            if service not in services:
                fields.fault("services", rule_faults.no_such_service(service, sorted(services)))
            elif service in carried:
                fields.fault("services", rule_faults.carried_twice(service, carried[service]))
            carried[service] = name
        fields.close()
        found[name], sections[f"haproxy.instances.{name}"] = instance, fields
    _apart(({} if carried.keys() >= services.keys() else {"haproxy": haproxy}) | sections, base)
    where: dict[str, str] = {}
    for name, each in services.items():
        for backend in (each.blue, each.green):
            if where.setdefault(backend, carried.get(name, "")) != carried.get(name, ""):
                haproxy.fault("instances", rule_faults.backend_on_two(backend))
    return found


def _apart(sections: Mapping[str, Fields], base: Path) -> None:
    """What guardian speaks to, and what it writes, belongs to one of those that carry services: ``sections``, by their names."""
    owners: dict[Path, str] = {}
    for name, fields in sections.items():
        for key in ("socket", "map", "master_socket"):
            path = base / fields.text(key)
            if fields.text(key) and fields.sound(key) and owners.setdefault(path, name) != name:
                fields.fault(key, rule_faults.shared_by_two(path, owners[path]))


def _needs_files(fields: Fields, files: Sequence[Path], services: Iterable[Service]) -> None:
    """What is rewritten must be named."""
    by_reload = [service.name for service in services if service.routing.way is Way.RELOAD]
    if by_reload and not files and fields.sound("files"):
        fields.fault("files", reload.no_files(by_reload[0]))


def _log(fields: Fields) -> LogSettings:
    settings = LogSettings(
        format=fields.optional("format", kinds.choice(LogFormat), LogFormat.TEXT),
        level=fields.optional("level", kinds.choice(LogLevel), LogLevel.INFO),
    )
    fields.close()
    return settings

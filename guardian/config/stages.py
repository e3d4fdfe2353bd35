"""The section ``stages`` of a service: how a version is deployed, verified, compared, and the old side retired."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from guardian.config import kinds
from guardian.config.document import Node
from guardian.config.faults import Findings
from guardian.config.fields import Fields, Kind, Misfit
from guardian.core import invocation
from guardian.core.stages import (
    VARIABLES,
    Check,
    Command,
    Expectation,
    Load,
    Parity,
    Playbook,
    Policy,
    Stages,
    Through,
    Verify,
    Work,
    filled,
    unknown_variables,
)
from guardian.core.words import command as command_words
from guardian.core.words import faults as words
from guardian.core.words import forms
from guardian.core.words import stage_faults as stage_words
from guardian.core.words import testers as tester_words

S = TypeVar("S")

PLAYBOOK_KEYS = ("playbook", "inventory", "limit", "variables")
COMMAND_KEYS = ("command", "environment", "report")
COMMON_KEYS = ("timeout", "note")
WORK_TIMEOUT = kinds.duration("1s", "1d", "15m")
FACTS_TIMEOUT = kinds.duration("1s", "1h", "1m")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_HOST = re.compile(r"[A-Za-z0-9_.-]{1,253}(?::[0-9]{1,5})?")
_PATH = re.compile(r"/[\x21-\x7e]{0,1000}")
_ENTRANCE = re.compile(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]{1,253})(?::[0-9]{1,5})?/?")
_METHOD = re.compile(r"[A-Z]{1,16}")
_CODES = re.compile(r"[1-5][0-9]{2}(?:[ ,]+[1-5][0-9]{2})*")
_QUANTILE = re.compile(r"p([0-9]{2}(?:\.[0-9])?)")
SAFE_VARIABLES = ("service", "environment", "backend")
"""What may stand in what decides which hosts are touched: a version is chosen by whoever deploys, these are not."""


def read_stages(fields: Fields, base: Path, findings: Findings) -> Stages:
    """The stages in ``fields``; relative paths start at ``base``."""
    stages = Stages(
        deploy=_optional(fields, "deploy", lambda section: _read_work(section, base)),
        verify=_optional(fields, "verify", lambda section: _read_verify(section, base, findings)),
        parity=_optional(fields, "parity", lambda section: _read_parity(section, base)),
        retire=_optional(fields, "retire", lambda section: _read_work(section, base)),
    )
    fields.close()
    return stages


def _optional(fields: Fields, key: str, read: Callable[[Fields], S]) -> S | None:
    if not fields.has(key):
        fields.overlook((key,))
        return None
    return read(fields.section(key))


def text(known: tuple[str, ...] = VARIABLES) -> Kind[str]:
    """Visible text in which variables may stand."""

    def read(written: str) -> str:
        if not written.isprintable():
            raise Misfit(words.misfit(written, stage_words.a_text(known)))
        if unknown := [name for name in unknown_variables(written) if name not in known] or _not_among(written, known):
            raise Misfit(stage_words.unknown_variable(unknown[0], known))
        return written

    return Kind(read, stage_words.a_text(known), "")


def _not_among(written: str, known: tuple[str, ...]) -> list[str]:
    """The variables in ``written`` that are known elsewhere, and may not stand here."""
    used: list[str] = []
    filled(written, _Noting(used))
    return [name for name in used if name not in known]


class _Noting(dict[str, str]):
    """Notes which variables are asked for."""

    def __init__(self, used: list[str]) -> None:
        super().__init__()
        self._used = used

    def __missing__(self, name: str) -> str:
        self._used.append(name)
        return ""


TEXT = text()
SAFE_TEXT = text(SAFE_VARIABLES)


def _read_work(fields: Fields, base: Path, timeout: Kind[float] = WORK_TIMEOUT) -> Work:
    """A playbook or a command: one of the two."""
    if fields.has("playbook") and fields.has("command"):
        fields.fault("command", stage_words.playbook_and_command())
        fields.overlook((*PLAYBOOK_KEYS, *COMMAND_KEYS, *COMMON_KEYS))
        fields.close()
        return Command(())
    if fields.has("playbook"):
        fields.refuse(COMMAND_KEYS, stage_words.command_only)
        work: Work = _read_playbook(fields, base, timeout)
    elif fields.has("command"):
        fields.refuse(PLAYBOOK_KEYS, stage_words.playbook_only)
        work = replace(_read_command(fields, base, timeout), note=fields.optional("note", TEXT, ""))
    else:
        fields.fault_here(stage_words.no_work())
        fields.overlook((*PLAYBOOK_KEYS, *COMMAND_KEYS, *COMMON_KEYS))
        work = Command(())
    fields.close()
    return work


def _read_playbook(fields: Fields, base: Path, timeout: Kind[float]) -> Playbook:
    variables = fields.mapping("variables", TEXT)
    for name in variables:
        if not _VARIABLE.fullmatch(name) or name.startswith("guardian_"):
            fields.fault("variables", stage_words.bad_variable(name))
    playbook = Playbook(
        path=fields.required("playbook", kinds.path(base, "/etc/guardian/ansible/deploy.yml")),
        inventory=base / fields.required("inventory", _inventory()),
        limit=fields.optional("limit", SAFE_TEXT, "$environment"),
        variables=tuple(variables.items()),
        timeout=fields.optional("timeout", timeout, timeout.stand_in),
        note=fields.optional("note", TEXT, ""),
    )
    sides = {filled(f"{playbook.limit} {playbook.inventory}", _of_side(side)) for side in ("blue", "green")}
    if fields.sound("limit", "inventory") and len(sides) == 1:
        fields.fault("limit", stage_words.both_sides(playbook.limit))
    return playbook


def _inventory() -> Kind[str]:
    """A path in which the environment may stand."""
    plain = SAFE_TEXT

    def read(written: str) -> str:
        if written.startswith("~"):
            raise Misfit(words.home_directory(written))
        return plain.read(written)

    return Kind(read, stage_words.an_inventory(), "")


def _of_side(side: str) -> dict[str, str]:
    return {"service": "", "environment": side, "backend": side}


def _read_command(fields: Fields, base: Path, timeout: Kind[float], name: str = "") -> Command:
    argv = fields.series("command", TEXT, required=True)
    if fields.sound("command") and not (argv and invocation.startable(argv[0])):
        fields.fault("command", command_words.no_program(argv[0] if argv else ""))
    environment = fields.mapping("environment", TEXT)
    for each in environment:
        if not invocation.settable(each):
            fields.fault("environment", command_words.unsettable(each))
        elif invocation.secret(each):
            fields.fault("environment", command_words.no_secrets(each))
    return Command(
        argv=argv,
        environment=tuple(environment.items()),
        timeout=fields.optional("timeout", timeout, timeout.stand_in),
        report=fields.optional("report", kinds.path(base, "/var/lib/guardian/report.xml"), None),
        name=name,
    )


def _read_parity(fields: Fields, base: Path) -> Parity:
    facts = _optional(fields, "facts", lambda section: _read_work(section, base, FACTS_TIMEOUT))
    if isinstance(facts, Command) and facts.report:
        fields.fault("facts", stage_words.no_report())
    if facts and facts.note:
        fields.fault("facts", stage_words.no_note())
    parity = Parity(
        policy=fields.optional("policy", kinds.choice(Policy, stage_words.a_policy()), Policy.BLOCK),
        version=fields.optional("version", _matching(_PATH, stage_words.a_request_path()), ""),
        facts=facts,
        exceptions=fields.optional_list("except", _matching(re.compile(r"[^\x00-\x1f]{1,200}"), stage_words.an_exception())),
    )
    fields.close()
    return parity


def _read_verify(fields: Fields, base: Path, findings: Findings) -> Verify:
    verify = Verify(
        health=fields.optional("health", kinds.SWITCH, default=True),
        settle=fields.optional("settle", kinds.duration("0s", "1h", "30s"), 30.0),
        entrance=fields.optional("entrance", _matching(_ENTRANCE, tester_words.an_entrance()), "").rstrip("/"),
        host=fields.optional("host", _matching(_HOST, stage_words.a_host()), ""),
        tls=fields.optional("tls", kinds.SWITCH, default=False),
        checks=tuple(_read_check(Fields(node, findings)) for node in _nodes(fields, "checks")),
        load=_optional(fields, "load", _read_load),
        commands=tuple(_read_suite(Fields(node, findings), base) for node in _nodes(fields, "commands")),
    )
    fields.close()
    asks = any(check.through is not Through.SERVERS for check in verify.checks)
    if asks and not verify.entrance and fields.sound("entrance"):
        fields.fault("checks", tester_words.needs_entrance())
    if not (verify.health or verify.checks or verify.load or verify.commands):
        fields.fault_here(stage_words.nothing_verified())
    return verify


def _nodes(fields: Fields, key: str) -> list[Node]:
    if fields.has(key):
        return fields.items(key)
    fields.overlook((key,))
    return []


def _read_check(fields: Fields) -> Check:
    check = Check(
        name=fields.required("name", kinds.name("home")),
        path=fields.required("path", _request_path()),
        method=fields.optional("method", _matching(_METHOD, stage_words.a_method()), "GET"),
        headers=_read_headers(fields, "send"),
        through=fields.optional("through", kinds.choice(Through, tester_words.ways()), Through.SERVERS),
        expect=Expectation(
            status=fields.optional("status", _STATUS, (200,)),
            headers=_read_headers(fields, "header"),
            body=fields.optional("body", _PATTERN, ""),
            json=tuple(fields.mapping("json", TEXT).items()),
            within=fields.optional("within", kinds.duration("10ms", "5m", "1s"), 5.0),
        ),
    )
    fields.close()
    return check


def _read_headers(fields: Fields, key: str) -> tuple[tuple[str, str], ...]:
    headers = fields.mapping(key, TEXT)
    for name in headers:
        if not _HEADER.fullmatch(name):
            fields.fault(key, stage_words.bad_header(name))
    return tuple(headers.items())


def _read_load(fields: Fields) -> Load:
    usual = Load()
    quantile, latency = fields.optional("latency", _LATENCY, (usual.quantile, None))
    load = Load(
        path=fields.required("path", _request_path()),
        rate=fields.optional("rate", kinds.number("0.1", "1000", "50"), usual.rate),
        seconds=fields.optional("for", kinds.duration("1s", "5m", "20s"), usual.seconds),
        at_once=fields.optional("at_once", kinds.whole("1", "1000", "20"), usual.at_once),
        errors=fields.optional("errors", _ERRORS, usual.errors),
        quantile=quantile,
        latency=latency,
        timeout=fields.optional("timeout", kinds.duration("100ms", "1m", "5s"), usual.timeout),
    )
    fields.close()
    return load


def _read_suite(fields: Fields, base: Path) -> Command:
    suite = _read_command(fields, base, WORK_TIMEOUT, fields.required("name", kinds.name("selenium")))
    fields.close()
    return suite


def _matching(pattern: re.Pattern[str], form: str) -> Kind[str]:
    def read(written: str) -> str:
        if not pattern.fullmatch(written):
            raise Misfit(words.misfit(written, form))
        return written

    return Kind(read, form, "")


def _request_path() -> Kind[str]:
    def read(written: str) -> str:
        if not _PATH.fullmatch(written):
            raise Misfit(words.misfit(written, stage_words.a_request_path()))
        return SAFE_TEXT.read(written)

    return Kind(read, stage_words.a_request_path(), "/")


def _read_status(written: str) -> tuple[int, ...]:
    if not _CODES.fullmatch(written):
        raise Misfit(words.misfit(written, stage_words.a_status()))
    return tuple(int(code) for code in re.split(r"[ ,]+", written))


def _read_pattern(written: str) -> str:
    plain = TEXT.read(written)
    try:
        re.compile(filled(plain, dict.fromkeys(VARIABLES, "x")))
    except re.error as error:
        raise Misfit(stage_words.bad_pattern(written, str(error))) from error
    return plain


def _read_latency(written: str) -> tuple[float, float | None]:
    share, _, limit = written.partition(" ")
    parts = _QUANTILE.fullmatch(share)
    if not parts:
        raise Misfit(words.misfit(written, stage_words.a_latency()))
    return float(parts[1]) / 100, kinds.duration("1ms", "1m", "300ms").read(limit.strip())


def _read_errors(written: str) -> float:
    return 0.0 if written in ("0", "0%", "0 %") else kinds.share("1%").read(written)


_STATUS: Kind[tuple[int, ...]] = Kind(_read_status, stage_words.a_status(), (200,))
_PATTERN = Kind(_read_pattern, stage_words.a_pattern(), "")
_LATENCY: Kind[tuple[float, float | None]] = Kind(_read_latency, stage_words.a_latency(), (0.95, None))
_ERRORS = Kind(_read_errors, forms.a_share("1%"), 0.01)

"""The section ``sentry`` of ``guardian.yaml``: what is told to a Sentry."""

import re
import socket
from collections.abc import Mapping
from pathlib import Path

from guardian.config import kinds
from guardian.config.fields import Fields, Kind, Misfit
from guardian.core.model import Service
from guardian.core.sentry import SentryReleases, SentrySettings
from guardian.core.words import faults as words
from guardian.core.words import forms, rule_faults

_SLUG = re.compile(r"[a-z0-9_-]{1,50}")


def read_sentry(settings: Fields, base: Path, services: Mapping[str, Service]) -> SentrySettings | None:
    """What is told; ``None`` where there is no Sentry."""
    if not settings.has("sentry"):
        settings.overlook(("sentry",))
        return None
    fields = settings.section("sentry")
    sentry = SentrySettings(
        dsn_file=fields.optional("dsn_file", kinds.path(base, "/etc/guardian/sentry-dsn"), None),
        environment=fields.optional("environment", kinds.name("production"), "production"),
        monitor=_monitor(fields),
        releases=_releases(fields, base, services),
    )
    fields.close()
    if fields.entries().keys() <= {"environment"}:
        fields.fault_here(rule_faults.nothing_for_sentry())
    return sentry


def _monitor(fields: Fields) -> str | None:
    """Signs of life, unless somebody does not want them; under the name of this host, unless there is another."""
    wanted = fields.optional("check_in", kinds.SWITCH, default=True)
    slug = fields.optional("monitor", MONITOR, None)
    if not fields.has("dsn_file"):
        fields.refuse(("check_in", "monitor"), lambda _: rule_faults.check_in_without_dsn())
        return None
    return (slug or _own_slug(socket.gethostname())) if wanted else None


def _own_slug(host: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "-", f"guardian-{host.split('.', maxsplit=1)[0].lower()}")[:50]


def _releases(sentry: Fields, base: Path, services: Mapping[str, Service]) -> SentryReleases | None:
    if not sentry.has("releases"):
        sentry.overlook(("releases",))
        return None
    fields = sentry.section("releases")
    projects = fields.section("projects")
    found = {name: projects.required(name, kinds.name("shop")) for name in services if projects.has(name)}
    releases = SentryReleases(
        url=fields.optional("url", kinds.LINK, "https://sentry.io"),
        organization=fields.required("organization", kinds.name("acme")),
        token_file=fields.required("token_file", kinds.path(base, "/etc/guardian/sentry-token")),
        projects=found,
        timeout=fields.optional("timeout", kinds.duration("100ms", "1m", "10s"), 10.0),
    )
    for name in sorted(projects.entries().keys() - services.keys()) if services else ():
        fields.fault("projects", rule_faults.no_such_service(name, sorted(services)))
    if projects.empty:
        fields.fault("projects", rule_faults.no_projects())
    projects.close()
    fields.close()
    return releases


def _read_slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise Misfit(words.misfit(text, forms.a_slug()))
    return text


MONITOR = Kind(_read_slug, forms.a_slug(), "guardian")
"""The slug of a monitor."""

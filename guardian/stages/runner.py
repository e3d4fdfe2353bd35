"""Whoever carries out the stages of all services, as :class:`guardian.core.ports.StageRunner`."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from guardian.core.model import Service
from guardian.core.parity import Comparison
from guardian.core.ports import Balancer, StageJob, StageResult
from guardian.core.stages import Command, Playbook, Verify, Work, filled
from guardian.core.strategy import StageKind
from guardian.core.words import stages as words
from guardian.stages import http
from guardian.stages.ansible import AnsibleWork
from guardian.stages.command import CommandWork
from guardian.stages.load import PARTING as LOAD_PARTING
from guardian.stages.parity import PATIENCE, ParityWork
from guardian.stages.verify import VerifyWork

PARTING = 10.0
"""Seconds that a stage may take beyond its own time-outs: to end what it started, and to say so."""
MOST_SERVERS = 20
"""Servers of an environment that time is allowed for, should each of them be as slow as it may."""


class Stages:
    """Carries out stages as the services' configuration describes them."""

    def __init__(self, services: Mapping[str, Service], balancer: Balancer) -> None:
        self._services, self._balancer = services, balancer
        if any(service.stages.verify or service.stages.parity for service in services.values()):
            http.ready()

    def offers(self, service: str) -> Mapping[StageKind, float]:
        """The stages of ``service``, each with the seconds that it may take."""
        stages = self._services[service].stages
        allowed: dict[StageKind, float] = {}
        if stages.deploy:
            allowed[StageKind.DEPLOY] = stages.deploy.timeout + PARTING
        if stages.parity:
            allowed[StageKind.PARITY] = (
                2 * (stages.parity.facts.timeout if stages.parity.facts else 0.0) + 2 * MOST_SERVERS * PATIENCE + PARTING
            )
        if stages.verify:
            allowed[StageKind.VERIFY] = _verifying(stages.verify)
        if stages.retire:
            allowed[StageKind.RETIRE] = stages.retire.timeout + PARTING
        return allowed

    async def run(self, job: StageJob, progress: Callable[[str], None]) -> StageResult:
        """Carry out ``job``; see :meth:`guardian.core.ports.StageRunner.run`."""
        service = self._services[job.service]
        values = {
            "service": job.service,
            "environment": job.environment.value,
            "backend": service.backend(job.environment),
            "version": job.version,
            "deployment": job.deployment,
            "by": job.by,
        }
        stages = service.stages
        ordered: Work | None = stages.retire if job.kind is StageKind.RETIRE else stages.deploy
        if job.kind is StageKind.VERIFY and stages.verify:
            return await VerifyWork(stages.verify, self._balancer, service, values).run(progress)
        if job.kind is StageKind.PARITY and stages.parity:
            return await ParityWork(stages.parity, self._balancer, service).run(progress)
        if job.kind in (StageKind.DEPLOY, StageKind.RETIRE) and ordered:
            result = await _work(ordered, values).run(progress)
            noted = words.noted(result.summary, filled(ordered.note, values)) if ordered.note else result.summary
            return replace(result, summary=noted) if result.ok else result
        return StageResult(ok=True, summary=words.not_configured(job.kind, job.service))

    async def compare(self, service: str) -> Comparison | None:
        """How far the environments of ``service`` are alike now; ``None`` where nothing says how to compare them."""
        parity = self._services[service].stages.parity
        return await ParityWork(parity, self._balancer, self._services[service]).compare() if parity else None


def _work(ordered: Work, values: Mapping[str, str]) -> AnsibleWork | CommandWork:
    match ordered:
        case Playbook():
            return AnsibleWork(ordered, values)
        case Command():
            return CommandWork(ordered, values)


def _verifying(verify: Verify) -> float:
    """How long a verification may take: all of its time-outs, its checks on up to so many servers that they still end in time."""
    load = verify.load.seconds + verify.load.timeout + LOAD_PARTING if verify.load else 0.0
    checks = sum(check.expect.within for check in verify.checks) * MOST_SERVERS
    return verify.settle + checks + load + sum(command.timeout for command in verify.commands) + PARTING

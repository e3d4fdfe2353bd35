"""Both environments side by side: what HAProxy has of them, what their servers run, what a program finds on their hosts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from guardian.core.model import Environment, Service
from guardian.core.parity import LONGEST_VALUE, MOST_FACTS, Comparison, compare, numbered, read_facts
from guardian.core.ports import Balancer, BalancerError, Server, StageResult
from guardian.core.stages import Command, Parity, Policy, Verify, Work, filled
from guardian.core.words import parity as words
from guardian.processes.program import NotStarted, Program, TooLate
from guardian.processes.running import run
from guardian.stages.ansible import AnsibleWork
from guardian.stages.command import environment as told
from guardian.stages.http import NoAnswer, Request, ask, client
from guardian.stages.lines import Kept, Lines, Progress

VERSION = "version"
"""The fact in which the environments may always differ: that is what a deployment is for."""
PATIENCE = 5.0
GOOD = range(200, 300)


class FactsUnknown(Exception):
    """A program did not tell its facts. The message is the reason."""


class ParityWork:
    """One comparison of the two environments of a service."""

    def __init__(self, parity: Parity, balancer: Balancer, service: Service) -> None:
        self._parity, self._balancer, self._service = parity, balancer, service
        self._troubles: list[str] = []

    async def run(self, progress: Progress) -> StageResult:
        """Compare, and say what follows from it."""
        comparison = await self.compare(progress)
        lines = [words.difference(row.name, row.blue, row.green) for row in comparison.differences]
        lines += [
            words.allowed(words.difference(row.name, row.blue, row.green))
            for row in comparison.rows
            if row.allowed and not row.same
        ]
        for line in (*lines, *comparison.troubles):
            progress(line)
        details = {"lines": (*lines, *comparison.troubles), "facts": len(comparison.rows)}
        if comparison.alike:
            exceptions = sum(row.allowed and not row.same for row in comparison.rows)
            return StageResult(ok=True, summary=words.alike(len(comparison.rows) - exceptions, exceptions), details=details)
        blocks = self._parity.policy is Policy.BLOCK
        differences = [words.difference(row.name, row.blue, row.green) for row in comparison.differences]
        summary = words.unlike(differences, comparison.troubles, blocks=blocks)
        return StageResult(ok=not blocks, summary=summary, details=details)

    async def compare(self, progress: Progress = lambda _: None) -> Comparison:
        """All facts of both, side by side."""
        blue, green = [await self._facts(environment, progress) for environment in (Environment.BLUE, Environment.GREEN)]
        try:
            described = await self._balancer.described(self._service.name)
        except BalancerError as error:
            self._troubles.append(words.balancer_silent(str(error)))
            described = {}
        blue |= numbered(described.get(Environment.BLUE, ()), "haproxy.cfg")
        green |= numbered(described.get(Environment.GREEN, ()), "haproxy.cfg")
        found = compare(blue, green, self._parity.exceptions, self._troubles)
        return replace(found, rows=tuple(replace(row, allowed=True) if row.name == VERSION else row for row in found.rows))

    async def _facts(self, environment: Environment, progress: Progress) -> dict[str, str]:
        facts: dict[str, str] = {}
        try:
            servers = await self._balancer.servers(self._service.backend(environment))
        except BalancerError as error:
            self._troubles.append(words.balancer_silent(str(error)))
            servers = ()
        else:
            facts |= _of_servers(servers)
        if self._parity.version and servers:
            facts |= await self._versions(environment, servers)
        if self._parity.facts:
            try:
                facts |= await self._told(environment, self._parity.facts, progress)
            except FactsUnknown as error:
                self._troubles.append(words.facts_failed(environment, str(error)))
        return facts

    async def _versions(self, environment: Environment, servers: tuple[Server, ...]) -> dict[str, str]:
        """What the servers run: one version, or the environment is in itself unlike."""
        found: dict[str, None] = {}
        verify = self._service.stages.verify or Verify()  # which knows how servers are spoken to
        scheme, headers = "https" if verify.tls else "http", {"Host": verify.host} if verify.host else {}
        async with client() as http:
            for server in servers:
                address = f"[{server.address}]" if ":" in server.address else server.address
                try:
                    url = f"{scheme}://{address}:{server.port}{self._parity.version}"
                    answer = await ask(http, Request(url, headers=headers, timeout=PATIENCE))
                except NoAnswer as error:
                    self._troubles.append(words.version_unknown(environment, server.name, str(error)))
                    continue
                if answer.status not in GOOD:
                    self._troubles.append(words.version_unknown(environment, server.name, words.unfit_answer(answer.status)))
                    continue
                found[" ".join(answer.body.decode("utf-8", "replace").split())[:LONGEST_VALUE]] = None
        if len(found) > 1:
            self._troubles.append(words.versions_differ(environment, list(found)))
        return {VERSION: ", ".join(found)} if found else {}

    async def _told(self, environment: Environment, facts: Work, progress: Progress) -> Mapping[str, str]:
        values = {
            "service": self._service.name,
            "environment": environment.value,
            "backend": self._service.backend(environment),
            "version": "",
            "deployment": "",
            "by": "",
        }
        if isinstance(facts, Command):
            return await _printed(facts, values)
        work = AnsibleWork(facts, values)
        result = await work.run(progress)
        if not result.ok:
            raise FactsUnknown(result.summary)
        if not work.facts:
            raise FactsUnknown(words.no_facts_set())
        return work.facts


async def _printed(command: Command, values: Mapping[str, str]) -> dict[str, str]:
    """What a program prints."""
    program = Program(
        tuple(filled(each, values) for each in command.argv),
        {**told(values), **{name: filled(value, values) for name, value in command.environment}},
    )
    lines, complaints = list[bytes](), Kept()

    def hear(more: Sequence[bytes]) -> None:
        lines.extend(more)
        if len(lines) > MOST_FACTS:
            raise FactsUnknown(words.too_many_facts(MOST_FACTS))

    ear = Lines(hear, complaints.add)
    try:
        code = await run(program, ear, command.timeout)
        ear.close()
        facts = read_facts(line.decode("utf-8", "replace") for line in lines)
    except NotStarted as error:
        raise FactsUnknown(str(error)) from error
    except TooLate as error:
        raise FactsUnknown(words.facts_too_late(command.timeout)) from error
    except ValueError as error:
        raise FactsUnknown(str(error)) from error
    if code:
        raise FactsUnknown(words.facts_program_failed(code, complaints.newest))
    if not facts:
        raise FactsUnknown(words.no_facts())
    return facts


def _of_servers(servers: tuple[Server, ...]) -> dict[str, str]:
    """What the balancer has of the servers now."""
    each = {"weight": [str(server.weight) for server in servers], "maxconn": [str(server.most or "any") for server in servers]}
    facts = {f"servers' {name}": " ".join(sorted(values)) for name, values in each.items()}
    up = sum(server.up for server in servers)
    return {"servers": str(len(servers)), "servers up": str(up), **facts}

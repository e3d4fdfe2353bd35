"""Testers reach one environment through the real frontend, whatever the split, while everyone else does not.

They know a secret and send it in a header or cookie. The map says under the secret, beside the shares, which environment it opens:
:data:`CLOSED` is none. So haproxy.cfg, which many may read, holds no secret; a reload closes the way, since the file does not have
the entry; and every change of the split closes it in the same command, so that no tester reaches an abandoned environment.
"""

import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from guardian.balancers.haproxy.runtime import Answers, Runtime
from guardian.core.model import Environment, Holding, Preview, Service
from guardian.core.ports import BalancerUnfit
from guardian.core.words import testers as words

CLOSED = 0
CODES = {Environment.GREEN: 1, Environment.BLUE: 2}
"""What stands in the map under a secret that is open."""
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,128}")
"""It stands in commands, in a cookie, and in the map's keys, where an ``@`` parts it from the service."""


def sample(service: Service, testers: Preview, map_path: Path) -> str:
    """What in haproxy.cfg gives the code of the environment that a request's secret opens; nothing for a request without one.

    A visitor who writes a service's name in the header asks for ``web@web``, which no entry is called.
    """
    fetched = f"req.cook({testers.name})" if testers.by is Holding.COOKIE else f"req.hdr({testers.name},1)"
    return f"{fetched},concat(@{service.name}),map_str_int({map_path},{CLOSED})"


def read_secret(path: Path) -> str:
    """The secret in the file at ``path``; :class:`BalancerUnfit` where there is none. Blocking."""
    try:
        text = path.read_text("ascii", "replace") if stat.S_ISREG(path.stat().st_mode) else ""
    except OSError as error:
        raise BalancerUnfit(words.secret_unreadable(path, error.strerror or str(error))) from error
    if not _SECRET.fullmatch(secret := text.strip()):
        raise BalancerUnfit(words.secret_unfit(path))
    return secret


class Doors:
    """The testers' ways of all services that are routed by the map at ``path``."""

    def __init__(self, path: Path, runtime: Runtime, services: Iterable[Service]) -> None:
        self._path, self._runtime = path, runtime
        self._keys: dict[str, set[str]] = {}
        for service in services:
            self._keys[service.name] = self._known(service)

    def closing(self, service: Service) -> tuple[str, ...]:
        """The commands that close the way of ``service``: for the secret of today, and for each that was opened before."""
        return tuple(f"set map {self._path} {key} {CLOSED}" for key in sorted(self._keys.get(service.name, ())))

    async def admit(self, service: Service, environment: Environment) -> Mapping[str, str]:
        """Open the way to ``environment`` in the worker in service; the header that testers send.

        :class:`BalancerUnfit` where the service has no testers, the secret cannot be read, or the map is not there.
        """
        testers = service.routing.testers
        if testers is None:
            raise BalancerUnfit(words.no_testers(service.name))
        secret = read_secret(testers.secret_file)
        key, code = f"{secret}@{service.name}", CODES[environment]
        self._keys.setdefault(service.name, set()).add(key)
        answers = await self._set(key, code)
        if "entry not found" in "".join(answers.texts):
            answers = await self._runtime.ask(f"add map {self._path} {key} {code}", f"get map {self._path} {key}")
        if f'value="{code}"' not in answers.texts[-1]:
            raise BalancerUnfit(words.not_opened(service.name))
        return {"Cookie": f"{testers.name}={secret}"} if testers.by is Holding.COOKIE else {testers.name: secret}

    async def dismiss(self, service: Service) -> None:
        """Close the way in the worker in service."""
        if commands := self.closing(service):
            await self._runtime.ask(*commands)

    async def _set(self, key: str, code: int) -> Answers:
        return await self._runtime.ask(f"set map {self._path} {key} {code}", f"get map {self._path} {key}")

    def _known(self, service: Service) -> set[str]:
        """The key that an earlier run of guardian may have left open."""
        testers = service.routing.testers
        try:
            return {f"{read_secret(testers.secret_file)}@{service.name}"} if testers else set()
        except BalancerUnfit:
            return set()  # told when the way is opened

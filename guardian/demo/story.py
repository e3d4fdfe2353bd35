"""The whole story of releases, with real hosts, a real HAProxy and real traffic all the time.

v2 comes step by step and is verified, v3 is taken back at its slice, insisted on, taken back again, and v2 is deployed once more.
"""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from guardian.core.model import Environment
from guardian.core.words import tale as words
from guardian.core.words.tale import Ending
from guardian.demo.play import SETTLE, Play, available_binary, beside
from guardian.demo.report import Answer, failed
from guardian.demo.stage import RefusedError, Setting, Stage
from guardian.demo.traffic import Load, Traffic
from guardian.demo.view import View, view_for

RATE = 400.0
"""Requests per second."""
WATCH = "5s"
HOSTS = 2
PATIENCE = 120.0
"""Seconds that a deployment may take."""
STEPS = "[5% for 3s, 25% for 3s, 100%]"
OVER = ("verified", "unverified", "rolled back", "aborted", "stuck")

RULES = """\
service: web
rules:
  - name: server-errors
    summary: The new environment answers with more 5xx than it may
    source: haproxy
    ratio: responses_5xx / responses
    test: sequential
    limit: 1%
    against: baseline
    min_requests: 40
    on_no_data: hold
    action: rollback
"""

VERIFY_AND_STRATEGY = """\
      verify:
        checks:
          - {{name: alive, path: /health, header: {{X-Version: $version}}, within: 1s}}
        load: {{path: /health, rate: 50, for: 1s, errors: 1%}}
      parity: {{policy: block}}
    strategy: {{steps: {steps}}}
"""


def with_command(directory: Path) -> str:
    """The stages and the strategy of the service, its versions brought by a program."""
    hosts = ", ".join(f"{directory}/hosts/$environment-{number}" for number in range(1, HOSTS + 1))
    return release(f"{{command: [{sys.executable}, -m, guardian.demo.host, deploy, $version, {hosts}]}}")


def release(deploy: str, steps: str = STEPS) -> str:
    """The stages and the strategy of the service, with this deploy stage."""
    return f"    stages:\n      deploy: {deploy}\n{VERIFY_AND_STRATEGY.format(steps=steps)}"


class Tale(Play):
    """The story on a stage that is set."""

    async def tell(self) -> Ending:
        """From v1 to v2, v3, v3 again, and v2."""
        async with beside(self._draw(), self._listen()):
            self._act(words.act_steady(RATE))
            await asyncio.sleep(SETTLE)
            good = await self._deploy("v2", words.act_good())
            bad = await self._deploy("v3", words.act_bad())
            refusal = await self._asked("v3")
            insisted = await self._deploy("v3", words.act_insist(), again=True)
            await self._unlatch(words.understood())
            last = await self._deploy("v2", words.act_again())
        return self._ending((good, bad, insisted, last), refusal)

    async def _deploy(self, version: str, act: str, *, again: bool = False) -> dict[str, Any]:
        """Deploy ``version``, and follow it to its end."""
        self._act(act)
        view = await self._stage.guardian.order(self._client, "deploy", {"version": version, "again": again, "reason": act})
        self._scene.versions[Environment(view["candidate"])] = version
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self._client.get(f"/v1/deployments/{view['id']}")
                deployment: dict[str, Any] = answer.raise_for_status().json()["deployment"]
                if deployment["phase"] in OVER:
                    return deployment
                await asyncio.sleep(0.1)

    async def _asked(self, version: str) -> str:
        """What guardian says to a version that it has taken back, once somebody has let the service move again."""
        await self._unlatch(words.understood())
        try:
            await self._stage.guardian.order(self._client, "deploy", {"version": version})
        except RefusedError as refused:
            return str(refused)
        return ""

    async def _unlatch(self, why: str) -> None:
        await self._stage.guardian.order(self._client, "unlatch", {"reason": why})

    def _ending(self, deployments: tuple[dict[str, Any], ...], refusal: str) -> Ending:
        answers = self._traffic.answers
        wrong = [answer for answer in answers if failed(answer)]
        own = [answer for answer in wrong if self._of(answer, deployments[1]) or self._of(answer, deployments[2])]
        spent = Counter(bool(self._of(answer, deployments[2])) for answer in own)
        return Ending(
            phases=tuple(deployment["phase"] for deployment in deployments),
            shares=tuple(deployment["target"] for deployment in deployments),
            why=(deployments[1]["rollback"] or {}).get("reason", ""),
            bad=(spent[False], spent[True]),
            others=len(wrong) - len(own),
            requests=len(answers),
            asked=refusal,
        )

    def _of(self, answer: Answer, deployment: dict[str, Any]) -> bool:
        """Whether a bad answer came from the release itself: from its environment, with a status, after it had its first share."""
        first, last = deployment["cutover_at"], deployment["ended_at"]
        if answer.environment != deployment["candidate"] or not answer.status or first is None or last is None:
            return False
        return bool(first - 1.0 <= answer.done + self._offset <= last + 1.0)

    @property
    def _offset(self) -> float:
        """From the monotonic clock of the traffic's record to the epoch."""
        return time.time() - time.monotonic()


async def perform(view: View) -> Ending:
    """Set the stage, tell, and take everything down again."""
    with tempfile.TemporaryDirectory(prefix="guardian-story-") as name:
        directory = Path(name)
        setting = Setting(directory, available_binary(), RULES, WATCH, release=with_command(directory), hosts=HOSTS)
        async with (
            Stage(setting) as stage,
            stage.guardian.client() as client,
            Traffic(stage.haproxy.port, Load(RATE)) as traffic,
        ):
            with view:
                return await Tale(stage, traffic, client, view, time.monotonic()).tell()


def main(*, plain: bool, out: Callable[[], Console] = Console) -> int:
    """Tell it to the end; 0 when guardian did what it promises, 1 when not, 130 after Ctrl-C."""
    console = out()
    try:
        ending = asyncio.run(perform(view_for(console, plain=plain)))
    except KeyboardInterrupt:
        console.print(words.interrupted(), markup=False, highlight=False)
        return 130
    for line in words.summary(ending):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0 if ending.good else 1

"""``--wait``: what happens to a deployment, sentence by sentence, until it is over. A restart of the daemon does not end it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from guardian.cli.client import Answer, Client, News, Rejected, Unreachable
from guardian.core.deployment import Phase
from guardian.core.words import shell

PATIENCE_SECONDS = 120.0
"""How long the daemon may be away."""
PAUSE_SECONDS = 0.5
SETTLE_SECONDS = 5.0
"""How long what the shield saved may still be counted after the end."""
INTERRUPTED = 130

OUTCOMES = {Phase.VERIFIED: 0, Phase.UNVERIFIED: 10, Phase.ROLLED_BACK: 20, Phase.ABORTED: 30, Phase.STUCK: 40}
"""The exit code of each phase that ends a wait."""

Deployment = Mapping[str, Any]


def follow(client: Client, deployment: Deployment, *, back: bool, to_stderr: bool) -> tuple[Deployment, int]:
    """Show what happens to ``deployment`` until it is over: how it ended, and the exit code. ``back``: a rollback was ordered."""
    with _Screen(deployment, to_stderr=to_stderr).open() as screen:
        try:
            wait = _Wait(client, deployment, screen)
            ended = wait.until_over() if back else wait.until_counted()
        except KeyboardInterrupt:
            screen.say(shell.goes_on(deployment["id"]))
            return screen.deployment, INTERRUPTED
        screen.say(shell.outcome(ended))
    phase = Phase(ended["phase"])
    return ended, 0 if back and phase is Phase.ROLLED_BACK else OUTCOMES[phase]


class _Screen:
    """Sentences as they come; in a terminal, below them a line that says how long it will still take."""

    def __init__(self, deployment: Deployment, *, to_stderr: bool) -> None:
        self.deployment = deployment
        self._console = Console(stderr=to_stderr, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def open(self) -> Iterator["_Screen"]:
        """For as long as the wait lasts."""
        if not self._console.is_terminal:
            yield self
            return
        with Live(self, console=self._console, transient=True, refresh_per_second=4):
            yield self

    def __rich__(self) -> Text:
        return Text(f"{self.deployment['id']}: {shell.remaining(self.deployment, time.time())}", style="bold", no_wrap=True)

    def say(self, sentence: str, at: float | None = None) -> None:
        """Print a sentence with the time at which it was true."""
        self._console.print(f"{time.strftime('%H:%M:%S', time.localtime(at))} {sentence}")


class _Wait:
    """The wait for one deployment."""

    def __init__(self, client: Client, deployment: Deployment, screen: _Screen) -> None:
        self._client, self._screen = client, screen
        self._service, self._id = deployment["service"], deployment["id"]
        self._since = deployment["rollback"]["ordered_at"] if deployment["rollback"] else deployment["requested_at"]
        self._shown: set[tuple[float, str]] = set()
        self._lost_at: float | None = None

    def until_over(self) -> Deployment:
        """The deployment when it is over. :class:`Unreachable` when the daemon stays away for too long."""
        while not self._step():
            time.sleep(PAUSE_SECONDS)
        with suppress(Unreachable, Rejected), self._client.news() as news:  # how it ended may have been told since
            self._listen(news, live=False)
        return self._screen.deployment

    def until_counted(self) -> Deployment:
        """The same, when the last requests that the shield had to do with have been answered and counted."""
        ended, over = self.until_over(), time.monotonic()
        while ended.get("counting") and time.monotonic() - over < SETTLE_SECONDS:
            time.sleep(PAUSE_SECONDS)
            with suppress(Unreachable, Rejected):
                self._look()
            ended = self._screen.deployment
        return ended

    def _step(self) -> bool:
        """Listen for as long as the connection lasts. Whether the deployment is over."""
        try:
            with self._client.news() as news:
                return self._listen(news, live=True)
        except Unreachable as error:
            self._lose(error.message)
            return False
        except Rejected:  # too many follow already: then look now and then
            return self._look()

    def _listen(self, news: Iterator[News], *, live: bool) -> bool:
        """Show what has been told; with ``live``, also what is, until the deployment is over. Whether it is."""
        past = True
        for told in news:
            past = past and told is not None
            ours = told is not None and told["deployment"] == self._id
            if told is not None and ours:
                self._show(told)
            if not past and (not live or ((told is None or ours) and self._look())):
                return True
        return False

    def _show(self, told: Answer) -> None:
        key = (told["at"], told["sentence"])
        if told["at"] >= self._since and key not in self._shown:  # after a lost connection all is told again
            self._shown.add(key)
            self._screen.say(told["sentence"], told["at"])
            for link in told["links"]:
                self._screen.say(shell.link(link["title"], link["url"]), told["at"])

    def _look(self) -> bool:
        """See where the deployment stands, and whether it is over."""
        latest = self._client.service(self._service)["deployment"]
        deployment = latest if latest and latest["id"] == self._id else self._client.deployment(self._id)["deployment"]
        self._screen.deployment = deployment
        if self._lost_at is not None:
            self._screen.say(shell.answers_again(deployment["phase"], time.monotonic() - self._lost_at))
            self._lost_at = None
        return deployment["phase"] in OUTCOMES

    def _lose(self, why: str) -> None:
        now = time.monotonic()
        if self._lost_at is None:
            self._lost_at = now
            self._screen.say(shell.waiting_again(why))
        elif now - self._lost_at > PATIENCE_SECONDS:
            raise Unreachable(shell.given_up(self._id, now - self._lost_at))

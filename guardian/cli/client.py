"""Talking to the daemon over its unix socket, or over TCP. Every call ends by its own deadline."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self, TypeAlias

import click
import httpx

from guardian.cli.deadline import Deadline
from guardian.cli.target import Target
from guardian.core.words import access, shell

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 15.0
"""An order waits for the balancer's health and for the journal before it is answered."""
COMPARING_SECONDS = 7500.0
"""A program that tells facts may take an hour, and is run for each environment."""
EVIDENCE_SECONDS = 300.0
"""All evidence of a deployment may be 40 MiB, and the way to guardian slow."""
RENDERING_SECONDS = 150.0
"""A note may have six charts, each of which may take 20 s to be drawn."""
SILENCE_SECONDS = 30.0
"""The feed sends something every 10 s; after this long without, its connection is dead."""

Answer: TypeAlias = dict[str, Any]
News: TypeAlias = Answer | None
"""An announcement, or ``None``: all that was told before has been read, and the connection lives."""


class Unreachable(click.ClickException):
    """The daemon does not answer. The message says why, and what to do."""

    exit_code = 3


class Rejected(click.ClickException):
    """The daemon answers that it will not, or cannot. The message is its sentence."""

    exit_code = 1


class Misunderstood(Rejected):
    """The daemon cannot make sense of what was asked."""

    exit_code = 2


class Client:
    """The API at ``target``. Every method raises :class:`Unreachable` or :class:`Rejected`."""

    def __init__(self, target: Target) -> None:
        self._target = target
        deadlines = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        base, headers, transport = target.base, target.headers(), target.transport()
        self._deadline = Deadline()
        hooks = {"request": [self._deadline.arm]}
        self._http = httpx.Client(
            transport=transport, base_url=base, headers=headers, timeout=deadlines, trust_env=False, event_hooks=hooks
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._http.close()

    def ask(self, question: str, seconds: float | None = None, **query: str | int | None) -> Any:
        """The answer to a question, as JSON values, all of it within so many ``seconds``; without them, as soon as any other."""
        given = {name: value for name, value in query.items() if value is not None}
        seconds = ANSWER_SECONDS if seconds is None else seconds
        with self._spoken(shell.no_answer(str(self._target), seconds)), self._deadline.within(seconds):
            return self._understood(self._http.get(question, params=given))

    def order(self, service: str, order: str, given: Mapping[str, Any]) -> Answer:
        """The service as it is after ``order``."""
        return self._post(f"services/{_part(service)}/{order}", given)

    def _post(self, target: str, given: Mapping[str, Any], seconds: float | None = None) -> Answer:
        # Escaped, because what stands on a command line need not be text that UTF-8 can encode.
        body = json.dumps({name: value for name, value in given.items() if value is not None})
        seconds = ANSWER_SECONDS if seconds is None else seconds
        deadlines, headers = httpx.Timeout(seconds, connect=CONNECT_SECONDS), {"content-type": "application/json"}
        with self._spoken(shell.order_unanswered(str(self._target), seconds)), self._deadline.within(seconds):
            answer: Answer = self._understood(self._http.post(target, content=body, headers=headers, timeout=deadlines))
        return answer

    def parity(self, service: str) -> Answer:
        """The two environments side by side, once the program that tells their facts has done so."""
        return self._post(f"services/{_part(service)}/parity", {}, COMPARING_SECONDS)

    def services(self) -> list[Answer]:
        """Every service."""
        services: list[Answer] = self.ask("services")
        return services

    def service(self, service: str) -> Answer:
        """One service."""
        view: Answer = self.ask(f"services/{_part(service)}")
        return view

    def deployments(self, service: str | None, limit: int) -> list[Answer]:
        """Deployments, newest first."""
        found: list[Answer] = self.ask("deployments", service=service, limit=limit)
        return found

    def deployment(self, identifier: str) -> Answer:
        """One deployment with its journal."""
        detail: Answer = self.ask(f"deployments/{_part(identifier)}")
        return detail

    def notes(self, service: str | None, limit: int) -> list[Answer]:
        """The notes of deployments, newest first, without their text."""
        found: list[Answer] = self.ask("notes", service=service, limit=limit)
        return found

    def note(self, identifier: str, *, preview: bool = False) -> Answer:
        """The note of a deployment as it stands; with ``preview``, as the records have it now."""
        found: Answer = self.ask(f"deployments/{_part(identifier)}/note", preview=str(preview).lower())
        return found

    def render_note(self, identifier: str) -> Answer:
        """The note of a deployment, written again."""
        return self._post(f"deployments/{_part(identifier)}/note", {}, RENDERING_SECONDS)

    def answer(self, deployment: str, answer: str, given: Mapping[str, Any]) -> Answer:
        """The service after an ``answer`` to the question of a deployment."""
        return self._post(f"deployments/{_part(deployment)}/{answer}", given)

    def queue(self, service: str) -> list[Answer]:
        """The deployments that wait for their turn."""
        found: list[Answer] = self.ask(f"services/{_part(service)}/queue")
        return found

    def rules(self) -> Answer:
        """The rules in force."""
        found: Answer = self.ask("rules")
        return found

    def reload_rules(self, rejudge: Sequence[str], reason: str) -> Answer:
        """The rules in force after the files were read again."""
        return self._post("rules/reload", {"rejudge": list(rejudge), "reason": reason})

    def create_token(self, wish: Mapping[str, Any]) -> Answer:
        """A new token, with what is known of it."""
        return self._post("tokens", wish)

    def tokens(self) -> list[Answer]:
        """All tokens."""
        found: list[Answer] = self.ask("tokens")
        return found

    def revoke_token(self, which: str) -> Answer:
        """The token with this name or id, which opens nothing any more."""
        return self._post(f"tokens/{_part(which)}/revoke", {})

    def explanation(self, identifier: str, rule: str | None = None) -> Answer:
        """Why a deployment was judged as it was, by all rules or by one."""
        found: Answer = self.ask(f"deployments/{_part(identifier)}/explanation", EVIDENCE_SECONDS, rule=rule)
        return found

    def evidence(self, identifier: str) -> Answer:
        """All evidence of a deployment, as a bundle."""
        found: Answer = self.ask(f"deployments/{_part(identifier)}/evidence", EVIDENCE_SECONDS)
        return found

    @contextmanager
    def news(self) -> Iterator[Iterator[News]]:
        """All announcements that the daemon still knows, then those that come, until it stops."""
        patience = httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
        with (
            self._spoken(shell.no_answer(str(self._target), SILENCE_SECONDS)),
            self._http.stream("GET", "events", timeout=patience) as answer,
        ):
            if answer.is_error:
                answer.read()
                self._understood(answer)
            yield (json.loads(line) if line else None for line in answer.iter_lines())

    def _understood(self, answer: httpx.Response) -> Any:
        try:
            content = answer.json()
            if answer.is_error:
                unfit = answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
                raise (Misunderstood if unfit else Rejected)(content["detail"])
        except (ValueError, TypeError, KeyError) as error:
            raise Unreachable(shell.not_guardian(str(self._target))) from error
        return content

    @contextmanager
    def _spoken(self, silence: str) -> Iterator[None]:
        """Every failure of the connection as a sentence; ``silence`` is the one for no answer in time."""
        try:
            yield
        except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
            raise Unreachable(silence) from error
        except httpx.TransportError as error:
            raise Unreachable(silence if self._deadline.over else self._trouble(error)) from error

    def _trouble(self, error: httpx.TransportError) -> str:
        if self._target.url:
            reason = str(error)
            if "CERTIFICATE" in reason.upper():
                return access.certificate_not_trusted(self._target.url, reason)
            return (
                access.unreachable(self._target.url, reason) if isinstance(error, httpx.ConnectError) else self._broken_off(error)
            )
        path = self._target.socket
        match _cause(error):
            case FileNotFoundError():
                return shell.no_socket(path)
            case ConnectionRefusedError():
                return shell.nobody_listens(path)
            case PermissionError():
                return shell.not_allowed(path)
        return self._broken_off(error)

    def _broken_off(self, error: httpx.TransportError) -> str:
        return shell.broken_off(str(self._target), str(error))


def _part(name: str) -> str:
    """``name`` as one part of a URL's path, whatever it holds."""
    from urllib.parse import quote

    return quote(name, safe="", errors="replace")


def _cause(error: BaseException | None) -> BaseException | None:
    """The operating system's error below ``error``, if there is one."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error

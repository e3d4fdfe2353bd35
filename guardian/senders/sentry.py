"""Guardian's own errors and its signs of life, told to a Sentry by the SDK's own thread; nothing here waits for a network.

What happens to services is no error of guardian's and is not sent. Nothing leaves without having been scrubbed.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sentry_sdk
from sentry_sdk.crons import capture_checkin
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.logging import LoggingIntegration, ignore_logger
from sentry_sdk.transport import HttpTransport
from sentry_sdk.utils import BadDsn
from urllib3 import HTTPConnectionPool

from guardian import __version__
from guardian.core.scrub import scrubbed
from guardian.core.sentry import SentrySettings
from guardian.core.words import sentry as words
from guardian.cutting import Knife

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 2.0
"""That a stop waits for what has not been sent yet."""
SENDING_SECONDS = 30.0
"""That Sentry may take to answer, all in all."""
EVERY_MINUTES = 1
"""The smallest interval that a monitor knows."""
STORIES = ("guardian.app.tell", "guardian.app.outbox", "slack_bolt.AsyncApp")
"""Loggers whose errors are none of guardian's own: what happens to services, channels that are down, and Slack's reconnects."""
TAGS = ("service", "deployment", "phase", "rule", "job")

Context = Callable[[], Mapping[str, Mapping[str, Any]]]
"""What goes on at this moment, by service."""


class Sentry:
    """The way to one Sentry, open for as long as its context lasts."""

    def __init__(self, settings: SentrySettings) -> None:
        self._settings = settings
        self.context: Context = dict
        """Who says what goes on, when an error is told."""
        self.open = False
        """Whether anything can be told."""

    async def __aenter__(self) -> Self:
        """Begin. Without a usable DSN guardian goes on without, and says so."""
        path = self._settings.dsn_file
        if path is None:
            return self
        try:
            dsn = await asyncio.to_thread(_dsn, path)
            sentry_sdk.init(
                dsn=dsn,
                release=f"guardian@{__version__}",
                environment=self._settings.environment,
                server_name=socket.gethostname(),
                default_integrations=False,  # they would wrap every request, thread and process of the program
                auto_enabling_integrations=False,
                transport=_Transport,
                integrations=[LoggingIntegration(level=logging.INFO, event_level=logging.ERROR), DedupeIntegration()],
                traces_sample_rate=0.0,
                auto_session_tracking=False,
                include_local_variables=False,
                include_source_context=False,
                max_breadcrumbs=30,
                before_send=self._before_send,
            )
        except (OSError, UnicodeError, BadDsn) as error:
            logger.warning("%s", words.no_dsn(str(path), type(error).__name__))
            return self
        for name in STORIES:
            ignore_logger(name)
        self.open = True
        return self

    async def __aexit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None) -> None:
        """Tell what ended the program, if something did, and what has not been sent yet; off the loop, and not for long."""
        if not self.open:
            return
        self.open = False
        if isinstance(error, Exception | BaseExceptionGroup):
            sentry_sdk.capture_exception(error)
        await asyncio.to_thread(_close)

    def check_in(self, *, well: bool) -> None:
        """A sign of life: the watch has looked and judged since the last one, or could not."""
        if not self.open or self._settings.monitor is None:
            return
        capture_checkin(
            monitor_slug=self._settings.monitor,
            status="ok" if well else "error",
            monitor_config={
                "schedule": {"type": "interval", "value": EVERY_MINUTES, "unit": "minute"},
                "checkin_margin": 2,
                "max_runtime": 1,
                "failure_issue_threshold": 2,  # single check-ins get lost on the way
                "recovery_threshold": 1,
                "timezone": "UTC",
            },
        )

    def _before_send(self, event: Any, _hint: Mapping[str, Any]) -> Any:
        """The event with what guardian was doing, and without a secret."""
        extra = event.get("extra") or {}
        tags = {name: str(extra[name]) for name in TAGS if extra.get(name) is not None}
        event["tags"] = {**(event.get("tags") or {}), **tags}
        contexts = {f"service {name}": dict(about) for name, about in self.context().items()}
        event["contexts"] = {**(event.get("contexts") or {}), **contexts}
        return clean(event)


class _Transport(HttpTransport):
    """The SDK's own, whose one thread a Sentry that answers in drops would hold for ever: nothing would be told any more."""

    def _make_pool(self) -> Any:
        self._knife = Knife()
        pools = super()._make_pool()
        kinds: dict[str, Any] = dict(pools.pool_classes_by_scheme)  # urllib3's own, of all pools of this program
        pools.pool_classes_by_scheme = {scheme: partial(self._pool_of, kind) for scheme, kind in kinds.items()}  # type: ignore[misc]
        return pools

    def _pool_of(self, kind: type[HTTPConnectionPool], *args: Any, **settings: Any) -> HTTPConnectionPool:
        return self._knife.arm(kind(*args, **settings))

    def _request(self, *args: Any, **more: Any) -> Any:
        late = threading.Timer(SENDING_SECONDS, self._knife.cut)
        late.daemon = True
        late.start()
        try:
            return super()._request(*args, **more)
        finally:
            late.cancel()
            self._knife.reopen()


def clean(value: Any) -> Any:
    """``value`` with every text in it scrubbed, keys included."""
    match value:
        case str():
            return scrubbed(value)
        case Mapping():
            return {clean(key): clean(each) for key, each in value.items()}
        case list() | tuple():
            return [clean(each) for each in value]
    return value


def _dsn(path: Path) -> str:
    dsn = path.read_text(encoding="ascii").strip()
    if not dsn:
        raise BadDsn
    return dsn


def _close() -> None:
    sentry_sdk.flush(FLUSH_SECONDS)
    sentry_sdk.get_client().close(timeout=0)
    sentry_sdk.get_global_scope().set_client(None)

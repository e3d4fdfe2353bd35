"""Where what happens goes out: the channels that ``guardian.yaml`` names, and the notes, brought together with their senders."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guardian.app.clock import SteadyClock
from guardian.app.notes import NotePublisher, Notes, NoteWriter
from guardian.app.outbox import Channel
from guardian.config.settings import Settings
from guardian.core.channels import Grafana, SlackChannel, Webhook
from guardian.core.letters import Kind, Route
from guardian.core.line import Pace
from guardian.core.notebook import Notebook, NotesSettings
from guardian.core.ports import Store
from guardian.core.sentry import SentrySettings
from guardian.records.git import Repository
from guardian.records.notebook import DirectoryNotebook

if TYPE_CHECKING:
    from guardian.senders.grafana import GrafanaSender
    from guardian.senders.sentry import Sentry
    from guardian.senders.webhook import WebhookSender

DELIVERY_GRACE = 5.0
"""Seconds that a delivery may take beyond the time in which the other end must have answered."""
NOTE_SECONDS = 120.0
"""In which a note is written, with its charts."""
GIT_COMMANDS = 20
"""That publishing a note may take, each with its own deadline."""
CARDS = frozenset({Kind.CARD})


@dataclass(frozen=True, slots=True)
class Told:
    """The program's ways to tell people."""

    channels: Sequence[Channel] = ()
    notes: Notes | None = None
    sentry: "Sentry | None" = None


def notebook_of(settings: NotesSettings | None) -> DirectoryNotebook:
    """Who keeps the notes."""
    if settings is None:
        return DirectoryNotebook(None)
    repository = Repository(settings.directory, settings.git) if settings.git else None
    return DirectoryNotebook(settings.directory, repository)


def notes_of(settings: NotesSettings | None, store: Store, notebook: Notebook) -> Notes:
    """What people may ask about notes."""
    return Notes(store, notebook, settings.url if settings else None)


@asynccontextmanager
async def sentry_of(settings: SentrySettings | None) -> AsyncIterator["Sentry | None"]:
    """The way to a Sentry, where there is one."""
    if settings is None or settings.dsn_file is None:
        yield None
        return
    from guardian.senders.sentry import Sentry  # noqa: PLC0415  heavy, and needed by those who have one only

    async with Sentry(settings) as sentry:
        yield sentry


@asynccontextmanager
async def channels_of(settings: Settings, store: Store, notebook: Notebook) -> AsyncIterator[list[Channel]]:
    """Where guardian tells what happens, Slack left out: that is a part of the program."""
    async with AsyncExitStack() as ends:
        channels = []
        for each in settings.channels.values():
            if isinstance(each.target, SlackChannel):
                continue
            sender = _sender(each.target, store)
            ends.push_async_callback(sender.aclose)
            channels.append(Channel(each.route, sender, Pace(stale=each.stale), sender.patience + DELIVERY_GRACE))
        channels += _notes(settings.notes, store, notebook)
        if settings.sentry and settings.sentry.releases:
            from guardian.senders.releases import ReleaseSender  # noqa: PLC0415  as in `_sender`

            releases = ReleaseSender(settings.sentry, store.deployment)
            ends.push_async_callback(releases.aclose)
            route = Route("releases in Sentry", CARDS, frozenset(settings.sentry.releases.projects))
            channels.append(Channel(route, releases, deadline=releases.patience + DELIVERY_GRACE))
        yield channels


def _sender(target: Webhook | Grafana, store: Store) -> "WebhookSender | GrafanaSender":
    if isinstance(target, Grafana):
        from guardian.senders.grafana import GrafanaSender  # noqa: PLC0415  heavy, and needed by those who have one only

        return GrafanaSender(target, store.deployment)
    from guardian.senders.webhook import WebhookSender  # noqa: PLC0415  as above

    return WebhookSender(target)


def _notes(settings: NotesSettings | None, store: Store, notebook: Notebook) -> list[Channel]:
    """One channel writes the notes, another publishes them: a git server that is gone holds up no note.

    Their names are none that a channel of ``guardian.yaml`` can have.
    """
    if settings is None:
        return []
    writer = Channel(Route("deployment notes", CARDS), NoteWriter(store, notebook, SteadyClock()), deadline=NOTE_SECONDS)
    if settings.git is None:
        return [writer]
    publisher = NotePublisher(store, notebook, SteadyClock())
    return [writer, Channel(Route("deployment notes in git", CARDS), publisher, deadline=GIT_COMMANDS * settings.git.timeout)]

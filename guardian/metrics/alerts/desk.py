"""Where deliveries arrive: each is checked, read, acted upon, and kept."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from guardian.core.alerts import Alert, AlertsView, Inbox, NotExpected, NotSigned, Receipt
from guardian.core.ports import Clock, SourceError
from guardian.core.rules import Sender
from guardian.core.signatures import ReplayWindow, signed
from guardian.core.words import alerts as words
from guardian.metrics.access import read_secret
from guardian.metrics.alerts import alertmanager, sentry, zabbix
from guardian.metrics.alerts.delivery import Delivery

logger = logging.getLogger(__name__)

MOST_TOLD = 5
"""Refused alerts that an answer tells of."""


@dataclass(frozen=True, slots=True)
class Wires:
    """Whom the desk tells."""

    arrived: Callable[[], Awaitable[None]]
    """Something is new: rules of alerts are to be evaluated now."""
    keep: Callable[[list[Alert]], None]
    """What is known now, to be known after a restart. It blocks; :class:`~guardian.core.ports.StoreError`."""


REMEMBERED_SECONDS = 12 * 3600.0
"""How long a signed delivery is known at the least. One that is older names a time before any release on trial."""


class AlertDesk:
    """The :class:`guardian.core.alerts.Deliveries` of a running guardian."""

    def __init__(self, inbox: Inbox, clock: Clock, wires: Wires) -> None:
        self._inbox, self._clock, self._wires = inbox, clock, wires
        self._turn = asyncio.Lock()
        self._changes, self._kept = 0, 0
        """How often something was new, and how much of that is kept."""
        self._told: dict[Sender, tuple[str, ...]] = {}
        self._seen = ReplayWindow(REMEMBERED_SECONDS)

    def known(self) -> AlertsView:
        """As the protocol says."""
        return self._inbox.view(self._clock.now())

    async def deliver(self, sender: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        """As the protocol says."""
        known = [each for each in self._inbox.ears if each is not Sender.PROMETHEUS]
        if sender not in known:
            raise NotExpected(words.not_expected(sender, sorted(known)))
        return await self._take(Sender(sender), headers, body)

    async def _take(self, sender: Sender, headers: Mapping[str, str], body: bytes) -> Receipt:
        now = self._clock.now()
        delivery = await self._read(sender, headers, body, now)
        new = self._inbox.take(sender, delivery.alerts, now)
        self._tell(sender, delivery.refused)
        if new:
            self._changes += 1
            await self._wires.arrived()
        await self._keep()
        return Receipt(len(delivery.alerts), delivery.refused[:MOST_TOLD])

    async def _keep(self) -> None:
        """Return when all that was taken is kept, by whomever."""
        while self._kept < self._changes:
            async with self._turn:
                changes = self._changes
                if self._kept < changes:
                    await asyncio.to_thread(self._wires.keep, self._inbox.alerts(self._clock.now()))
                    self._kept = changes

    async def _read(self, sender: Sender, headers: Mapping[str, str], body: bytes, at: float) -> Delivery:
        if sender is Sender.SENTRY:
            if not await self._first(headers, body, at):
                return Delivery(())
            return sentry.read(headers.get(sentry.RESOURCE, ""), body, at)
        if sender is Sender.ZABBIX:
            return zabbix.read(body, at)
        # A thousand alerts take a twentieth of a second: in a thread, so that the watch looks on meanwhile.
        return await asyncio.to_thread(alertmanager.read, sender, body, at)

    async def _first(self, headers: Mapping[str, str], body: bytes, at: float) -> bool:
        """Whether the signature holds, and the delivery is not one that was taken already: sent again, it changes nothing."""
        file = self._inbox.ears[Sender.SENTRY].secret_file
        try:
            secret = await asyncio.to_thread(read_secret, file) if file else ""
        except SourceError as error:
            logger.error("%s", error)  # noqa: TRY400  the sentence says it all
            secret = ""
        signature = headers.get(sentry.SIGNATURE, "").strip().lower()
        if not signed(secret.encode(), body, signature):
            raise NotSigned(words.not_signed())
        return self._seen.admit(signature, at, at)

    def _tell(self, sender: Sender, refused: tuple[str, ...]) -> None:
        """The same trouble is logged once."""
        if refused and refused != self._told.get(sender):
            logger.warning("%s", words.refused(sender, refused))
        self._told[sender] = refused

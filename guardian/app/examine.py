"""The records are looked through beside the work; what is found is acted on as at a start, once nothing is under way."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from guardian.app.record import Recorder
from guardian.core.deployment import ServiceState
from guardian.core.ports import StoreError
from guardian.core.words import records as words

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 600.0
"""After records that could not be read to the end."""
QUIET_SECONDS = 0.5
"""Between two looks at whether anything is still under way."""
END_SECONDS = 0.2
"""Between two requests to a look to end."""


class Examined(Protocol):
    """The records as a whole: :class:`guardian.records.examination.Examination`."""

    def look(self) -> str:
        """Why they are not what guardian wrote, or nothing. Takes long; :class:`StoreError` where they cannot be read."""

    def condemn(self, reason: str) -> None:
        """Have the next start set them aside. :class:`StoreError`."""

    def end(self) -> None:
        """End a look in another thread."""


class Examiner:
    """Looks through the records once. Where they are damaged, ``begin_anew`` is called as soon as no deployment is under way.

    Until then no order that moves something forward is taken, and everything else goes on, rollbacks before all.
    """

    def __init__(
        self, records: Examined, recorder: Recorder, states: Callable[[], Sequence[ServiceState]], begin_anew: Callable[[], None]
    ) -> None:
        self._records, self._recorder, self._states, self._begin_anew = records, recorder, states, begin_anew

    async def run(self) -> None:
        """Look, and act on what is found; it returns when there is nothing more to do."""
        while True:
            try:
                damage = await self._look()
            except StoreError as error:
                logger.warning("%s", words.examined_later(str(error), AGAIN_SECONDS))
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                break
        if not damage:
            logger.info("%s", words.examined())
            return
        self._condemn(damage)
        while self._busy():  # noqa: ASYNC110  the end of what is under way has many ways, and half a second is soon enough
            await asyncio.sleep(QUIET_SECONDS)
        self._begin_anew()

    async def _look(self) -> str:
        """A look in a thread, which ends when this is cancelled."""
        looking = asyncio.ensure_future(asyncio.to_thread(self._records.look))
        try:
            return await asyncio.shield(looking)
        finally:
            while not looking.done():
                self._records.end()
                await asyncio.wait({looking}, timeout=END_SECONDS)
            if not looking.cancelled():
                looking.exception()  # of a look that was ended, nobody wants to know it

    def _condemn(self, damage: str) -> None:
        said = words.condemned(damage, self._busy())
        self._recorder.refuse(said)
        logger.critical("%s", said)
        try:
            self._records.condemn(damage)
        except StoreError as error:
            logger.warning("%s", words.not_condemned(str(error)))

    def _busy(self) -> list[str]:
        """The deployments that are under way."""
        return [state.deployment.id for state in self._states() if state.deployment and state.deployment.phase.active]

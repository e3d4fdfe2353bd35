"""Where orders from the chat are taken: recorded first, once each, held against what they were given about, and carried out."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from guardian.app.orders import Orders
from guardian.app.parts import Order, Parts
from guardian.app.views import ServiceView
from guardian.chatops.commands import parse
from guardian.chatops.people import Caller, NotAllowed, People
from guardian.chatops.wishes import OF_DEPLOYMENTS, OF_RULES, Known, Misread, Verb, Wish, written
from guardian.core.chat import account_of
from guardian.core.deployment import Phase
from guardian.core.ledger import ChatOrder, Ledger
from guardian.core.people import Role
from guardian.core.ports import StoreError
from guardian.core.switch import Refused
from guardian.core.words import chat as words
from guardian.core.words import mutes
from guardian.core.words.figures import seconds
from guardian.core.words.moments import moment

logger = logging.getLogger(__name__)

RECORD_PATIENCE = 1.0
"""Seconds that an order waits for its record: Slack takes an answer within three."""
STALE_SECONDS = 120.0
"""An order that a death of the program came before is carried out within so many seconds; then whoever gave it is asked again."""


class Duplicate(Exception):
    """An order that was taken before."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a button knew: the deployment that it stood under, and as of when, where that matters."""

    deployment: str
    generation: int | None = None

    @classmethod
    def read(cls, value: str) -> tuple["Seen", Wish]:
        """What :meth:`written` wrote, and the wish. ``ValueError`` for what is none of guardian's."""
        try:
            held = json.loads(value)
            seen = cls(str(held["d"]), None if held["g"] is None else int(held["g"]))
            return seen, Wish(Verb(held["v"]), str(held["s"]), force=bool(held.get("f")))
        except (KeyError, TypeError) as error:
            raise ValueError(value) from error

    def written(self, wish: Wish) -> str:
        """The value of a button."""
        held = {"v": wish.verb, "s": wish.subject, "f": wish.force, "d": self.deployment, "g": self.generation}
        return json.dumps(held, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Taken:
    """An order that is recorded, and not carried out yet."""

    order: ChatOrder
    caller: Caller
    wish: Wish


class Desk:
    """Takes orders. Nothing here knows Slack's protocol."""

    def __init__(self, parts: Parts, people: People, ledger: Ledger, team: str) -> None:
        self._orders, self._clock, self._decider = Orders(parts), parts.clock, parts.decider
        self._people, self._ledger, self._team = people, ledger, team
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._unrecorded: set[str] = set()
        """Keys of rollbacks that were carried out though they could not be recorded."""
        self._doing: set[str] = set()
        """Keys of orders that are being carried out."""
        self._verbs: dict[Verb, Callable[[Wish, Order, ChatOrder], Awaitable[str]]] = {
            Verb.DEPLOY: self._deploy,
            Verb.SWITCH: self._switch,
            Verb.ROLLBACK: self._rollback,
            Verb.APPROVE: self._approve,
            Verb.REJECT: self._reject,
            Verb.PAUSE: self._pause,
            Verb.RESUME: self._resume,
            Verb.PROMOTE: self._promote,
            Verb.ABORT: self._abort,
            Verb.FREEZE: self._freeze,
            Verb.UNFREEZE: self._unfreeze,
            Verb.MUTE: self._mute,
            Verb.UNMUTE: self._unmute,
            Verb.UNLATCH: self._unlatch,
        }

    def known(self) -> Known:
        """What the grammar may take for a name."""
        views = self._orders.services()
        rules = {each.service: [rule.name for rule in each.rules] for each in self._orders.rules().services}
        for view in views:  # a rule that is gone may still be judged by, or be muted
            names = rules.setdefault(view.service, [])
            names += sorted({*(each.rule for each in view.verdicts), *(each.rule for each in view.mutes)}.difference(names))
        return Known(tuple(view.service for view in views), {name: tuple(found) for name, found in rules.items()})

    async def may(self, caller: Caller, needed: Role) -> None:
        """:class:`NotAllowed` where ``caller`` may not."""
        await self._people.check(caller, needed)

    async def take(self, key: str, caller: Caller, wish: Wish, place: str, seen: Seen | None = None) -> Taken:
        """Record an order. :class:`Duplicate` where it was before; :class:`Refused` where it cannot be, and is no rollback."""
        seen = seen or Seen(self._current(wish))
        order = ChatOrder(key, self._clock.now(), caller.by, place, written(wish), seen.deployment, seen.generation)
        taken = Taken(order, caller, wish)
        try:
            new = await self._record(lambda: self._ledger.keep_order(order))
        except (StoreError, TimeoutError) as error:
            reason = str(error) or words.too_slow(RECORD_PATIENCE)
            if not wish.back:
                raise Refused(words.not_recorded(reason)) from error
            logger.warning("%s", words.unrecorded(caller.by, order.text, reason))
            new = key not in self._unrecorded
            self._unrecorded.add(key)
        if not new:
            raise Duplicate(key)
        self._doing.add(key)
        return taken

    async def carry_out(self, taken: Taken) -> str:
        """Do what was ordered, or say why not; either is recorded with who wanted it."""
        self._doing.add(taken.order.key)
        try:
            return await self._carry_out(taken)
        finally:
            self._doing.discard(taken.order.key)

    async def _carry_out(self, taken: Taken) -> str:
        caller, wish, order = taken.caller, taken.wish, taken.order
        try:
            await self._people.check(caller, _needed(wish), back=wish.back)
            self._must_be_fresh(order, wish)
            glass = wish.force and wish.verb is not Verb.ROLLBACK
            sentence = await self._verbs[wish.verb](wish, Order(caller.by, wish.reason, break_glass=glass), order)
            outcome, level = words.done(sentence), logging.INFO
        except (NotAllowed, Refused) as refusal:
            sentence = words.in_chat(str(refusal))
            outcome, level = words.refused(str(refusal)), logging.WARNING
        logger.log(level, "%s", words.given(caller.by, order.text, outcome))
        await self._settle(order.key, outcome)
        return sentence

    async def resume(self) -> list[tuple[ChatOrder, str]]:
        """Carry out what an earlier run took and did not come to, and nobody is carrying out now. What became of each."""
        try:
            found = await self._record(self._ledger.open_orders)
        except (StoreError, TimeoutError):
            return []
        return [(order, await self._resumed(order)) for order in found if order.key not in self._doing]

    async def _resumed(self, order: ChatOrder) -> str:
        age = self._clock.now() - order.at
        try:
            wish = parse(order.text, self.known())
        except Misread as misread:
            return await self._dropped(order, str(misread))
        if not wish.back and not -STALE_SECONDS <= age <= STALE_SECONDS:
            return await self._dropped(order, words.too_old(seconds(max(0.0, age))))
        if wish.back and order.deployment != self._current(wish):
            return await self._dropped(order, words.superseded(order.deployment))
        name, _, user = order.by.rpartition(" (Slack ")
        return await self.carry_out(Taken(order, Caller(user.rstrip(")"), name, self._team), wish))

    async def _dropped(self, order: ChatOrder, sentence: str) -> str:
        logger.warning("%s", words.given(order.by, order.text, words.refused(sentence)))
        await self._settle(order.key, words.refused(sentence))
        return sentence

    async def _settle(self, key: str, outcome: str) -> None:
        try:
            await self._record(lambda: self._ledger.settle_order(key, outcome))
        except (StoreError, TimeoutError) as error:
            logger.warning("%s", words.not_recorded(str(error)))

    async def _record(self, work: Callable[[], Any]) -> Any:
        async with asyncio.timeout(RECORD_PATIENCE):
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Write what is being written, and no more."""
        self._thread.shutdown(wait=False)

    def _current(self, wish: Wish) -> str:
        """The deployment that an order is given about."""
        if wish.verb in OF_DEPLOYMENTS:
            return wish.subject
        services = {view.service: view for view in self._orders.services()}
        view = services.get(wish.subject)
        return view.deployment.id if view and view.deployment else ""

    def _must_be_fresh(self, order: ChatOrder, wish: Wish) -> None:
        """An order is about the deployment that was seen when it was given, and moves no other.

        A freeze, a mute and a deployment that may queue are about the service, whatever it does. Answers are held against
        their question by the state machine itself.
        """
        if wish.verb in (Verb.FREEZE, Verb.UNFREEZE, Verb.DEPLOY, *OF_RULES, *OF_DEPLOYMENTS):
            return
        view = self._orders.service(wish.subject)
        current = view.deployment
        if order.deployment != (current.id if current else ""):
            now = words.latest_of(view.service, current.id, current.phase) if current else words.none_yet(view.service)
            raise Refused(words.stale(order.deployment or view.service, now))
        if order.generation not in (None, self._decider.state(wish.subject).generation):
            raise Refused(words.stale(order.deployment, words.moved_on(order.deployment, current.phase if current else "")))

    # Orders.

    async def _deploy(self, wish: Wish, order: Order, given: ChatOrder) -> str:
        view = await self._orders.deploy(wish.subject, wish.version, order, key=given.key, again=wish.again)
        return words.ordered(view.id, view.service, view.phase)

    async def _switch(self, wish: Wish, order: Order, _: ChatOrder) -> str:
        view = await self._orders.switch(wish.subject, order, wish.to, wish.share)
        return words.switching(*_about(view), view.deployment.target if view.deployment else view.split)

    async def _rollback(self, wish: Wish, order: Order, _: ChatOrder) -> str:
        view = await self._orders.rollback(wish.subject, order, force=wish.force, redeploy=wish.redeploy)
        return words.going_back(*_about(view), view.split)

    async def _approve(self, wish: Wish, order: Order, given: ChatOrder) -> str:
        self._must_be_another(wish, order)
        view = await self._orders.approve(wish.subject, order, given.generation)
        asked = view.deployment.approval if view.deployment else None
        return words.approved(wish.subject, len(asked.by) if asked else 0, asked.needed if asked else 0)

    def _must_be_another(self, wish: Wish, order: Order) -> None:
        """One account is one person, whatever names it had when it asked, agreed, and agreed again."""
        account = account_of(order.by)
        for view in self._orders.services():
            asked = view.deployment
            if asked is None or asked.id != wish.subject or account is None:
                continue
            if account_of(asked.requested_by) == account and not order.break_glass:
                raise Refused(words.own_request(asked.id))
            if asked.approval and any(account_of(each) == account for each in asked.approval.by):
                raise Refused(words.counted_already(asked.id))

    async def _reject(self, wish: Wish, order: Order, given: ChatOrder) -> str:
        await self._orders.reject(wish.subject, order, given.generation)
        return words.rejected(wish.subject)

    async def _pause(self, wish: Wish, order: Order, _: ChatOrder) -> str:
        return words.held(_about(await self._orders.pause(wish.subject, order))[0])

    async def _resume(self, wish: Wish, order: Order, _: ChatOrder) -> str:
        return words.resumed(_about(await self._orders.resume(wish.subject, order))[0])

    async def _promote(self, wish: Wish, order: Order, _: ChatOrder) -> str:
        view = await self._orders.promote(wish.subject, order)
        if view.deployment and Phase(view.deployment.phase).active:
            return words.resumed(view.deployment.id)
        return words.promoted(view.service, view.safe)

    async def _abort(self, wish: Wish, order: Order, _: ChatOrder) -> str:
        return words.aborted(_about(await self._orders.abort(wish.subject, order))[0])

    async def _freeze(self, wish: Wish, order: Order, _: ChatOrder) -> str:
        view = await self._orders.freeze(wish.subject, order, wish.seconds or 0.0)
        return words.frozen(view.service, moment(self._clock.now() + (wish.seconds or 0.0)))

    async def _unfreeze(self, wish: Wish, order: Order, _: ChatOrder) -> str:
        return words.unfrozen((await self._orders.unfreeze(wish.subject, order)).service)

    async def _mute(self, wish: Wish, order: Order, _: ChatOrder) -> str:
        view = await self._orders.mute(wish.subject, wish.rule, order, wish.seconds or 0.0)
        says = next((each.says for each in view.mutes if each.rule == wish.rule), "")
        return words.muted(view.service, wish.rule, says)

    async def _unmute(self, wish: Wish, order: Order, _: ChatOrder) -> str:
        return mutes.lifted((await self._orders.unmute(wish.subject, wish.rule, order)).service, wish.rule)

    async def _unlatch(self, wish: Wish, order: Order, _: ChatOrder) -> str:
        return words.unlatched((await self._orders.unlatch(wish.subject, order)).service)


def _about(view: ServiceView) -> tuple[str, str]:
    return (view.deployment.id if view.deployment else view.service), view.service


def _needed(wish: Wish) -> Role:
    if wish.question:
        return Role.VIEWER
    if wish.verb in (Verb.APPROVE, Verb.REJECT) or (wish.force and not wish.back):
        return Role.APPROVER
    return Role.OPERATOR

"""The tokens that open the API over TCP: made, shown once, looked up at every request, and revoked."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from guardian.app.record import Recorder
from guardian.core.people import Person, Role, Scope
from guardian.core.ports import Clock, Store
from guardian.core.switch import Refused, Unknown
from guardian.core.tokens import RANDOM_BYTES, Token, identified, mint, opens
from guardian.core.words import access as words

_TOKEN = TypeAdapter(Token)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a new token is to be."""

    name: str
    role: Role | None
    scope: Scope
    services: Sequence[str]
    days: int


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as it is shown: nothing in it opens anything."""

    id: str
    name: str
    role: Role | None
    scope: Scope
    services: tuple[str, ...]
    created_at: float
    created_by: str
    expires_at: float
    revoked_at: float | None
    revoked_by: str
    valid: bool


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made."""

    token: str
    """The token itself: it is shown this once."""
    about: TokenView


class Tokens:
    """All tokens, in memory for the requests and in the store for the next start."""

    def __init__(self, store: Store, recorder: Recorder, clock: Clock, services: Sequence[str]) -> None:
        self._store, self._recorder, self._clock, self._services = store, recorder, clock, services
        self._tokens = {token.id: token for token in map(_TOKEN.validate_python, store.tokens())}

    def holder(self, text: str) -> Person | None:
        """Who shows ``text``; ``None`` where it is no valid token."""
        token = self._tokens.get(identified(text))
        sound = opens(text, token)
        return token.person if token and sound and token.valid(self._clock.now()) else None

    def views(self) -> list[TokenView]:
        """Every token that was ever made, those changed last at the end."""
        return [self._view(token) for token in self._tokens.values()]

    async def create(self, wish: Wish, by: str) -> NewToken:
        """Make a token; it is recorded before it is shown. :class:`Refused` with a sentence when it cannot be."""
        now = self._clock.now()
        if self._named(wish.name):
            raise Refused(words.token_exists(wish.name))
        if unknown := set(wish.services) - set(self._services):
            raise Refused(words.unknown_services(list(unknown), sorted(self._services)))
        if wish.scope is not Scope.API and wish.role:
            raise Refused(words.alerts_have_no_role())
        role = (wish.role or Role.VIEWER) if wish.scope is Scope.API else None
        made = mint(secrets.token_bytes(RANDOM_BYTES))
        ends = now + wish.days * 86400
        token = Token(made.id, wish.name, role, wish.scope, tuple(wish.services), made.digest, now, by, ends)
        await self._keep(token, {"kind": "token created", "at": now, "by": by, "token": made.id, "name": wish.name})
        return NewToken(made.text, self._view(token))

    async def revoke(self, which: str, by: str) -> TokenView:
        """Let the token with this name or id open nothing any more. :class:`Unknown` where there is none.

        It opens nothing from now on even where the store refuses to record that; then the order can be given again.
        """
        token = self._named(which) or self._tokens.get(which)
        if token is None or self._clock.now() >= token.expires_at:
            raise Unknown(words.no_such_token(which))
        now = self._clock.now()
        gone = token if token.revoked_at is not None else replace(token, revoked_at=now, revoked_by=by)
        self._tokens[token.id] = gone
        await self._keep(gone, {"kind": "token revoked", "at": now, "by": by, "token": gone.id, "name": gone.name})
        return self._view(gone)

    async def _keep(self, token: Token, event: Mapping[str, Any]) -> None:
        record = _TOKEN.dump_python(token, mode="json")
        await self._recorder.perform(lambda: self._store.save_token(record, event["at"], dict(event)))
        self._tokens.pop(token.id, None)
        self._tokens[token.id] = token

    def _named(self, name: str) -> Token | None:
        now = self._clock.now()
        return next((token for token in self._tokens.values() if token.name == name and token.valid(now)), None)

    def _view(self, token: Token) -> TokenView:
        return TokenView(
            id=token.id,
            name=token.name,
            role=token.role,
            scope=token.scope,
            services=token.services,
            created_at=token.created_at,
            created_by=token.created_by,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
            revoked_by=token.revoked_by,
            valid=token.valid(self._clock.now()),
        )

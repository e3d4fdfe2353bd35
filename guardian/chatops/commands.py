"""The grammar of ``/bg``: text to a :class:`Wish`. Pure, forgiving about form, and never guessing about what moves traffic."""

import re
from collections.abc import Sequence
from dataclasses import replace
from html import unescape

from guardian.chatops.wishes import (
    NEED_REASON,
    OF_ALL,
    OF_DEPLOYMENTS,
    OF_RULES,
    OF_SERVICES,
    QUESTIONS,
    UNITS,
    Known,
    Misread,
    Verb,
    Wish,
)
from guardian.core.model import BASIS_POINTS, Environment
from guardian.core.words import chat as words
from guardian.core.words.quotes import nearest

LONGEST_REASON = 1000
LONGEST_TIME = 30 * 86400.0
MOST_LISTED = 20


_OPTIONS: dict[Verb, tuple[str, ...]] = {
    Verb.DEPLOY: ("--reason", "--force", "--again"),
    Verb.SWITCH: ("--to", "--share", "--reason", "--force"),
    Verb.ROLLBACK: ("--force", "--redeploy", "--reason"),
    Verb.APPROVE: ("--force", "--reason"),
    Verb.FREEZE: ("--for", "--reason"),
    Verb.MUTE: ("--for", "--reason"),
    Verb.HISTORY: ("--limit",),
}
_SYNONYMS = {
    **dict.fromkeys(("state", "st", "where", "show"), Verb.STATUS),
    **dict.fromkeys(("move", "cutover", "cut-over"), Verb.SWITCH),
    **dict.fromkeys(("release", "ship"), Verb.DEPLOY),
    **dict.fromkeys(("roll-back", "back", "revert", "undo"), Verb.ROLLBACK),
    **dict.fromkeys(("ok", "lgtm", "accept"), Verb.APPROVE),
    **dict.fromkeys(("deny", "refuse", "decline"), Verb.REJECT),
    **dict.fromkeys(("hold",), Verb.PAUSE),
    **dict.fromkeys(("continue", "unpause"), Verb.RESUME),
    **dict.fromkeys(("cancel",), Verb.ABORT),
    **dict.fromkeys(("lock",), Verb.FREEZE),
    **dict.fromkeys(("unlock", "thaw"), Verb.UNFREEZE),
    **dict.fromkeys(("silence", "quiet"), Verb.MUTE),
    **dict.fromkeys(("unsilence",), Verb.UNMUTE),
    **dict.fromkeys(("log", "deployments"), Verb.HISTORY),
    **dict.fromkeys(("why",), Verb.EXPLAIN),
    **dict.fromkeys(("notes",), Verb.NOTE),
    **dict.fromkeys(("?", "usage", "commands"), Verb.HELP),
}
_QUOTES = str.maketrans({"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'", "\u2019": "'", "\u00a0": " ", "\u200b": None})
_DASHES = re.compile(r"(?:^|(?<=\s))[\u2012-\u2015\u2212](?=[a-z])")
_MENTION = re.compile(r"<([@#!])([^>|\s]*)(?:\|([^>]*))?>")
_LINK = re.compile(r"<((?:https?://|mailto:)[^>|\s]*)(?:\|[^>]*)?>")
_ID = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.:-]{0,63})-[0-9]{1,9}")
_SHARE = re.compile(r"([0-9]{1,3})(?:[.,]([0-9]{1,2}))? ?%")
_TIME_PART = re.compile(
    r"([0-9]{1,7}(?:\.[0-9]{1,3})?) ?(s|sec|secs|seconds?|m|min|mins|minutes?|h|hrs?|hours?|d|days?)\b ?", re.IGNORECASE
)
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+@/~-]{0,127}")
_FLAGS = frozenset({"--force", "--redeploy", "--again"})
"""Options without a value."""
_ALIASES = {"--break-glass": "--force", "--because": "--reason"}
_FILLERS = frozenset({"because", "reason:", "reason", "-", ":", "--"})


def parse(text: str, known: Known) -> Wish:
    """The wish in ``text``, as Slack brings it; :class:`Misread` where there is none, or more than one."""
    found = normalised(text).split()
    if not found:
        return Wish(Verb.HELP)
    return _Reading(_verb(found), found[1:], known).wish()


def normalised(text: str) -> str:
    """``text`` without what Slack and telephones do to it: entities, curly quotes, joined dashes, mentions and links."""
    plain = unescape(_LINK.sub(r"\1", _MENTION.sub(_mentioned, text))).translate(_QUOTES)
    return " ".join(_DASHES.sub("--", plain).split())


def _mentioned(found: re.Match[str]) -> str:
    sign, identifier, name = found.groups()
    return f"{'#' if sign == '#' else '@'}{name or identifier}"


def _verb(found: Sequence[str]) -> Verb:
    word = found[0].strip("`*_.,;!\"'").casefold() or found[0]
    if word in set(Verb):
        return Verb(word)
    if word in _SYNONYMS:
        return _SYNONYMS[word]
    if " ".join(found[:2]).casefold() in ("roll back", "cut over"):
        raise Misread(words.unknown_verb(word), " ".join((word + found[1].casefold(), *found[2:])).replace("cutover", Verb.SWITCH))
    near = nearest(word, [*Verb, *_SYNONYMS])
    meant = str(_SYNONYMS.get(near, near)) if near else ""
    raise Misread(words.unknown_verb(word), " ".join((meant, *found[1:])) if meant else "")


class _Reading:
    """Reads what follows the verb: options, what the verb is about, and the reason."""

    def __init__(self, verb: Verb, rest: list[str], known: Known) -> None:
        self._verb, self._rest, self._known, self._all = verb, rest, known, list(rest)
        self._given: dict[str, str] = {}
        self._options = _OPTIONS.get(verb, () if verb in QUESTIONS else ("--reason",))

    def wish(self) -> Wish:
        """All of it."""
        self._take_trailing_options()
        self._take_options()
        rule, subject = self._rule() if self._verb in OF_RULES else ("", self._subject())
        version = self._version()
        to, share = self._destination()
        self._take_options()
        seconds = self._seconds()
        reason = self._reason()
        wish = Wish(
            self._verb, subject, to or self._to(), self._share(share), version, seconds, self._limit(), "--force" in self._given
        )
        return self._with_reason(replace(wish, rule=rule), reason)

    # Options.

    def _take_options(self) -> None:
        """Options that stand here, before any free text."""
        while self._rest and self._rest[0].startswith("--") and len(self._rest[0]) > 2:  # noqa: PLR2004  the dashes alone
            name, value = self._option(self._rest.pop(0))
            if name == "--reason":
                self._given[name] = " ".join(filter(None, (value, *self._rest)))
                self._rest = []
                return
            if name not in _FLAGS and not value:
                value = self._value(name)
            self._given[name] = value

    def _value(self, name: str) -> str:
        if not self._rest:
            raise Misread(words.no_value(name))
        value = self._rest.pop(0)
        # "5 %" and "2 hours" are written with a blank, too.
        if self._rest and value.replace(".", "", 1).isdigit() and re.fullmatch(r"%|[a-z]+", self._rest[0], re.IGNORECASE):
            value = f"{value} {self._rest.pop(0)}"
        return value

    def _option(self, word: str) -> tuple[str, str]:
        name, _, value = word.partition("=")
        name = _ALIASES.get(name.casefold(), name.casefold())
        if name not in self._options:
            near = nearest(name, self._options)
            raise Misread(
                words.no_such_option(name, self._options),
                self._instead(word, word.replace(word.partition("=")[0], near)) if near else "",
            )
        return name, value

    def _take_trailing_options(self) -> None:
        """Options at the end, after free text: nothing but options may follow them there."""
        for start in range(len(self._rest)):
            if self._rest[start].startswith("--") and self._only_options(self._rest[start:]):
                kept, self._rest = self._rest[:start], self._rest[start:]
                self._take_options()
                self._rest = kept
                return

    def _only_options(self, found: list[str]) -> bool:
        """Whether these words are whole options, known ones, and no reason is among them."""
        while found:
            name = found[0].partition("=")[0].casefold()
            name = _ALIASES.get(name, name)
            if name not in self._options or name == "--reason":
                return False
            if name in _FLAGS or "=" in found[0]:
                found = found[1:]
            elif len(found) > 2 and re.fullmatch(r"%|[a-z]+", found[2], re.IGNORECASE) and found[1].replace(".", "", 1).isdigit():  # noqa: PLR2004
                found = found[3:]
            elif len(found) > 1:
                found = found[2:]
            else:
                return False
        return True

    # What the verb is about.

    def _subject(self) -> str:
        if self._verb in OF_SERVICES:
            return self._service(needed=True)
        if self._verb in OF_ALL:
            return self._service(needed=False)
        if self._verb in OF_DEPLOYMENTS:
            return self._deployment()
        if self._verb is Verb.HELP:
            self._rest = []
        return ""

    def _service(self, *, needed: bool) -> str:
        services = self._known.services
        if not self._rest:
            if needed and len(services) != 1:
                raise Misread(words.no_service(self._verb, services))
            return services[0] if needed else ""
        word = _bare(self._rest[0])
        for name in services:
            if name.casefold() == word.casefold():
                self._rest.pop(0)
                return name
        near = nearest(word, services)
        if needed and len(services) == 1 and not near:
            return services[0]  # with one service, nobody has to name it
        if not needed and word.casefold() in ("all", "*"):
            self._rest.pop(0)
            return ""
        raise Misread(words.no_such_service(word, services), self._instead(self._rest[0], near) if near else "")

    def _deployment(self) -> str:
        if not self._rest:
            raise Misread(words.no_deployment(self._verb))
        word = _bare(self._rest[0])
        found = _ID.fullmatch(word)
        if not found:
            raise Misread(words.no_such_form(word))
        self._rest.pop(0)
        for name in self._known.services:
            if name.casefold() == found[1].casefold():
                return f"{name}{word[len(name) :]}"
        return word

    def _rule(self) -> tuple[str, str]:
        """``RULE``, ``RULE in SERVICE`` or ``SERVICE RULE``: the rule, and its service; where only one has it, nobody says it."""
        if not self._rest:
            raise Misread(words.no_rule(self._verb))
        known, service = self._known, ""
        first = _bare(self._rest[0])
        if len(self._rest) > 1 and first in known.services and not known.having(first):
            service, first = first, _bare(self._rest.pop(1))
        having = known.having(first)
        if not having:
            every = [rule for name in known.services for rule in known.rules.get(name, ())]
            near = nearest(first, every)
            raise Misread(words.no_such_rule(first, sorted(set(every))), self._instead(first, near) if near else "")
        self._rest.pop(0)
        service = service or self._of(having)
        if service not in having:
            raise Misread(words.not_its_rule(first, service, having), self._instead(service, having[0]))
        return first, service

    def _of(self, having: Sequence[str]) -> str:
        """``in SERVICE``, where that stands here; else the one that there can be."""
        named = _bare(self._rest[1]) if len(self._rest) > 1 and self._rest[0].casefold() in ("in", "of", "on") else ""
        if named in self._known.services:
            self._rest = self._rest[2:]
            return named
        if len(having) == 1:
            return having[0]
        near = nearest(named, self._known.services) if named else None
        raise Misread(words.no_service(self._verb, having), self._instead(self._rest[1], near) if near else "")

    def _version(self) -> str:
        if self._verb is not Verb.DEPLOY:
            return ""
        self._take_options()
        if not self._rest or not _VERSION.fullmatch(_bare(self._rest[0])):
            raise Misread(words.no_version())
        return _bare(self._rest.pop(0))

    # Where to, how much, how long, and why.

    def _destination(self) -> tuple[Environment | None, int | None]:
        """``to green``, ``green``, ``5%``, ``to green at 5%``: in any order, before the reason."""
        to: Environment | None = None
        share: int | None = None
        while self._verb is Verb.SWITCH and self._rest:
            word = _bare(self._rest[0]).casefold()
            if word in set(Environment) and to is None:
                to = Environment(word)
            elif word == "to" and len(self._rest) > 1 and _bare(self._rest[1]).casefold() in set(Environment):
                pass
            elif word == "to" and len(self._rest) > 1 and (near := nearest(_bare(self._rest[1]).casefold(), list(Environment))):
                raise Misread(words.bad_environment(self._rest[1]), self._instead(self._rest[1], near))
            elif word in ("at", "with") and len(self._rest) > 1 and "%" in self._rest[1]:
                pass
            elif word.endswith("%") and share is None:
                share = share_of(word)
            else:
                break
            self._rest.pop(0)
        return to, share

    def _to(self) -> Environment | None:
        word = self._given.get("--to", "").casefold()
        if word and word not in set(Environment):
            near = nearest(word, list(Environment))
            raise Misread(words.bad_environment(word), self._instead(self._given["--to"], near) if near else "")
        return Environment(word) if word else None

    def _share(self, found: int | None) -> int | None:
        word = self._given.get("--share")
        if word is not None and re.fullmatch(r"[0-9]{1,3}", word):
            raise Misread(words.bad_share(word), self._instead(word, f"{word}%"))
        return share_of(word) if word is not None else found

    def _seconds(self) -> float | None:
        if "--for" not in self._options:
            return None
        word = self._given.get("--for", "")
        if not word and len(self._rest) > 1:  # "… for 2h", "… for 2 hours"
            for size in (2, 3):
                tail = [each.casefold() for each in self._rest[-size:]]
                if len(tail) == size and tail[0] == "for" and _duration(" ".join(tail[1:])) is not None:
                    word, self._rest = " ".join(tail[1:]), self._rest[:-size]
                    break
        if not word:
            raise Misread(words.no_time(self._verb))
        seconds = _duration(word)
        if seconds is None or not 0 < seconds <= LONGEST_TIME:
            raise Misread(words.bad_time(word))
        return seconds

    def _limit(self) -> int | None:
        word = self._given.get("--limit")
        if word is None:
            return None
        if not re.fullmatch(r"[0-9]{1,2}", word) or not 1 <= int(word) <= MOST_LISTED:
            raise Misread(words.bad_limit(word))
        return int(word)

    def _reason(self) -> str:
        if self._rest and self._rest[0].casefold() in _FILLERS:
            self._rest.pop(0)
        text = " ".join(filter(None, (" ".join(self._rest), self._given.get("--reason", ""))))
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            text = text[1:-1].strip()
        return text

    def _with_reason(self, wish: Wish, reason: str) -> Wish:
        if wish.question and reason:
            raise Misread(words.left_over(reason.split(maxsplit=1)[0]))
        if len(reason) > LONGEST_REASON:
            raise Misread(words.too_long(LONGEST_REASON))
        if not reason and (wish.verb in NEED_REASON or (wish.force and not wish.back)):
            raise Misread(words.no_reason(f"{wish.verb} --force" if wish.force else wish.verb))
        return replace(wish, reason=reason, redeploy="--redeploy" in self._given, again="--again" in self._given)

    def _instead(self, word: str, meant: str) -> str:
        """All that was typed, with ``meant`` in the place of ``word``."""
        found = list(self._all)
        place = next((number for number, each in enumerate(found) if each == word or each.endswith(f"={word}")), None)
        if place is None:
            return ""
        found[place] = found[place][: len(found[place]) - len(word)] + meant
        return " ".join((self._verb, *found))


def _bare(word: str) -> str:
    """A name without the marks that people put around it."""
    return word.strip("`*_\"',;") or word


def share_of(word: str) -> int:
    """Basis points in ``5%`` or ``0.25 %``; :class:`Misread` for what is no share."""
    parts = _SHARE.fullmatch(word)
    share = int(parts[1]) * 100 + int((parts[2] or "").ljust(2, "0")) if parts else 0
    if not 0 < share <= BASIS_POINTS:
        raise Misread(words.bad_share(word))
    return share


def _duration(word: str) -> float | None:
    """Seconds in ``1h30m``, ``90 min``, ``2 hours``; ``None`` for what is no length of time."""
    seconds, place = 0.0, 0
    while place < len(word):
        part = _TIME_PART.match(word, place) or _COMPACT.match(word, place)
        if not part:
            return None
        seconds += float(part[1]) * UNITS[part[2][0].casefold()]
        place = part.end()
    return seconds if word else None


_COMPACT = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,3})?)([smhd])(?=[0-9])", re.IGNORECASE)

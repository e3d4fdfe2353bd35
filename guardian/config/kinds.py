"""What single values look like: times, shares, numbers, names, paths. Each unit is written out; nothing is guessed."""

import os
import re
from collections.abc import Callable
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

from guardian.config.fields import Kind, Misfit
from guardian.core.links import followable
from guardian.core.model import NAME
from guardian.core.words import faults as words
from guardian.core.words import forms, rule_faults

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_BARE = re.compile(_NUMBER)
_TIME = re.compile(rf"({_NUMBER}) ?(ms|s|m|h|d)")
_SHARE = re.compile(rf"({_NUMBER}) ?%")
_MULTIPLE = re.compile(rf"({_NUMBER}) ?x")
_SCIENTIFIC = re.compile(rf"{_NUMBER}(?:[eE]-?[0-9]{{1,2}})?")
_WHOLE = re.compile(r"[0-9]{1,10}")
_GROUP = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]{1,240}\.service")
_MODE = re.compile(r"(?:0o?)?(6[06]0)")
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9/_.:@+-]+")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_SUMMARY = 200
_LONGEST_SOCKET = 107
"""Bytes of ``sun_path`` on Linux, without the closing NUL."""


def duration(least: str, most: str, such_as: str) -> Kind[float]:
    """A time with its unit, in seconds. A bare number is refused: one person's 10 is seconds, the next one's milliseconds."""
    form = forms.a_time(least, most, such_as)

    def read(text: str) -> float:
        if _BARE.fullmatch(text):
            raise Misfit(words.no_time_unit(text))
        return _within(_seconds(text, form), text, (_seconds(least, form), _seconds(most, form)), (least, most))

    return Kind(read, form, _seconds(such_as, form))


def _seconds(text: str, form: str) -> float:
    parts = _TIME.fullmatch(text)
    if not parts:
        raise Misfit(words.misfit(text, form))
    number, unit = parts.groups()
    # Shifting the decimal point in the text is exact where dividing by 1,000 is not.
    return float(f"{number}e-3") if unit == "ms" else float(number) * _UNITS[unit]


def _within(value: float, text: str, limits: tuple[float, float], written: tuple[str, str]) -> float:
    if not limits[0] <= value <= limits[1]:
        raise Misfit(words.out_of_range(text, *written))
    return value


def share(such_as: str) -> Kind[float]:
    """A percentage strictly between 0 % and 100 %, as a fraction.

    A bare number is refused although ``0.01`` could be read as a fraction: ``0.5`` would be, too, by someone who means 0.5 %, and
    the rule would let a hundred times as many errors pass in silence.
    """
    form = forms.a_share(such_as)

    def read(text: str) -> float:
        if _BARE.fullmatch(text):
            raise Misfit(words.no_percent(text))
        parts = _SHARE.fullmatch(text)
        if not parts:
            raise Misfit(words.misfit(text, form))
        fraction = float(f"{parts[1]}e-2")
        if not 0 < fraction < 1:
            raise Misfit(words.not_a_share(text))
        return fraction

    return Kind(read, form, read(such_as))


def multiple(least: str, most: str, such_as: str) -> Kind[float]:
    """How many times something, as ``2x``."""
    form = forms.a_multiple(least, most, such_as)

    def read(text: str) -> float:
        if _BARE.fullmatch(text):
            raise Misfit(words.no_times(text))
        parts = _MULTIPLE.fullmatch(text)
        if not parts:
            raise Misfit(words.misfit(text, form))
        return _within(float(parts[1]), text, (float(least[:-1]), float(most[:-1])), (least, most))

    return Kind(read, form, read(such_as))


def number(least: str, most: str, such_as: str) -> Kind[float]:
    """A plain number, also as ``1e-6``."""
    return _plain(_SCIENTIFIC, float, (least, most), forms.a_number(least, most, such_as))


def whole(least: str, most: str, such_as: str) -> Kind[int]:
    """A whole number."""
    return _plain(_WHOLE, int, (least, most), forms.a_whole_number(least, most, such_as))


def _plain(pattern: re.Pattern[str], convert: Callable[[str], T], limits: tuple[str, str], form: str) -> Kind[T]:
    def read(text: str) -> T:
        if not pattern.fullmatch(text):
            raise Misfit(words.misfit(text, form))
        _within(float(text), text, (float(limits[0]), float(limits[1])), limits)
        return convert(text)

    return Kind(read, form, convert(limits[0]))


def choice(members: type[E], form: str = "") -> Kind[E]:
    """One of an enumeration's words; ``form`` explains them where the bare words do not."""
    known = {member.value: member for member in members}
    return word(known, form)


def word(known: dict[str, T], form: str = "") -> Kind[T]:
    """One of a few words, each with what it stands for."""
    form = form or forms.choices(list(known))

    def read(text: str) -> T:
        if text not in known:
            raise Misfit(words.misfit(text, form))
        return known[text]

    return Kind(read, form, next(iter(known.values())), tuple(known))


SWITCH = word({"false": False, "true": True}, forms.yes_or_no())
"""Something that is so, or is not."""


def name(such_as: str) -> Kind[str]:
    """A name that may reach a HAProxy socket line: :data:`guardian.core.model.NAME`."""
    return _matching(NAME, forms.a_name(such_as), such_as)


def _matching(pattern: re.Pattern[str], form: str, such_as: str) -> Kind[str]:
    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise Misfit(words.misfit(text, form))
        return text

    return Kind(read, form, such_as)


def text(form: str, such_as: str) -> Kind[str]:
    """Any printable text."""
    return _matching(re.compile(r"[\x21-\x7e]{1,2000}"), form, such_as)


def _read_link(text: str) -> str:
    if "@" in text.partition("://")[2].split("/")[0]:
        raise Misfit(rule_faults.link_with_password())
    if not followable(text):
        raise Misfit(words.misfit(text, forms.a_link()))
    return text


LINK = Kind(_read_link, forms.a_link(), "https://example.org")
"""An address that people follow: no user name or password in it, for it is shown to everyone."""

BELOW = _matching(
    re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}/){1,3}[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}\.yaml"), forms.an_included_file(), ""
)
"""A file in a directory below this one: files of the directory itself are rule files of services."""

UNIT = _matching(_UNIT, forms.a_unit(), "haproxy.service")
"""A service of systemd."""
GROUP = _matching(_GROUP, forms.a_group(), "guardian")
"""A group of this system; whether it exists is seen when the socket is opened."""


def _read_sentence(text: str) -> str:
    sentence = " ".join(text.split())
    if not 0 < len(sentence) <= _LONGEST_SUMMARY:
        raise Misfit(words.misfit(sentence, forms.a_sentence(_LONGEST_SUMMARY)))
    return sentence


SENTENCE = Kind(_read_sentence, forms.a_sentence(_LONGEST_SUMMARY), "")
"""A sentence for people, on one line however it was folded."""


def _read_mode(text: str) -> int:
    parts = _MODE.fullmatch(text)
    if not parts:
        raise Misfit(words.misfit(text, forms.a_mode()))
    return int(parts[1], 8)


MODE = Kind(_read_mode, forms.a_mode(), 0o660)
"""The mode of a socket whose users steer guardian: never open to everyone on the host."""


_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9.]{7,15})):([0-9]{1,5})")


def _read_listen(text: str) -> tuple[str, int]:
    parts = _LISTEN.fullmatch(text)
    try:
        host = str(ip_address(parts[1] or parts[2])) if parts else ""
    except ValueError:
        host = ""
    if not parts or not host or not 0 < int(parts[3]) <= 65535:  # noqa: PLR2004  ports of TCP
        raise Misfit(words.misfit(text, forms.a_listening_address()))
    return host, int(parts[3])


LISTEN = Kind(_read_listen, forms.a_listening_address(), ("127.0.0.1", 8443))
"""An address of this host and a port. Names are refused: what they mean when guardian starts depends on others."""


_CREDENTIAL = re.compile(r"\$CREDENTIALS_DIRECTORY/([A-Za-z0-9_][A-Za-z0-9_.-]{0,63})")
"""A secret that systemd hands to the unit (``LoadCredential=``); elsewhere a file in ``credentials`` beside guardian.yaml."""


_LOADED = "credentials_"
"""What systemd puts before the name of each file of the directory that the unit loads under the name ``credentials``."""


def _credential(name: str, base: Path) -> Path:
    """Where the credential ``name`` is: loaded with the unit's directory of them, or by a line of its own."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if directory is None:
        return base / "credentials" / name
    loaded = Path(directory) / f"{_LOADED}{name}"
    return loaded if loaded.exists() else Path(directory) / name


def path(base: Path, such_as: str) -> Kind[Path]:
    """A path; a relative one starts at ``base``."""
    form = forms.a_path(such_as)

    def read(text: str) -> Path:
        if text.startswith("~"):
            raise Misfit(words.home_directory(text))
        if not text.isprintable():
            raise Misfit(words.misfit(text, form))
        if credential := _CREDENTIAL.fullmatch(text):
            return _credential(credential[1], base)
        if text.startswith("$"):
            raise Misfit(words.no_variable(text))
        return base / text

    return Kind(read, form, base)


def directory(base: Path, such_as: str) -> Kind[Path]:
    """The path of a directory that is known by one name only, so that a path can be seen to lead into it."""
    plain = path(base, such_as)

    def read(text: str) -> Path:
        place = plain.read(text).absolute()
        if ".." in place.parts:
            raise Misfit(words.path_goes_up(text))
        return place

    return Kind(read, plain.form, base)


def plain_path(base: Path, such_as: str) -> Kind[Path]:
    """A path that HAProxy is told: absolute in the end, and of characters that need no quotes in a HAProxy command."""
    plain = path(base, such_as)

    def read(text: str) -> Path:
        place = plain.read(text).absolute()
        if not _PLAIN_PATH.fullmatch(str(place)):
            raise Misfit(words.path_not_plain(str(place)))
        return place

    return Kind(read, plain.form, base)


def socket(base: Path, such_as: str) -> Kind[Path]:
    """The path of a unix socket, short enough for the kernel."""
    plain = path(base, such_as)

    def read(text: str) -> Path:
        place = plain.read(text)
        length = len(str(place).encode())
        if length > _LONGEST_SOCKET:
            raise Misfit(words.socket_path_too_long(length, _LONGEST_SOCKET))
        return place

    return Kind(read, plain.form, base)

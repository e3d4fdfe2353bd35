"""What is said of rules that are muted: everywhere, so that nobody forgets them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from guardian.core.words.moments import moment
from guardian.core.words.quotes import listed, nearest, quoted

if TYPE_CHECKING:  # the state machine speaks through this module; only the type checker needs to look back
    from guardian.core.release import Mute


def in_force(mute: "Mute") -> str:
    """A mute; a phrase."""
    return f"muted until {moment(mute.until)} by {mute.by}: {mute.reason}"


def left_out(mute: "Mute", reason: str) -> str:
    """What a mute adds to the end of a watch."""
    return f"{in_force(mute)}; left out of the outcome: {reason}"


def began(service: str, mute: "Mute") -> str:
    """A mute begins."""
    what = "it is judged and told, and takes nothing back; other rules and people do"
    return f"{service}: {mute.by} mutes {mute.rule} until {moment(mute.until)}: {mute.reason}; {what}"


def over(service: str, rules: Sequence[str], by: str = "", reason: str = "") -> str:
    """A mute is over: by itself, or lifted."""
    named = ", ".join(rules)
    how = f"{by} lifts the mute of {named}{f' ({reason})' if reason else ''}" if by else f"the mute of {named} is over"
    return f"{service}: {how}; from now on it acts again, and what it saw meanwhile does not count"


def left_out_of(told: Sequence[tuple[str, str]]) -> str:
    """What a release was verified without."""
    return "".join(f"; not judged by {rule}: {missing}" for rule, missing in told)


# Refusals.


def needs_reason(rule: str) -> str:
    """A mute without a word."""
    return f"muting {quoted(rule)} needs a reason, for those who read it at three in the morning: `--reason …`"


def no_length(asked: float, most: float) -> str:
    """Too long, or no time at all."""
    if asked <= 0:
        return "a mute must last: `--for 2h`"
    longer = "a rule that is wrong for longer gets `shadow: true` in its file"
    return f"a mute lasts {most / 3600:g} h at the most, not {asked / 3600:,.5g} h; {longer}"


def not_muted(service: str, rule: str, known: Sequence[str]) -> str:
    """Nothing to lift."""
    there = f"; muted there: {listed(known)}" if known else ""
    return f"{quoted(rule)} of {service} is not muted; nothing to do{there}"


def unknown_rule(service: str, rule: str, known: Sequence[str]) -> str:
    """No such rule."""
    if not known:
        return f"{service} has no rules, so there is no {quoted(rule)} to mute"
    near = nearest(rule, known)
    meant = f"; did you mean `{near}`?" if near else f"; it has {listed(known)}"
    return f"{service} has no rule {quoted(rule)}{meant}"


# Answers.


def status(mute: Mapping[str, Any]) -> str:
    """A mute, as the API shows it."""
    return f"{mute['rule']}: {mute['says']}"


def taken(view: Mapping[str, Any], rule: str) -> str:
    """A mute was taken."""
    says = next((each["says"] for each in view["mutes"] if each["rule"] == rule), "")
    return (
        f"{rule} of {view['service']} is {says}; it is judged and told, and takes nothing back; "
        f"`guardian unmute {view['service']} {rule}` lifts that"
    )


def lifted(service: str, rule: str) -> str:
    """A mute is over."""
    return f"{rule} of {service} is not muted any more; it begins anew, and what it saw meanwhile does not count"


def in_note(mute: "Mute") -> str:
    """A mute, in a deployment's note."""
    return f"{mute.rule}, {in_force(mute)}"


def left_out_in_note(rule: str, missing: str) -> str:
    """A rule that was muted at the end of its watch."""
    return f"{rule} proves nothing: {missing}"

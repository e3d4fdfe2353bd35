"""Rules that people have muted for a while: judged and told, and without consequence. All else takes traffic back as ever."""

from collections.abc import Mapping
from dataclasses import replace

from guardian.core.deployment import ServiceState
from guardian.core.dispatch import Refused, on
from guardian.core.plan import Step
from guardian.core.release import Mute
from guardian.core.release_events import Muted, Unmuted
from guardian.core.rules import Lack
from guardian.core.verdicts import Conclusion
from guardian.core.words import mutes as words

LONGEST_MUTE = 24 * 3600.0
"""Seconds: a rule that is to be silent for longer is to be mended, or to become a shadow in its file."""
ROUNDING = 0.001
"""Seconds by which an end that was computed from now on may miss."""


def muted(state: ServiceState, rule: str, at: float) -> Mute | None:
    """The mute of ``rule`` that is in force ``at`` that moment."""
    return next((mute for mute in state.mutes if mute.rule == rule and at < mute.until), None)


def counts_since(state: ServiceState, rule: str, at: float) -> float | None:
    """From when on what ``rule`` sees counts: the end of its last mute, or ever; ``None`` while it is muted."""
    mute = next((mute for mute in state.mutes if mute.rule == rule), None)
    if mute:
        return None if at < mute.until else mute.until
    return state.deployment.unmuted.get(rule, 0.0) if state.deployment else 0.0


def left_out(state: ServiceState, conclusions: tuple[Conclusion, ...], at: float) -> tuple[Conclusion, ...]:
    """``conclusions``, of which those of rules that are muted prove nothing and accuse nobody."""
    found = ((each, muted(state, each.verdict.rule, at)) for each in conclusions)
    return tuple(_left_out(each, mute) if mute else each for each, mute in found)


def _left_out(conclusion: Conclusion, mute: Mute) -> Conclusion:
    missing = words.left_out(mute, conclusion.verdict.reason)
    return replace(conclusion, enough=False, lack=Lack.PASS, missing=missing, muted=True)


def remembered(state: ServiceState, at: float) -> ServiceState:
    """``state``, whose deployment remembers the mutes in force while it is judged."""
    deployment = state.deployment
    if not state.mutes or deployment is None or not deployment.exposed:
        return state
    new = tuple(mute for mute in state.mutes if at < mute.until and mute not in deployment.mutes)
    return replace(state, deployment=replace(deployment, mutes=(*deployment.mutes, *new))) if new else state


def expired(state: ServiceState, at: float) -> Mapping[str, float]:
    """The rules whose mute is over ``at`` that moment, and since when."""
    return {mute.rule: mute.until for mute in state.mutes if at >= mute.until}


def heard_again(state: ServiceState, rules: Mapping[str, float]) -> ServiceState:
    """``state`` without the mutes of ``rules``, each with the moment from which it counts again."""
    state = replace(state, mutes=tuple(mute for mute in state.mutes if mute.rule not in rules))
    deployment = state.deployment
    if deployment is None or not deployment.exposed:
        return state
    return replace(state, deployment=replace(deployment, unmuted={**deployment.unmuted, **rules}))


@on.register
def _muted(event: Muted, state: ServiceState) -> Step:
    if not event.reason:
        raise Refused(words.needs_reason(event.rule))
    if not 0 < event.until - event.at <= LONGEST_MUTE + ROUNDING:
        raise Refused(words.no_length(event.until - event.at, LONGEST_MUTE))
    others = tuple(mute for mute in state.mutes if mute.rule != event.rule)
    mute = Mute(event.rule, event.by, event.reason, event.at, event.until)
    return Step(replace(state, mutes=(*others, mute)))


@on.register
def _unmuted(event: Unmuted, state: ServiceState) -> Step:
    if muted(state, event.rule, event.at) is None:
        raise Refused(words.not_muted(state.service, event.rule, [mute.rule for mute in state.mutes if event.at < mute.until]))
    return Step(heard_again(state, {event.rule: event.at}))

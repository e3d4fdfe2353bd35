"""The form that ``/bg switch`` opens, and the App Home with all services at a glance. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from guardian.app.views import ServiceView
from guardian.chatops.answers import service_lines, split_line
from guardian.chatops.blocks import (
    MOST_IN_VIEW,
    Ask,
    Block,
    Button,
    actions,
    content,
    context,
    divider,
    escaped,
    header,
    plain,
    section,
    sections,
)
from guardian.chatops.commands import LONGEST_REASON, share_of
from guardian.chatops.desk import Seen
from guardian.chatops.wishes import Verb, Wish, written
from guardian.core.deployment import Phase
from guardian.core.model import BASIS_POINTS, Environment
from guardian.core.words import cards as words

SWITCH_FORM, WHY_FORM = "switch-form", "why-form"
TO, SHARE, REASON = "to", "share", "reason"
OPEN_FORM = "form:switch"


def action_of(verb: Verb, place: str = "") -> str:
    """The name of a button."""
    return f"order:{verb}:{place}" if place else f"order:{verb}"


def switch_form(view: ServiceView, rules: int, place: str, now: float) -> dict[str, Any]:
    """The form for a switch of one service: its state, the risks, where to, how much, and why."""
    idle = next((side.name for side in view.environments if side.name != view.safe), Environment.GREEN.value)
    held = {"s": view.service, "c": place, "d": view.deployment.id if view.deployment else ""}
    options = [{"text": plain(each, 75), "value": each} for each in Environment]
    risks = [f"• {risk}" for risk in _risks(view, rules)] or [f"• {words.no_risk()}"]
    return {
        "type": "modal",
        "callback_id": SWITCH_FORM,
        "private_metadata": json.dumps(held),
        "title": plain(f"{words.SWITCH_TITLE} {view.service}", 24),
        "submit": plain(words.SWITCH_TITLE, 24),
        "close": plain(words.CANCEL, 24),
        "blocks": [
            *sections(service_lines(view, now)),
            section("\n".join([words.risks_title(), *risks])),
            _input(TO, "To", {"type": "static_select", "options": options, "initial_option": options[idle == Environment.GREEN]}),
            _input(SHARE, "Share of the traffic, such as 5%", {"type": "plain_text_input", "max_length": 10}, optional=True),
            _input(REASON, "Why", {"type": "plain_text_input", "multiline": True, "max_length": LONGEST_REASON}, optional=True),
        ],
    }


def _input(name: str, label: str, element: Mapping[str, Any], *, optional: bool = False) -> Block:
    return {
        "type": "input",
        "block_id": name,
        "label": plain(label, 75),
        "element": {**element, "action_id": name},
        "optional": optional,
    }


def why_form(value: str, wish: Wish, place: str) -> dict[str, Any]:
    """The form for the reason of what a button does; ``value`` is the button's."""
    element = {"type": "plain_text_input", "multiline": True, "max_length": LONGEST_REASON}
    return {
        "type": "modal",
        "callback_id": WHY_FORM,
        "private_metadata": json.dumps({"value": value, "c": place}),
        "title": plain(words.WHY_TITLE, 24),
        "submit": plain(words.SEND, 24),
        "close": plain(words.CANCEL, 24),
        "blocks": [section(words.why_text(written(wish))), _input(REASON, words.WHY_TITLE, element)],
    }


def read_why_form(view: Mapping[str, Any]) -> tuple[Wish, Seen, str]:
    """The wish of the button with the reason that was given, what it knew, and the channel. ``ValueError`` for a foreign one."""
    held, state = json.loads(view["private_metadata"]), view["state"]["values"]
    seen, wish = Seen.read(str(held["value"]))
    reason = " ".join((state[REASON][REASON].get("value") or "").split())
    return replace(wish, reason=reason), seen, str(held["c"])


def _risks(view: ServiceView, rules: int) -> Iterator[str]:
    if view.latched:
        yield words.risk_latched()
    if view.frozen:
        yield words.is_frozen(escaped(view.frozen))
    for mute in view.mutes:
        yield words.is_muted(escaped(mute.rule), escaped(mute.says))
    if view.deployment and Phase(view.deployment.phase).active:
        yield words.risk_under_way(view.deployment.id, view.deployment.phase)
    if view.rollback and not view.rollback.ready:
        yield words.risk_not_ready()
    if not rules:
        yield words.risk_no_rules()
    for side in view.environments:
        if side.share == 0 and side.servers_up is not None and side.servers_up < 2:  # noqa: PLR2004  one server is none to spare
            yield words.risk_unhealthy(side.name, side.servers_up)


def read_switch_form(view: Mapping[str, Any]) -> tuple[Wish, Seen, str]:
    """The wish in a form that was sent, what whoever filled it in saw, and the channel for the answer.

    :class:`~guardian.chatops.wishes.Misread` for a share that is none.
    """
    held, state = json.loads(view["private_metadata"]), view["state"]["values"]
    share_text = " ".join((state[SHARE][SHARE].get("value") or "").split())
    share = share_of(share_text) if share_text else None
    reason = " ".join((state[REASON][REASON].get("value") or "").split())
    to = Environment(state[TO][TO]["selected_option"]["value"])
    wish = Wish(Verb.SWITCH, str(held["s"]), to, None if share == BASIS_POINTS else share, reason=reason)
    return wish, Seen(str(held["d"])), str(held["c"])


def home(views: Sequence[ServiceView], now: float) -> dict[str, Any]:
    """All services at a glance, each with its buttons."""
    busy = sum(1 for view in views if view.deployment and Phase(view.deployment.phase).active)
    blocks: list[Block] = [header(words.HOME_TITLE), context(words.summary(len(views), busy))]
    each = (MOST_IN_VIEW - len(blocks)) // max(1, len(views))
    for view in views:
        blocks += list(_at_home(view, now)) if each >= 3 else [section(split_line(view))]  # noqa: PLR2004  blocks of one service
    return {"type": "home", "blocks": list(content("", blocks, MOST_IN_VIEW).blocks)}


def closed_home(sentence: str) -> dict[str, Any]:
    """What those see who may not look."""
    return {"type": "home", "blocks": [header(words.HOME_TITLE), section(escaped(sentence))]}


def _at_home(view: ServiceView, now: float) -> Iterator[Block]:
    yield from list(sections(service_lines(view, now)))[:1]
    yield actions(service_buttons(view), f"home:{view.service}")
    yield divider()


def service_buttons(view: ServiceView) -> list[Button]:
    """What can be done to a service, whatever it is doing."""
    service, deployment = escaped(view.service), view.deployment
    seen = Seen(deployment.id if deployment else "")
    back = Wish(Verb.ROLLBACK, view.service)
    buttons = [Button(OPEN_FORM, "Switch…", seen.written(Wish(Verb.SWITCH, view.service)), f"Switch {service}: opens a form")]
    if deployment:
        ask = Ask("Roll back?", words.sure_rollback(view.service, deployment.fallback), "Roll back", "Cancel", danger=True)
        label = f"Roll {view.service} back to {deployment.fallback}"
        buttons.append(Button(action_of(Verb.ROLLBACK), "Roll back", seen.written(back), label, "danger", ask))
    return [replace(button, label=button.label[:75]) for button in buttons]

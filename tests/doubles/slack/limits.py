"""Slack's limits on Block Kit, as errors: what ``invalid_blocks`` and ``invalid_arguments`` say of a message or view."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Block = Mapping[str, Any]
MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
COMMON = {"type", "block_id"}
KEYS = {
    "section": {"text", "fields", "accessory", "expand"},
    "header": {"text", "level"},
    "divider": set(),
    "context": {"elements"},
    "actions": {"elements"},
    "image": {"image_url", "alt_text", "title", "slack_file"},
    "input": {"label", "element", "hint", "optional", "dispatch_action"},
}
ELEMENT_KEYS = {
    "button": {"text", "action_id", "value", "url", "style", "confirm", "accessibility_label"},
    "static_select": {"action_id", "options", "initial_option", "placeholder", "confirm", "focus_on_load"},
    "radio_buttons": {"action_id", "options", "initial_option", "confirm", "focus_on_load"},
    "overflow": {"action_id", "options", "confirm"},
    "plain_text_input": {
        *("action_id", "initial_value", "multiline", "min_length", "max_length", "placeholder", "focus_on_load"),
        "dispatch_action_config",
    },
    "image": {"image_url", "alt_text", "slack_file"},
}
INPUTS = {"static_select", "radio_buttons", "plain_text_input"}


def faults_of_message(blocks: Any) -> list[str]:
    """What is wrong with the blocks of a message, one sentence a fault."""
    return [*_blocks(blocks, MESSAGE_BLOCKS, inputs=True)]


def faults_of_view(view: Any) -> list[str]:
    """What is wrong with a modal or an App Home."""
    if not isinstance(view, dict) or view.get("type") not in ("modal", "home"):
        return ["invalid view type"]
    found = [*_blocks(view.get("blocks"), VIEW_BLOCKS, inputs=True)]
    found += _longest(view, {"private_metadata": 3000, "callback_id": 255, "external_id": 255}, "view")
    if view["type"] == "modal":
        for name, needed in (("title", True), ("submit", False), ("close", False)):
            if needed or name in view:
                found += _text(view.get(name), f"view {name}", 24, "plain_text")
        if "submit" not in view and any(block.get("type") == "input" for block in view.get("blocks") or ()):
            found.append("a view with inputs must have submit")
    return found


def _blocks(blocks: Any, most: int, *, inputs: bool) -> Iterator[str]:
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        yield "blocks must be a list of objects"
        return
    if len(blocks) > most:
        yield f"no more than {most} items allowed, {len(blocks)} given"
    yield from _twice((block.get("block_id") for block in blocks), "block_id")
    for number, block in enumerate(blocks):
        kind, at = block.get("type"), f"/blocks/{number}"
        check = _CHECKS.get(str(kind))
        if check is None or (kind == "input" and not inputs):
            yield f"unsupported type: {kind} [{at}]"
            continue
        yield from (f"invalid additional property: {key} [{at}]" for key in block.keys() - COMMON - KEYS[str(kind)])
        yield from _longest(block, {"block_id": 255}, at)
        yield from check(block, at)


def _section(block: Block, at: str) -> Iterator[str]:
    if "text" not in block and not block.get("fields"):
        yield f"must have text or fields [{at}]"
    if "text" in block:
        yield from _text(block["text"], at, 3000)
    fields = block.get("fields", [])
    if len(fields) > 10:
        yield f"no more than 10 fields [{at}]"
    for field in fields:
        yield from _text(field, f"{at}/fields", 2000)
    if "accessory" in block:
        yield from _element(block["accessory"], f"{at}/accessory")


def _header(block: Block, at: str) -> Iterator[str]:
    yield from _text(block.get("text"), at, 150, "plain_text")


def _divider(_: Block, __: str) -> Iterator[str]:
    yield from ()


def _context(block: Block, at: str) -> Iterator[str]:
    elements = block.get("elements", [])
    if not 1 <= len(elements) <= 10:
        yield f"1 to 10 elements, not {len(elements)} [{at}]"
    for element in elements:
        yield from _element(element, at) if element.get("type") == "image" else _text(element, at, 3000)


def _actions(block: Block, at: str) -> Iterator[str]:
    elements = block.get("elements", [])
    if not 1 <= len(elements) <= 25:
        yield f"1 to 25 elements, not {len(elements)} [{at}]"
    yield from _twice((element.get("action_id") for element in elements), f"action_id [{at}]")
    for element in elements:
        yield from _element(element, at)


def _image(block: Block, at: str) -> Iterator[str]:
    if ("image_url" in block) == ("slack_file" in block):
        yield f"one of image_url and slack_file [{at}]"
    if not block.get("alt_text"):
        yield f"missing required field: alt_text [{at}]"
    yield from _longest(block, {"alt_text": 2000, "image_url": 3000}, at)
    if "title" in block:
        yield from _text(block["title"], at, 2000, "plain_text")


def _input(block: Block, at: str) -> Iterator[str]:
    yield from _text(block.get("label"), f"{at}/label", 2000, "plain_text")
    if "hint" in block:
        yield from _text(block["hint"], f"{at}/hint", 2000, "plain_text")
    element = block.get("element", {})
    if element.get("type") not in INPUTS:
        yield f"unsupported type: {element.get('type')} [{at}/element]"
    yield from _element(element, f"{at}/element")


_CHECKS: dict[str, Callable[[Block, str], Iterator[str]]] = {
    "section": _section,
    "header": _header,
    "divider": _divider,
    "context": _context,
    "actions": _actions,
    "image": _image,
    "input": _input,
}


def _element(element: Any, at: str) -> Iterator[str]:
    kind = element.get("type") if isinstance(element, dict) else None
    if kind not in ELEMENT_KEYS:
        yield f"unsupported type: {kind} [{at}]"
        return
    yield from (f"invalid additional property: {key} [{at}/{kind}]" for key in element.keys() - {"type"} - ELEMENT_KEYS[kind])
    yield from _longest(element, {"action_id": 255, "url": 3000, "accessibility_label": 75, "alt_text": 2000}, at)
    if kind == "button":
        yield from _text(element.get("text"), f"{at}/button", 75, "plain_text")
        yield from _longest(element, {"value": 2000}, at)
        if element.get("style") not in (None, "primary", "danger"):
            yield f"invalid style [{at}]"
    if "options" in element:
        yield from _options(element["options"], 5 if kind == "overflow" else 10 if kind == "radio_buttons" else 100, at)
    if "placeholder" in element:
        yield from _text(element["placeholder"], at, 150, "plain_text")
    if kind == "plain_text_input" and not 0 < element.get("max_length", 1) <= 3000:
        yield f"max_length must be 1 to 3000 [{at}]"
    if "confirm" in element:
        yield from _confirm(element["confirm"], f"{at}/confirm")


def _options(options: Any, most: int, at: str) -> Iterator[str]:
    if not 1 <= len(options) <= most:
        yield f"1 to {most} options, not {len(options)} [{at}]"
    for option in options:
        yield from _text(option.get("text"), f"{at}/option", 75)
        yield from _longest(option, {"value": 150}, at)
        if "description" in option:
            yield from _text(option["description"], f"{at}/description", 75)


def _confirm(confirm: Mapping[str, Any], at: str) -> Iterator[str]:
    yield from _text(confirm.get("title"), at, 100, "plain_text")
    yield from _text(confirm.get("text"), at, 300)
    yield from _text(confirm.get("confirm"), at, 30, "plain_text")
    yield from _text(confirm.get("deny"), at, 30, "plain_text")
    if confirm.keys() - {"title", "text", "confirm", "deny", "style"}:
        yield f"invalid additional property [{at}]"


def _text(text: Any, at: str, most: int, kind: str | None = None) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") not in ("plain_text", "mrkdwn") or not isinstance(text.get("text"), str):
        yield f"missing required field: text [{at}]"
        return
    if kind and text["type"] != kind:
        yield f"must be {kind} [{at}]"
    if not 1 <= len(text["text"]) <= most:
        yield f"text must be 1 to {most} characters, not {len(text['text'])} [{at}]"
    allowed = {"type", "text", "emoji"} if text["type"] == "plain_text" else {"type", "text", "verbatim"}
    yield from (f"invalid additional property: {key} [{at}]" for key in text.keys() - allowed)


def _longest(given: Mapping[str, Any], most: Mapping[str, int], at: str) -> Iterator[str]:
    for key, length in most.items():
        if key in given and not 0 < len(str(given[key])) <= length:
            yield f"{key} must be 1 to {length} characters [{at}]"


def _twice(names: Iterable[str | None], what: str) -> Iterator[str]:
    given = [name for name in names if name is not None]
    if len(given) != len(set(given)):
        yield f"{what} must be unique"

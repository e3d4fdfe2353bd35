"""Block Kit as HTML, near enough to how Slack shows it to see what people see."""

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

STYLE = """
body { margin: 0; padding: 18px; background: #fff; font: 15px/1.46 "DejaVu Sans", sans-serif; color: #1d1c1d; width: 724px; }
.who { font-weight: bold; } .app { background: #e8e8e8; color: #616061; font-size: 10px; padding: 1px 4px; border-radius: 3px; }
h1 { font-size: 18px; margin: 8px 0; } .section { margin: 8px 0; white-space: pre-wrap; }
.context { margin: 8px 0; font-size: 12px; color: #616061; }
code { background: #f6f6f6; border: 1px solid #ddd; border-radius: 3px; color: #c01343; font-size: 12px; padding: 1px 3px; }
button { font: bold 13px "DejaVu Sans", sans-serif; background: #fff; border: 1px solid #bbb; border-radius: 4px; padding: 6px 12px;
  margin: 4px 8px 4px 0; color: #1d1c1d; }
button.primary { background: #007a5a; border-color: #007a5a; color: #fff; }
button.danger { background: #e01e5a; border-color: #e01e5a; color: #fff; }
a { color: #1264a3; text-decoration: none; } .at { background: #f2f2f2; border-radius: 3px; padding: 0 2px; }
.reply { border-left: 4px solid #ddd; margin: 14px 0 0 10px; padding-left: 14px; } img { width: 560px; border: 1px solid #ddd; }
"""
_MARKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"<!date\^[0-9]+\^[^|>]*\|([^>]*)>"), r'<span class="at">\1</span>'),
    (re.compile(r"<(https?://[^|>]+)\|([^>]*)>"), r'<a href="\1">\2</a>'),
    (re.compile(r"`([^`\n]+)`"), r"<code>\1</code>"),
    (re.compile(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])"), r"<b>\1</b>"),
)


def page(*parts: str) -> str:
    """A page with messages."""
    who = '<span class="who">guardian</span> <span class="app">APP</span>'
    return f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style><body>{who}{"".join(parts)}</body>'


def message(blocks: Iterable[Mapping[str, Any]]) -> str:
    """One message."""
    return "".join(map(_block, blocks))


def reply(blocks: Iterable[Mapping[str, Any]], picture: str = "", alt: str = "") -> str:
    """One message in a thread, with a picture under it if there is one."""
    shown = f'<img src="{picture}" alt="{html.escape(alt)}">' if picture else ""
    return f'<div class="reply">{message(blocks)}{shown}</div>'


def marked(text: str) -> str:
    """Formatted text; what Slack escapes is escaped in HTML, too."""
    for mark, shown in _MARKS:
        text = mark.sub(shown, text)
    return text


def _block(block: Mapping[str, Any]) -> str:
    match block["type"]:
        case "header":
            return f"<h1>{_text(block['text'])}</h1>"
        case "section":
            return f'<div class="section">{_text(block["text"])}</div>'
        case "context":
            return f'<div class="context">{" ".join(map(_text, block["elements"]))}</div>'
        case "actions":
            return f"<div>{''.join(map(_button, block['elements']))}</div>"
        case "divider":
            return "<hr>"
        case kind:
            raise ValueError(f"no picture of {kind}")


def _button(element: Mapping[str, Any]) -> str:
    return f'<button class="{element.get("style", "")}">{_text(element["text"])}</button>'


def _text(text: Mapping[str, Any]) -> str:
    return marked(text["text"]) if text["type"] == "mrkdwn" else html.escape(text["text"])

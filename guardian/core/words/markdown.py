"""Foreign text in Markdown: it reads as it was written, and marks up nothing (CommonMark 0.31, and GitHub's tables)."""

import re

from guardian.core.words.quotes import visible

_MARKS = re.compile(r"[\\`*\[\]<|~&$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_NUMBERED = re.compile(r"^([0-9]+)([.)])")


def inert(text: str) -> str:
    """``text`` on one line, with everything escaped that Markdown would take for markup, also at the start of a line."""
    line = _MARKS.sub(lambda mark: f"\\{mark[0]}", visible(text).strip())
    line = _NUMBERED.sub(r"\1\\\2", line)
    return f"\\{line}" if line.startswith(("-", "+", "=", "#", ">")) else line


def cells(*values: str) -> str:
    """A row of a table."""
    return f"| {' | '.join(values)} |"

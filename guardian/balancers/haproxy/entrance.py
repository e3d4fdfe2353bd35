"""A stats socket of guardian's own: one marked line in ``global``, since the one that is there is root's only, as a rule."""

from pathlib import Path

from guardian.balancers.haproxy.document import Document, Edit, Section, Statement

MARK = "# guardian's own; `guardian haproxy adopt --remove` takes it out"


def opening(document: Document, socket: Path, group: str) -> list[Edit]:
    """The change that adds it behind the other stats sockets; none where it is there, or there is no ``global`` to hold it."""
    sections = [section for section in document.proxies("global") if section.heading.depth == 0]
    if not sections or closing(document):
        return []
    place = _behind(sections[0])
    line = f"    stats socket {socket} mode 660 group {group} level admin  {MARK}"
    text = f"{line}\n" if place.text.endswith("\n") else f"\n{line}"
    return [Edit(place.file, place.line + 1, place.line + 1, text)]


def closing(document: Document) -> list[Edit]:
    """The change that takes it out again."""
    lines = [
        statement
        for section in document.proxies("global")
        for statement in section.find("stats")
        if statement.text.rstrip("\r\n").endswith(MARK)
    ]
    return [Edit(statement.file, statement.line, statement.line + 1, "") for statement in lines]


def _behind(section: Section) -> Statement:
    """The statement after which it goes."""
    sockets = [one for one in section.find("stats") if one.depth == 0 and one.argument(1) == "socket"]
    return (sockets or [section.heading])[-1]

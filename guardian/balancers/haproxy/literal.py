"""The split that is written out in a service's blocks, for services that are routed by reload. Pure: edits, no files."""

import re
from collections.abc import Iterator

from guardian.balancers.haproxy.block import share_variable
from guardian.balancers.haproxy.document import Document, Edit, File
from guardian.core.model import BASIS_POINTS, Service, Split


def shares(document: Document, service: Service) -> frozenset[int]:
    """Green's share in basis points as each block of ``service`` has it written out."""
    return frozenset(int(match[1]) for *_, match in _literals(document, service))


def read(document: Document, service: Service) -> Split | None:
    """The split in the blocks of ``service``; ``None`` where they have none, not all the same, or one that cannot be."""
    found = shares(document, service)
    return Split(*found) if len(found) == 1 and max(found) <= BASIS_POINTS else None


def rewrite(document: Document, service: Service, split: Split) -> tuple[Edit, ...]:
    """The edits that write ``split`` into every block of ``service`` that has one written out; none where it stands already."""
    lines: dict[tuple[File, int], str] = {}
    for file, line, match in _literals(document, service):
        if int(match[1]) != split.green:
            lines[file, line] = match.string[: match.start(1)] + str(split.green) + match.string[match.end(1) :]
    return tuple(Edit(file, line, line + 1, text) for (file, line), text in lines.items())


def _literals(document: Document, service: Service) -> Iterator[tuple[File, int, re.Match[str]]]:
    pattern = re.compile(rf"\bint\(([0-9]{{1,9}})\),set-var\({re.escape(share_variable(service.name))}\)")
    for block in document.blocks:
        if block.service == service.name:
            for line in range(block.first + 1, block.end - 1):
                if match := pattern.search(block.file.lines[line]):
                    yield block.file, line, match

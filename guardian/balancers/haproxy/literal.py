"""The split that is written out for services that are routed by reload, in their blocks in ``global``. Pure: edits, no files."""

import re
from collections.abc import Iterator

from guardian.balancers.haproxy.block import Written, generation_variable, split_variable
from guardian.balancers.haproxy.document import Document, Edit, File
from guardian.core.model import BASIS_POINTS, Service, Split


def shares(document: Document, service: Service) -> frozenset[int]:
    """Green's share in basis points as each block of ``service`` has it written out."""
    return frozenset(int(match[2]) for *_, match in _literals(document, split_variable(service.name), service))


def read(document: Document, service: Service) -> Split | None:
    """The split that is written out for ``service``; ``None`` where none is, or several, or one that cannot be."""
    found = shares(document, service)
    return Split(*found) if len(found) == 1 and max(found) <= BASIS_POINTS else None


def generation(document: Document, service: Service) -> int:
    """The number of guardian's last writing; 0 where none is there."""
    found = [int(match[2]) for *_, match in _literals(document, generation_variable(service.name), service)]
    return found[0] if len(found) == 1 else 0


def written(document: Document, service: Service) -> Written | None:
    """Both; ``None`` where there is no split."""
    split = read(document, service)
    return None if split is None else Written(split, generation(document, service))


def rewrite(document: Document, service: Service, new: Written) -> tuple[Edit, ...]:
    """The edits that write ``new`` for ``service``, where something is written out; none where it stands already."""
    values = {split_variable(service.name): new.split.green, generation_variable(service.name): new.generation}
    lines: dict[tuple[File, int], str] = {}
    for variable, value in values.items():
        for file, line, match in _literals(document, variable, service):
            if int(match[2]) != value:
                lines[file, line] = f"{match.string[: match.start(2)]}{value}{match.string[match.end(2) :]}"
    return tuple(Edit(file, line, line + 1, text) for (file, line), text in lines.items())


def _literals(document: Document, variable: str, service: Service) -> Iterator[tuple[File, int, re.Match[str]]]:
    pattern = re.compile(rf"(set-var {re.escape(variable)} int\()([0-9]{{1,18}})\)")
    for block in document.blocks:
        if block.service == service.name:
            for line in range(block.first + 1, block.end - 1):
                if match := pattern.search(block.file.lines[line]):
                    yield block.file, line, match

"""What was found in files, as people and programs want it: text, JSON, annotations of GitHub, SARIF."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from urllib.parse import quote

from guardian import __version__
from guardian.config.faults import Fault
from guardian.core.words import lint as words
from guardian.core.words import shell

SARIF = "2.1.0"


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was found."""

    faults: Sequence[Fault]
    warnings: Sequence[Fault]
    files: int
    rules: int


def text(found: Findings) -> Iterator[str]:
    """One line each, faults first, and how much was read."""
    yield from map(str, found.faults)
    yield from (shell.warning(str(warning)) for warning in found.warnings)
    yield words.summary(found.files, found.rules, len(found.faults), len(found.warnings))


def as_json(found: Findings) -> Iterator[str]:
    """One document."""
    listed = {"faults": [*map(asdict, found.faults)], "warnings": [*map(asdict, found.warnings)]}
    yield json.dumps({**listed, "files": found.files, "rules": found.rules}, indent=2, ensure_ascii=False)


def github(found: Findings) -> Iterator[str]:
    """Workflow commands: GitHub shows each beside its line."""
    for level, faults in (("error", found.faults), ("warning", found.warnings)):
        for fault in faults:
            place = f"file={_property(_relative(fault.file))},line={fault.line},title={_property(words.TITLES[fault.check])}"
            yield f"::{level} {place}::{_data(_told(fault))}"


def sarif(found: Findings) -> Iterator[str]:
    """One log of one run, as the OASIS standard 2.1.0 says."""
    checks = [name for name in words.TITLES if any(fault.check == name for fault in (*found.faults, *found.warnings))]
    results = [
        *(_result(fault, "error", checks) for fault in found.faults),
        *(_result(fault, "warning", checks) for fault in found.warnings),
    ]
    driver = {
        "name": "guardian",
        "version": __version__,
        "rules": [{"id": name, "shortDescription": {"text": words.TITLES[name]}} for name in checks],
    }
    log = {"version": SARIF, "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}]}
    yield json.dumps(log, indent=2, ensure_ascii=False)


FORMATS: Mapping[str, Callable[[Findings], Iterator[str]]] = {"text": text, "json": as_json, "github": github, "sarif": sarif}


def _result(fault: Fault, level: str, checks: Sequence[str]) -> dict[str, object]:
    where = {"artifactLocation": {"uri": quote(_relative(fault.file))}, "region": {"startLine": fault.line}}
    return {
        "ruleId": fault.check,
        "ruleIndex": checks.index(fault.check),
        "level": level,
        "message": {"text": _told(fault)},
        "locations": [{"physicalLocation": where}],
    }


def _told(fault: Fault) -> str:
    return ": ".join(part for part in (fault.path, fault.sentence) if part)


def _relative(file: str) -> str:
    """As seen from here, which is where those who read it know the file from; elsewhere as it is."""
    relative = os.path.relpath(file)
    return file if relative.startswith("..") else relative


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

"""``guardian explain``: why a deployment was judged as it was, computed again by the daemon, or from a bundle without one."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from guardian.cli.client import Answer, Client, Rejected
from guardian.cli.target import Target
from guardian.core.words import explain as words

MOST_BYTES = 64 << 20
"""A bundle of a hundred rules with all the looks that evidence keeps has some 40 MiB."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be explained, and how."""

    which: str
    """A deployment, or a bundle's file."""
    rule: str | None
    bundle: Path | None
    """Where the evidence is to be written instead."""
    as_json: bool


def explain(target: Target, wanted: Wanted) -> int:
    """Print it; 1 where a verdict did not come out again as it was recorded, else 0."""
    file = Path(wanted.which)
    if file.suffix == ".json":
        return _show(_from_bundle(file, wanted.rule), wanted)
    with Client(target) as client:
        if wanted.bundle is None:
            return _show(client.explanation(wanted.which, wanted.rule), wanted)
        evidence = client.evidence(wanted.which)
    return _write(wanted.bundle, evidence)


def _show(explanation: Answer, wanted: Wanted) -> int:
    if wanted.as_json:
        click.echo(json.dumps(explanation, indent=2, ensure_ascii=False))
    else:
        from guardian.cli.tables import show_explanation

        show_explanation(explanation)
    return 0 if explanation["identical"] else 1


def _write(path: Path, evidence: Answer) -> int:
    try:
        path.write_text(json.dumps(evidence, indent=1, sort_keys=True, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise Rejected(words.unreadable(path, error.strerror or str(error))) from error
    click.echo(words.bundled(path, len(evidence["rules"])))
    return 0


def _from_bundle(path: Path, rule: str | None) -> Answer:
    from guardian.app.evidence import Unfit, checked, explained
    from guardian.core.switch import Refused

    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise Rejected(words.too_large(path, MOST_BYTES))
        explanation = explained(checked(text), rule)
    except OSError as error:
        raise Rejected(words.unreadable(path, error.strerror or str(error))) from error
    except Unfit as error:
        raise Rejected(words.unreadable(path, str(error))) from error
    except Refused as error:
        raise Rejected(str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:  # made up, and then sealed
        raise Rejected(words.unreadable(path, words.unfit_bundle(repr(error)))) from error
    answer: Answer = json.loads(json.dumps(asdict(explanation)))  # as the API gives it
    return answer

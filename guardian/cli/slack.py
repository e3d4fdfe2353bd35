"""``guardian slack check``: what is missing at Slack's end, and what to click."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

import click

from guardian.chatops.checkup import Finding, examine
from guardian.config.faults import ConfigFaults
from guardian.config.settings import Settings, load_settings
from guardian.core.words import checkup as words


def report(path: Path, *, as_json: bool) -> int:
    """Print what was found; 1 where something is missing."""
    try:
        settings = load_settings(path)
    except ConfigFaults as faults:
        click.echo(str(faults), err=True)
        return 1
    findings = asyncio.run(_findings(settings))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            click.echo(words.line(finding.sentence, good=finding.good))
    good = all(finding.good for finding in findings)
    if good and not as_json:
        click.echo(words.all_well())
    return 0 if good else 1


async def _findings(settings: Settings) -> list[Finding]:
    if settings.slack is None:
        return [Finding(good=False, sentence=words.no_slack())]
    return [finding async for finding in examine(settings.slack, settings.channels.values())]

"""``guardian check``: everything that is wrong in the files, all at once."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from guardian.config.configuration import Configuration, load
from guardian.config.faults import ConfigFaults, Fault
from guardian.config.lint import ERRORS, Known, lint
from guardian.core.words import shell
from guardian.records.opening import too_new


def report(path: Path, *, online: bool, as_json: bool) -> int:
    """Print all faults and warnings of the configuration at ``path``; 1 if there is a fault, else 0."""
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    unfit: list[str] = []
    configuration = None
    try:
        configuration = load(path)
    except ConfigFaults as found:
        faults = found.faults
    else:
        newer = too_new(configuration.settings.state_dir)
        unfit = [*([newer] if newer else ()), *(_ask_balancer(configuration) if online else ())]
        learnt = _ask_prometheus(configuration) if online else ()
        unfit += [str(fault) for fault in learnt if fault.check in ERRORS]
        seen = (fault for fault in learnt if fault.check not in ERRORS)
        warnings = (*configuration.warnings, *lint(configuration.written, Known()), *seen)
    if as_json:
        listed = {"faults": [*map(asdict, faults)], "warnings": [*map(asdict, warnings)], "balancer": unfit}
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
    else:
        for line in (*map(str, faults), *unfit, *(shell.warning(str(warning)) for warning in warnings)):
            click.echo(line)
        if configuration and not unfit:
            rules = sum(len(each.rules) for each in configuration.rules.values())
            click.echo(shell.check_passed(path, len(configuration.settings.services), rules))
    return 1 if faults or unfit else 0


def _ask_balancer(configuration: Configuration) -> list[str]:
    from guardian.asking import check_online

    return check_online(configuration)


def _ask_prometheus(configuration: Configuration) -> tuple[Fault, ...]:
    from guardian.rehearsal.inquiry import inquire

    access = configuration.settings.prometheus
    return inquire(configuration.written, access, Known()).faults if access else ()

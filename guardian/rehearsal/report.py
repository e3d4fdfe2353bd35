"""The report of a backtest, written while it runs: its rows go to a temporary file, so that thousands take no memory."""

import base64
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import IO, Any

from guardian.core.words import backtest as words
from guardian.core.words.figures import seconds
from guardian.records.charts import Chart
from guardian.rehearsal.backtest import Finding, Label, Rehearsed, Score, Scores
from guardian.rehearsal.suggest import LEAST

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --dim: #6b6b6b; --line: #d9d9d9; --paper: #fff; --bad: #b34700; --good: #00734f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --dim: #a0a0a0; --line: #3a3a3a; --paper: #161616; --bad: #ff9a5c;
  --good: #4fd1a5; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 76rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .25rem; } p { margin: .25rem 0; } .dim { color: var(--dim); }
table { border-collapse: collapse; margin: 1rem 0; width: 100%; } caption { text-align: left; color: var(--dim); }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
img { width: 100%; max-width: 50rem; height: auto; border: 1px solid var(--line); border-radius: 6px; background: #fff; }
.false, .missed { color: var(--bad); font-weight: 600; } .true { color: var(--good); font-weight: 600; }
"""


def finding_record(finding: Finding) -> dict[str, Any]:
    """A finding as plain JSON values; times are seconds since the epoch."""
    replay = finding.replay
    return {
        "rule": finding.rule.name,
        "label": finding.label.value,
        "alarm": replay.alarm,
        "delay": finding.delay,
        "harmed": finding.harmed,
        "critical": replay.critical,
        "origin": replay.origin,
        "resolution": replay.resolution,
        "verdict": replay.verdict.to_record() if replay.verdict else None,
    }


def trial_record(rehearsed: Rehearsed) -> dict[str, Any]:
    """One cutover as plain JSON values."""
    cutover, truth = rehearsed.cutover, rehearsed.truth
    return {
        "deployment": cutover.id,
        "service": cutover.service,
        "candidate": str(cutover.trial.candidate),
        "at": cutover.trial.since,
        "until": cutover.until,
        "outcome": cutover.outcome,
        "bad": truth.bad,
        "why": truth.why,
        "rules": [finding_record(finding) for finding in rehearsed.findings],
    }


def score_record(score: Score) -> dict[str, Any]:
    """One rule over all cutovers as plain JSON values."""
    suggestion = score.suggestion
    return {
        "service": score.service,
        "rule": score.rule.name,
        "limit": score.rule.test.limit,
        "counts": {label.value: count for label, count in score.counts.items()},
        "median_delay": score.median_delay,
        "harmed": score.harmed if score.counted else None,
        "harmed_counted": score.counted,
        "origins": score.origins,
        "suggestion": asdict(suggestion) if suggestion else None,
    }


class Spool:
    """Rows that wait in a file without a name until all that stands before them is known."""

    def __init__(self) -> None:
        self._file: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  closed by close()

    def add(self, row: str) -> None:
        """One more row."""
        self._file.write(row + "\n")

    def rows(self) -> Iterator[str]:
        """All of them, in order."""
        self._file.seek(0)
        yield from self._file

    def close(self) -> None:
        """Forget them."""
        self._file.close()


def json_parts(span: tuple[float, float], scores: Scores, spool: Spool) -> Iterator[str]:
    """The whole report as one JSON document, in pieces; ``spool`` holds a :func:`trial_record` a row."""
    head = {"from": span[0], "to": span[1], "cutovers": scores.cutovers, "bad": scores.bad, "rules": [*map(score_record, scores)]}
    yield json.dumps(head, indent=1)[:-2] + ',\n "trials": ['
    for number, row in enumerate(spool.rows()):
        yield ("," if number else "") + "\n  " + row.rstrip("\n")
    yield "\n ]\n}\n"


def html_parts(title: str, scores: Scores, spool: Spool) -> Iterator[str]:
    """The whole report as one HTML page, in pieces; ``spool`` holds :func:`html_trial` pieces."""
    yield f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
    yield f'<meta name="viewport" content="width=device-width">\n<style>{_STYLE}</style>\n</head>\n<body>\n'
    yield f"<h1>{escape(title)}</h1>\n<p>{escape(words.headline(scores.cutovers, scores.bad))}</p>\n"
    yield f"<table>\n<thead><tr>{''.join(_cell(name, 'th') for name in words.COLUMNS)}</tr></thead>\n<tbody>\n"
    for score in scores:
        yield f"<tr>{''.join(_cell(text) for text in score_row(score))}</tr>\n"
    yield "</tbody>\n</table>\n"
    for line in (line for score in scores for line in remarks(score)):
        yield f'<p class="dim">{escape(line)}</p>\n'
    yield from spool.rows()
    yield "</body>\n</html>\n"


def score_row(score: Score) -> list[str]:
    """One rule over all cutovers, as the cells of a table below :data:`~guardian.core.words.backtest.COLUMNS`."""
    counts, suggestion, delay = score.counts, score.suggestion, score.median_delay
    told = counts[Label.TRUE] + counts[Label.MISSED]
    return [
        f"{score.service}/{score.rule.name}",
        *(str(counts[label]) for label in Label),
        "" if delay is None else seconds(delay),
        words.harmed(score.harmed, score.counted, told),
        words.suggested(score.rule, suggestion.limit, suggestion.false_alarms) if suggestion else "",
    ]


def remarks(score: Score) -> list[str]:
    """Where the readings of a rule came from, and how its limit was come by."""
    suggestion = score.suggestion
    told = words.replayed_from(score.origins), words.why_suggested(suggestion.arithmetic if suggestion else None, LEAST)
    return [words.about(score.service, score.rule.name, each) for each in told]


def html_trial(rehearsed: Rehearsed, chart: Chart | None, source: str) -> str:
    """One cutover: what is known of it, its chart, and what each rule made of it. ``source`` is where the picture is."""
    cutover, truth = rehearsed.cutover, rehearsed.truth
    parts = [f'<h2 id="{escape(cutover.id)}">{escape(cutover.id)}</h2>', f'<p class="dim">{escape(truth.why)}</p>']
    if chart is not None:
        parts.append(f'<img loading="lazy" src="{escape(source)}" alt="{escape(chart.alt)}" width="1200" height="648">')
    parts.append("<table><tbody>")
    for finding in rehearsed.findings:
        mark = f'<span class="{finding.label.value.split()[0]}">{finding.label.value}</span>'
        cells = f"<td>{escape(finding.rule.name)}</td><td>{mark}</td><td>{escape(told(rehearsed, finding))}</td>"
        parts.append(f'<tr>{cells}<td class="dim">{escape(finding.replay.origin)}</td></tr>')
    return "\n".join([*parts, "</tbody></table>"])


def told(rehearsed: Rehearsed, finding: Finding) -> str:
    """What a rule made of a cutover, as one sentence."""
    replay = finding.replay
    reason = replay.verdict.reason if replay.verdict else ""
    if replay.alarm is None:
        return reason
    return words.fired(replay.alarm - rehearsed.cutover.trial.since, reason)


def inline(png: bytes) -> str:
    """A picture as an address that holds all of it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def file_name(rehearsed: Rehearsed) -> str:
    """The name of a cutover's picture: only characters that any file system and any page takes."""
    safe = "".join(character if character.isalnum() or character in "-_." else "-" for character in rehearsed.cutover.id)
    return f"{safe}.png"


def write(path: Path, parts: Iterator[str]) -> None:
    """Write a report piece by piece. ``OSError`` where it cannot be."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(parts)


def _cell(text: str, kind: str = "td") -> str:
    number = ' class="number"' if text[:1].isdigit() and kind == "td" else ""
    return f"<{kind}{number}>{escape(text)}</{kind}>"

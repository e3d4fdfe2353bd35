"""The configuration that all entrants have in common, and where each has its own lines."""

from collections.abc import Callable, Iterable, Sequence

from guardian.demo.haproxy import HEAD
from guardian.demo.ports import LOOPBACK
from tests.bench.race.entrant import Fragment, Ground, Lane

SECTIONS = """\
frontend exporter
    bind {host}:{ground.exporter_port}
    http-request use-service prometheus-exporter if {{ path /metrics }}

{lanes}
{sections}"""
"""What all entrants have in common, below the head."""
LANE = """\
frontend {lane.name}
    bind {host}:{lane.port}
{frontend}    default_backend {default}

backend {lane.blue}
{blue}    server blue1 {host}:{lane.blue_port} check inter 500ms fall 3 rise 1

backend {lane.green}
{green}    server green1 {host}:{lane.green_port} check inter 500ms fall 3 rise 1{server}
"""
WITNESS = """
    http-after-response set-header X-Environment blue
    http-after-response set-header X-Environment green if {{ be_name -m beg {lane.green} }}"""
"""Users of the race are told which way their request went, whoever answered in the end."""


def configuration(
    ground: Ground, fragment: Callable[[Lane], Fragment], global_lines: Sequence[str] = (), sections: Sequence[str] = ()
) -> str:
    """The text of haproxy.cfg, with what an entrant adds to each lane, to ``global``, and whole sections (their lines) below."""
    return HEAD.format(lines=_indented(global_lines), socket=ground.socket) + SECTIONS.format(
        ground=ground,
        host=LOOPBACK,
        lanes="\n".join(_lane(lane, fragment(lane)) for lane in ground.lanes),
        sections="\n".join(sections) + "\n" if sections else "",
    )


def _lane(lane: Lane, own: Fragment) -> str:
    return LANE.format(
        lane=lane,
        host=LOOPBACK,
        frontend=_indented(own.frontend),
        default=own.default or lane.blue,
        blue=_indented(own.blue),
        green=_indented(own.green),
        server=f" {own.server}" if own.server else "",
    )


def _indented(lines: Iterable[str]) -> str:
    return "".join(f"    {line}\n" for line in lines)


def witnessed(ground: Ground, text: str) -> str:
    """An entrant's ``text`` with what the race adds to every frontend and no site has: guardian would not shield it."""
    for lane in ground.lanes:
        bind = f"    bind {LOOPBACK}:{lane.port}\n"
        if text.count(bind) != 1:
            raise ValueError(f"{lane.name} has {text.count(bind)} frontends")
        text = text.replace(bind, bind.rstrip() + WITNESS.format(lane=lane) + "\n")
    return text

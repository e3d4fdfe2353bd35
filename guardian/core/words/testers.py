"""What is said of testers, who reach one environment through the real frontend."""

from pathlib import Path

from guardian.core.words.quotes import visible


def no_testers(service: str) -> str:
    """Nobody is to be let through."""
    return f"{service} has no testers: write `routing: testers:` in guardian.yaml, run `guardian haproxy adopt`, and reload HAProxy"


def secret_unreadable(path: Path, reason: str) -> str:
    """The file is not there, or not for guardian."""
    return f"the testers' secret cannot be read: {visible(str(path))}: {reason}"


def secret_unfit(path: Path) -> str:
    """A file that holds something else."""
    return f"{visible(str(path))} holds no testers' secret: write 16 to 128 letters, digits, `_` and `-`, and nothing else"


def not_opened(service: str) -> str:
    """HAProxy did not take it."""
    return (
        f"the testers' way to {service} could not be opened: HAProxy's map is not there or refuses it; run `guardian haproxy adopt`"
    )


def needs_http(where: str, title: str) -> str:
    """A frontend that sees no headers."""
    return f"{where}: testers are recognised by a header or cookie, and {title} is not in HTTP mode; remove `testers`"


def needs_map(way: str) -> str:
    """A service without a map."""
    return f"testers are let through by the map, and the service is routed by {way}; remove `testers`, or write `way: runtime`"


def a_mark() -> str:
    """What a tester is recognised by."""
    return "`header NAME` or `cookie NAME`, with a name of up to 64 letters, digits and `_.-`"


def needs_testers() -> str:
    """A check that could not get through."""
    return "a check through the balancer needs testers, or it would reach the live side; write `routing: testers:` for the service"


def needs_entrance() -> str:
    """A check that does not know where to go."""
    return "a check through the balancer needs `entrance`, such as `http://127.0.0.1:80`, beside `checks`"


def an_entrance() -> str:
    """Where the frontend is reached."""
    return "the address of the service's frontend without a path, such as `http://127.0.0.1:80`"


def ways() -> str:
    """Which way a check takes."""
    return "`servers` (straight to each server), `balancer` (through the frontend, as a tester) or `both`"


def other_side(backend: str) -> str:
    """A request that did not reach the side that it was meant for."""
    return f"{backend} counted no request: the testers' way does not lead there; run `guardian haproxy adopt`, and reload HAProxy"


def through(entrance: str) -> str:
    """Where such a check went."""
    return f"{entrance}, as a tester"

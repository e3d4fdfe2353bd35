"""What a HAProxy is able to, in phrases for people."""


def no_version() -> str:
    """An answer to ``show info`` that names no version."""
    return "HAProxy's `show info` names no version that guardian understands: guardian needs HAProxy 2.4 or later"


def too_old(version: str) -> str:
    """A HAProxy that guardian cannot work with."""
    return f"this is HAProxy {version}; guardian needs 2.4 or later: upgrade HAProxy, and restart it"


def master_too_old(version: str) -> str:
    """A master socket that is of no use for routing by reload."""
    return (
        f"this is HAProxy {version}, whose master socket does not pass on what `way: reload` needs (2.6 or later does): "
        "take `master_socket` out of guardian.yaml, and workers are reached by connections from before a reload; "
        "or use `way: runtime`"
    )


def moves_traffic(number: tuple[int, int]) -> str:
    """Every version that guardian works with."""
    return f"routing by a map at run time ({number[0]}.{number[1]})"


def moves_queues() -> str:
    """Since 2.5 servers can be added at run time without an experimental mode."""
    return "moving waiting requests to the other environment (2.5 or later)"


def reaches_all_workers(*, master: bool) -> str:
    """Through the master socket, if it is known."""
    if master:
        return "every worker reached through the master socket"
    return "every worker reached at any time (name master_socket; until then by connections that were open before a reload)"


def answers_reloads() -> str:
    """Since 2.7 the master says what became of a reload."""
    return "a reload that says whether it succeeded (2.7 or later; before, guardian finds out by itself)"

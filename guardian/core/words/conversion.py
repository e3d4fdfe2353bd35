"""Sentences about sections of HAProxy's configuration that guardian makes two backends of, on request."""

from collections.abc import Sequence

from guardian.core.words.quotes import listed


def mark(service: str, lines: int, digest: str) -> str:
    """The comment above what was converted."""
    kept = "1 line" if lines == 1 else f"{lines} lines"
    by = f"`guardian haproxy adopt {service} --remove`"
    return f"# >>> converted by guardian for {service}: {kept} kept, {digest} ({by} puts back what stood here)"


def converted(where: str, title: str, made: Sequence[str], live: str) -> str:
    """A section is taken apart."""
    return (
        f"{where}: {title} becomes {listed(made)}; {live} serves, as before. What stood there is kept in comments: --remove puts "
        "it back, and once you delete comments and marks, the new sections are yours."
    )


def fallback_lost(service: str) -> str:
    """What ``backup`` did."""
    return (
        "Until now HAProxy turned to the servers marked `backup` by itself when the others were down: write `fallback: true` under "
        f"{service}'s `routing` in guardian.yaml if it should go on doing so."
    )


def nothing_to_convert(service: str) -> str:
    """Conversion was asked for and is not needed, or guardian knows no way."""
    return f"No section holds what should be backends of {service}: nothing to convert."


def put_back(where: str) -> str:
    """The original returns."""
    return f"{where}: what was converted here is put back as it was, to the byte."


def changed_since(where: str, service: str) -> str:
    """Somebody changed what was converted."""
    return (
        f"{where}: what was made here for {service} was changed since, so what stood here before cannot simply be put back: "
        "carry the change over into the lines that are kept in comments and delete the others and the marks, or delete marks and "
        "comments to keep the sections as they are; blocks of other services in it are taken out first, with --remove."
    )


def both_serve(where: str, title: str) -> str:
    """It cannot be seen which environment has the traffic."""
    return (
        f"{where}: {title} does not tell which environment serves: keep the servers of the other one out with `weight 0`, `backup` "
        "or `disabled`, and convert then."
    )


def conditional_section(where: str, title: str) -> str:
    """An ``.if`` in the section or around it."""
    return f"{where}: {title} has to do with an `.if`, which guardian does not take apart: write the two backends by hand."


def blocks_inside(where: str, title: str) -> str:
    """Blocks of guardian stand in the section."""
    return f"{where}: {title} holds something of guardian already: take that out with --remove, convert, and adopt all again."


def no_line_end(where: str) -> str:
    """The last line is not ended."""
    return f"{where}: this line has no line end, which HAProxy refuses as a truncated file: end it."


def unreadable_name(where: str, kind: str) -> str:
    """A name in quotes or from the environment."""
    return f"{where}: write the name of this {kind} without quotes, escapes and environment variables, and convert then."


def unknown_side(where: str, server: str) -> str:
    """A server of neither environment."""
    return f"{where}: server {server} is of neither environment by its name: call it after one of them, blue or green."


def unknown_keyword(where: str, keyword: str) -> str:
    """A statement that could belong to either half."""
    return (
        f"{where}: guardian does not know whether `{keyword}` is for the clients' side or the servers': write the frontend and the "
        "backends by hand."
    )

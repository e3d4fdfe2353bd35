"""What is said about commands typed in a chat: what was not understood, who may not, and how it is written."""

from collections.abc import Mapping, Sequence

from guardian.core.words.quotes import clipped, listed

COMMAND = "/bg"


def typed(text: str) -> str:
    """A command as it is typed, to be copied."""
    return f"`{COMMAND} {text}`"


def did_you_mean(sentence: str, suggestion: str) -> str:
    """What was not understood, and what was probably meant."""
    return f"{sentence}. Did you mean {typed(suggestion)}?" if suggestion else f"{sentence}."


def unknown_verb(word: str) -> str:
    """No such command."""
    return f"There is no command `{clipped(word)}`; {typed('help')} lists those there are"


def no_service(verb: str, known: Sequence[str]) -> str:
    """A command lacks its service."""
    return f"`{verb}` of which service? {listed(known, 'or')}" if known else f"`{verb}`: guardian guards no service"


def no_such_service(word: str, known: Sequence[str]) -> str:
    """A service that does not exist."""
    there = f"guardian guards {listed(known)}" if known else "guardian guards none"
    return f"There is no service `{clipped(word)}`; {there}"


def no_deployment(verb: str) -> str:
    """A command lacks its deployment."""
    return f"`{verb}` which deployment? Its id stands in its message, such as `web-7`"


def no_such_form(word: str) -> str:
    """Something that is no deployment's id."""
    return f"`{clipped(word)}` is no deployment: an id is a service and a number, such as `web-7`"


def no_rule(known: Sequence[str]) -> str:
    """``mute`` lacks its rule."""
    return f"`mute` which rule? {listed(known, 'or')}" if known else "`mute` which rule? There is none"


def no_such_rule(word: str, known: Sequence[str]) -> str:
    """A rule that does not exist."""
    return f"There is no rule `{clipped(word)}`; {f'there are {listed(known)}' if known else 'there is none'}"


def no_version() -> str:
    """``deploy`` lacks its version."""
    return "Deploy which version? Write it after the service, such as `deploy web 2.4.1`"


def no_reason(verb: str) -> str:
    """A command that is recorded with a reason."""
    return f"`{verb}` needs a reason: it is what others read at three in the morning"


def no_time(verb: str) -> str:
    """A command that ends by itself."""
    return f"`{verb}` for how long? Write a number and a unit (s, m, h or d), such as `--for 2h`"


def bad_time(word: str) -> str:
    """Something that is no length of time."""
    return f"`{clipped(word)}` is no length of time; write a number and a unit (s, m, h or d) of up to 30 days, such as `--for 2h`"


def bad_share(word: str) -> str:
    """Something that is no share of the traffic."""
    return f"`{clipped(word)}` is no share of the traffic; write a percentage from 0.01% to 100%, such as `--share 5%`"


def bad_environment(word: str) -> str:
    """Neither blue nor green."""
    return f"`{clipped(word)}` is neither `blue` nor `green`"


def bad_limit(word: str) -> str:
    """No number of deployments."""
    return f"`{clipped(word)}` is no number of deployments; write 1 to 20"


def no_such_option(word: str, known: Sequence[str]) -> str:
    """An option that does not go with the command."""
    return (
        f"`{clipped(word)}` does not go with this command; {listed(known)} do"
        if known
        else f"`{clipped(word)}` does not belong here"
    )


def no_value(option: str) -> str:
    """An option that lacks its value."""
    return f"`{option}` lacks its value"


def left_over(word: str) -> str:
    """More words than the command takes."""
    return f"`{clipped(word)}` is more than this command takes"


def too_long(most: int) -> str:
    """A reason that nobody would read."""
    return f"The reason is too long: {most:,} characters at the most, and the rest belongs into a ticket"


HELP: Mapping[str, str] = {
    "status [SERVICE]": "where the traffic is, and whether a rollback would work",
    "deploy SERVICE VERSION [REASON]": "the whole way: deploy, verify, shift, watch",
    "switch SERVICE [to green] [--share 5%] [REASON]": "move traffic to the idle environment and watch it; alone, it opens a form",
    "rollback SERVICE [REASON]": "take the traffic back; nothing blocks it (`--force`: also onto an unhealthy side)",
    "approve ID [REASON] · reject ID [REASON]": "let a deployment go on, or end it",
    "pause · resume · promote · abort SERVICE [REASON]": "hold a deployment, let it go on, skip its waiting, end it",
    "freeze SERVICE REASON --for 2h · unfreeze SERVICE [REASON]": "let nothing move forward for a while",
    "unlatch SERVICE REASON": "let a service move forward again after a rollback",
    "mute RULE --for 30m [REASON]": "let a rule speak, and not act, for a while",
    "rules [SERVICE]": "the rules in force",
    "history [SERVICE]": "the last deployments",
    "explain ID · note ID": "why it was judged as it was; its deployment note",
    "help": "this",
}
"""Each command as it is typed, and what it does."""

"""Alerts: which a rule means, what is wrong with one, and who has fallen silent."""

from guardian.core.words.quotes import quoted

# What a rule file may hold.


def no_matcher(text: str) -> str:
    """Something else than a condition on a label."""
    return f'{quoted(text)} is no matcher; write one as Alertmanager does, such as `severity="critical"` or `team=~"web|shop"`'


def too_clever(expression: str) -> str:
    """An expression whose matching may never end."""
    return (
        f"{quoted(expression)} repeats a group, looks around or refers back; alerts come from outside, and matching them must end: "
        "write alternatives instead, such as `web|shop`"
    )


def odd_class(expression: str) -> str:
    """A class of characters that readers understand differently."""
    return f"{quoted(expression)} holds a `[`, or a sign twice, within brackets; write a backslash before each"


def too_many_repetitions(expression: str, most: int) -> str:
    """An expression whose matching may take long."""
    return f"{quoted(expression)} holds more than {most} of `*`, `+` and `{{`; write several rules, or use a label that says it"


def no_expression(expression: str, reason: str) -> str:
    """A regular expression that is none."""
    return f"{quoted(expression)} is no regular expression: {reason}"


def excludes_only() -> str:
    """Matchers that every alert of the world may fulfil."""
    return 'each matcher lets alerts without the label through; write at least one that does not, such as `service="$service"`'

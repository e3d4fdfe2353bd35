"""Alerts: which a rule means, what is wrong with one, and who has fallen silent."""

from collections.abc import Sequence

from guardian.core.words.figures import count, seconds
from guardian.core.words.quotes import listed, quoted, visible

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


# What guardian.yaml may hold.


def no_senders() -> str:
    """Nobody may send alerts."""
    return "names nobody; write who sends alerts, such as `alertmanager: {heartbeat: 3m}`, or remove it"


def no_prometheus() -> str:
    """Alerts are to be asked for, and nobody is there to ask."""
    return "asks the Prometheus of this file for its alerts, and there is none; write `prometheus:` with its `url`"


def not_named(rule: str, sender: str) -> str:
    """A rule waits for alerts of somebody who may not send any."""
    return (
        f"{rule} waits for alerts of {sender}, which is not named here; write `{sender}: {{}}`, or take it out of the rule's `from`"
    )


# What was delivered.


def not_json() -> str:
    """Another format."""
    return "the body is not JSON; send what the ready-made settings in deploy/ send"


def no_object() -> str:
    """JSON of another shape."""
    return "the body is not a JSON object; send what the ready-made settings in deploy/ send"


def no_alerts_in_it() -> str:
    """JSON of somebody else."""
    return "the body holds no alerts; send what the ready-made settings in deploy/ send, to the address of that sender"


def no_alert() -> str:
    """An alert without what makes it one."""
    return "an alert without status, labels or fingerprint is not used"


def unfit_labels(most: int) -> str:
    """Labels that are none."""
    return f"an alert whose labels are not names with values, or more than {most}, is not used"


def left_out(number: int) -> str:
    """More alerts than one delivery may hold."""
    return f"{count(number)} alerts of this delivery were left out: let its sender group them into smaller ones"


def too_slow() -> str:
    """A delivery that trickles, or breaks off."""
    return "the delivery did not come in in time"


def not_signed() -> str:
    """Somebody who does not know the secret."""
    return "the signature is not that of the secret in guardian.yaml, or there is none"


def not_expected(sender: str, known: Sequence[str]) -> str:
    """A sender that nobody asked for."""
    named = listed(known, "or") if known else "nobody"
    return f"{quoted(sender)} is none of the senders that guardian.yaml names below `alerts`: {named}"


def nameless() -> str:
    """What an alert without a name is called."""
    return "an alert without a name"


def refused(sender: str, sentences: Sequence[str]) -> str:
    """Some of what was delivered is not used."""
    more = f", and {count(len(sentences) - 1)} more" if len(sentences) > 1 else ""
    return f"{sender} sent alerts that are not used: {sentences[0]}{more}"


def not_remembered(reason: str) -> str:
    """The alerts of an earlier run are lost."""
    return f"the alerts that were heard before this start are not known any more: {reason}"


# What a rule makes of it.


def accused(names: Sequence[str], summary: str) -> str:
    """The alerts that fire, the first one with its summary."""
    first = f"{visible(names[0])}: {summary}" if summary else visible(names[0])
    others = len(names) - 1
    return f"{first}, and {count(others)} more" if others else first


def before(names: Sequence[str]) -> str:
    """Alerts that fire, and are nobody's fault who came later."""
    fires = "has been firing" if len(names) == 1 else f"and {count(len(names) - 1)} more have been firing"
    return f"{visible(names[0])} {fires} since before the cutover"


def not_evaluated(rule: str) -> str:
    """Grafana tells that it could not judge."""
    return f"Grafana could not evaluate {visible(rule) or nameless()}"


def clock_ahead(sender: str, ahead: float) -> str:
    """A sender that lives in the future."""
    return f"the clock of {sender} is {seconds(ahead)} ahead, so nobody knows whether its alerts began before the cutover"


def silent(sender: str, last: float, heartbeat: float) -> str:
    """A sender that was heard, and is no more."""
    return f"{sender} was last heard {seconds(last)} ago, and is to be heard every {seconds(heartbeat)}"

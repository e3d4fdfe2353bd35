"""What is said about commands typed in a chat: what was not understood, who may not, and how it is written."""

import re
from collections.abc import Mapping, Sequence

from guardian.core.words.quotes import clipped, listed

COMMAND = "/bg"
MOST_NAMED = 5
"""Names that a sentence lists."""


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


def no_rule(verb: str) -> str:
    """A command lacks its rule."""
    return f"`{verb}` which rule? {typed('rules')} lists them"


def no_such_rule(word: str, known: Sequence[str]) -> str:
    """A rule that does not exist."""
    there = f"there are {listed(known[:MOST_NAMED])}" if known else "there are none"
    more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    return f"There is no rule `{clipped(word)}`; {there}{more}"


def not_its_rule(rule: str, service: str, having: Sequence[str]) -> str:
    """A rule of another service."""
    return f"`{service}` has no rule `{clipped(rule)}`; {listed(having)} {'has' if len(having) == 1 else 'have'}"


def no_deployment(verb: str) -> str:
    """A command lacks its deployment."""
    return f"`{verb}` which deployment? Its id stands in its message, such as `web-7`"


def no_such_form(word: str) -> str:
    """Something that is no deployment's id."""
    return f"`{clipped(word)}` is no deployment: an id is a service and a number, such as `web-7`"


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
    "deploy SERVICE VERSION [REASON]": "the whole way: deploy, verify, shift, watch (`--again`: also one that was taken back)",
    "switch SERVICE [to green] [--share 5%] [REASON]": "move traffic to the idle environment and watch it; alone, it opens a form",
    "rollback SERVICE [REASON]": "take the traffic back; nothing blocks it (`--force`: also onto an unhealthy side)",
    "approve ID [REASON] · reject ID [REASON]": "let a deployment go on, or end it (`--force REASON`: break the glass)",
    "pause · resume · promote · abort SERVICE [REASON]": "hold a deployment, let it go on, skip its waiting, end it",
    "freeze SERVICE REASON --for 2h · unfreeze SERVICE [REASON]": "let nothing move forward for a while",
    "mute RULE [in SERVICE] --for 2h REASON · unmute RULE [in SERVICE]": "judge and tell by a rule, and move nothing, for a while",
    "unlatch SERVICE REASON": "let a service move forward again after a rollback",
    "rules [SERVICE]": "the rules in force",
    "history [SERVICE]": "the last deployments",
    "explain ID · note ID": "why it was judged as it was; its deployment note",
    "help": "this",
}
"""Each command as it is typed, and what it does."""


# What guardian.yaml says of the chat.


def channel_twice(name: str, other: str) -> str:
    """Two channels with one id."""
    return f"`{name}` is the same channel of Slack as `{other}`; name each once"


def no_slack(name: str) -> str:
    """A channel of Slack without Slack."""
    return f"`{name}` is a channel of Slack, and there is no section `slack` that says how Slack is reached; write one"


def one_target() -> str:
    """A channel that leads to two places."""
    return "stands beside `slack`; a channel leads to one place: make two channels of it"


def nobody_steers() -> str:
    """Roles without an operator."""
    return (
        "nobody may take traffic back from the chat; name an `operator`, `approver` or `admin`, by the id of a user group or user"
    )


# Who may.


def from_elsewhere() -> str:
    """Somebody from another workspace."""
    return "guardian takes orders and questions from its own workspace only; nothing was done"


def no_longer_here() -> str:
    """A deactivated account."""
    return "this account is deactivated; nothing was done"


def guest() -> str:
    """A guest whom nobody has named."""
    return "guests may not steer guardian, unless guardian.yaml names them by their id; nothing was done"


def lacks_role(needed: str, groups: Sequence[str]) -> str:
    """Somebody without the role that is needed."""
    who = f" (those are {', '.join(groups)})" if groups else ""
    return f"this takes the role `{needed}`{who}, and you do not have it; nothing was done"


def cannot_tell(needed: str, reason: str) -> str:
    """Slack does not say who somebody is."""
    return (
        f"Slack does not say whether you have the role `{needed}` ({reason}), and without that nothing moves forward; "
        "try again, or use `guardian` in a shell. A rollback would be carried out all the same"
    )


def let_through(who: str, reason: str) -> str:
    """In the log: a rollback of somebody whose role could not be read."""
    return f"{who} takes traffic back though Slack does not say who may ({reason}): a rollback waits for nobody"


def too_slow(patience: float) -> str:
    """No answer in time; a phrase."""
    return f"no answer within {patience:g} s"


# What became of an order.


def in_chat(sentence: str) -> str:
    """A sentence that speaks of the shell's commands, for those who type in a chat: the verbs are the same."""
    return re.sub(r"`guardian (?=[a-z])", f"`{COMMAND} ", sentence).replace("--break-glass", "--force").replace(" --version ", " ")


def ordered(identifier: str, service: str, phase: str) -> str:
    """An order was taken; its deployment tells the rest."""
    return f"{identifier}: {service} is {phase}; its message is kept up to date"


def switching(identifier: str, service: str, target: str) -> str:
    """A switch began."""
    return f"{identifier}: {service} moves to {target}; its message is kept up to date"


def going_back(identifier: str, service: str, to: str) -> str:
    """A rollback began."""
    return f"{identifier}: {service} goes back to {to}"


def approved(identifier: str, given: int, needed: int) -> str:
    """An approval was taken."""
    return f"{identifier}: approved, {given} of {needed}"


def rejected(identifier: str) -> str:
    """A rejection."""
    return f"{identifier}: rejected; it is over"


def held(identifier: str) -> str:
    """A pause."""
    return f"{identifier} is paused: nothing new begins, and the rules go on judging"


def resumed(identifier: str) -> str:
    """The end of a pause."""
    return f"{identifier} goes on"


def aborted(identifier: str) -> str:
    """The end of a deployment."""
    return f"{identifier} is ended; what traffic it has goes back"


def frozen(service: str, until: str) -> str:
    """A freeze."""
    return f"{service} is frozen until {until}; a rollback is not held back"


def unfrozen(service: str) -> str:
    """The end of a freeze."""
    return f"{service} is not frozen any more"


def muted(service: str, rule: str, says: str) -> str:
    """A mute."""
    lifts = typed(f"unmute {rule} in {service}")
    return f"{rule} of {service} is {says}; it is judged and told, and takes nothing back; {lifts} lifts that"


def promoted(service: str, safe: str) -> str:
    """A promotion."""
    return f"{safe} is the safe side of {service} now"


def unlatched(service: str) -> str:
    """The latch is off."""
    return f"{service} may move forward again"


def stale(identifier: str, now: str) -> str:
    """A click on a button of long ago."""
    return f"this button belongs to {identifier} as it was; {now}. Nothing was done"


def latest_of(service: str, identifier: str, phase: str) -> str:
    """What there is instead; a phrase."""
    return f"the latest deployment of {service} is {identifier}, {phase}"


def moved_on(identifier: str, phase: str) -> str:
    """It went on since; a phrase."""
    return f"{identifier} has gone on since and is {phase}"


def none_yet(service: str) -> str:
    """A phrase."""
    return f"guardian knows no deployment of {service}"


def unreadable_button() -> str:
    """A button that is none of this guardian's."""
    return "this button is none of this guardian's, or of an older version; type the command instead. Nothing was done"


def too_old(seconds: str) -> str:
    """An order that a restart came before."""
    return (
        f"guardian was restarted before it came to this, {seconds} after it was given, and did not do it; give it again if it holds"
    )


def superseded(identifier: str) -> str:
    """A rollback that is not needed any more."""
    return f"{identifier} is over meanwhile; nothing was done"


def not_recorded(reason: str) -> str:
    """An order that cannot be recorded is not begun."""
    return f"the order could not be recorded ({reason}), so nothing was done; a rollback would be carried out all the same"


def unrecorded(by: str, text: str, reason: str) -> str:
    """In the log: a rollback that could not be recorded first."""
    return f"{by}: `{text}` could not be recorded ({reason}) and is carried out all the same"


def given(by: str, text: str, outcome: str) -> str:
    """In the log: an order, and what became of it."""
    return f"{by} in Slack: `{text}`: {outcome}"


def refused(reason: str) -> str:
    """An outcome."""
    return f"refused: {reason}"


def done(what: str) -> str:
    """An outcome."""
    return f"done: {what}"


def fault() -> str:
    """Guardian's own fault, to whoever asked."""
    return "guardian itself failed at this; it is in its log. Whether it was done shows `/bg status`; the shell does the same"


def own_request(identifier: str) -> str:
    """The requester's own approval."""
    return (
        f"you asked for {identifier} yourself: somebody else must approve it; `--force REASON` does without, and everybody is told"
    )


def counted_already(identifier: str) -> str:
    """A second approval of one person."""
    return f"you have approved {identifier} already; others must give the rest"

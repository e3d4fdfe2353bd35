"""What stands in the one message of a deployment, and in the answers of the chat: formatted as Slack does, foreign text escaped."""

from typing import TYPE_CHECKING

from guardian.core.verdicts import Finding
from guardian.core.words.figures import count, percent, seconds

if TYPE_CHECKING:
    from guardian.core.verdicts import Verdict

_SIGNS = {Finding.HEALTHY: "OK", Finding.BREACHED: "FAIL", Finding.NO_DATA: "NO DATA", Finding.FAILED: "SOURCE FAILED"}
"""In words: never a colour or a picture alone."""


def title(identifier: str, service: str, phase: str) -> str:
    """The heading."""
    return f"{service}: {identifier} is {phase}"


def when(at: float, shown: str, otherwise: str) -> str:
    """A moment in everybody's own time: ``shown`` is Slack's notation, ``otherwise`` is for where Slack cannot show it."""
    return f"<!date^{at:.0f}^{shown}|{otherwise}>"


def sign(finding: Finding) -> str:
    """A verdict in one word or two."""
    return _SIGNS[finding]


def rule_line(verdict: "Verdict", reason: str) -> str:
    """One rule: verdict, name, and the reason with value, limit and samples."""
    shadow = " (shadow)" if verdict.shadow else ""
    return f"*{sign(verdict.finding)}* `{verdict.rule}`{shadow}: {reason}"


def evidence(progress: float) -> str:
    """How far a sequential test's evidence has come."""
    return f" · evidence {percent(min(1.0, max(0.0, progress)))} of a breach"


def asked_by(by: str, reason: str, version: str = "") -> str:
    """Who wants it, and why."""
    what = f"version *{version}*, asked for by {by}" if version else f"asked for by {by}"
    return f"{what}: {reason}" if reason else what


def taken_back(by: str, where: str, took: float | None, reason: str) -> str:
    """A rollback, done or under way."""
    done = f", in every worker {seconds(took)} after the decision" if took is not None else ", under way"
    return f"*Taken back* by {by} to {where}{done}" + (f": {reason}" if reason else "")


def shield(told: str) -> str:
    """What the other side answered for it."""
    return f"*Shield* {told}"


def measured(rule: str, value: str, limit: str, samples: int) -> str:
    """What took it back: rule, value, limit, samples."""
    return f"*Rule* `{rule}` · *value* {value} · *limit* {limit} · *samples* {count(samples)}"


def typed_forms(forms: list[str]) -> str:
    """Every button has a typed form."""
    return "Typed: " + " · ".join(f"`/bg {form}`" for form in forms)


# Answers.


def split(service: str, blue: str, bar: str, green: str) -> str:
    """Where the traffic is."""
    return f"*{service}*  blue {blue} `{bar}` green {green}"


def safe_side(safe: str) -> str:
    """Where a rollback leads."""
    return f"safe side: {safe}"


def ready(to: str, ago: str) -> str:
    """A rollback would work."""
    return f"a rollback to {to} would work (checked {ago} ago)"


def not_ready(to: str, faults: str) -> str:
    """A rollback would not work."""
    return f"*a rollback to {to} would NOT work*: {faults}"


def unknown_readiness() -> str:
    """Before the first probe."""
    return "whether a rollback would work was not checked yet"


def latched(reason: str) -> str:
    """Nothing moves forward."""
    return f"*latched*: nothing moves forward: {reason}"


def latest(identifier: str, phase: str, by: str) -> str:
    """The latest deployment."""
    return f"{identifier} is {phase}, {by}"


def queued(waiting: list[str]) -> str:
    """Deployments that wait for their turn."""
    return f"in the queue: {'; '.join(waiting)}"


def nothing_yet() -> str:
    """No deployment."""
    return "no deployment yet"


def past(identifier: str, service: str, phase: str, by: str, trouble: str) -> str:
    """A line of the history."""
    return f"`{identifier}` {service}: *{phase}*, {by}" + (f" · {trouble}" if trouble else "")


def no_history() -> str:
    """An empty history."""
    return "guardian has not moved anything yet"


def rules_of(service: str, digest: str) -> str:
    """Above the rules of a service."""
    return f"*{service}* ({digest[:12]})" if digest else f"*{service}*"


def rule_in_force(name: str, action: str, source: str, summary: str) -> str:
    """One rule."""
    return f"• `{name}` → {action}, asks {source}: {summary}"


def no_rules() -> str:
    """A service without rules."""
    return "• no rule: nothing is judged, nothing can be verified"


def explained(identifier: str, phase: str, *, identical: bool) -> str:
    """Above the verdicts."""
    again = (
        "every verdict comes out again from its evidence" if identical else "*NOT every verdict comes out again from its evidence*"
    )
    return f"*{identifier}* is {phase}; {again}"


def note_title(identifier: str, phase: str) -> str:
    """Above a note."""
    return f"The note of *{identifier}*, which is {phase}"


# The form for a switch, and the Home.

SWITCH_TITLE = "Switch"
HOME_TITLE = "guardian"


def risks_title() -> str:
    """Above the risks."""
    return "*Risks*"


def no_risk() -> str:
    """No risk that guardian knows of."""
    return "none that guardian knows of"


def risk_not_ready() -> str:
    """No way back."""
    return "there may be no way back: a rollback would not work right now"


def risk_no_rules() -> str:
    """Nobody watches."""
    return "no rule watches this service: nobody notices when the release is bad, and it ends unverified"


def risk_under_way(identifier: str, phase: str) -> str:
    """Something is going on."""
    return f"{identifier} is {phase}: this will be refused until it is over"


def risk_latched() -> str:
    """Latched."""
    return "the service is latched: this will be refused until `/bg unlatch`"


def risk_unhealthy(environment: str, servers: int) -> str:
    """Too few servers."""
    return f"{environment} has {servers} servers that take traffic"


def sure_rollback(service: str, to: str) -> str:
    """Before a rollback."""
    return f"All traffic of {service} goes back to {to} at once."


def sure_promote(service: str, side: str) -> str:
    """Before a promotion."""
    return f"{side} becomes the safe side of {service}: reloads and restarts of HAProxy stay there, and a rollback leads there."


def summary(count_of_services: int, busy: int) -> str:
    """At the top of the Home."""
    services = "1 service" if count_of_services == 1 else f"{count_of_services} services"
    return f"{services}, {busy} with a deployment under way"


# The message of a deployment.

SURE, CANCEL = "Are you sure?", "Cancel"
ROLL_BACK, FORCE, PROMOTE, ABORT = "Roll back", "Force the rollback", "Promote", "Abort"
APPROVE, REJECT, PAUSE, RESUME = "Approve", "Reject…", "Pause", "Resume"
SKIP, UNLATCH, WHY = "Go on now…", "Unlatch…", "REASON"


def judged_until(phase: str, at: str, left: str) -> str:
    """A bake or a watch."""
    return f"{phase} until {at}, {left} left when this was written"


def steps(named: list[tuple[str, str]]) -> str:
    """The way, with where it stands on it."""
    return "Way: " + " → ".join(f"*{name} (now)*" if state == "now" else f"{name} ({state})" for name, state in named)


def waits(what: str) -> str:
    """What is waited for, or done."""
    return f"Now: {what}"


def held(by: str, reason: str) -> str:
    """A person's pause."""
    return f"*Paused* by {by}: {reason}" if reason else f"*Paused* by {by}"


def is_frozen(what: str) -> str:
    """A freeze of the service."""
    return f"*Frozen*: {what}; a rollback is not held back"


def is_muted(rule: str, says: str) -> str:
    """A rule that is without consequence."""
    return f"*Muted*: `{rule}` is {says}; it is judged and told, and takes nothing back"


def was_muted(rule: str, says: str) -> str:
    """A rule that was without consequence while a deployment was judged."""
    return f"*Muted while it was judged*: `{rule}`, {says}"


def skipped(by: str, reason: str) -> str:
    """Evidence that a person has waived."""
    return f"*Cut short* by {by}, who vouches for it: {reason}"


def glass_broken(by: str) -> str:
    """Past what protects others."""
    return f"*GLASS BROKEN* by {by}: past freezes, closed windows and approvals"


def approval(by: str, at: str, reason: str) -> str:
    """One person's word."""
    return f"*Approved* by {by}, {at}" + (f": {reason}" if reason else "")


def glass_approval(by: str, at: str, reason: str) -> str:
    """One person's word for all."""
    return f"*GLASS BROKEN*: approved by {by} alone, {at}: {reason}"


def asking(given: int, needed: int, until: str) -> str:
    """An open question."""
    return f"*Waits for approval*: {given} of {needed}, until {until}. Who asked for it does not count"


def stuck(trouble: str) -> str:
    """A rollback that cannot be carried out."""
    return f"*STUCK*: {trouble}. guardian tries again every second; a person is needed"


def paused(rule: str, reason: str) -> str:
    """A rule wants a person."""
    return f"*Paused* by `{rule}`: {reason}; it is not called good by itself"


def trouble(what: str) -> str:
    """Why it is aborted or unverified."""
    return f"*Because* {what}"


def is_safe(side: str) -> str:
    """Promoted."""
    return f"{side} is the safe side now"


def is_latched(service: str) -> str:
    """Nothing moves forward."""
    return f"*Latched*: nothing moves forward until `/bg unlatch {service} REASON`"


def ended(at: str) -> str:
    """Over."""
    return f"over since {at}"


def more_rules(number: int) -> str:
    """Rules that do not fit."""
    return f"… and {number} more rules: `/bg status`"


def sure_force(service: str, to: str) -> str:
    """Before a forced rollback."""
    return f"All traffic of {service} goes to {to} although no server there is healthy."


def label_rollback(service: str, to: str) -> str:
    """For a screen reader."""
    return f"Roll {service} back to {to}"


def label_force(service: str, to: str) -> str:
    """For a screen reader."""
    return f"Send {service} to {to}, healthy or not"


def label_promote(service: str, side: str) -> str:
    """For a screen reader."""
    return f"Make {side} the safe side of {service}"


def sure_approve(identifier: str, service: str) -> str:
    """Before an approval."""
    return f"{identifier} goes on as soon as enough have agreed: traffic of {service} moves."


def sure_abort(identifier: str) -> str:
    """Before the end of a deployment."""
    return f"{identifier} ends here; what traffic it has goes back."


def label_approve(identifier: str) -> str:
    """For a screen reader."""
    return f"Approve {identifier}"


def label_reject(identifier: str) -> str:
    """For a screen reader."""
    return f"Reject {identifier}: asks for the reason"


def label_pause(identifier: str) -> str:
    """For a screen reader."""
    return f"Pause {identifier}"


def label_resume(identifier: str) -> str:
    """For a screen reader."""
    return f"Let {identifier} go on"


def label_skip(identifier: str) -> str:
    """For a screen reader."""
    return f"Cut short how {identifier} is judged: asks for the reason"


def label_abort(identifier: str) -> str:
    """For a screen reader."""
    return f"End {identifier}"


def label_unlatch(service: str) -> str:
    """For a screen reader."""
    return f"Let {service} move forward again: asks for the reason"


def note_link(url: str) -> str:
    """Where the note is."""
    return f"<{url}|Deployment note>"


# The form for a reason.

WHY_TITLE, SEND = "Why?", "Send"


def why_text(command: str) -> str:
    """What will be done."""
    return f"This does `/bg {command}`. The reason is recorded and told with your name."

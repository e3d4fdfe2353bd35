"""Every sentence of a deployment's note. What people wrote arrives here as it is, and is made harmless where it is written down."""

from guardian.core.words.figures import count, percent, seconds

HEADINGS = {
    "timeline": "Timeline",
    "stages": "Stages",
    "rules": "Rules",
    "rollback": "The rollback",
    "remains": "What remains",
    "yours": "Remarks",
}
BEGIN = "<!-- yours: guardian keeps what stands from here to the end mark, and writes everything else again -->"
END = "<!-- end of yours -->"
EMPTY = "_Nothing yet. Write here: causes, decisions, links. guardian keeps it._"
DRAFT = "This is a draft: the deployment goes on, and the note is written again whenever something happens."
TIMELINE = ("when (UTC)", "after", "what happened")
STAGES = ("stage", "outcome", "took", "what it says")
RULES = ("rule", "verdict", "measured", "limit", "requests", "evidence")


def title(deployment: str, phase: str) -> str:
    """The heading of a note."""
    return f"{deployment}: {phase}"


def chart_title(service: str, rule: str) -> str:
    """The title of a chart."""
    return f"{service}: {rule}"


def chart_subtitle(deployment: str, at: str, summary: str) -> str:
    """What stands below the title of a chart."""
    return f"{deployment}, cutover {at} UTC. {summary}"


def rollback_mark() -> str:
    """The moment on a chart at which the traffic was taken back."""
    return "rollback"


# The first table.


def facts() -> dict[str, str]:
    """The names of the rows, by what they hold."""
    return {
        "service": "service",
        "version": "version",
        "moved": "moved",
        "steps": "by steps of",
        "by": "asked for by",
        "approved": "approved by",
        "why": "why",
        "requested": "requested",
        "cutover": "traffic moved",
        "watch": "watched for",
        "ended": "ended",
        "muted": "muted",
        "rules": "rules",
        "shield": "shield",
    }


def moved(before: str, after: str) -> str:
    """From where to where."""
    return f"from {before} to {after}"


def approved(by: str, reason: str, *, alone: bool) -> str:
    """One person's word."""
    return f"{by}{' (alone, with broken glass)' if alone else ''}{f': {reason}' if reason else ''}"


def stage_outcome(*, ok: bool) -> str:
    """What became of a stage."""
    return "done" if ok else "failed"


def proved_in(took: float) -> str:
    """How long the switch itself took."""
    return f"every worker confirmed in {seconds(took)}"


def lasted(took: float) -> str:
    """From request to end."""
    return f"{seconds(took)} after the request"


def watched(actual: float, planned: float) -> str:
    """How long it was watched, of what was planned."""
    return seconds(planned) if actual >= planned else f"{seconds(actual)} of {seconds(planned)}"


def digest(rules_digest: str) -> str:
    """Which rules judged."""
    return f"digest {rules_digest[:12]}"


# Rules.


def no_rules() -> str:
    """Nothing judged."""
    return "No rule judged this deployment."


def no_evidence() -> str:
    """The evidence is gone, or there never was any."""
    return "No evidence of the rules is kept any more; their last verdicts are those of the journal."


def missing(rule: str, lacking: str) -> str:
    """Why a rule proves nothing."""
    return f"{rule} saw too little: {lacking}"


# The rollback.


def decided(by: str, at: str) -> str:
    """Who took the traffic back."""
    return f"Decided by {by} at {at}."


def forced(by: str) -> str:
    """A person wanted it whatever the target's health."""
    return f"Forced by {by}, whether or not the other side had a healthy server."


def because(reason: str) -> str:
    """Why."""
    return f"Reason: {reason}"


def proved(took: float) -> str:
    """How long the way back took."""
    return f"Every worker of the balancer confirmed the old split {seconds(took)} after the decision."


def not_proved(trouble: str) -> str:
    """It could not be carried out."""
    return f"It could not be carried out yet: {trouble}"


def cost(bad: int, *, whole: bool, exposed: float) -> str:
    """What it cost the users."""
    least = "" if whole else "at least "
    return f"Bad answers that users got from the new environment: {least}{count(bad)}, in {seconds(exposed)} of exposure."


def cost_shielded(bad: int, *, whole: bool, exposed: float) -> str:
    """What it would have cost the users."""
    least = "" if whole else "at least "
    return f"Bad answers of the new environment while it was judged: {least}{count(bad)}, in {seconds(exposed)} of exposure."


def reached(seen: int) -> str:
    """What it did cost them: the shield counts to the last answer, the rules to their verdict, so the difference is the least."""
    return f"Of these, users got at least {count(seen)}." if seen else "None that was counted reached a user."


def cost_unknown(exposed: float) -> str:
    """No rule counted bad answers."""
    return f"The new environment had traffic for {seconds(exposed)}; no rule counted its bad answers."


def share_of(bad: int, answers: int) -> str:
    """How large a part that is."""
    return f"That is {percent(bad / answers)} of {count(answers)} answers." if answers else ""


# What remains.


def agree(deployment: str) -> str:
    """People are asked."""
    return f"Agree or not: `guardian approve {deployment}`, or `guardian reject {deployment}`."


def goes_on() -> str:
    """A draft."""
    return "The deployment goes on."


def nothing(safe: str) -> str:
    """All is done."""
    return f"Nothing: {safe} is the safe side."


def more_traffic(service: str, share: str) -> str:
    """A slice was verified."""
    return f"Only {share} was moved: `guardian switch {service}` moves the rest."


def decide(service: str, trouble: str) -> str:
    """Unverified: a person must say."""
    because = f"Unverified because: {trouble}"
    return f"Decide: `guardian promote {service}` vouches for it, `guardian rollback {service}` takes it back. {because}"


def vouched() -> str:
    """Somebody promoted it."""
    return "Decided: it was promoted."


def find_cause(rule: str) -> str:
    """After a rollback."""
    return f"Find out what made {rule} fire, and mend it." if rule else "Find out why, and mend it."


def unlatch(service: str) -> str:
    """Nothing moves forward."""
    return f"Let the service move forward again: `guardian unlatch {service} --reason …`"


def try_again(service: str, trouble: str) -> str:
    """Aborted: nothing was moved."""
    return f"Mend what stood in the way ({trouble}), then `guardian switch {service}` again."


def needed(trouble: str) -> str:
    """Stuck."""
    return f"A person is needed now: the traffic could not be taken back: {trouble}"


# Files, and what goes wrong with them.


def marks_gone(path: str) -> str:
    """Somebody removed the marks: nothing tells any more what is guardian's."""
    return (
        f"{path} has lost the marks around its free text, so guardian leaves it as it is; `guardian notes render` prints what it "
        "would write: put the marks back, or move the file away"
    )


def unwritable(path: str, reason: str) -> str:
    """The file system says no."""
    return f"{path} could not be written: {reason}"


def unreadable(path: str, reason: str) -> str:
    """The file system says no."""
    return f"{path} could not be read: {reason}"


def no_directory() -> str:
    """Nobody said where notes go."""
    return "guardian.yaml names no directory for notes; write `notes:` with `directory: /var/lib/guardian/notes` below it"


def no_notes() -> str:
    """This guardian has none at all."""
    return "this guardian keeps no notes"

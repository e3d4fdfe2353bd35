"""What comparing the two environments found."""

from collections.abc import Sequence

from guardian.core.words.figures import count, seconds
from guardian.core.words.quotes import quoted, visible

MOST_TOLD = 3


def is_set() -> str:
    """An option without a value."""
    return "set"


def fact_twice(name: str, line: int) -> str:
    """Two values of one fact."""
    return f"line {line} gives {quoted(name)} a second time"


def too_many_facts(most: int) -> str:
    """More than anybody compares."""
    return f"it prints more than {count(most)} facts"


def no_facts() -> str:
    """The program ended well, and said nothing."""
    return "it printed none"


def no_facts_set() -> str:
    """The playbook passed, and left nothing behind."""
    return "the playbook set none"


def facts_too_late(limit: float) -> str:
    """The program's deadline passed."""
    return f"it was not done within {seconds(limit)}"


def facts_program_failed(code: int, last: str) -> str:
    """An exit code that is no success."""
    return f"it ended with {code}: {last or 'it said nothing'}"


def facts_failed(environment: str, reason: str) -> str:
    """The program did not tell."""
    return f"the facts of {environment} are not known: {visible(reason)}"


def version_unknown(environment: str, server: str, reason: str) -> str:
    """A server did not say what it runs."""
    return f"the version of {quoted(server)} in {environment} is not known: {visible(reason)}"


def unfit_answer(status: int) -> str:
    """It answered the question for its version with something that is no success."""
    return f"it answered {status}"


def versions_differ(environment: str, versions: Sequence[str]) -> str:
    """The servers of one side run different things."""
    return f"the servers of {environment} run different versions: {', '.join(map(quoted, versions))}"


def balancer_silent(reason: str) -> str:
    """HAProxy could not be asked."""
    return f"HAProxy's side of it is not known: {visible(reason)}"


def _side(value: str | None) -> str:
    return "missing" if value is None else quoted(value)


def difference(name: str, blue: str | None, green: str | None) -> str:
    """One fact that differs."""
    return f"{visible(name)}: blue {_side(blue)}, green {_side(green)}"


def allowed(line: str) -> str:
    """One that may differ."""
    return f"{line} (declared exception)"


def alike(facts: int, exceptions: int) -> str:
    """Nothing that matters differs."""
    known = f", {count(exceptions)} declared exception{'s' if exceptions > 1 else ''} aside" if exceptions else ""
    return f"blue and green are alike in {count(facts)} facts{known}"


def unlike(differences: Sequence[str], troubles: Sequence[str], *, blocks: bool) -> str:
    """Something that matters differs, or is not known."""
    told = [*differences[:MOST_TOLD], *troubles[:MOST_TOLD]]
    more = len(differences) + len(troubles) - len(told)
    what = (
        f"blue and green differ in {count(len(differences))} facts"
        if differences
        else "it is not known whether blue and green are alike"
    )
    rest = f"; and {count(more)} more" if more else ""
    then = "" if blocks else " (policy warn: it goes on)"
    return f"{what}: {'; '.join(told)}{rest}{then}"


def not_configured(service: str) -> str:
    """Nothing to compare by."""
    return f"{service} has no `stages: parity:` in guardian.yaml: write one, if only `parity: {{}}`, and restart guardian"


def compared_already(service: str) -> str:
    """The programs that tell facts are running for somebody else."""
    return f"the environments of {service} are being compared just now; ask again when that is done"


# The table of `guardian parity`.


def columns() -> tuple[str, str, str, str]:
    """Its head."""
    return ("fact", "blue", "green", "")


def missing() -> str:
    """A side without the fact."""
    return "-"


def conclusion(alike: bool, policy: str) -> str:  # noqa: FBT001  what it is about
    """What the table comes to."""
    if alike:
        return "The environments are alike: a deployment goes on."
    then = "a deployment ends before any traffic moves" if policy == "block" else "a deployment is warned of it, and goes on"
    return f"The environments are not alike, or it is not known: {then} (policy {policy})."


def verdict(*, same: bool, allowed: bool) -> str:
    """What a row means."""
    if same:
        return "same"
    return "may differ" if allowed else "DIFFERS"

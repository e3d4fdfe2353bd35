"""Sentences about the shield: what HAProxy has the other environment answer while a release is on trial."""

from guardian.core.words.figures import count

# What guardian.yaml may say.


def a_shield() -> str:
    """The key itself."""
    return "`off`, `on`, or keys of its own: `methods`, `also`, `never`, `failures`, `patience`, `budget`"


def a_method() -> str:
    """A method."""
    return "a method whose requests change nothing, such as `GET` or `HEAD`; others are named with their paths under `also`"


def a_further() -> str:
    """A method, a path, and a header that may be asked for."""
    return (
        "a method and how the path begins, such as `POST /search` or, for requests with that header, `POST / with Idempotency-Key`"
    )


def a_path() -> str:
    """How a path begins."""
    return "how a path begins, such as `/reports/`, in letters, digits and `/_.~%:@+-`"


def a_budget() -> str:
    """How much may be saved."""
    return "how many requests a second are saved at the most, such as `200/s`"


def needs_runtime() -> str:
    """Routing by reload."""
    return "cannot go with `way: reload`: what is saved is switched in HAProxy's map; remove it, or use `way: runtime`"


# What keeps a service from being shielded.


def unshielded(service: str, because: str) -> str:
    """The sentence of an adoption."""
    return f"{service} is adopted without the shield, so users see what a release on trial fails: {because} Or say `shield: off`."


def not_http(where: str, section: str) -> str:
    """A section in TCP mode."""
    return f"{where}: {section} is not in `mode http`, and only requests can be answered by the other environment."


def carries_too_little(where: str, word: str) -> str:
    """A backend asks for something that the inner hop does not carry."""
    return (
        f"{where}: a backend of the service asks for `{word}`, which only the frontend knows and the hop between the two does not "
        "carry: let the frontend decide it, for example with a header that it sets."
    )


def names_the_backend(where: str, word: str) -> str:
    """A frontend asks who answered."""
    return f"{where}: this rule asks for `{word}`, which during a trial names guardian's own backend: do without it."


def tracked_twice(where: str, word: str) -> str:
    """A counter that a frontend has follow something, and a backend as well: HAProxy heeds the first of both, in each stream."""
    return (
        f"{where}: a frontend of the service says `{word}`, too, and HAProxy heeds only the first of both for a request; behind "
        "the hop it would heed this one as well, and count requests once more during a trial: remove it, or give it another number."
    )


def another_forwarder(where: str, option: str) -> str:
    """A header that the hop would double."""
    return f"{where}: `{option}` would write its header once for each hop: set the header with `http-request set-header` instead."


def no_place(service: str) -> str:
    """No place for sections of guardian's own."""
    return (
        f"there is no place for guardian's sections for {service} that changes nobody's defaults: put the first `defaults` before "
        "all frontends and backends."
    )


def name_taken(name: str) -> str:
    """The user has a section of that name."""
    return f"{name} is the name of a section already, and guardian needs it: rename yours."


# What an adoption tells.


def sections_added(where: str, service: str) -> str:
    """New sections."""
    return (
        f"{where}: sections of guardian's own through which requests go to a release of {service} that is on trial, so that the "
        "other environment answers what it fails; without a trial they see no request."
    )


def patience_added(where: str, section: str) -> str:
    """A line in the backend of an environment."""
    return f"{where}: a line in {section}, by which a request is not waited for when the other environment can answer it."


def sections_changed(where: str, service: str) -> str:
    """Sections that were edited by hand."""
    return (
        f"{where}: the sections that guardian wrote for {service} were changed by hand: put them back, or move what you need out "
        "of them and delete them with their two marks; `guardian haproxy adopt` writes them anew."
    )


# What is told while it works.


def ability() -> str:
    """What HAProxy is able to."""
    return "answer what a release on trial fails from the other environment, within the same request"


def not_loaded(service: str) -> str:
    """HAProxy runs without the sections."""
    return (
        f"answer what a release on trial fails: HAProxy has not loaded guardian's sections for {service}; "
        f"run `guardian haproxy adopt {service}` and reload HAProxy, or say `shield: off`"
    )


def told(tried: int, saved: int, lost: int, plain: int, other: str) -> str:
    """What the shield did in one deployment."""
    missed = max(0, tried - saved)
    beyond = max(0, lost - missed)
    parts = [f"{count(tried + beyond + plain)} failures, {count(saved)} answered by {other}"]
    if missed:
        parts.append(f"{count(missed)} failed there, too")
    if beyond:
        parts.append(f"{count(beyond)} not saved")
    if plain:
        parts.append(f"{count(plain)} of requests that are never sent twice")
    return ", ".join(parts)


def saved_of(tried: int, saved: int, lost: int, plain: int) -> str:
    """The same in a column of a table."""
    return f"{count(saved)} of {count(max(tried, saved + lost) + plain)}"


def titled(told: str) -> str:
    """What the shield did, where nothing else says that it did it."""
    return f"The shield: {told}."

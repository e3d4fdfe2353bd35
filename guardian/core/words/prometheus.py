"""What a Prometheus does not answer, or not usefully, and what to do about it."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

from guardian.core.words.figures import count, seconds
from guardian.core.words.quotes import listed, nearest, quoted, visible

LONGEST_MESSAGE = 300
"""Characters of the server's own words that a sentence repeats at the most."""
MOST_LABELS = 8
"""Labels of one series that a sentence names at the most."""


def _said(text: str) -> str:
    """The server's own words, visible and not too long."""
    return visible(text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…")


# How a server is reached.


def not_an_address() -> str:
    """A URL that leads nowhere, or says more than where."""
    return (
        "the address of a Prometheus is `http://` or `https://`, a host, and if need be a port and a path, such as "
        "`https://prometheus.example.com:9090`, without user, password, `?` or `#`; name secrets by their files"
    )


def two_logins() -> str:
    """A token and a password for one request."""
    return "a Prometheus takes a bearer token or a user with a password, not both; remove one"


def half_a_login() -> str:
    """A user without a password, or the other way round."""
    return "a user and the file of the password belong together; name both, or neither"


def bad_user(name: str) -> str:
    """A user name that basic authentication cannot carry."""
    return f"{quoted(name)} cannot be a user here; write visible characters without `:`"


def key_without_certificate() -> str:
    """A private key for nothing."""
    return "a client key needs its certificate; name the file of the certificate too"


def certificates_without_tls() -> str:
    """Certificates that would never be looked at."""
    return "certificates mean nothing to an `http://` address; write `https://`, or remove them"


def bad_patience(most: float) -> str:
    """A deadline that is none."""
    return f"the deadline of a query must be above 0 and at most {seconds(most)}"


def secret_unreadable(path: Path, reason: str) -> str:
    """A token or a password that cannot be read."""
    return f"the secret in {path} cannot be read: {reason}; it must be a file that guardian's user may read"


def secret_unfit(path: Path, most: int) -> str:
    """A file that holds something else than one secret."""
    return f"{path} holds no secret that can be sent: write one line of visible characters into it, at most {count(most)} bytes"


def certificates_unusable(url: str, reason: str) -> str:
    """Files that are no certificates, or do not belong together."""
    return (
        f"the certificate files for Prometheus at {url} cannot be used: {_said(reason)}; each must be PEM, the client's key must "
        "belong to its certificate, and must not need a password"
    )


# What came back, or did not.


def unreachable(url: str, reason: str) -> str:
    """No connection, or one that broke."""
    return f"Prometheus at {url} does not answer: {_said(reason)}"


def broken(url: str) -> str:
    """An answer that is no HTTP, or not all of it."""
    return f"Prometheus at {url} broke off its answer, or does not speak HTTP; is it the right port, and is it `https://`?"


def too_late(url: str, patience: float) -> str:
    """The deadline passed."""
    return f"Prometheus at {url} did not answer within {seconds(patience)}; the query was given up"


def all_busy(url: str, connections: int, patience: float) -> str:
    """The deadline passed before the query could be sent."""
    return (
        f"all {connections} connections to Prometheus at {url} were busy for {seconds(patience)}, and the query was never sent: "
        "the server is too slow for so many rules"
    )


def too_large(most: int) -> str:
    """An answer that no query of a rule needs."""
    return f"the answer is larger than {count(most)} bytes; aggregate in the query, such as with `sum(…)`, or ask for less time"


def redirected(target: str) -> str:
    """The server sends guardian elsewhere."""
    return (
        f"the server redirects to {_said(target)}, which guardian does not follow; write the final address, or get past its login"
    )


def refused(status: int) -> str:
    """The server does not accept the login."""
    return f"the server refuses guardian ({_status(status)}); check the token, or the user and password, or the client certificate"


def failed(status: int) -> str:
    """An HTTP error that says no more."""
    return f"the server answers with {_status(status)}"


def _status(status: int) -> str:
    """As people know it: ``HTTP 503 Service Unavailable``."""
    known = {each.value: each.phrase for each in HTTPStatus}
    return f"HTTP {status} {known.get(status, '')}".rstrip()


def query_failed(kind: str, message: str) -> str:
    """Prometheus' own word on a query that it cannot answer."""
    return f"Prometheus answers {_said(f'{kind}: {message}')}"


def web_page() -> str:
    """Somebody else answers, to people."""
    return "the server answers with a web page, not with Prometheus' JSON; is the address right, or does a login stand before it?"


NOT_JSON = "it is not JSON"
NO_RESULT = "there is no result in it"
NAMELESS_ERROR = "it reports an error and does not name it"
ODD_WARNINGS = "its warnings are not sentences"
NO_LIST = "a list is missing"
ODD_SERIES = "a series has no labels or no value"
ODD_VALUE = "a value is not a time and a number"
UNASKED_TIME = "a value is dated to a moment that was not asked for"


def garbled(what: str) -> str:
    """An answer that is not what Prometheus says; ``what`` is one of the above."""
    return f"the answer is not what Prometheus says: {what}"


def partial(warnings: Sequence[str]) -> str:
    """Prometheus itself doubts the answer."""
    more = f" (and {count(len(warnings) - 1)} more)" if len(warnings) > 1 else ""
    return f"the answer may be partial or wrong, for Prometheus warns: {_said(warnings[0])}{more}"


# What the answer holds.


def wrong_type(kind: str) -> str:
    """A result that is no number."""
    instead = "; leave out the range, or wrap it, as in `rate(…)` or `max_over_time(…)`" if kind == "matrix" else ""
    return f"the query gives a {_said(kind)}, where one number is needed{instead}"


def histogram() -> str:
    """A native histogram in place of a number."""
    return "the query gives a histogram, where one number is needed; wrap it in `histogram_quantile(…)` or `histogram_count(…)`"


def several(series: int, first: Mapping[str, str], second: Mapping[str, str]) -> str:
    """More than one number, and nothing that says which is meant."""
    return (
        f"the query gives {count(series)} series where one is needed, such as {labels(first)} and {labels(second)}; aggregate "
        "them, as in `sum(…)` or `max(…)`, or select one"
    )


def labels(named: Mapping[str, str]) -> str:
    """A series, as PromQL writes it."""
    name = named.get("__name__", "")
    pairs = [f'{label}="{value}"' for label, value in sorted(named.items()) if label != "__name__"]
    shown = ", ".join(pairs[:MOST_LABELS]) + (", …" if len(pairs) > MOST_LABELS else "")
    return _said(f"{name}{{{shown}}}")


def infinite(value: str) -> str:
    """A number beyond all numbers."""
    return f"the query gives {_said(value)}: most often something was divided by 0, or a quantile lies beyond the last bucket"


def no_series() -> str:
    """Nothing matched."""
    return "the query gives no series: nothing was scraped there lately, or no series has these names and labels"


def not_a_number() -> str:
    """0 divided by 0, or a scalar of nothing."""
    return "the query gives NaN: most often 0 divided by 0, as without traffic"


def too_old(age: float, oldest: float) -> str:
    """A value from the past."""
    return f"the value is {seconds(age)} old and at most {seconds(oldest)} count; is the server's clock behind?"


def from_the_future(ahead: float) -> str:
    """A value that cannot have been measured yet."""
    return f"the value is dated {seconds(ahead)} from now; is the server's clock ahead, or guardian's behind?"


def clocks_apart(ahead: float, most: float) -> str:
    """The server's clock and guardian's differ; ``ahead`` is negative where the server's is behind."""
    return (
        f"the server's clock is {seconds(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} guardian's; at most {seconds(most)} "
        "are tolerated, for its values cannot be told to be of before or after a cutover; set both clocks by NTP"
    )


def too_many_steps(steps: int, most: int) -> str:
    """A range that Prometheus will not answer at once."""
    return f"the range has {count(steps)} steps, and Prometheus answers at most {count(most)}; ask in pieces or larger steps"


# The circuit.


def circuit_opened(url: str, failures: int, reason: str, pause: float) -> str:
    """Asking has become pointless for now."""
    return (
        f"Prometheus at {url} failed {count(failures)} times in a row ({reason}); its rules have no readings until it answers, "
        f"nothing is rolled back for it, and guardian asks again in {seconds(pause)}"
    )


def circuit_closed(url: str, duration: float) -> str:
    """It answers again."""
    return f"Prometheus at {url} answers again after {seconds(duration)}"


# Variables in queries.


def unknown_variable(name: str, known: Iterable[str]) -> str:
    """A ``$name`` that stands for nothing."""
    names = [f"${each}" for each in known]
    near = nearest(f"${name}", names)
    instead = f"did you mean `{near}`?" if near else f"known are {listed(names)}."
    return f"{quoted(f'${name}')} stands for nothing; {instead} Write `$$` for a dollar sign of PromQL's own, as in `$${name}`"


def bare_dollar() -> str:
    """A dollar sign with no name behind it."""
    return "a `$` stands alone; write `$$` for a dollar sign of PromQL's own, as at the end of a regular expression"


def unfit_value(name: str, value: str) -> str:
    """A value that must not reach a query."""
    return f"{quoted(value)} cannot stand for `${name}` in a query: use 1 to 64 letters, digits, '_', '.', ':' or '-'"


def no_duration(name: str) -> str:
    """A time that PromQL cannot write."""
    return f"`${name}` is shorter than a millisecond, which no query can look back"

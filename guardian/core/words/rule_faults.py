"""What is wrong with rule files, and what to write instead."""

from collections.abc import Sequence

from guardian.core.words.faults import instead
from guardian.core.words.figures import count, seconds
from guardian.core.words.quotes import quoted, visible


def unknown_service(name: str, known: Sequence[str]) -> str:
    """A rule file for nobody."""
    return f"{quoted(name)} is not a service of guardian.yaml; {instead(name, known)}"


def second_rule_file(service: str, first: str) -> str:
    """Two files for one service."""
    return f"the rules of `{service}` stand in {first} already; put all of them into one file"


def wrong_ending() -> str:
    """A file that looks like a rule file and would be passed over."""
    return "is not read, for rule files end in .yaml; rename it"


def no_rules(service: str) -> str:
    """A warning: nobody watches."""
    return f"no rule watches `{service}`, so each of its releases will end unverified; write a rule file for it"


def same_rule_name(name: str, where: str) -> str:
    """Two rules of one name."""
    return f"`{name}` is the name of the rule in {where} already; choose another"


def link_with_password() -> str:
    """An address that holds a secret; it is not repeated."""
    return "holds a user name or password, and everybody sees it; write the address without them"


def only_rules_here(key: str) -> str:
    """A key that belongs into the file of a service."""
    return f"`{key}` stands in the file of a service; a file that is included holds `rules` and nothing else"


def no_measure() -> str:
    """A rule that reads nothing."""
    return "the rule measures nothing; write `ratio:` (such as `responses_5xx / responses`) or `value:` (such as `latency`)"


def ratio_and_value() -> str:
    """A rule that reads two things."""
    return "a rule measures a `ratio` or a `value`, not both; remove one, or write two rules"


def unknown_counter(name: str, counters: Sequence[str]) -> str:
    """A name in a ratio that HAProxy does not count."""
    return f"{quoted(name)} is not a counter; {instead(name, counters)}"


def no_counter() -> str:
    """Two signs in a row, or one at an end."""
    return "a counter is missing before or after `+` or `/`; write it, as in `responses_5xx / responses`"


def counter_twice(name: str) -> str:
    """A sum that counts something twice."""
    return f"`{name}` stands twice in one sum; remove one"


def no_test() -> str:
    """A rule that judges nothing."""
    return "the rule has no test; write `test: sequential` with a `limit`, or `above:` or `below:`"


def above_and_below() -> str:
    """A rule with two limits."""
    return "a rule has `above` or `below`, not both; remove one, or write two rules"


def threshold_only(key: str) -> str:
    """A key of threshold rules in a sequential one."""
    return f"`{key}` means nothing beside `test: sequential`; remove one of the two, with all that belongs to it"


def sequential_only(key: str) -> str:
    """A key of sequential rules in a threshold one."""
    return f"`{key}` belongs to `test: sequential` and means nothing beside `above` or `below`; remove one of the two"


def baseline_only(key: str) -> str:
    """A key of the comparison with the baseline."""
    return f"`{key}` counts only with `against: baseline`; add that, or remove `{key}`"


def haproxy_only(key: str) -> str:
    """A key that reads HAProxy's counters, in a rule of another source."""
    return f"{quoted(key)} reads HAProxy's counters; leave it out, or write `source: haproxy`"


def prometheus_only(key: str) -> str:
    """A query in a rule that asks nobody."""
    return f"{quoted(key)} is for Prometheus; leave it out, or write `source: prometheus`"


def counts_no_requests(key: str) -> str:
    """A key that needs counted requests, in a rule of a query."""
    return (
        f"{quoted(key)} cannot be seen in a query's result; leave it out, and let the query give nothing where there is too little"
    )


def sees_no_requests(key: str) -> str:
    """A key that needs counted requests, in a rule of alerts or of a command."""
    return f"{quoted(key)} needs requests that guardian counts, and through this source it sees none; leave it out"


def alerts_wait_by_themselves(key: str) -> str:
    """Confirmations of an alert."""
    return f"{quoted(key)} is the business of whoever fires the alert; leave it out"


def no_limit_needed(key: str) -> str:
    """A limit for what is a verdict already."""
    return f"{quoted(key)} has no place here: the source says itself what is bad; leave it out"


def query_too_long(length: int, most: int) -> str:
    """A query that nobody can read."""
    return f"has {count(length)} characters, and {count(most)} are the most; let a recording rule of Prometheus do a part of it"


def text_too_long(length: int, most: int) -> str:
    """A text that nobody means."""
    return f"has {count(length)} characters, and {count(most)} are the most; shorten it"


def no_prometheus(rule: str) -> str:
    """A rule asks Prometheus, and nobody knows where it is."""
    return f"is missing, and {rule} asks Prometheus; write `prometheus:` with `url: http://127.0.0.1:9090` below it"


def no_alerts(rule: str) -> str:
    """A rule waits for alerts, and nobody may send any."""
    return f"is missing, and {rule} waits for alerts; write `alerts:` with a sender below it, such as `alertmanager: {{}}`"


def sequential_value(gauge: str) -> str:
    """A sequential test of something that is not counted."""
    return f"a sequential test needs a `ratio`, and `{gauge}` is a value; write `above:` or `below:` instead"


def floor_above_limit(floor: str, limit: str) -> str:
    """A floor that the limit undercuts."""
    return f"{quoted(floor)} is above the limit of {quoted(limit)}; write at most that"


def never_below() -> str:
    """A limit that nothing can undercut."""
    return "nothing is ever below 0; write a number above 0"


def more_than_all(needed: int, of: int) -> str:
    """More bad evaluations asked for than are looked at."""
    return f"{needed} of {of} can never be; write at most `{of} of {of}`"


def window_too_short(window: float, every: float) -> str:
    """Gaps between windows."""
    return (
        f"the window of {seconds(window)} leaves gaps when read every {seconds(every)}; make `window` at least as long as `every`"
    )


def longer_than_watch(needed: float, watch: float) -> str:
    """A rule whose checks do not fit into the watch."""
    return (
        f"warm-up, window and the checks of `for` take {seconds(needed)}, the service is watched for {seconds(watch)}; "
        f"shorten them, or lengthen its `watch`"
    )


def grace_without_cut() -> str:
    """A grace for connections that are never cut."""
    return "only connections that are cut have a grace; write `ending: cut` beside it, or remove it"


def twice(value: str) -> str:
    """A list names something again."""
    return f"`{visible(value)}` stands in this list twice; remove one"


def no_such_service(service: str, known: Sequence[str]) -> str:
    """An instance of HAProxy is to carry, or a channel to tell of, what does not exist."""
    return f"there is no service {quoted(service)}; write one of {', '.join(known) or 'those under services'}"


def one_address() -> str:
    """A webhook has no address, or two."""
    return "needs its address, once; write `url: https://…`, or `url_file:` with the name of a file that holds it"


def login_in_remote() -> str:
    """A user name or a password in the address of a repository."""
    return "holds a user name or a token, and everybody sees it; write the address without them, and name the token's `token_file`"


def nothing_for_sentry() -> str:
    """A section that has nothing told."""
    return "names neither `dsn_file` nor `releases`, so nothing would be told to a Sentry; write one of them, or remove this"


def no_projects() -> str:
    """Releases of no service."""
    return "names no project, so no release would be registered; write the project of a service, such as `web: shop-frontend`"


def check_in_without_dsn() -> str:
    """Signs of life need somewhere to go."""
    return "needs a `dsn_file` beside it, or nobody hears it"


def carried_twice(service: str, instance: str) -> str:
    """Two instances of HAProxy are to carry the same service."""
    return f"{service} is carried by {instance} already; name it under one instance only"


def shared_by_two(path: object, owner: str) -> str:
    """Two instances of HAProxy are to have the same socket, or the same map."""
    return f"{path} is that of {owner} already; every instance has its own, or a change for one would be lost to the other"


def backend_on_two(backend: str) -> str:
    """A backend is asked for by its name alone."""
    return f"services on two instances use backends of the same name, {backend}; give one of them another name in haproxy.cfg"

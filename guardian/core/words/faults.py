"""What is wrong with a configuration file, and what to write instead."""

from collections.abc import Sequence

from guardian.core.words.figures import count, seconds
from guardian.core.words.quotes import clipped, listed, nearest, quoted, visible

MOST_LISTED = 30
"""Known names that a sentence lists at the most."""


def _instead(name: str, known: Sequence[str]) -> str:
    if not known:
        return "none is known"
    if near := nearest(name, known):
        return f"did you mean `{near}`?"
    more = len(known) - MOST_LISTED
    return f"known are {listed(known)}" if more <= 0 else f"known are {listed(known[:MOST_LISTED])} and {count(more)} more"


# Files and their text.


def unreadable(reason: str) -> str:
    """The operating system refuses to open or list it."""
    return f"cannot be read: {reason}; check that it exists and that guardian's user may read it"


def not_a_file() -> str:
    """A directory, a pipe or a device."""
    return "is not a regular file; put a text file here, or remove it"


def leads_out(target: str) -> str:
    """A symbolic link to somewhere else."""
    return f"leads out of the rules directory, to {visible(target)}; put the file itself into the directory"


def too_large(most: int) -> str:
    """More bytes than a configuration can need."""
    return f"is larger than {count(most)} bytes; split the file, or remove what does not belong there"


def not_utf8(byte: int) -> str:
    """Some other encoding."""
    return f"is not UTF-8: byte 0x{byte:02x} cannot stand here; save the file as UTF-8"


def byte_order_mark() -> str:
    """An editor's mark at the start of the file."""
    return "starts with a byte order mark; save the file as UTF-8 without it"


def hidden_character(character: str) -> str:
    """A character that cannot be seen and may deceive a reader."""
    return f"holds the invisible character U+{ord(character):04X}; remove it"


def tabs(lines: int) -> str:
    """Tabs in the indentation."""
    where = "this line" if lines == 1 else f"{count(lines)} lines, this one first"
    return f"tabs indent {where}; YAML knows only blanks: write two blanks for each step"


def directive() -> str:
    """A line that speaks to the YAML parser."""
    return "a line starting with `%` instructs the YAML parser; remove it"


def no_yaml(problem: str) -> str:
    """The parser gives up."""
    return f"is not YAML: {problem}; check indentation, colons and quotes in this line and the one above"


def within(problem: str, context: str, line: int) -> str:
    """What the parser was at when it met a problem."""
    return f"{problem} {context} that starts in line {line}"


def empty_file() -> str:
    """Nothing but comments."""
    return "is empty; remove the file, or write what it should say"


def no_variable(text: str) -> str:
    """A path that begins like a variable."""
    return f"{quoted(text)} names a variable; the only one is `$CREDENTIALS_DIRECTORY/NAME`, a secret that systemd hands over"


def too_deep(deepest: int) -> str:
    """Nested deeper than any configuration."""
    return f"is nested deeper than {deepest} levels; no setting of guardian is"


def too_many_values(most: int) -> str:
    """More values than any configuration needs."""
    return f"the file holds more than {count(most)} values; split it"


def too_many_faults(most: int) -> str:
    """The end of a very long list."""
    return f"has more than {count(most)} faults; the others are told when these are gone"


def second_document() -> str:
    """A file is one document."""
    return "starts a second YAML document; one file holds one, so remove this line or move what follows into its own file"


def anchor(name: str) -> str:
    """What is to be repeated elsewhere."""
    return f"anchors are not used here; remove `&{clipped(name)}` and write the value wherever it is needed"


def alias(name: str) -> str:
    """What stands for something elsewhere."""
    return f"aliases are not used here; write the value itself instead of `*{clipped(name)}`"


def tag(name: str) -> str:
    """A type forced upon a value."""
    return f"tags are not used here; remove `{clipped(name)}`"


def key_not_text() -> str:
    """A list or mapping as a key."""
    return "a key must be a plain word, not a list, a mapping or an alias; write `key: value`"


def given_twice(key: str, line: int) -> str:
    """The same key twice in one mapping."""
    return f"{quoted(key)} stands in line {line} already; keep one of the two"


# Keys and their values.


def unknown_key(key: str, known: Sequence[str]) -> str:
    """A key that nobody asks for."""
    return f"{quoted(key)} is not known here; {_instead(key, known)}"


def missing(form: str) -> str:
    """A required key that is not there."""
    return f"is missing; write {form}"


def missing_section() -> str:
    """A required mapping that is not there."""
    return "is missing; write it with its keys indented below it"


def missing_list() -> str:
    """A required list that is not there."""
    return "is missing; write it with one item a line below it, each starting with `- `"


def no_value(form: str) -> str:
    """A key with nothing behind it."""
    return f"has no value; write {form}"


def misfit(text: str, form: str) -> str:
    """A value that is not what its key asks for."""
    return f"{quoted(text)} does not fit; write {form}"


def must_be_one_value(form: str) -> str:
    """A list or mapping where one value is asked for."""
    return f"must be one value; write {form}"


def must_be_keys() -> str:
    """Something else where keys with values are asked for."""
    return "must hold keys and values; write `key: value` lines, indented below it"


def must_be_a_list() -> str:
    """Something else where a list is asked for."""
    return "must be a list; write one item a line, each starting with `- `"


def no_time_unit(number: str) -> str:
    """A bare number where a time is asked for."""
    shown = clipped(number)
    return f"`{shown}` has no unit; write `{shown}s` for seconds, or `{shown}ms` for milliseconds"


def no_percent(number: str) -> str:
    """A bare number where a share is asked for."""
    shown, value = clipped(number), float(number)
    if 0 < value < 1:
        return f"`{shown}` may mean `{shown}%` or `{value * 100:g}%`; write the one that is meant"
    return f"`{shown}` has no unit; write `{shown}%`"


def no_times(number: str) -> str:
    """A bare number where a multiple is asked for."""
    return f"{quoted(number)} has no unit; write `{clipped(number)}x`"


def out_of_range(text: str, least: str, most: str) -> str:
    """A value beyond what its key takes."""
    return f"{quoted(text)} is out of range; write {least} to {most}"


def not_a_share(text: str) -> str:
    """A limit that is always or never exceeded."""
    return f"{quoted(text)} is no limit: a share is always between 0% and 100%; write something between them, such as `1%`"


def home_directory(text: str) -> str:
    """A path that only a shell understands."""
    return f"{quoted(text)} starts with `~`, which only a shell expands; write the whole path"


def path_goes_up(text: str) -> str:
    """A path that leaves a directory which it names."""
    return f"{quoted(text)} goes up with `..`; write the path without it"


def path_not_plain(path: str) -> str:
    """A path that would have to be quoted in a HAProxy command."""
    return f"{quoted(path)} stands in HAProxy's commands; choose a path of letters, digits and `/_.:@+-`"


def socket_path_too_long(length: int, most: int) -> str:
    """The kernel's limit."""
    return f"the path of a socket has at most {most} bytes, this one has {length}; choose a shorter one"


# Services.


def no_services() -> str:
    """Nothing to guard."""
    return "names no service; write one, such as `web: {blue: web_blue, green: web_green}`"


def same_backend(backend: str) -> str:
    """Both environments in one."""
    return f"`{backend}` is blue's backend too; write the backend of the other environment"


# Rules.


def unknown_service(name: str, known: Sequence[str]) -> str:
    """A rule file for nobody."""
    return f"{quoted(name)} is not a service of guardian.yaml; {_instead(name, known)}"


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
    return f"{quoted(name)} is not a counter; {_instead(name, counters)}"


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


def check_in_without_dsn() -> str:
    """Signs of life need somewhere to go."""
    return "needs a `dsn_file` beside it, or nobody hears it"


def carried_twice(service: str, instance: str) -> str:
    """Two instances of HAProxy are to carry the same service."""
    return f"{service} is carried by {instance} already; name it under one instance only"


def backend_on_two(backend: str) -> str:
    """A backend is asked for by its name alone."""
    return f"services on two instances use backends of the same name, {backend}; give one of them another name in haproxy.cfg"

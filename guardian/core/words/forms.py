"""What a value in a configuration file looks like: each form ends a sentence that says "write …"."""

from collections.abc import Sequence

from guardian.core.words.quotes import listed


def choices(names: Sequence[str]) -> str:
    """One of a few words."""
    return listed(names, "or")


def lack_of_data() -> str:
    """The answers of ``on_no_data`` and ``on_source_error``."""
    return "`hold` (the watch ends unverified), `pass` (the rule is left out) or `fail` (the release is rolled back)"


def an_action() -> str:
    """What a breach leads to."""
    return "`rollback` (the traffic goes back), `pause` (it stays, and a person decides) or `notify` (people are told)"


def a_link() -> str:
    """An address for people."""
    return "an address that starts with https:// or http:// and holds no user name or password"


def an_included_file() -> str:
    """A file of rules that several services share."""
    return "a YAML file in a directory below that of the rule files, such as `common/http.yaml`"


def a_time(least: str, most: str, such_as: str) -> str:
    """A duration."""
    return f"a number and a unit (ms, s, m, h or d), {least} to {most}, such as `{such_as}`"


def a_share(such_as: str) -> str:
    """A percentage."""
    return f"a percentage, such as `{such_as}`"


def a_number(least: str, most: str, such_as: str) -> str:
    """A number without a unit."""
    return f"a number from {least} to {most}, such as `{such_as}`"


def a_whole_number(least: str, most: str, such_as: str) -> str:
    """A number of things."""
    return f"a whole number from {least} to {most}, such as `{such_as}`"


def a_multiple(least: str, most: str, such_as: str) -> str:
    """How many times something."""
    return f"how many times, {least} to {most}, such as `{such_as}`"


def a_name(such_as: str) -> str:
    """A name that may reach a socket line."""
    return f"a name of up to 64 letters, digits and `_.:-` that starts with a letter or digit, such as `{such_as}`"


def a_group() -> str:
    """A group of this system."""
    return "the name of a group of this system, such as `guardian`"


def a_sentence(most: int) -> str:
    """A summary."""
    return f"one sentence of up to {most} characters for the people who are called"


def a_path(such_as: str) -> str:
    """A path, absolute or beside the file."""
    return f"a path, absolute or from this file's directory, such as `{such_as}`"


def a_mode() -> str:
    """The mode of the API's socket."""
    return "`0660` (owner and group may steer guardian) or `0600` (only the owner)"


def a_ratio(counters: Sequence[str]) -> str:
    """A ratio of counters."""
    return f"counters with one `/` and any `+`, such as `responses_5xx / responses`; counters are {listed(counters)}"


def confirmations() -> str:
    """How many evaluations make a breach."""
    return "`3 of 5` for three of the last five checks, or `3` for three in a row, up to 1,000"


def a_query() -> str:
    """PromQL."""
    return 'a PromQL query that gives one number, such as `sum(rate(errors_total{env="$candidate"}[$window]))`'


def a_matcher() -> str:
    """A condition on a label of an alert."""
    return 'a condition on a label as in Alertmanager, such as `severity="critical"` or `env=~"$candidate|all"`'


def an_argument() -> str:
    """An item of a command."""
    return (
        "a program by its whole path, then its arguments one by one, in visible characters; "
        "`$candidate`, `$baseline`, `$service`, `$window` and `$since_cutover` stand for what they say"
    )


def a_text() -> str:
    """A value of an environment variable."""
    return "visible characters"


def a_url() -> str:
    """The address of a Prometheus."""
    return "the address of a Prometheus, such as `http://127.0.0.1:9090`"


def a_user() -> str:
    """A user name."""
    return "a user name, such as `guardian`"


def yes_or_no() -> str:
    """A switch."""
    return "`true` or `false`"


def a_way() -> str:
    """How a change of routing reaches HAProxy."""
    return "`runtime` (through the map, without a reload) or `reload` (through HAProxy's configuration)"


def a_listening_address() -> str:
    """Where to listen."""
    return "an address of this host and a port, such as `0.0.0.0:8443`, `127.0.0.1:8443` or `[::]:8443`"


def an_ending() -> str:
    """What becomes of connections that outlive a switch."""
    return "`drain` (they may finish) or `cut` (they are closed)"


def a_visitors_mark() -> str:
    """What a visitor is recognised by."""
    return "`cookie NAME`, `header NAME` or `source`, with a name of up to 64 letters, digits and `_.-`"


def a_unit() -> str:
    """A service of systemd."""
    return "the name of a systemd unit, such as haproxy.service"


def unloaded_edits() -> str:
    """What becomes of edits of others that HAProxy has not loaded."""
    return "`refuse` (guardian does not reload until somebody has loaded them) or `load` (they are loaded along)"


def a_workspace() -> str:
    """A Slack workspace."""
    return "the workspace's id, such as `T0123ABCD`: it stands in the address of Slack in a browser, `app.slack.com/client/T…`"


def a_channel() -> str:
    """A Slack channel."""
    return "the channel's id, such as `C0123ABCD`: it stands at the end of the channel's details in Slack"


def somebody_in_slack() -> str:
    """A user or a user group."""
    return "the id of a user group, such as `S0123ABCD`, or of a user, such as `U0123ABCD`"


def a_chat_api() -> str:
    """Where Slack's Web API is."""
    return "an address that starts with https:// and ends with /, such as `https://slack.com/api/`"


def a_proxy() -> str:
    """An HTTP proxy."""
    return "an address of a host and a port without a password, such as `http://proxy.example.com:3128`"


def a_remote() -> str:
    """A git repository elsewhere."""
    return "the address of a git repository, such as `git@git.example.org:ops/notes.git` or `https://git.example.org/ops/notes.git`"


def a_branch() -> str:
    """A branch of it."""
    return "the name of a branch, such as `main`"


def an_email() -> str:
    """The address of an author."""
    return "an e-mail address, such as `guardian@example.org`"


def a_slug() -> str:
    """The slug of a monitor in Sentry."""
    return "up to 50 small letters, digits, `-` and `_`, such as `guardian-lb1`"

"""What is wrong with the stages of a service in guardian.yaml, and what to write instead."""

from collections.abc import Sequence

from guardian.core.words.quotes import listed, quoted


def _variables(known: Sequence[str]) -> str:
    return listed([f"${name}" for name in known])


def a_text(known: Sequence[str]) -> str:
    """Text with variables."""
    return f"visible characters, in which {_variables(known)} stand for what they say, and `$$` for a dollar"


def unknown_variable(name: str, known: Sequence[str]) -> str:
    """A dollar that stands for nothing."""
    what = f"`${name}` stands for nothing here" if name else "a `$` alone stands for nothing"
    return f"{what}; known are {_variables(known)}, and `$$` is a dollar"


def no_work() -> str:
    """Neither a playbook nor a command."""
    return (
        "nothing is to be done; write `playbook: /etc/guardian/ansible/deploy.yml` with an `inventory`, "
        "or `command: [/usr/local/bin/deploy-web, $environment, $version]`"
    )


def playbook_and_command() -> str:
    """Both."""
    return "a stage is a playbook or a command, not both; remove one"


def command_only(key: str) -> str:
    """A key of the other one."""
    return f"`{key}` goes with `command`, and a playbook is written here; remove it"


def playbook_only(key: str) -> str:
    """A key of the other one."""
    return f"`{key}` goes with `playbook`, and a command is written here; remove it"


def both_sides(limit: str) -> str:
    """The same hosts for both environments."""
    return (
        f"{quoted(limit)} and the inventory name the same hosts for both environments, and the live one must not be touched; "
        "write `$environment` into one of them, such as `limit: web_$environment`"
    )


def an_inventory() -> str:
    """The path of an inventory."""
    return "the path of an Ansible inventory, absolute or from this file's directory, such as `/etc/guardian/ansible/hosts.ini`"


def bad_variable(name: str) -> str:
    """A variable that Ansible does not take, or that guardian sets."""
    return f"{quoted(name)} is no name of a variable: write letters, digits and `_`, and do not begin with `guardian_`"


def no_report() -> str:
    """Facts are no tests."""
    return "`report` has no place here: the program prints its facts, one `name value` a line; remove it"


def no_note() -> str:
    """Facts change nothing that a note would tell of."""
    return "`note` has no place here: a comparison leaves nothing behind; remove it, or write it below `deploy` or `retire`"


def a_policy() -> str:
    """What follows from a difference."""
    return "`block` (the deployment ends before traffic moves) or `warn` (people are told, and it goes on)"


def a_request_path() -> str:
    """What is asked of a server."""
    return "a path that begins with `/`, such as `/health`"


def an_exception() -> str:
    """Facts that may differ."""
    return "the name of a fact, with `*` for any text, such as `file:/etc/hostname` or `haproxy.cfg *`"


def a_host() -> str:
    """What a request is for."""
    return "a host name, and if need be a port, such as `www.example.org`"


def a_method() -> str:
    """How something is asked."""
    return "a method in capital letters, such as `GET` or `POST`"


def a_status() -> str:
    """Answers that are good."""
    return "one or several status codes, such as `200` or `200, 204`"


def a_pattern() -> str:
    """What is looked for in a body."""
    return "a regular expression that is found somewhere in the body, such as `version $version`; write `$$` where it ends a line"


def bad_pattern(pattern: str, reason: str) -> str:
    """None."""
    return f"{quoted(pattern)} is no regular expression: {reason}"


def a_latency() -> str:
    """A quantile and its limit."""
    return "a quantile and the time that it may take, such as `p95 300ms`"


def bad_header(name: str) -> str:
    """No name of a header."""
    return f"{quoted(name)} is no name of a header; write one such as `X-Version`"


def nothing_verified() -> str:
    """A stage that proves nothing."""
    return "nothing is verified; leave `health: true`, or write `checks`, `load` or `commands`"

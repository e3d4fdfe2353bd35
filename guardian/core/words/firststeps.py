"""What ``guardian init`` says: what it found, what it asks, what comes next."""

from collections.abc import Sequence
from pathlib import Path

from guardian.core.firststeps import Pair
from guardian.core.words.quotes import listed


def found(pairs: Sequence[Pair]) -> str:
    """The services that were found."""
    lines = [f"  {pair.service}: blue is the backend {pair.blue}, green is {pair.green}" for pair in pairs]
    return "\n".join(["These backends look like two environments of one service:", *lines])


def ask_all() -> str:
    """The one question where everything is clear."""
    return "Guard them"


def nothing_alike(backends: Sequence[str]) -> str:
    """No two backends are called alike but for a colour."""
    there = f"there are {listed(backends)}" if backends else "there is none"
    return f"no two backends are called alike but for `blue` and `green`; {there}"


def ask_service() -> str:
    """What it is to be called."""
    return "Name of the service"


def ask_backend(colour: str) -> str:
    """Which backend it is."""
    return f"The backend of its {colour} environment"


def name_both() -> str:
    """Nobody is there to answer."""
    return (
        "name them: --service NAME --blue BACKEND --green BACKEND; one backend that holds the servers of both environments is made "
        "two by `guardian haproxy adopt --convert`"
    )


def no_such_backend(name: str, known: Sequence[str]) -> str:
    """A backend that HAProxy does not have."""
    return f"HAProxy has no backend `{name}`; it has {listed(known)}" if known else f"HAProxy has no backend `{name}`, and no other"


def there_already(path: Path) -> str:
    """A configuration is not written over."""
    return f"{path} is there already and stays as it is; --force writes a new one in its place"


def written(path: Path) -> str:
    """A file was made."""
    return f"wrote {path}"


def ask_socket(path: Path) -> str:
    """Whether HAProxy's configuration may get the lines that were shown."""
    return f"Add these lines to {path}"


def socket_added(path: Path) -> str:
    """They were added."""
    return f"{path} has a stats socket for guardian; HAProxy opens it with its next reload"


def next_steps(config: Path) -> str:
    """What is left to do."""
    where = "" if str(config) == "/etc/guardian/guardian.yaml" else f" --config {config}"
    return f"""Next:
  guardian haproxy adopt{where} --diff     # what goes into HAProxy's configuration
  guardian haproxy adopt{where} --apply
  systemctl reload haproxy
  guardian check{where} --online
  systemctl restart guardian"""

"""What the program says of its channels: those that cannot be told, and what became of their letters."""

from pathlib import Path

from guardian.core.words.figures import count, seconds


def _letter(sentence: str) -> str:
    return f'"{sentence}"' if sentence else "the account of the deployment"


def recalled(channel: str, waiting: int) -> str:
    """After a start."""
    letters = "1 letter waits" if waiting == 1 else f"{count(waiting)} letters wait"
    return f"channel {channel}: {letters} from before the start"


def unreachable(channel: str, reason: str) -> str:
    """The first failure after it went well."""
    return f"channel {channel} cannot be told: {reason}; its letters wait, and guardian tries again"


def reachable(channel: str, lasted: float) -> str:
    """It goes well again."""
    return f"channel {channel} is told again after {seconds(lasted)}"


def no_answer(deadline: float) -> str:
    """A delivery took too long."""
    return f"no answer within {seconds(deadline)}"


def given_up(channel: str, sentence: str, reason: str) -> str:
    """A letter that will never be delivered."""
    return f"channel {channel} was not told {_letter(sentence)}: {reason}; it is not tried again"


def stale(channel: str, sentence: str) -> str:
    """A letter that waited too long."""
    return f"channel {channel} could not be told for too long: {_letter(sentence)} is not told there any more"


def faulty(channel: str) -> str:
    """A fault of guardian's own code."""
    return f"channel {channel}: guardian itself failed to deliver a letter; this is a fault of guardian"


# What a webhook answers.


def not_reached(reason: str) -> str:
    """No connection."""
    return f"no connection ({reason})"


def answer_lost(reason: str) -> str:
    """Sent, and then nothing."""
    return f"the connection ended before the answer ({reason})"


def no_address() -> str:
    """What the file of the address holds is none."""
    return "`url_file` holds no address that starts with https:// or http://"


def answered(status: int) -> str:
    """A status that is no success."""
    return f"it answers with HTTP {status}"


def to_be_mended(status: int) -> str:
    """A status that says that address or token are wrong."""
    return f"it answers with HTTP {status}: check the address and the token of the channel"


def secret_unreadable(path: Path | None) -> str:
    """A file that should hold a secret does not."""
    return f"{path} cannot be read, or holds no single word of visible characters"

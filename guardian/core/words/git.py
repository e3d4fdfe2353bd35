"""What is said of the repository of the notes."""

from guardian.core.words.figures import seconds
from guardian.core.words.quotes import visible

LONGEST = 300


def by_hand() -> str:
    """The message of a commit of what people changed in the directory."""
    return "Remarks written by hand"


def message(deployment: str, phase: str, asked_by: str, reason: str) -> str:
    """The message of a commit of one note."""
    because = f"\n\n{visible(reason)[:LONGEST]}" if reason else ""
    return f"{deployment}: {phase}{because}\n\nRequested-by: {visible(asked_by)[:LONGEST]}"


def not_started(reason: str) -> str:
    """It cannot be started."""
    return f"git cannot be started ({reason}); `apt install git` installs it, and the directory of the notes must be guardian's own"


def too_slow(command: str, timeout: float) -> str:
    """It did not end in time."""
    return f"`git {command}` did not end within {seconds(timeout)}"


def failed(command: str, complaint: str) -> str:
    """It says no."""
    said = " ".join(visible(line) for line in complaint.splitlines() if line.strip())
    return f"`git {command}` failed: {said[-LONGEST:] or 'it said nothing'}"


def diverged(directory: str, reason: str) -> str:
    """What was pushed by others does not go together with what is here."""
    return f"what others pushed does not go together with {directory}; run `git rebase` there by hand ({reason})"


def no_token(path: str) -> str:
    """The file of the token is of no use."""
    return f"{path} cannot be read, or holds no token"

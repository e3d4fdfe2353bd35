"""What the program says of its connection to Slack, and what ``guardian slack check`` says to do."""

from pathlib import Path

from guardian.core.words.figures import seconds


def token_unreadable(path: Path, reason: str) -> str:
    """The file cannot be read."""
    return f"{path} cannot be read: {reason}; it holds a token of the Slack app, readable by guardian's user alone"


def no_token(path: Path, prefix: str) -> str:
    """The file holds something else."""
    return f"{path} holds no token that starts with `{prefix}`; copy it from the pages of the app at https://api.slack.com/apps"


def other_team(wanted: str, found: str) -> str:
    """A token of another workspace."""
    return f"the token belongs to the workspace {found}, guardian.yaml says {wanted}"


def connected() -> str:
    """It goes well."""
    return "connected to Slack"


def not_connected(reason: str) -> str:
    """It does not."""
    return (
        f"not connected to Slack: {reason}; traffic is guarded all the same, the shell does all that `/bg` does, "
        "and guardian tries again"
    )


def gone(silent: float) -> str:
    """The connection broke; a phrase."""
    return f"no connection for {seconds(silent)}"


def not_alone(connections: int) -> str:
    """Another program uses the same app."""
    return (
        f"{connections} connections of this Slack app are open: if another guardian uses it, commands and clicks reach either one "
        "at random; make an app for each guardian. After a reconnection this passes by itself"
    )


def not_closed(reason: str) -> str:
    """A connection would not be hung up."""
    return f"the connection to Slack was left without a farewell: {reason}"


def faulty() -> str:
    """A fault of guardian's own code."""
    return "guardian itself failed to answer somebody in Slack; this is a fault of guardian"


def no_answer() -> str:
    """A phrase."""
    return "no answer in time"


def unconnected() -> str:
    """A phrase."""
    return "there is no connection to Slack"


def misread(by: str) -> str:
    """In the log: somebody was not understood."""
    return f"{by} in Slack was not understood; nothing was done"


def unanswered(by: str, reason: str) -> str:
    """In the log: an answer did not reach whoever asked."""
    return f"the answer to {by} did not reach Slack: {reason}"


def no_form(reason: str) -> str:
    """A form could not be opened; what to do instead."""
    return f"the form could not be opened ({reason}); type it: `/bg switch SERVICE [to green] [--share 5%] [REASON]`"


def rate_limited() -> str:
    """A phrase."""
    return "Slack asks for slower messages"


def no_facts(identifier: str) -> str:
    """A deployment that nobody knows."""
    return f"nothing is known of {identifier}"


def ugly(key: str, reason: str) -> str:
    """A message that Slack refuses to show; a fault of guardian."""
    return f"Slack refuses the blocks of the letter {key}: {reason}; it is sent as text. This is a fault of guardian"


def no_picture(identifier: str) -> str:
    """A chart that cannot be drawn."""
    return f"no evidence of {identifier} was kept that could be drawn"

"""What a reader asks of a mapping, for those who want to know what may stand there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """One key."""

    key: str
    required: bool
    form: str = ""
    """What to write: the end of a sentence; empty for what is no single value."""
    choices: tuple[str, ...] = ()
    """The only words that may stand there; empty where there are others."""
    many: bool = False
    """Whether it is a list."""
    named: bool = False
    """Whether it is a mapping from names of the writer's own to such values."""

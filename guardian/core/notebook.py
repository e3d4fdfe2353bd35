"""The notes of deployments: where they are kept, and what the program may ask of whoever keeps them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from guardian.core.account import Account


@dataclass(frozen=True, slots=True)
class GitSettings:
    """The repository that notes are committed to. Holds no secret, only the names of the files that do."""

    remote: str | None = None
    """Where they are pushed; ``None``: they are committed only."""
    branch: str = "main"
    author: str = "guardian"
    email: str = "guardian@localhost"
    ssh_key_file: Path | None = None
    token_file: Path | None = None
    """What is sent to an ``https`` remote in place of a password."""
    timeout: float = 30.0
    """Seconds after which a command of git is ended."""


@dataclass(frozen=True, slots=True)
class NotesSettings:
    """Where notes are written."""

    directory: Path
    url: str | None = None
    """Where people read them: the name of a note's file is put behind it."""
    git: GitSettings | None = None


class NotWritten(Exception):
    """A note that could not be written or published now. The message is a sentence for people. Arises at the disk and at git."""


class LeftAlone(NotWritten):
    """A note that must not be written: what people wrote in it could be lost."""


class Notebook(Protocol):
    """Who keeps the notes."""

    def name(self, deployment: str) -> str:
        """The name of the note's file."""

    def where(self, deployment: str) -> Path | None:
        """Where the note is; ``None`` where there is none. Blocking."""

    def text(self, account: Account) -> str:
        """The note as it would be written now, without charts. Blocking. :class:`NotWritten` where the one there is in the way."""

    def kept(self, deployment: str) -> tuple[Path, str] | None:
        """The note as it stands, and where; ``None`` where there is none. Blocking. :class:`NotWritten`."""

    async def write(self, account: Account) -> Path:
        """Write the note, with what people wrote into the one that is there. :class:`NotWritten`."""

    async def publish(self, account: Account) -> str:
        """Write, commit and push the note; return its commit. :class:`NotWritten`."""

"""What is told: a sentence, how loud, and where to read on."""

from dataclasses import dataclass

from guardian.core.rules import Link, Severity


@dataclass(frozen=True, slots=True)
class Announcement:
    """One sentence about one event of one service."""

    severity: Severity
    sentence: str
    links: tuple[Link, ...] = ()
    """Where people read on."""

    @property
    def text(self) -> str:
        """The sentence with its links, for where nothing can be clicked."""
        return " ".join((self.sentence, *(f"[{link.title}: {link.url}]" for link in self.links)))

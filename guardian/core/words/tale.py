"""What the story of releases says."""

from collections.abc import Iterator
from dataclasses import dataclass

from guardian.core.words.demo import act_steady, interrupted
from guardian.core.words.figures import count

__all__ = ["Ending", "act_again", "act_bad", "act_good", "act_insist", "act_steady", "interrupted", "summary", "understood"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How the story ended: v2, v3, v3 once more, v2 again."""

    phases: tuple[str, ...]
    """In which each deployment ended."""
    shares: tuple[str, ...]
    why: str
    """Why v3 was taken back."""
    bad: tuple[int, int]
    """Bad answers that v3 gave, the first time and the second."""
    others: int
    """Failed requests that v3 did not answer badly itself."""
    requests: int
    asked: str
    """What guardian said when v3 was to be deployed again."""

    @property
    def good(self) -> bool:
        """Whether guardian did what it promises."""
        taken_back = "was taken back" in self.asked
        return self.phases == ("verified", "rolled back", "rolled back", "verified") and taken_back and not self.others


def act_good() -> str:
    """The first release."""
    return "v2 is deployed: verified without traffic, then 5 %, 25 % and all of it"


def act_bad() -> str:
    """The second release."""
    return "v3 is deployed: it passes every check, and fails half of its users"


def act_insist() -> str:
    """The second release, once more."""
    return "v3 is deployed again, by somebody who insists"


def act_again() -> str:
    """The first release, on the other side."""
    return "v2 is deployed again, in the place of v3"


def understood() -> str:
    """Why the service may move again."""
    return "the story goes on"


def summary(ending: Ending) -> Iterator[str]:
    """The measured end, line by line."""
    names = ("v2", "v3", "v3, insisted on", "v2 again")
    yield ""
    for name, phase in zip(names, ending.phases, strict=True):
        yield f"{name:<22} {phase}"
    yield f"why v3 went back       {ending.why}"
    yield f"v3 once more           {ending.asked or 'was not asked about'}"
    yield f"bad answers of v3      {count(ending.bad[0])}, and {count(ending.bad[1])} the second time"
    yield f"all other failures     {count(ending.others)} of {count(ending.requests)} requests"

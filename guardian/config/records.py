"""The section ``records`` of ``guardian.yaml``: for how long guardian keeps what, and where its oldest entries go."""

from dataclasses import dataclass
from pathlib import Path

from guardian.config import kinds
from guardian.config.fields import Fields

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class RecordsSettings:
    """For how long what is kept."""

    keep: float
    """Seconds for which entries of the journal and deployments stay in the database."""
    evidence: float
    """Seconds for which the evidence of a deployment is kept."""
    archive: Path
    """The directory that entries of the journal go to afterwards."""


def read_records(fields: Fields, base: Path, state_dir: Path) -> RecordsSettings:
    """Its settings; what is not said is usual."""
    settings = RecordsSettings(
        keep=fields.optional("keep", kinds.duration("1d", "36500d", "400d"), 400 * DAY),
        evidence=fields.optional("evidence", kinds.duration("1d", "36500d", "90d"), 90 * DAY),
        archive=fields.optional("archive", kinds.path(base, "/var/lib/guardian/archive"), state_dir / "archive"),
    )
    fields.close()
    return settings

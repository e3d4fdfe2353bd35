"""Sentences about what guardian remembers: its database, and the lock on its state directory."""

from collections.abc import Sequence
from pathlib import Path

from guardian.core.words.figures import seconds as written


def disk_full(path: Path) -> str:
    """The disk has no room for the database."""
    return (
        f"the disk that holds {path} is full, so nothing was recorded: free some space there, and guardian records again by itself"
    )


def disk_failed(path: Path, reason: str) -> str:
    """The operating system could not read or write the database."""
    return (
        f"{path} could not be read or written ({reason}), and the last change may or may not stand there: "
        "look for errors of its disk in `dmesg`; guardian tries again with its next change"
    )


def locked(path: Path, duration: float) -> str:
    """Another program held the database for too long."""
    return (
        f"another program held {path} for more than {written(duration)}, so nothing was recorded: "
        f"`fuser {path}` names it; end it, and guardian records again by itself"
    )


def unusable(path: Path, reason: str) -> str:
    """The database, or a file or directory around it, may not be opened or written."""
    return f"{path} cannot be used ({reason}): guardian needs a directory that it may write to, with room on its disk"


def empty() -> str:
    """The file has no content at all."""
    return "it is empty"


def no_schema() -> str:
    """The row that says how it is laid out is missing."""
    return "it does not say which schema it has"


def wrong_hash() -> str:
    """Somebody, or the disk, changed a record."""
    return "a record does not match its hash"


def dangling(table: str) -> str:
    """After a migration, something refers to what is gone."""
    return f"{table} refers to rows that are not there"


def damaged(path: Path, reason: str) -> str:
    """What the database holds is not what guardian wrote."""
    return (
        f"{path} is damaged ({reason}), so guardian does not go by it: move {path.name}* aside and start guardian, "
        "which then begins with an empty history and leaves traffic where the balancer has it, or restore a backup"
    )


def set_aside(path: Path, aside: Path, reason: str) -> str:
    """A damaged database was put out of the way at the start."""
    return (
        f"{path} is damaged ({reason}) and was set aside as {aside.name}: guardian begins with an empty history, takes what the "
        "balancer does as given, and holds every service until a person says that it may move forward; tokens must be made again"
    )


def broken_at(number: int) -> str:
    """The chain of the journal is not whole."""
    return f"entry {number:,} of its journal is missing or not as it was written"


def broken_end(newest: int) -> str:
    """The end of the chain is not whole."""
    return f"the newest {newest} entries of its journal are not as they were written"


def not_examined() -> str:
    """Looking through the records was ended."""
    return "guardian stops before it has looked through all of its records; its next start begins with that again"


def examined() -> str:
    """All of the records were looked at."""
    return "all of guardian's records were looked at: they are whole"


def examined_later(reason: str, wait: float) -> str:
    """The records could not be read to the end."""
    return f"guardian's records could not be looked through ({reason}); it tries again in {written(wait)}"


def condemned(reason: str, busy: Sequence[str]) -> str:
    """The records turned out to be damaged while guardian runs."""
    first = f"what is under way goes on to its end ({', '.join(busy)}), and can be rolled back; then" if busy else "at once"
    return (
        f"guardian's records are damaged ({reason}): nothing new is begun; {first} guardian starts itself anew, sets them aside, "
        "and holds every service until a person says that it may move forward"
    )


def not_condemned(reason: str) -> str:
    """That the records are damaged could not be written down."""
    return f"that guardian's records are damaged could not be written down ({reason}); it would be found again by its next start"


def held(aside: Path) -> str:
    """Why a service is held."""
    return f"guardian's records were damaged and set aside as {aside.name}, so what was under way is not known"


def orphaned_log(path: Path, log: Path) -> str:
    """The write-ahead log is there and its database is not."""
    return (
        f"{log} is there and {path} is not: put {path.name} back beside it, or move {log.name} aside to begin with an empty history"
    )


def newer_schema(path: Path, found: int, known: int, created_by: str) -> str:
    """The database was laid out by a version of guardian that this one does not understand."""
    return (
        f"{path}, created by guardian {created_by}, has schema {found}, and this guardian reads schemas up to {known}: "
        f"install the newer guardian again, put back the copy that the upgrade made ({path.name}.schema-{known}, with what was "
        f"recorded until then), or move {path.name}* aside to begin with an empty history"
    )


def older_schema(path: Path, found: int, known: int) -> str:
    """Somebody wants to read beside a guardian that has not been started since it was upgraded."""
    return f"{path} has schema {found}, and this guardian reads schema {known}: start the daemon once, which brings it up to date"


def checking(path: Path, size: int) -> str:
    """An older database is checked before it is touched."""
    return f"starting: {path.name} is checked ({size // 1048576} MiB) before it is brought up to date"


def copying(path: Path, done: int = 0, everything: int = 1) -> str:
    """An older database is copied before it is touched."""
    return f"starting: {path.name} is copied before it is brought up to date: {done * 100 // max(1, everything)}%"


def migrating(path: Path, found: int, known: int, since: float = 0.0) -> str:
    """An older database is brought up to date."""
    return f"starting: {path.name} is brought from schema {found} to {known}, for {written(since)} so far"


def remaking(path: Path) -> str:
    """The database is written anew."""
    return f"starting: {path.name} is written anew once, so that it can shrink"


def migrated(path: Path, found: int, known: int) -> str:
    """The database of an older version was brought up to date."""
    return f"{path} was brought from schema {found} to {known}; {path.name}.schema-{found} beside it is a copy of what it was"


def no_copy(path: Path, copy: Path, reason: str) -> str:
    """An older database was not touched, since it could not be copied first."""
    return (
        f"{path} has an older schema, and {copy.name} beside it, the copy to be made before it is brought up to date, could not be "
        f"written ({reason}): nothing was changed; free some space on that disk and start guardian again"
    )


def not_migrated(path: Path, copy: Path, reason: str) -> str:
    """A migration failed, and was undone."""
    return (
        f"{path} could not be brought up to date ({reason}): nothing was changed, {copy.name} beside it is a copy; start guardian "
        "again, or go on with the older guardian, and report this as a fault of guardian unless the reason is the disk"
    )


def remade(path: Path) -> str:
    """The database was written anew, so that it can shrink."""
    return f"{path} was written anew once, so that what is forgotten gives its room back to the disk"


def too_large_to_remake(size: int) -> str:
    """Why a database was not written anew."""
    return (
        f"it has more than {size // 1048576} MiB, which would hold up the start: stop guardian, and run VACUUM after auto_vacuum=2"
    )


def not_remade(path: Path, reason: str) -> str:
    """The database could not be written anew; nothing is lost by that."""
    return (
        f"{path} could not be written anew ({reason}), so it keeps the room of what is forgotten for itself; guardian tries again "
        "at its next start, and needs as much room on that disk as the file takes"
    )


def not_archived(directory: Path, reason: str) -> str:
    """The oldest entries of the journal could not be moved."""
    return (
        f"the oldest entries of the journal could not be written to {directory} ({reason}), so they stay in the database: "
        "guardian tries again within the hour, and needs a directory that it may write to"
    )


def archived_meanwhile(number: int) -> str:
    """The journal was cut while somebody read it."""
    return f"entry {number:,} and those after it went into the archive while the journal was read: read it again"


def refused(path: Path, reason: str) -> str:
    """The database refused for a reason that has no sentence of its own."""
    return f"{path} did not take or give a record ({reason}): report this as a fault of guardian"


def not_recordable(service: str, reason: str) -> str:
    """The program handed over something that no record can hold."""
    return f"a change of {service} cannot be recorded ({reason}): report this as a fault of guardian"


def already_running(state_dir: Path, pid: int | None, since: str) -> str:
    """Another guardian works on the same state directory."""
    who = f"with pid {pid} since {since}" if pid else "with a pid that it could not write down"
    return f"guardian already runs on {state_dir} {who}: stop it first, or give this one a state directory of its own"

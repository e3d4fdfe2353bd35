"""Replacing a file that HAProxy reads: old or new at every instant, never torn, never neither. Blocking."""

import contextlib
import os
import tempfile
from pathlib import Path

NEW_MODE = 0o644
"""A new file's mode: HAProxy may run as another user, and what guardian writes for it holds no secret."""


def replace(path: Path, content: bytes) -> None:
    """Make ``content`` the content of ``path``, with the mode and the owner of the file that stood there.

    ``OSError`` when that failed; then the old content stands, or the new one where the directory alone could not be synced. What an
    interrupted call left behind is swept.
    """
    directory, prefix, suffix = path.parent, f".{path.name}.", ".new"
    for left_over in directory.glob(f"{prefix}*{suffix}"):
        left_over.unlink(missing_ok=True)
    descriptor, name = tempfile.mkstemp(suffix, prefix, directory)
    with contextlib.ExitStack() as undo:
        undo.callback(Path(name).unlink, missing_ok=True)
        with os.fdopen(descriptor, "wb") as file:
            _inherit(path, descriptor)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
        undo.pop_all()
    _sync(directory)


def _inherit(path: Path, descriptor: int) -> None:
    """Give the new file the mode and the owner of the one that it will replace."""
    try:
        old = path.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, NEW_MODE)
        return
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, old.st_mode & 0o7777)


def _sync(directory: Path) -> None:
    """Make a rename in ``directory`` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

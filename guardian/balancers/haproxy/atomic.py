"""Replacing a file that HAProxy reads: old or new at every instant, never torn, never neither. Blocking."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

NEW_MODE = 0o644
"""A new file's mode: HAProxy may run as another user, and what guardian writes for it holds no secret."""
SUFFIX = ".new"


class Prepared:
    """A new content of a file, whole on disk beside it: what is left to do needs no room any more."""

    def __init__(self, path: Path, name: Path) -> None:
        self._path, self._name = path, name

    def commit(self) -> None:
        """Put it in the place of the old one. ``OSError`` as for :func:`replace`."""
        self._name.replace(self._path)
        _sync(self._path.parent)

    def discard(self) -> None:
        """Leave the old one."""
        self._name.unlink(missing_ok=True)


def replace(path: Path, content: bytes) -> None:
    """Make ``content`` the content of ``path``, with the mode, the owner and the attributes of the file that stood there.

    ``OSError`` when that failed; then the old content stands, or the new one where the directory alone could not be synced. What an
    interrupted call left behind is swept.
    """
    sweep(path)
    with prepared(path, content) as new:
        new.commit()


def sweep(path: Path) -> None:
    """Remove what interrupted calls left beside ``path``."""
    for left_over in path.parent.glob(f".{path.name}.*{SUFFIX}"):
        left_over.unlink(missing_ok=True)


@contextlib.contextmanager
def prepared(path: Path, content: bytes) -> Iterator[Prepared]:
    """``content``, ready to replace that of ``path`` in the body; gone afterwards if it was not used. ``OSError`` as it comes."""
    descriptor, name = tempfile.mkstemp(SUFFIX, f".{path.name}.", path.parent)
    new = Prepared(path, Path(name))
    try:
        with os.fdopen(descriptor, "wb") as file:
            _inherit(path, descriptor)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        yield new
    finally:
        new.discard()


def _inherit(path: Path, descriptor: int) -> None:
    """Give the new file the mode, the owner and the extended attributes of the one that it will replace: ACLs, SELinux's label."""
    try:
        old = path.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, NEW_MODE)
        return
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, old.st_mode & 0o7777)
    wanted, given = _attributes(path), _attributes(descriptor)
    for attribute in given.keys() - wanted.keys():
        os.removexattr(descriptor, attribute)
    for attribute, value in wanted.items():
        if given.get(attribute) != value:
            os.setxattr(descriptor, attribute, value)


def _attributes(file: Path | int) -> dict[str, bytes]:
    try:
        return {name: os.getxattr(file, name) for name in os.listxattr(file)}
    except OSError as error:
        if error.errno == errno.ENOTSUP:  # a file system without any
            return {}
        raise


def _sync(directory: Path) -> None:
    """Make a rename in ``directory`` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Replacing a file of somebody's: all that belongs to it stays."""

import errno
import os
from pathlib import Path

import pytest

from guardian.balancers.haproxy import atomic
from guardian.balancers.haproxy.atomic import Prepared
from guardian.balancers.haproxy.rewriting import Replacement, _commit
from guardian.core.ports import BalancerError

ACL = bytes.fromhex("0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000000ffffffff")
"""user::rw-, user:1000:r--, group::r--, mask::r--, other::---"""


def test_mode_owner_and_attributes_stay(tmp_path: Path) -> None:
    """An ACL and an attribute of the old file are those of the new one."""
    file = tmp_path / "haproxy.cfg"
    file.write_bytes(b"old\n")
    file.chmod(0o640)
    os.setxattr(file, "user.note", b"kept by hand")
    os.setxattr(file, "system.posix_acl_access", ACL)
    if os.geteuid() == 0:
        os.chown(file, 12345, 23456)
    before = file.stat()
    atomic.replace(file, b"new\n")
    after = file.stat()
    assert file.read_bytes() == b"new\n"
    assert after.st_ino != before.st_ino
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert os.getxattr(file, "user.note") == b"kept by hand"
    assert os.getxattr(file, "system.posix_acl_access") == ACL


def test_what_the_directory_gives_to_new_files_is_not_taken_on(tmp_path: Path) -> None:
    """A default ACL that came later does not reach a file that has none."""
    file = tmp_path / "haproxy.cfg"
    file.write_bytes(b"old\n")
    file.chmod(0o644)
    os.setxattr(tmp_path, "system.posix_acl_default", ACL)
    atomic.replace(file, b"new\n")
    assert "system.posix_acl_access" not in os.listxattr(file)
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may label files: run tests/run.sh as root")
def test_a_security_label_stays(tmp_path: Path) -> None:
    """As SELinux keeps it; here an attribute of the same kind that needs no SELinux."""
    file = tmp_path / "haproxy.cfg"
    file.write_bytes(b"old\n")
    os.setxattr(file, "security.guardian", b"system_u:object_r:etc_t:s0")
    atomic.replace(file, b"new\n")
    assert os.getxattr(file, "security.guardian") == b"system_u:object_r:etc_t:s0"


def test_what_is_prepared_and_not_used_is_gone(tmp_path: Path) -> None:
    """And what is used needs nothing but a rename any more."""
    file = tmp_path / "haproxy.cfg"
    file.write_bytes(b"old\n")
    with atomic.prepared(file, b"unused\n"), atomic.prepared(file, b"new\n") as new:
        assert len(list(tmp_path.iterdir())) == 3
        new.commit()
    assert [path.name for path in tmp_path.iterdir()] == ["haproxy.cfg"]
    assert file.read_bytes() == b"new\n"


def test_what_was_left_behind_is_swept(tmp_path: Path) -> None:
    """A crash between writing and renaming leaves a file, and the next call removes it."""
    file, left = tmp_path / "haproxy.cfg", tmp_path / ".haproxy.cfg.abc.new"
    file.write_bytes(b"old\n")
    left.write_bytes(b"half")
    atomic.replace(file, b"new\n")
    assert not left.exists()


def test_a_replacement_that_fails_beside_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Both at once, as on a disk that is dying: a sentence, and nothing that nobody expects."""
    path = tmp_path / "haproxy.cfg"
    path.write_bytes(b"old\n")

    class Dying(Prepared):
        def commit(self) -> None:
            path.unlink()
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(BalancerError, match=r"haproxy\.cfg could not be written: Input/output error"):
        _commit([Replacement(path, b"old\n", Dying(path, tmp_path / "new"))])

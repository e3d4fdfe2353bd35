"""Bringing a changed configuration to disk: shown as a diff, checked by HAProxy itself, replaced as a whole; never reloaded."""

import contextlib
import difflib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from guardian.balancers.haproxy.atomic import replace
from guardian.balancers.haproxy.document import Document
from guardian.balancers.haproxy.process import Invocation
from guardian.core.ports import BalancerError
from guardian.core.words import adoption as words

CHECK_SECONDS = 60.0
"""How long ``haproxy -c`` may take: maps and certificates are loaded for it."""

ROOTS_PATH = "/usr/local/sbin:/usr/sbin:/sbin"


def difference(before: Document, after: Document) -> str:
    """What changes, as a unified diff; bytes that are no UTF-8 are shown escaped."""
    lines: list[str] = []
    for old, new in zip(before.files, after.files, strict=True):
        shown = (_lines(old.data), _lines(new.data))
        lines += difflib.unified_diff(*shown, fromfile=old.path, tofile=f"{old.path} (with guardian)")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def check(run: Invocation, document: Document) -> None:
    """Have HAProxy check ``document`` as it would read it; :class:`BalancerError` with its own words when it refuses.

    The files are checked from copies beside the originals, under the names that HAProxy would see in its messages.
    """
    with _copies(document) as paths:
        if run.user is not None:  # who reads them as HAProxy will, must be able to read them
            for path in paths:
                os.chown(path, run.user, run.group or 0)
        arguments = [argument for path in paths for argument in ("-f", str(path))]
        try:
            done = subprocess.run(  # noqa: S603  the binary is the user's own choice, or the one that runs
                [run.binary, *run.options, "-c", *arguments],
                capture_output=True,
                timeout=CHECK_SECONDS,
                check=False,
                env=run.environment,
                cwd=run.directory,
                user=run.user,
                group=run.group,
                extra_groups=None if run.user is None else run.groups,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise BalancerError(words.not_checked(run.binary, str(error))) from error
    if done.returncode != 0:
        raise BalancerError(words.refused_by_haproxy(done.stderr.decode("utf-8", "replace").strip()))


def found(binary: str) -> str | None:
    """Where the HAProxy is that people name: on the PATH, or where only root's leads."""
    return shutil.which(binary) or shutil.which(binary, path=ROOTS_PATH)


def named(binary: str) -> Invocation:
    """The HAProxy that people name; :class:`BalancerError` where there is none."""
    path = found(binary)
    if not path:
        raise BalancerError(words.not_checked(Path(binary), words.binary_not_found()))
    return Invocation(Path(path))


def install(before: Document, after: Document) -> list[str]:
    """Replace the files that differ, and return their paths. :class:`BalancerError` when one was changed by somebody meanwhile."""
    changed = [(old, new) for old, new in zip(before.files, after.files, strict=True) if old.data != new.data]
    for old, _ in changed:
        if Path(old.path).read_bytes() != old.data:
            raise BalancerError(words.changed_meanwhile(old.path))
    for _, new in changed:
        replace(Path(new.path).resolve(), new.data)
    return [new.path for _, new in changed]


@contextlib.contextmanager
def _copies(document: Document) -> Iterator[list[Path]]:
    """The files of ``document`` beside their originals, hidden, while the body runs; leftovers of an interrupted run are swept."""
    with contextlib.ExitStack() as stack:
        paths: list[Path] = []
        for file in document.files:
            original = Path(file.path).resolve()
            prefix, suffix = f".{original.stem}-", ".check.cfg"
            try:
                for left_over in set(original.parent.glob(f"{prefix}*{suffix}")) - set(paths):
                    left_over.unlink(missing_ok=True)
                descriptor, name = tempfile.mkstemp(suffix, prefix, original.parent)
                stack.callback(Path(name).unlink, missing_ok=True)
                with os.fdopen(descriptor, "wb") as copy:
                    copy.write(file.data)
            except OSError as error:
                raise BalancerError(words.not_checked(original, error.strerror or str(error))) from error
            paths.append(Path(name))
        yield paths


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "backslashreplace").splitlines(keepends=True)

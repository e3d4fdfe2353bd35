"""What HAProxy has loaded, told from what somebody has written since: nobody's unfinished edits are loaded along. Blocking."""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from guardian.balancers.haproxy.atomic import replace
from guardian.balancers.haproxy.document import Document
from guardian.balancers.haproxy.process import started
from guardian.balancers.haproxy.runtime import Worker

NAME = "haproxy-loaded.json"


class Loaded:
    """Remembers what stood outside guardian's blocks when a worker was born, in ``directory`` if there is one.

    A worker that is known has loaded what is remembered of it. One that is not has loaded what stands in files that were last
    changed before it began; of a file that was changed later nothing is known, unless it says what was loaded before.
    """

    def __init__(self, directory: Path | None) -> None:
        self._path = directory / NAME if directory else None
        self._worker, self._digests = "", dict[str, str]()

    def unloaded(self, document: Document, worker: Worker) -> list[str]:
        """The files that say something which ``worker`` has not loaded. ``OSError`` for one that is gone."""
        now = _digests(document)
        self._recall()
        if worker.name == self._worker:
            return sorted(path for path in now.keys() | self._digests.keys() if now.get(path) != self._digests.get(path))
        began = started(worker)
        late = [path for path in now if Path(path).stat().st_ctime > began]
        changed = [path for path in late if now[path] != self._digests.get(path)]
        if not changed:
            self._remember(worker.name, now)
        return changed

    def load(self, document: Document, worker: Worker) -> None:
        """Guardian itself has had ``document`` loaded, and ``worker`` has proved it."""
        self._remember(worker.name, _digests(document))

    def _remember(self, worker: str, digests: Mapping[str, str]) -> None:
        self._worker, self._digests = worker, dict(digests)
        if self._path:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace(self._path, json.dumps({"worker": worker, "files": self._digests}).encode())

    def _recall(self) -> None:
        """What another run remembered. Where nothing can be read, what is in memory goes on, or the times of the files decide."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            if self._path:
                found = json.loads(self._path.read_bytes())
                digests = {str(path): str(digest) for path, digest in found["files"].items()}
                self._worker, self._digests = str(found["worker"]), digests


def outside(document: Document) -> dict[str, bytes]:
    """What stands outside all of guardian's blocks, by file."""
    return {
        file.path: "".join(
            line
            for number, line in enumerate(file.lines)
            if not any(block.file is file and block.first <= number < block.end for block in document.blocks)
        ).encode("utf-8", "surrogateescape")
        for file in document.files
    }


def _digests(document: Document) -> dict[str, str]:
    return {path: hashlib.sha256(text).hexdigest() for path, text in outside(document).items()}

"""Whether guardian's block still stands in HAProxy's configuration as guardian would write it. Blocking."""

from collections.abc import Sequence
from pathlib import Path

from guardian.balancers.haproxy import adoption, document
from guardian.balancers.haproxy.routes import Unfit
from guardian.core.model import Service
from guardian.core.ports import BalancerError
from guardian.core.words import adoption as words


class Blocks:
    """The blocks of all services in ``files``, which are read again only when one of them has changed."""

    def __init__(self, files: Sequence[Path], map_path: Path) -> None:
        self._files, self._map = tuple(files), map_path
        self._seen: dict[str, tuple[tuple[tuple[int, int, int], ...], str]] = {}

    def altered(self, service: Service) -> str:
        """What `guardian haproxy adopt` would change, in a sentence; empty where that is nothing.

        :class:`BalancerError` when a file cannot be read.
        """
        try:
            marks = tuple(self._mark(path) for path in self._files)
            known = self._seen.get(service.name)
            if known is None or known[0] != marks:
                known = self._seen[service.name] = marks, self._difference(service)
        except OSError as error:
            raise BalancerError(words.unreadable(Path(error.filename or self._files[0]), error.strerror or str(error))) from error
        return known[1]

    def _mark(self, path: Path) -> tuple[int, int, int]:
        found = path.stat()
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _difference(self, service: Service) -> str:
        plan = adoption.adopt(document.load(self._files), service, self._map)
        if isinstance(plan, Unfit):
            return plan.sentences[0]
        return next(iter(plan.changes), "")

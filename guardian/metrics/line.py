"""One line to one Prometheus: prometheus-api-client on a session of our own, for one thread at a time, cut from outside when late.

What the client (0.7.2) does on a session of requests, measured, and what is done about it here:

* three hidden retries with back-off, six seconds in all, while a rule wants the failure now: our session tries once;
* of a reply it returns ``data.result`` only: an error with status 200 becomes a ``KeyError``, and status, type of result and
  warnings of partial data are lost. It is handed the whole :class:`~guardian.metrics.answer.Reply` to return;
* queries travel in the URL, even in a POST, where proxies log and limit them: they are sent as a form;
* the timeout is for one read, so a server that trickles is waited for without end: :meth:`Line.cut` ends the connection;
* bodies of any size are read and unpacked: reading stops at a limit, and nothing packed is asked for;
* redirects are followed, cookies kept, and proxies, authorities and ``.netrc`` taken from the environment of whoever started the
  program (``trust_env``), where a password displaces the token and a proxy sees it: our session knows nothing of these.
"""

import contextlib
import ssl
import time
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from prometheus_api_client import PrometheusConnect
from urllib3 import HTTPConnectionPool, connection_from_url
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as ReadTimeout

from guardian import __version__
from guardian.core.access import Access
from guardian.core.ports import SourceError
from guardian.core.words import prometheus as words
from guardian.cutting import Knife
from guardian.metrics.access import Login, certificate_state, read_login
from guardian.metrics.answer import Reply, SourceDown
from guardian.metrics.question import Question

T = TypeVar("T")

CHUNK = 65536
SERVERS_SHARE = 0.8
"""The part of the time left that the server is given: it then says itself what took too long, and stops."""
HEADERS = {
    "User-Agent": f"guardian/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Content-Type": "application/x-www-form-urlencoded",
}


class Line:
    """A way to the server of ``access``. :meth:`ask` blocks; :meth:`cut` may be called from another thread meanwhile."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._knife = Knife()
        self._session = _Session(access, self._knife)
        self._client = PrometheusConnect(access.base, session=self._session, method="POST")

    def ask(self, question: Question[T], deadline: float) -> T:
        """The answer to ``question``, by ``deadline`` on the monotonic clock; :class:`SourceError` where there is none."""
        login = read_login(self._access)
        left = deadline - time.monotonic()
        if left <= 0:
            raise SourceDown(words.too_late(self._access.base, self._access.timeout))
        params = {"timeout": f"{max(1, int(left * SERVERS_SHARE * 1000))}ms"}
        self._session.prepare(login, question.most_bytes)
        try:
            reply = question.put(self._client, params, left)
        except (HTTPError, OSError) as error:
            reason = self._reason(error)
        else:
            if len(reply.body) > question.most_bytes:
                raise SourceError(words.too_large(question.most_bytes))
            return question.read(reply)
        # Raised outside of the handler: the frames that it caught know the login.
        raise SourceDown(reason)

    def cut(self) -> None:
        """End the query that is under way: its thread gets an error, at the latest as soon as it is connected."""
        self._knife.cut()

    def reopen(self) -> None:
        """Take queries again after :meth:`cut`. Not while one is under way."""
        self._knife.reopen()

    def close(self) -> None:
        """Hang up. Not while a query is under way."""
        self._session.close()

    def _reason(self, error: Exception) -> str:
        root: BaseException = error
        while deeper := root.__cause__ or root.__context__:
            root = deeper
        if isinstance(root, (TimeoutError, ReadTimeout)):
            return words.too_late(self._access.base, self._access.timeout)
        if isinstance(root, OSError):
            return words.unreachable(self._access.base, root.strerror or str(root))
        return words.broken(self._access.base)  # what was wrong quotes the server, and the server may quote the login


class _Session:
    """What the client sends through: one connection, one try, one form, one whole reply."""

    verify = cert = None
    """What the client passes on; :meth:`prepare` sees to both."""

    def __init__(self, access: Access, knife: Knife) -> None:
        self._access, self._knife = access, knife
        self._pool: HTTPConnectionPool | None = None
        self._certificates: tuple[tuple[int, int, int], ...] = ()
        self._login, self._most_bytes = Login(), 0

    def prepare(self, login: Login, most_bytes: int) -> None:
        """Get ready for a request that shows ``login``, and for a reply of which little more than ``most_bytes`` are read.

        When the files of the certificates have changed, it goes by the new ones; :class:`SourceDown` where they are of no use.
        """
        self._login, self._most_bytes = login, most_bytes
        found = certificate_state(self._access)
        if self._pool is None or found != self._certificates:
            self.close()
            self._pool, self._certificates = _pool(self._access, self._knife), found

    def mount(self, *_: Any) -> None:
        """The client brings an adapter for retries; there is no use for one."""

    def request(self, method: str, url: str, params: Mapping[str, str], timeout: float, **_: Any) -> "_Whole":
        """Send a request of the client's as it should be sent."""
        assert self._pool  # noqa: S101  prepare() comes first
        signed = HEADERS | ({"Authorization": self._login.header} if self._login.header else {})
        form, path = urlencode(params), urlsplit(url).path
        response = self._pool.urlopen(
            method, path, form, signed, retries=False, redirect=False, timeout=timeout, preload_content=False
        )
        with contextlib.closing(response):
            body = bytearray()
            for part in response.stream(CHUNK, decode_content=False):
                body += part
                if len(body) > self._most_bytes:
                    break
        location, date = response.headers.get("Location", ""), response.headers.get("Date", "")
        return _Whole(Reply(response.status, bytes(body), location, date, self._login.secrets))

    def close(self) -> None:
        """Hang up."""
        if self._pool:
            self._pool.close()
            self._pool = None


class _Whole:
    """A reply, in the place from which the client takes what it returns."""

    status_code = 200

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def json(self) -> Any:
        """What the client looks into."""
        return {"data": {"result": self._reply}}


def _pool(access: Access, knife: Knife) -> HTTPConnectionPool:
    """What keeps the one connection, and makes a new one when it was dropped."""
    settings = {"ssl_context": _context(access)} if access.base.startswith("https:") else {}
    return knife.arm(connection_from_url(access.base, maxsize=1, **settings))


def _context(access: Access) -> ssl.SSLContext:
    """Trust in the authorities of ``access`` or else the system's, to which those of one's own network are added on its hosts."""
    try:
        context = ssl.create_default_context(cafile=access.ca_file)
        if access.client_cert_file:
            # Without a password at hand, OpenSSL would ask for one at the terminal.
            context.load_cert_chain(access.client_cert_file, access.client_key_file, password="")
    except OSError as error:
        reason = error.strerror or str(error)
        raise SourceDown(words.certificates_unusable(access.base, reason)) from error
    return context

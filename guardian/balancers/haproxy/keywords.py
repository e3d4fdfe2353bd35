"""On which side of a ``listen`` a statement works: towards the clients, towards the servers, or on both.

From the keyword matrix of HAProxy's configuration manual, 2.4 to 3.2. A rule that both sides know (``http-request``, ``errorfile``)
works once, and does so on the client's side for all that passes there.
"""

from enum import Enum, auto

from guardian.balancers.haproxy.document import Statement


class Side(Enum):
    """Where a statement belongs when a ``listen`` is taken apart."""

    FRONT = auto()
    BACK = auto()
    BOTH = auto()


_BOTH = frozenset(["acl", "email-alert", "log", "log-steps", "mode", "stick-table"])
_BACK = frozenset(
    [
        "balance",
        "cookie",
        "default-server",
        "dispatch",
        "dynamic-cookie-key",
        "external-check",
        "force-be-switch",
        "force-persist",
        "fullconn",
        "hash-balance-factor",
        "hash-preserve-affinity",
        "hash-type",
        "http-check",
        "http-reuse",
        "http-send-name-header",
        "ignore-persist",
        "load-server-state-from-file",
        "max-session-srv-conns",
        "persist",
        "retries",
        "retry-on",
        "server",
        "server-state-file-name",
        "server-template",
        "source",
        "srvtcpka-cnt",
        "srvtcpka-idle",
        "srvtcpka-intvl",
        "stick",
        "tcp-check",
        "tcp-response",
        "use-fcgi-app",
        "use-server",
    ]
)
_FRONT = frozenset(
    [
        "backlog",
        "bind",
        "capture",
        "clitcpka-cnt",
        "clitcpka-idle",
        "clitcpka-intvl",
        "compression",
        "declare",
        "default_backend",
        "description",
        "disabled",
        "enabled",
        "error-log-format",
        "errorfile",
        "errorfiles",
        "errorloc",
        "errorloc302",
        "errorloc303",
        "filter",
        "guid",
        "http-after-response",
        "http-error",
        "http-request",
        "http-response",
        "id",
        "log-format",
        "log-format-sd",
        "log-tag",
        "maxconn",
        "monitor",
        "monitor-uri",
        "quic-initial",
        "rate-limit",
        "redirect",
        "stats",
        "tcp-request",
        "unique-id-format",
        "unique-id-header",
        "use_backend",
    ]
)
_BOTH_OPTIONS = frozenset(
    [
        "http-keep-alive",
        "http-server-close",
        "httpclose",
        "independent-streams",
        "log-health-checks",
        "nolinger",
        "splice-auto",
        "splice-request",
        "splice-response",
        "tcpka",
    ]
)
_BACK_OPTIONS = frozenset(
    [
        "abortonclose",
        "accept-invalid-http-response",
        "accept-unsafe-violations-in-http-response",
        "allbackups",
        "checkcache",
        "external-check",
        "forwarded",
        "h1-case-adjust-bogus-server",
        "http-no-delay",
        "http-pretend-keepalive",
        "httpchk",
        "ldap-check",
        "mysql-check",
        "persist",
        "pgsql-check",
        "prefer-last-server",
        "redis-check",
        "redispatch",
        "smtpchk",
        "spop-check",
        "srvtcpka",
        "ssl-hello-chk",
        "tcp-check",
        "tcp-smart-connect",
        "transparent",
    ]
)
_FRONT_OPTIONS = frozenset(
    [
        "accept-invalid-http-request",
        "accept-unsafe-violations-in-http-request",
        "clitcpka",
        "contstats",
        "disable-h2-upgrade",
        "dontlog-normal",
        "dontlognull",
        "forwardfor",
        "h1-case-adjust-bogus-client",
        "http-buffer-request",
        "http-drop-request-trailers",
        "http-drop-response-trailers",
        "http-ignore-probes",
        "http-restrict-req-hdr-names",
        "http-use-htx",
        "http-use-proxy-header",
        "httplog",
        "httpslog",
        "idle-close-on-response",
        "log-separate-errors",
        "logasap",
        "originalto",
        "socket-stats",
        "tcp-smart-accept",
        "tcplog",
    ]
)
_BACK_TIMEOUTS = frozenset(["check", "connect", "queue", "server", "server-fin", "tunnel"])
_FRONT_TIMEOUTS = frozenset(["client", "client-fin", "client-hs", "http-keep-alive", "http-request", "tarpit"])


def side(statement: Statement) -> Side | None:
    """Where ``statement`` of a ``listen`` belongs; ``None`` for a word that the manual does not know."""
    keyword = statement.keyword
    if keyword in {"no", "default"} and statement.argument(1) == "option":
        return _among(statement.argument(2), _FRONT_OPTIONS, _BACK_OPTIONS, _BOTH_OPTIONS)
    if keyword == "option":
        return _among(statement.argument(1), _FRONT_OPTIONS, _BACK_OPTIONS, _BOTH_OPTIONS)
    if keyword == "timeout":
        return _among(statement.argument(1), _FRONT_TIMEOUTS, _BACK_TIMEOUTS, frozenset())
    return _among(keyword, _FRONT, _BACK, _BOTH)


def _among(word: str | None, front: frozenset[str], back: frozenset[str], both: frozenset[str]) -> Side | None:
    found = [side for side, known in zip(Side, (front, back, both), strict=True) if word in known]
    return found[0] if found else None

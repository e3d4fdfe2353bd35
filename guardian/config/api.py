"""The section ``api``: the unix socket, who has which role there, and where the API is served over TCP, too."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType

from guardian.config import kinds
from guardian.config.fields import Fields
from guardian.core.people import Role
from guardian.core.words import access as words


@dataclass(frozen=True, slots=True)
class TcpSettings:
    """Where the API is served over TCP, too, to those who have a token."""

    host: str
    port: int
    certificate: Path | None
    """With its chain, in PEM; ``None`` only on a loopback address."""
    key: Path | None
    """``None``: in the certificate's file."""


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """The unix socket of guardian's own API."""

    socket: Path
    group: str | None
    """The group that the socket belongs to; ``None`` leaves it to the process."""
    mode: int
    roles: Mapping[str, Role] | None = None
    """The role of each group of this host; ``None``: whoever may use the socket may do everything."""
    tcp: TcpSettings | None = None


def read_api(fields: Fields, base: Path) -> ApiSettings:
    """The settings under ``fields``; what is wrong with them is noted there."""
    settings = ApiSettings(
        socket=fields.required("socket", kinds.socket(base, "/run/guardian/api.sock")),
        group=fields.optional("group", kinds.GROUP, None),
        mode=fields.optional("mode", kinds.MODE, kinds.MODE.stand_in),
        roles=_roles(fields.optional_section("roles")) if fields.has("roles") else None,
        tcp=_tcp(fields.optional_section("tcp"), base) if fields.has("tcp") else None,
    )
    fields.overlook(("roles", "tcp"))
    fields.close()
    return settings


def _roles(fields: Fields) -> Mapping[str, Role]:
    found: dict[str, Role] = {}
    for role in Role:
        for group in fields.optional_list(role.value, kinds.GROUP):
            if found.setdefault(group, role) is not role:
                fields.fault(role.value, words.role_of_two(group))
    fields.close()
    return MappingProxyType(found)


def _tcp(fields: Fields, base: Path) -> TcpSettings:
    host, port = fields.required("listen", kinds.LISTEN)
    settings = TcpSettings(
        host=host,
        port=port,
        certificate=fields.optional("certificate", kinds.path(base, "/etc/guardian/tls/certificate.pem"), None),
        key=fields.optional("key", kinds.path(base, "/etc/guardian/tls/key.pem"), None),
    )
    if fields.sound("listen", "certificate") and not fields.has("certificate") and not ip_address(host).is_loopback:
        fields.fault("certificate", words.tcp_without_tls(host))
    if fields.has("key") and not fields.has("certificate"):
        fields.fault("key", words.key_without_certificate())
    fields.close()
    return settings

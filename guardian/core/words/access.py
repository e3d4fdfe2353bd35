"""Sentences about who may do what: roles, tokens, limits, and the door that leads to them over TCP."""

from pathlib import Path

from guardian.core.people import Person, Role, Scope
from guardian.core.words.figures import seconds
from guardian.core.words.quotes import listed, quoted

LONGEST_DAYS = 730


def no_role(name: str) -> str:
    """A user of this host is in none of the groups that have a role."""
    return f"{name} is in no group that has a role; an administrator adds one below `api.roles`, or the user to a group there"


def role_too_low(person: Person, needed: Role) -> str:
    """Somebody with too little of a role."""
    if person.scope is not Scope.API:
        return f"{person.name} is for {person.scope} only; this takes the role {needed}"
    return f"{person.name} has the role {person.role}; this takes {needed}"


def glass_needs(person: Person, needed: Role) -> str:
    """Somebody who may order something wants to go past what protects it."""
    return f"{person.name} has the role {person.role}; breaking the glass takes {needed}"


def not_your_service(person: Person, service: str) -> str:
    """Somebody who was given some services only, and not this one."""
    return f"{person.name} may see and steer {listed(sorted(person.services), 'and')} only, not {quoted(service)}"


def all_services_needed(person: Person) -> str:
    """Something that concerns all services, and somebody who was given some."""
    return f"this concerns every service, and {person.name} may see and steer {listed(sorted(person.services), 'and')} only"


def alerts_needed(person: Person) -> str:
    """Somebody sends an alert and may not."""
    return f"{person.name} may send no alerts: that takes a token with the scope `{Scope.ALERTS}`, or the role {Role.OPERATOR}"


def no_token() -> str:
    """A request over TCP without a token."""
    return "this takes a token, sent as `authorization: Bearer gdn_…`; `guardian token create` on guardian's host makes one"


def bad_token() -> str:
    """A token that is wrong, revoked or expired: which of these is nobody's business who does not hold it."""
    return "this token is not valid (any more); `guardian token list` on guardian's host says which are"


def too_fast(wait: float) -> str:
    """Somebody asks more often than anybody needs to."""
    return f"too many requests; try again in {seconds(wait)}"


# Tokens.


def token_exists(name: str) -> str:
    """A valid token has that name already."""
    return f"a valid token is called {quoted(name)} already: revoke that one first, or choose another name"


def no_such_token(which: str) -> str:
    """Nothing to be revoked."""
    return f"no valid token has the name or id {quoted(which)}; `guardian token list` shows all"


def unknown_services(names: list[str], known: list[str]) -> str:
    """A token for services that guardian does not guard."""
    return f"guardian guards no {listed(sorted(names), 'or')}; known are {listed(known, 'and')}"


def alerts_have_no_role() -> str:
    """A token for alerts was to have a role."""
    return "a token with the scope `alerts` has no role: leave the role out, or the scope"


def no_tokens_here() -> str:
    """This program keeps none."""
    return "no tokens are kept here"


def created(name: str, until: str) -> str:
    """What goes to standard error beside the token, which goes to standard output."""
    return f"The token {name} is valid until {until}. It is shown this once; guardian keeps only its hash."


def revoked(name: str) -> str:
    """A token opens nothing any more."""
    return f"{name} is revoked, and opens nothing from now on"


def no_tokens() -> str:
    """An empty list."""
    return "there are no tokens; `guardian token create NAME --role operator` makes one"


def misfit_days(text: str) -> str:
    """Something else where a number of days is asked for."""
    return f"{quoted(text)} does not fit; write a number of days from 1d to {LONGEST_DAYS}d"


def validity(revoked_by: str, until: str, *, valid: bool) -> str:
    """Until when a token opens anything."""
    return f"until {until}" if valid else f"revoked by {revoked_by}" if revoked_by else f"expired {until}"


# The door.


def certificate_unusable(certificate: Path, reason: str) -> str:
    """TLS cannot be set up."""
    return f"{certificate} cannot be used as the API's certificate ({reason}); check `certificate` and `key` below `api.tcp`"


def certificate_renewed(certificate: Path) -> str:
    """A new certificate is shown from now on."""
    return f"{certificate} has changed; connections from now on are shown the new certificate"


def certificate_kept(certificate: Path, reason: str) -> str:
    """A new certificate cannot be used, the old one stays."""
    return f"{certificate} has changed and cannot be used ({reason}); guardian goes on showing the one from before"


def cannot_listen(address: str, reason: str) -> str:
    """The operating system refuses."""
    return f"{address} cannot be listened on: {reason}; check `listen` below `api.tcp`, and `ss -ltnp` for who holds it"


def no_group(group: str) -> str:
    """A role was given to a group that this host does not have."""
    return f"`api.roles` names the group {quoted(group)}, which this host does not have; nobody gets a role by it"


# The section `api` of guardian.yaml.


def role_of_two(group: str) -> str:
    """A group stands under two roles."""
    return f"the group `{group}` stands under another role already; a role includes those below it, so name it once"


def tcp_without_tls(host: str) -> str:
    """Tokens would travel in the clear."""
    return f"is missing; write a certificate's file: {host} can be reached from elsewhere, and tokens must not travel unencrypted"


def key_without_certificate() -> str:
    """A key alone."""
    return "stands without `certificate`; write that too, or remove this"


# Reaching a guardian over TCP.


def holds_no_token() -> str:
    """What is there cannot be one."""
    return "it holds no token"


def token_file_unusable(path: Path, reason: str) -> str:
    """The file with the token cannot be read."""
    return f"{path} cannot be read as a file with a token ({reason})"


def url_misfit(url: str) -> str:
    """Something else where guardian's address is asked for."""
    return f"{quoted(url)} does not fit; write `https://HOST:PORT`, with no path behind it"


def url_unprotected(url: str) -> str:
    """A token would travel unencrypted."""
    return f"{quoted(url)} would send the token unencrypted: write https://, or use http:// with a loopback address only"


def certificate_not_trusted(url: str, reason: str) -> str:
    """The server's certificate does not convince."""
    return f"{url} shows a certificate that is not trusted ({reason}); --ca names a file with the authority that signed it"


def unreachable(url: str, reason: str) -> str:
    """Nobody answers there."""
    return f"{url} cannot be reached: {reason}"


# The audit log.


def chain_whole(entries: int, head: str, at: str, archived: int) -> str:
    """Every entry is as it was written."""
    newest = f"; the newest, of {at}, has the hash {head}" if entries else ""
    earlier = f"; those up to {archived:,} are in the archive, as the chain says" if archived else ""
    return f"{entries:,} entries, each as it was written{newest}{earlier}"


def chain_broken(number: int) -> str:
    """An entry is not as it was written."""
    return f"entry {number:,} is missing, or not as it was written: what comes before it is sound, what comes after proves nothing"


def head_missing(head: str, archived: int) -> str:
    """A hash that was noted earlier is not in the chain."""
    if archived:
        return (
            f"no entry in the database has the hash {quoted(head)}: it belongs to one up to {archived:,}, which `guardian audit "
            "verify --head` finds in the files of the archive, or the log was cut off or replaced since that was noted"
        )
    return f"no entry has the hash {quoted(head)}: the log was cut off or replaced since that was noted"


def no_export(path: str, line: int) -> str:
    """A file that is not what an export writes."""
    return f"{path}:{line}: is no entry of an audit log; write the file with `guardian audit export`"

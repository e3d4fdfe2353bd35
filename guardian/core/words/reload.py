"""What is said where the split stands in HAProxy's configuration: it is rewritten, checked, loaded, and proved, or put back."""

from collections.abc import Sequence
from pathlib import Path

from guardian.core.model import Split
from guardian.core.words.figures import seconds, share


def not_loaded(service: str) -> str:
    """HAProxy runs without the block."""
    return (
        f"{service} is routed by reload, and HAProxy's worker has no split of it: put the blocks in with `guardian haproxy adopt "
        f"{service} --apply`, and reload HAProxy once"
    )


def variables_denied() -> str:
    """The socket's level is too low."""
    return "guardian may not read HAProxy's variables: give the stats socket `level operator` in haproxy.cfg"


def not_written_out(service: str) -> str:
    """The files have no split."""
    return f"HAProxy's configuration has no split of {service} written out: `guardian haproxy adopt {service} --apply` puts it in"


def moves_by_reload() -> str:
    """An ability."""
    return "routing by reloads, each proved in the new worker and in those that linger"


def waits_for_edits(files: Sequence[str]) -> str:
    """What cannot be done for now."""
    return f"moving traffic forward (first somebody must load, or take back, what was changed in {', '.join(files)})"


def no_files(service: str) -> str:
    """Nobody has said where the configuration is."""
    return f"missing, and {service} is routed by reload: name HAProxy's configuration here, as `files: [/etc/haproxy/haproxy.cfg]`"


def process_hidden(pid: int, reason: str) -> str:
    """/proc does not show how HAProxy was started."""
    return f"how HAProxy's process {pid} was started cannot be seen ({reason}): this takes root's rights, or HAProxy's own"


def no_master(pid: int) -> str:
    """HAProxy without a master."""
    return f"HAProxy's process {pid} has no master process, and cannot be reloaded safely: start it with -W or -Ws, as Debian does"


def other_files(named: Sequence[str], read: Sequence[str]) -> str:
    """guardian.yaml and the running HAProxy disagree."""
    names, reads = ", ".join(named) or "no file", ", ".join(read) or "none"
    return f"guardian.yaml names {names}, but HAProxy reads {reads}: correct `haproxy.files`"


def port_taken(where: str, address: str, port: int) -> str:
    """Another program listens there."""
    return f"{where}: another program listens on {address}:{port}, so HAProxy could not bind it"


def address_absent(where: str, address: str) -> str:
    """This machine lacks the address."""
    return f"{where}: this machine has no address {address}, so HAProxy could not bind it"


def would_not_bind(faults: Sequence[str]) -> str:
    """The check of the binds found something."""
    return f"nothing was changed and nothing reloaded, since a reload would refuse new connections for seconds: {'; '.join(faults)}"


def foreign_edits(files: Sequence[str]) -> str:
    """Somebody else has changed the files, and HAProxy has not loaded that."""
    return (
        f"{', '.join(files)} was changed by somebody since HAProxy last loaded it, and a reload would load that along: reload "
        "HAProxy once by hand, take the change back, or write `unloaded_edits: load` under `haproxy` in guardian.yaml"
    )


def block_differs(service: str, difference: str) -> str:
    """What stands between the marks is not what guardian writes."""
    differs = f"the blocks of {service} are not as guardian writes them ({difference.rstrip('.')})"
    return f"{differs}: `guardian haproxy adopt {service}` puts them right"


def more_than_the_block(service: str) -> str:
    """A change that would reach further than the block."""
    return f"refused: the change would touch more than guardian's own block of {service}"


def busy(seconds_waited: float) -> str:
    """Somebody else holds the lock."""
    waited = f"another change of HAProxy's configuration is under way and has not ended within {seconds(seconds_waited)}"
    return f"{waited}; nothing was changed"


def no_turn(error: str) -> str:
    """The directory of HAProxy's configuration cannot be locked."""
    return f"the directory of HAProxy's configuration cannot be locked ({error}); nothing was changed"


def waits_for_turn(at_most: float) -> str:
    """Somebody else holds the lock just now, and it is waited for."""
    return f"another change of HAProxy's configuration is under way (a switch?): waiting for its end, {seconds(at_most)} at most"


def not_written(path: Path, reason: str) -> str:
    """The disk does not take it."""
    return f"{path} could not be written: {reason}; it is whole, and as it was"


def not_synced(path: Path, reason: str) -> str:
    """It is there, and may not survive a power cut."""
    return f"{path} is written, but may not survive a power cut: {reason}; it must be written again"


def not_sure(path: Path, reason: str) -> str:
    """Writing failed, and reading afterwards too."""
    return f"{path} could not be written: {reason}; it is whole, but cannot be read now: it is as it was, or as it is to be"


def not_writable(path: Path, reason: str) -> str:
    """Readiness: it could not be written if it had to be."""
    return f"{path} could not be written now: {reason}"


def reload_failed(reason: str, *, restored: bool) -> str:
    """HAProxy did not take the new configuration."""
    files = "; the configuration is put back as it was" if restored else ""
    return f"HAProxy did not load the configuration, and goes on with the one before: {reason.rstrip('.')}{files}"


def not_restored(reason: str, trouble: str) -> str:
    """The worst: the new file stands, and HAProxy does not run it."""
    failed = f"HAProxy did not load the configuration ({reason.rstrip('.')})"
    return f"{failed}, AND IT COULD NOT BE PUT BACK: {trouble}; put it right by hand"


def said_no(said: str) -> str:
    """HAProxy's own words, of which its alarms say enough where there are any."""
    alarms = [line for line in said.splitlines() if line.startswith("[ALERT]")]
    return "; ".join(alarms) or said.strip() or "it said nothing"


def counted_failure() -> str:
    """The master's own count."""
    return "the master counts the reload as failed; HAProxy's log tells why"


def no_new_worker(waited: float) -> str:
    """Nobody came."""
    return f"no worker with the new configuration has answered within {seconds(waited)}"


def no_answer(addresses: Sequence[str]) -> str:
    """The new worker is there, and takes no connection."""
    return f"the new worker has taken no connection on {', '.join(addresses)}"


def not_reloadable(reason: str) -> str:
    """The way to HAProxy's reload is closed."""
    return f"HAProxy cannot be told to reload: {reason.rstrip('.')}"


def systemd_silent() -> str:
    """Why it cannot be told: systemd says nothing."""
    return "systemd does not answer"


def told_without_reload(service: str, split: Split, reason: str) -> str:
    """Going back without a reload was not to be had either."""
    return f"{service}: green's share is to be {share(split.green)} again, and HAProxy could not be reloaded for it: {reason}"


def unit_failed(unit: str, reason: str) -> str:
    """The unit was not run."""
    return f"{unit} could not be started ({reason}): is it installed, and deploy/guardian-apply.rules in /etc/polkit-1/rules.d?"


def unit_silent(unit: str, waited: float) -> str:
    """It has not come to its end."""
    return f"{unit} has not come to its end within {seconds(waited)}"


def no_answer_from(unit: str) -> str:
    """It ended without a word for us."""
    return f"{unit} ended without an answer to this request: `journalctl -u {unit}` tells why"


def root_loaded(service: str, split: Split, workers: int, took: float) -> str:
    """Root's part, for the journal."""
    return f"{service}: HAProxy has loaded {share(split.green)} for green, proved by {workers} of its workers in {seconds(took)}"


def root_stored(service: str, split: Split) -> str:
    """The same, of the file alone."""
    return f"{service}: HAProxy's configuration names a share of {share(split.green)} for green; nothing was reloaded"


def bad_request(reason: str) -> str:
    """The request is none."""
    return f"refused: the request is not one of guardian's ({reason})"


def request_unreadable() -> str:
    """Why it is none: nothing can be made of it."""
    return "it cannot be read, or is no JSON"


def request_of_other_keys() -> str:
    """Why it is none: other things are said."""
    return "it has other keys"


def request_of_nobody() -> str:
    """Why it is none: by what it is known, or whom it is for."""
    return "its nonce or its service cannot be one"


def request_for_nothing() -> str:
    """Why it is none: what is asked for."""
    return "its order or its share cannot be one"


def request_is_no_file() -> str:
    """Why it is none: another thing lies there."""
    return "it is no file"


def request_too_long() -> str:
    """Why it is none: its length."""
    return "it is too long"


def not_by_reload(service: str) -> str:
    """The unit serves services of the other way only."""
    return f"refused: {service} is not routed by reload, so nothing of it stands in HAProxy's configuration"


def untrusted(path: Path, why: str) -> str:
    """A file that root must not act on."""
    return f"refused: {path} {why}, and what root acts on must be root's alone: chown root, chmod go-w"


def not_roots() -> str:
    """The owner."""
    return "does not belong to root"


def writable_by_others() -> str:
    """The mode."""
    return "may be written by others than its owner"

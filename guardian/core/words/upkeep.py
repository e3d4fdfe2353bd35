"""What the program says of its own work: the balancer's and the disk's troubles, drift, readiness, the clock."""

from collections.abc import Iterable

from guardian.core.model import Environment, Split
from guardian.core.words.figures import count, seconds
from guardian.core.words.story import split_of


def no_healthy_server(backend: str, reason: str) -> str:
    """An environment cannot take traffic."""
    return f"backend {backend} has no healthy server ({reason})" if reason else f"backend {backend} has no healthy server"


def no_way_back(service: str, to: Environment, faults: Iterable[str]) -> str:
    """A rollback would not work now."""
    return f"{service}: a rollback to {to} would not work now: {'; '.join(faults)}"


def way_back(service: str, to: Environment) -> str:
    """It would again."""
    return f"{service}: a rollback to {to} would work again"


def fell_back(reason: str, other: Environment) -> str:
    """The balancer left an environment by itself."""
    return f"{reason}, and the balancer itself sends its traffic to {other}"


def not_kept(service: str, split: Split, reason: str) -> str:
    """The map file could not be written."""
    return f"{service}: the file still names another side than {split_of(split)}: {reason}; guardian tries again every second"


def not_yet_kept(service: str, split: Split, limit: float) -> str:
    """The file is not written yet: a disk that is slow or silent, or a program of root's that has to start."""
    return (
        f"{service}: writing {split_of(split)} to the file takes longer than {seconds(limit)}: no change of traffic waits for it "
        "any more, it goes on, and guardian looks at the file again every second"
    )


def kept(service: str, split: Split) -> str:
    """The map file was written after trouble."""
    return f"{service}: the file names {split_of(split)} again"


def restoring(service: str, split: Split) -> str:
    """A flip that was lost in a reload is repeated, again and again until it is proved."""
    return (
        f"{service}: a worker of the balancer had another split after a reload; guardian restores {split_of(split)} in every worker"
    )


def worker_replaced(was: str, now: str) -> str:
    """Somebody reloaded or restarted the balancer."""
    return f"the balancer was reloaded or restarted: worker {now} serves instead of {was}; every split is compared and restored"


def source_lost(reason: str) -> str:
    """The counters cannot be read."""
    return f"the balancer's counters cannot be read: {reason}; releases are not judged meanwhile, nothing is rolled back for it"


def instance_lost(services: Iterable[str], reason: str) -> str:
    """The counters of some services cannot be read, those of others can."""
    meanwhile = "their releases are not judged meanwhile, nothing is rolled back for it"
    return f"{', '.join(services)}: the balancer's counters cannot be read: {reason}; {meanwhile}"


def instance_back(services: Iterable[str]) -> str:
    """They can be read again."""
    return f"{', '.join(services)}: the balancer's counters are read again"


def source_back(missing: float) -> str:
    """The counters can be read again."""
    return f"the balancer's counters are read again after {seconds(missing)}"


def traffic_confirmed(service: str, environment: Environment, requests: int, waited: float) -> str:
    """The counters show that the traffic moved."""
    seen = f"{count(requests)} requests, none on {environment.other}"
    return f"{service}: traffic seen on {environment}: {seen}, {seconds(waited)} after the flip"


def traffic_unmoved(service: str, environment: Environment, stray: int, waited: float) -> str:
    """The counters show that the traffic did not move."""
    return (
        f"{service}: NOT MOVED: {count(stray)} requests reached {environment.other} in the {seconds(waited)} after every worker "
        f"confirmed {environment}; does every frontend of {service} carry guardian's block, before its other rules?"
    )


def clock_stepped(step: float) -> str:
    """The machine's clock was set."""
    direction = "forward" if step > 0 else "back"
    return f"the clock was set {direction} by {seconds(abs(step))}; jobs are re-armed, running watches keep their length"


def late_job(name: str, kind: str) -> str:
    """A scheduled job did not run in time."""
    return f"job {name}: {kind}"


def balancer_silent(reason: str) -> str:
    """Readiness: the balancer does not answer."""
    return f"the balancer cannot be asked: {reason}"


def map_astray(service: str, workers: int) -> str:
    """Readiness: a worker has another split than is intended."""
    return f"{count(workers)} workers of the balancer have another split of {service} than is intended"


def journal_waiting(waiting: int, reason: str) -> str:
    """Readiness: the journal does not take entries."""
    return f"{count(waiting)} journal entries wait to be written: {reason}"


def nothing_watches(service: str) -> str:
    """A service without rules."""
    return f"{service} has no rules: a switch will always end unverified"


def met_without_balancer(service: str, split: Split, reason: str) -> str:
    """A service that is new, and a balancer that cannot be asked."""
    return f"{service} is new and the balancer cannot be asked ({reason}); taken to be on {split_of(split)}"


def resumed(deployment: str, phase: str) -> str:
    """After a restart."""
    return f"{deployment}: found {phase} in the journal; going on with it"


def running(services: list[str]) -> str:
    """The program is up."""
    return f"guarding {', '.join(services)}"


def stopping() -> str:
    """The program was told to stop."""
    return "stopping: what is under way is brought to its end, what is watched is watched again after the next start"


def stopped() -> str:
    """The program's last words."""
    return "stopped; HAProxy goes on as it is"

"""What the program needs from the outside world, as protocols. Adapters fulfil them; ``daemon.py`` brings both together.

Every call that leaves the process ends by its own deadline, and fails only with the exceptions named here.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from guardian.core.judges.trial import Trial
from guardian.core.model import Environment, Split
from guardian.core.parity import Comparison
from guardian.core.readings import Snapshot, SourceFailure
from guardian.core.rules import Rule
from guardian.core.shield import Savings
from guardian.core.strategy import StageKind


class BalancerError(Exception):
    """The balancer could not be asked, or did not do as it was told. The message is a sentence for people."""


class BalancerGone(BalancerError):
    """The balancer does not answer: it is down, starting, frozen, or its socket may not be used."""


class BalancerUnfit(BalancerError):
    """The balancer answers, but lacks what guardian needs: a backend, the map, a permission. Waiting will not help."""


@dataclass(frozen=True, slots=True)
class WorkerSplit:
    """The split of one service as one worker of the balancer has it in memory."""

    worker: str
    split: Split
    current: bool
    """Whether this worker takes new connections; a lingering one only finishes old ones."""


@dataclass(frozen=True, slots=True)
class Routed:
    """Proof of a change of routing: every worker was told, and asked again."""

    split: Split
    workers: tuple[str, ...]
    seconds: float
    """From the first command to the last confirmation."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether an environment can take traffic: servers that the balancer would use, and why not if there are none."""

    servers_up: int
    reason: str = ""

    @property
    def able(self) -> bool:
        """At least one server takes traffic."""
        return self.servers_up > 0


@dataclass(frozen=True, slots=True)
class Left:
    """What an environment that nothing is routed to any more still has, and what was done about it."""

    queued: int = 0
    """Requests that wait for one of its servers."""
    open: int = 0
    """Connections and requests that are open there, waiting ones not among them."""
    moved: int = 0
    """Waiting requests that were given to the other environment."""
    cut: int = 0
    """Connections and requests that were closed."""
    standing: int = 0
    """Servers that stood in for a moment and are still to be removed; they take no traffic."""
    trouble: str = ""
    """Why something could not be done; a sentence for people."""


@dataclass(frozen=True, slots=True)
class About:
    """Which balancer this is, and what it can do."""

    version: str
    abilities: tuple[str, ...]
    """What guardian can do with it, a phrase for people each."""
    lacks: tuple[str, ...]
    """What guardian cannot do with it, and why."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server of an environment, as the balancer has it now."""

    name: str
    address: str
    """Where it is reached; a name where the balancer has not resolved it."""
    port: int
    status: str
    """The balancer's own word: ``UP``, ``DOWN``, ``MAINT``, ``no check``."""
    up: bool
    """Whether it gets requests that come for its environment."""
    weight: int = 1
    most: int = 0
    """Connections that it may have at once; 0 for any number."""


class Counting(Protocol):
    """What the watch looks at."""

    async def snapshot(self, backends: Sequence[str]) -> Snapshot:
        """Counters of ``backends``. :class:`BalancerGone`, or :class:`BalancerUnfit` for a backend that it does not know.

        Where several balancers are one, that is so only if none of them answers; else what one of them could not say is missing.
        """


class Balancer(Counting, Protocol):
    """One balancer on this host. ``tests/contract/`` holds every adapter, and the double, to the same behaviour."""

    async def health(self, backend: str) -> Health:
        """Whether ``backend`` can take traffic now. Errors as for :meth:`snapshot`."""

    async def read(self, service: str) -> tuple[WorkerSplit, ...]:
        """The split of ``service`` in every worker that can be reached, the current one first."""

    async def route(self, service: str, split: Split) -> Routed:
        """Give ``service`` this ``split`` in every worker, read it back, and return only when two listings agree."""

    async def stored(self, service: str) -> Split | None:
        """The split that a balancer starting now would use, or ``None`` where it is not written down.

        :class:`BalancerUnfit` when what is written cannot be read.
        """

    async def store(self, service: str, split: Split) -> None:
        """Write down the split that a balancer starting later will use: old or new on disk at every instant.

        :class:`BalancerError` when it could not be written, and the old one still stands.
        """

    async def storable(self, service: str) -> None:
        """:class:`BalancerError` says why :meth:`store` would fail now: a file that may not be written, a disk that is full."""

    async def leave(self, service: str, environment: Environment, *, cut: bool) -> Left:
        """Give the requests that wait for the abandoned ``environment`` to the other one; with ``cut``, close what is open there.

        In every worker that can be reached; done again, it does what is left. Errors as for :meth:`snapshot`.
        """

    async def about(self, service: str) -> About:
        """Which balancer carries ``service``. :class:`BalancerUnfit` for one that guardian cannot work with."""

    async def servers(self, backend: str) -> tuple[Server, ...]:
        """The servers of ``backend``, in the balancer's order. Errors as for :meth:`snapshot`."""

    async def described(self, service: str) -> Mapping[Environment, tuple[str, ...]]:
        """What the balancer's configuration says of each environment, line by line, without what must differ between the two.

        Empty where guardian may not read it. :class:`BalancerError` where it should be able to.
        """

    async def admit(self, service: str, environment: Environment) -> Mapping[str, str]:
        """Let testers reach ``environment`` through the frontends, whatever the split, until it is changed; the headers they send.

        :class:`BalancerUnfit` where the service has none, or the balancer cannot do it.
        """

    async def dismiss(self, service: str) -> None:
        """Let testers go where everyone goes. Every :meth:`route` does that, too. Errors as for :meth:`snapshot`."""

    async def savings(self, service: str, candidate: Environment) -> Savings | None:
        """What the other environment was asked for because ``candidate`` failed; ``None`` where the balancer saves nothing for it.

        Errors as for :meth:`snapshot`.
        """

    async def altered(self, service: str) -> str:
        """What was changed by hand in the balancer's configuration of ``service``; empty where all stands as guardian wrote it."""


class SourceError(Exception):
    """A source of readings brought none. The message is a sentence for people; it says nothing about a release."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source gave for one rule at one moment."""

    value: float
    """Finite; in the unit of the rule's limit."""
    said: str = ""
    """What the source says of it, for people: an alert's name and summary, a command's message. Foreign text, one line."""
    link: str = ""
    """Where the source says more: an http or https address, or empty."""


class Metrics(Protocol):
    """A source that is asked by a rule at its interval."""

    async def read(self, service: str, rule: Rule, trial: Trial, at: float) -> Reading | None:
        """What the measure of ``rule`` gives at the moment ``at`` (seconds since the epoch) of the ``trial`` of ``service``.

        ``None`` where there is nothing to measure. :class:`SourceError` when the source did not answer, or not usefully.
        """


@dataclass(frozen=True, slots=True)
class StageJob:
    """One piece of work around a switch. Done twice it does no harm: after a restart it is given again, with the same number."""

    kind: StageKind
    service: str
    environment: Environment
    """The environment to work on: the idle one. For a gate between steps the candidate, which has a slice of the traffic then."""
    version: str
    """The release that is deployed; for :attr:`StageKind.RETIRE` the one that is there. Checked, but people chose it: never a
    part of a command line that a shell reads. Empty where it is not known."""
    deployment: str
    number: int
    """Counts the jobs of one deployment, from 1."""
    by: str
    """Who asked for the deployment."""
    deadline: float
    """Seconds since the epoch, on guardian's clock: then the job is cancelled, and counts as failed."""


@dataclass(frozen=True, slots=True)
class StageResult:
    """What came of a job."""

    ok: bool
    """Whether the deployment may go on."""
    summary: str
    """One sentence for people: what was done, or which task on which host failed and how."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Plain JSON values for journal and note: tasks, hosts, checks, differences. At most some tens of kilobytes."""


class StageRunner(Protocol):
    """The work around a switch: deploy, parity, verify, retire."""

    def offers(self, service: str) -> Mapping[StageKind, float]:
        """The work that is configured for ``service``, each with the seconds that it may take."""

    async def run(self, job: StageJob, progress: Callable[[str], None]) -> StageResult:
        """Do ``job``. ``progress`` takes one line for people at a time, in the event loop, and never blocks.

        Fails only by its result: whatever goes wrong is a sentence in it. Cancelled at the deadline, and when the deployment is
        called off: then everything it started is ended before this returns.
        """

    async def compare(self, service: str) -> Comparison | None:
        """How far the environments of ``service`` are alike now; ``None`` where nothing says how to compare them."""


@runtime_checkable
class Memory(Metrics, Protocol):
    """A source that can be asked about many moments at once that have passed."""

    async def review(
        self, service: str, rule: Rule, trial: Trial, moments: Sequence[float]
    ) -> list[tuple[float, Reading | SourceFailure | None]]:
        """What :meth:`read` would have given at each of ``moments``, in order. :class:`SourceError` when it did not answer."""


class Clock(Protocol):
    """Guardian's time."""

    def now(self) -> float:
        """Seconds since the epoch; steady: never steps while the program runs."""

    def monotonic(self) -> float:
        """Seconds since some moment; never steps. For deadlines and intervals."""


class StoreError(Exception):
    """What was to be recorded could not be. The message is a sentence for people."""


class StoreDamaged(StoreError):
    """What is recorded is not what was written. The message is a sentence for people. Arises in reading."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One state change, as it stands in the journal."""

    number: int
    at: float
    service: str
    deployment: str | None
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeptLetter:
    """A letter in the outbox as it is recorded."""

    letter: dict[str, Any]
    """As plain JSON values: ``channel``, ``key``, ``kind``, ``deployment`` and more."""
    unsure: bool = False
    """An attempt to deliver it began, and nothing is known of its outcome."""
    reference: str = ""
    """What the channel calls it, once it has it."""
    settled: bool = False
    """Delivered, and kept because it may change: a card."""


class Store(Protocol):
    """What guardian remembers. Durable when the call returns. Blocking: called from the one writing thread."""

    def services(self) -> dict[str, dict[str, Any]]:
        """The last recorded state of every service, by name."""

    def append(
        self,
        service: str,
        deployment: str | None,
        at: float,
        event: dict[str, Any],
        state: dict[str, Any],
        letters: Sequence[KeptLetter] = (),
    ) -> JournalEntry:
        """Journal ``event``, the ``state`` it led to, and the ``letters`` that tell of it, in one transaction.

        A letter with the channel and the key of one that is kept takes its place. A ``deployment`` that is not the one of ``state``
        has not begun: but for the journal, nothing is kept of it. :class:`StoreError` when it did not happen.
        """

    def journal(
        self, service: str | None = None, deployment: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[JournalEntry]:
        """Journal entries in order, those with a number above ``after``."""

    def save_evidence(self, deployment: str, rule: str, evidence: dict[str, Any]) -> None:
        """Keep the newest evidence of one rule in one deployment. :class:`StoreError` as for :meth:`append`."""

    def evidence(self, deployment: str) -> dict[str, dict[str, Any]]:
        """The evidence of a deployment by rule; empty where none was kept."""

    def tokens(self) -> list[dict[str, Any]]:
        """Every token that was ever made, in the order of their last change."""

    def save_token(self, token: dict[str, Any], at: float, event: dict[str, Any]) -> JournalEntry:
        """Keep ``token``, which has an ``id``, and journal what happened to it. :class:`StoreError` when it did not happen."""

    def deployments(self, service: str | None = None, limit: int = 20, among: Collection[str] = ()) -> list[dict[str, Any]]:
        """Deployments, newest first; with ``among``, those of these services."""

    def deployment(self, identifier: str) -> dict[str, Any] | None:
        """One deployment, or ``None``."""

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that were kept last, in their order."""

    def keep_alerts(self, alerts: Sequence[dict[str, Any]]) -> None:
        """Keep ``alerts``, each with its ``sender`` and ``fingerprint``, and no others. :class:`StoreError` as above."""

    def letters(self) -> list[KeptLetter]:
        """The outbox: letters in the order in which they were first kept."""

    def mark_letter(self, letter: KeptLetter) -> None:
        """Keep what has become of a letter; nothing where it is not kept. :class:`StoreError` as for :meth:`append`."""

    def remove_letter(self, channel: str, key: str) -> None:
        """Forget a letter; nothing where it is not kept. :class:`StoreError` as for :meth:`append`."""

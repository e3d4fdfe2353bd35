"""Every event on a release's way, and how a timeline tells it."""

from guardian.core import release_events as events
from guardian.core.events import Event
from guardian.core.model import Environment
from guardian.core.readings import History
from guardian.core.strategy import StageKind

GREEN = Environment.GREEN
RELEASES: list[tuple[Event, str]] = [
    (events.DeployRequested(1.0, "alice", "release 1.2", "1.2", GREEN, (), 60.0), "alice deploys 1.2: release 1.2"),
    (
        events.DeployRequested(1.0, "alice", "", "1.2", GREEN, (), 60.0, again=True, alone=True),
        "alice deploys 1.2, though it was taken back before, past a freeze and closed windows",
    ),
    (events.TurnCame(1.0, "web-2", GREEN, "", History()), "its turn came; green is idle"),
    (events.Withdrawn(1.0, "bob", "old", "web-2"), "bob takes web-2 out of the queue: old"),
    (events.StageProgressed(1.0, "web-1", 1, "TASK [install] ok: green1"), "TASK [install] ok: green1"),
    (events.StageEnded(1.0, "web-1", StageKind.DEPLOY, 1, ok=True, summary="4 tasks"), "deploy done: 4 tasks"),
    (events.StageEnded(1.0, "web-1", StageKind.VERIFY, 1, ok=False, summary="500 on /"), "verify failed: 500 on /"),
    (events.WentOn(1.0, "web-1", 0), "step 2 begins"),
    (
        events.PutOff(1.0, "web-1", "the disk did not answer in 2 s"),
        "what was to begin is put off: the disk did not answer in 2 s; nothing was moved or run",
    ),
    (events.WayClosed(1.0, "web-1", 9.0, "outside its windows"), "ready for its next step, and waits: outside its windows"),
    (events.Approved(1.0, "bob", "seen", "web-1", 1), "bob approves it: seen"),
    (events.Approved(1.0, "bob", "fire", "web-1", 1, alone=True), "bob approves it, alone, with broken glass: fire"),
    (events.ApprovalLapsed(1.0, "bob", "web-1", 1), "bob may not approve deployments any more: the approval does not count"),
    (events.Rejected(1.0, "bob", "no", "web-1", 1), "bob rejects it: no"),
    (events.Held(1.0, "bob", "lunch"), "bob pauses it: lunch"),
    (events.Resumed(1.0, "bob", ""), "bob lets it go on"),
    (events.Skipped(1.0, "bob", "seen"), "bob cuts short how it is judged: seen"),
    (events.AbortOrdered(1.0, "bob", ""), "bob aborts it"),
    (events.Frozen(1.0, "bob", "a fair", 3600.0), "bob freezes the service until 1970-01-01 01:00 UTC: a fair"),
    (events.Unfrozen(1.0, "bob", ""), "bob ends the freeze"),
    (events.Muted(1.0, "bob", "a known bug", "errors", 3600.0), "bob mutes errors until 1970-01-01 01:00 UTC: a known bug"),
    (events.Unmuted(1.0, "bob", "mended", "errors"), "bob lifts the mute of errors: mended"),
    (events.TimeCame(3600.0), "the time came that was waited for: 1970-01-01 01:00 UTC"),
]

"""One run of a rule's command: what it said, bounded, or why it said nothing."""

from guardian.core.invocation import Invocation
from guardian.core.ports import SourceError
from guardian.core.words import command as words
from guardian.processes.program import NotStarted, Program, TooLate
from guardian.processes.program import Run as ProgramRun

MOST_BYTES = 1 << 20
"""Of each of a program's two outputs. k6 and JMeter write a line or so per second."""


class Run:
    """One run of a command. :meth:`complete` blocks; :meth:`cancel` may be called from another thread meanwhile."""

    def __init__(self, invocation: Invocation) -> None:
        self._program, self._timeout = invocation.argv[0], invocation.timeout
        self._run = ProgramRun(Program(invocation.argv, invocation.environment), self)
        self._output, self._errors = bytearray(), bytearray()
        self.code = 0
        """The exit code, or the negative number of the signal that ended the program."""

    @property
    def said(self) -> str:
        """What the program wrote."""
        return self._output.decode("utf-8", "replace").strip()

    @property
    def complaint(self) -> str:
        """The last line of its error output."""
        return (self._errors.decode("utf-8", "replace").strip().splitlines() or [""])[-1]

    def complete(self, deadline: float) -> None:
        """Run the program until its end, or until ``deadline`` on the monotonic clock.

        :class:`SourceError` where it did not start, or was ended: late, or for its flood of words;
        :class:`~guardian.processes.program.Cancelled` where nobody waits for it any more.
        """
        try:
            self.code = self._run.complete(deadline)
        except NotStarted as error:
            raise SourceError(words.not_started(self._program, str(error))) from error
        except OSError as error:  # it runs, and cannot be watched
            raise SourceError(words.not_started(self._program, error.strerror or str(error))) from error
        except TooLate as error:
            raise SourceError(words.too_late(self._program, self._timeout, self.complaint)) from error

    def cancel(self) -> None:
        """Have the program ended, now or as soon as it has started."""
        self._run.cancel()

    def close(self) -> None:
        """Give back what :meth:`cancel` needs."""
        self._run.close()

    def output(self, part: bytes) -> None:
        """More of what the program writes; :class:`SourceError` ends one that writes without end."""
        self._keep(self._output, part)

    def errors(self, part: bytes) -> None:
        """More of its error output, as above."""
        self._keep(self._errors, part)

    def _keep(self, written: bytearray, part: bytes) -> None:
        written += part
        if len(written) > MOST_BYTES:
            raise SourceError(words.too_much(self._program, MOST_BYTES))

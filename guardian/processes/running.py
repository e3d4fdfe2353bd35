"""Programs run beside the event loop: each in a thread of its own, cut short when nobody waits for it any more."""

import asyncio
import contextlib
import threading

from guardian.processes.program import PARTING, Ear, Program, Run


async def run(program: Program, ear: Ear, seconds: float) -> int:
    """Run ``program`` for up to ``seconds``; its exit code, or the negative number of the signal that ended it.

    The errors of :meth:`guardian.processes.program.Run.complete` come through. When cancelled, the program is ended
    with its children before this returns.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()
    work, deadline = Run(program, ear), loop.time() + seconds  # the loop's clock is the monotonic one, as the run's

    def complete() -> None:
        try:
            code = work.complete(deadline)
        except BaseException as error:  # noqa: BLE001  the root of a thread: whatever it is, it is raised again in the task
            _tell(loop, ended, error)
        else:
            _tell(loop, ended, code)

    # No pool: a program may take an hour, and must not wait for another that does.
    thread = threading.Thread(target=complete, name=f"run {program.argv[0]}", daemon=True)
    thread.start()
    try:
        return await asyncio.shield(ended)
    except asyncio.CancelledError:
        work.cancel()
        await asyncio.wait({ended}, timeout=2 * PARTING)
        if ended.done() and not ended.cancelled():
            ended.exception()  # told: whoever wanted it is gone
        raise
    finally:
        if ended.done():
            work.close()


def _tell(loop: asyncio.AbstractEventLoop, ended: "asyncio.Future[int]", what: int | BaseException) -> None:
    def settle() -> None:
        if ended.done():
            return
        if isinstance(what, BaseException):
            ended.set_exception(what)
        else:
            ended.set_result(what)

    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
        loop.call_soon_threadsafe(settle)

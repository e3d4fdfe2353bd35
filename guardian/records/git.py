"""One git repository, for notes: every command has a deadline, asks nobody anything, and ends with all of its children."""

import asyncio
import base64
import contextlib
import os
import re
import shlex
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from guardian.core.notebook import GitSettings, NotWritten
from guardian.core.words import git as words
from guardian.processes.program import NotStarted, Program, TooLate
from guardian.processes.running import run

STALE_LOCK_SECONDS = 60.0
"""A lock of git that is older was left by a command that died."""
QUIET = (
    *("-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "gc.auto=0", "-c", "core.quotePath=false"),
    *("-c", "core.symlinks=false"),  # else whoever may push could have any file that guardian can read shown as a note
)
_LOGIN = re.compile(r"//[^/@\s]*@")


class Repository:
    """The repository whose work tree is ``directory``. Everything here raises :class:`NotWritten` and nothing else."""

    def __init__(self, directory: Path, settings: GitSettings) -> None:
        self._directory, self._settings = directory, settings
        self._upstream = f"refs/remotes/origin/{settings.branch}"

    async def ready(self) -> None:
        """Make it one, where it is none; clear away what a death in the middle of a command has left."""
        directory, settings = self._directory, self._settings
        git = directory / ".git"
        await asyncio.to_thread(_unlock, git)
        # Half a repository is none to git, which would take one around the directory for it.
        if (await self._run("rev-parse", "--git-dir", also=(128,))).strip() != git.name:
            await self._run("init", "--quiet", f"--initial-branch={settings.branch}")
        await asyncio.to_thread(_tidy, git)
        if await asyncio.to_thread(lambda: any((git / name).exists() for name in ("rebase-merge", "rebase-apply"))):
            await self._run("rebase", "--abort")
        if settings.remote:
            known = await self._run("config", "--default", "", "--get", "remote.origin.url")
            if known.strip() != settings.remote:
                await self._run("config", "remote.origin.url", settings.remote)

    async def save(self) -> None:
        """Commit what people changed in notes that are known."""
        if await self._head():
            await self._run("add", "--update", "--", ".")
            await self._commit(words.by_hand())

    async def fetch(self) -> None:
        """Ask the remote for what others have pushed; no file of the work tree is touched."""
        branch = self._settings.branch
        if self._settings.remote and await self._run("ls-remote", "--heads", "origin", f"refs/heads/{branch}"):
            await self._run("fetch", "--quiet", "--no-tags", "origin", f"+refs/heads/{branch}:{self._upstream}")

    async def merge(self) -> None:
        """Bring in what was fetched, below what is not pushed yet."""
        if not await self._run("rev-parse", "--quiet", "--verify", self._upstream, also=(1,)):
            return
        if not await self._head():
            await self._run("reset", "--quiet", self._upstream)
            if missing := await self._run("ls-files", "--deleted"):
                await self._run("checkout", "--quiet", "--", *missing.splitlines())
            return
        try:
            await self._run("rebase", "--quiet", self._upstream)
        except NotWritten as error:
            with contextlib.suppress(NotWritten):
                await self._run("rebase", "--abort")
            raise NotWritten(words.diverged(str(self._directory), str(error))) from error

    async def record(self, files: Sequence[Path], message: str) -> str:
        """Commit ``files``, where they changed; the newest commit."""
        names = [str(file.relative_to(self._directory)) for file in files]
        await self._run("add", "--", *names)
        await self._run("ls-files", "--error-unmatch", "--", *names)  # a directory that cannot be read is an empty one to git
        await self._commit(message)
        return await self._head()

    async def push(self) -> None:
        """Give the remote what it lacks."""
        if self._settings.remote:
            await self._run("push", "--quiet", "origin", f"HEAD:refs/heads/{self._settings.branch}")

    async def _head(self) -> str:
        return (await self._run("rev-parse", "--quiet", "--verify", "HEAD", also=(1,))).strip()

    async def _commit(self, message: str) -> None:
        if not await self._run("diff", "--cached", "--name-only"):
            return
        await self._run("commit", "--quiet", "--message", message)

    async def _run(self, *arguments: str, also: tuple[int, ...] = ()) -> str:
        """What git says. ``also``: exit codes besides 0 that are no failure."""
        heard = _Heard()
        try:
            await asyncio.to_thread(self._directory.mkdir, parents=True, exist_ok=True)
            git = await asyncio.to_thread(shutil.which, "git") or "git"
            program = Program((git, "-C", str(self._directory), *QUIET, *arguments), self._environment())
            code = await run(program, heard, self._settings.timeout)
        except OSError as error:
            raise NotWritten(words.not_started(error.strerror or str(error))) from error
        except NotStarted as error:
            raise NotWritten(words.not_started(str(error))) from error
        except TooLate as error:
            raise NotWritten(words.too_slow(arguments[0], self._settings.timeout)) from error
        if code not in (0, *also):
            raise NotWritten(words.failed(arguments[0], _LOGIN.sub("//…@", heard.complained.decode(errors="replace"))))
        return heard.said.decode(errors="replace")

    def _environment(self) -> dict[str, str]:
        """Secrets go through the environment, which only guardian's own user can read; never through the list of processes."""
        settings = self._settings
        ssh = ["ssh", "-oBatchMode=yes", f"-oConnectTimeout={max(1, int(settings.timeout / 2))}"]
        if settings.ssh_key_file:
            ssh += ["-oIdentitiesOnly=yes", f"-i{settings.ssh_key_file}"]
        given = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        given |= {
            "LC_ALL": "C",
            # Where git cannot read this repository, it would go on to one around it, and write there.
            "GIT_CEILING_DIRECTORIES": str(self._directory.resolve().parent),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_SSH_COMMAND": shlex.join(ssh),
            "GIT_MERGE_AUTOEDIT": "no",
            "GIT_EDITOR": "true",
        }
        for who in ("AUTHOR", "COMMITTER"):
            given |= {f"GIT_{who}_NAME": settings.author, f"GIT_{who}_EMAIL": settings.email}
        if settings.token_file:
            given |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "http.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: Basic {_basic(settings.token_file)}",
            }
        return given


class _Heard:
    """What git says: all of it, for its deadline is short."""

    def __init__(self) -> None:
        self.said, self.complained = bytearray(), bytearray()

    def output(self, part: bytes) -> None:
        """More of what was asked for."""
        self.said += part

    def errors(self, part: bytes) -> None:
        """More of why it was not done."""
        self.complained += part


def _basic(path: Path) -> str:
    """A token as GitHub, GitLab and Gitea take it in place of a password."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError) as error:
        raise NotWritten(words.no_token(str(path))) from error
    return base64.b64encode(f"x-access-token:{token}".encode()).decode()


def _unlock(git: Path) -> None:
    """Locks of commands that died are removed."""
    try:
        for lock in (*git.glob("*.lock"), *git.glob("refs/**/*.lock")):
            if time.time() - lock.stat().st_mtime > STALE_LOCK_SECONDS:
                lock.unlink(missing_ok=True)
    except OSError as error:
        raise NotWritten(words.failed("init", error.strerror or str(error))) from error


def _tidy(git: Path) -> None:
    """Notes are merged line by line, both sides kept."""
    attributes = git / "info" / "attributes"
    try:
        if not attributes.exists() or not attributes.stat().st_size:
            attributes.parent.mkdir(exist_ok=True)
            attributes.write_text("*.md merge=union\n", encoding="ascii")
    except OSError as error:
        raise NotWritten(words.failed("init", error.strerror or str(error))) from error

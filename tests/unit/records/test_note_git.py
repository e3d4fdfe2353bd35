"""Notes in a real git repository, with a real bare one as its remote."""

import asyncio
import os
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.core.notebook import GitSettings, NotWritten
from guardian.core.words import notes as words
from guardian.records.git import STALE_LOCK_SECONDS, Repository
from guardian.records.notebook import DirectoryNotebook
from tests.doubles import accounts
from tests.doubles.prometheus import Behaviour, StandIn, hang, trickle
from tests.unit.records.test_notebook import Pencil

SETTINGS = GitSettings(author="guardian of lb1", email="guardian@lb1.example.org", timeout=20.0)


@pytest.fixture(autouse=True)
def _own_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration of this host's users."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def git(where: Path, *arguments: str) -> str:
    """What git says, as a person runs it."""
    who = ("-c", "user.name=carol", "-c", "user.email=carol@example.org")
    done = subprocess.run(("git", "-C", str(where), *who, *arguments), check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A bare repository with nothing in it."""
    path = tmp_path / "remote.git"
    subprocess.run(("git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)), check=True)
    return path


def notebook_in(directory: Path, remote: str | Path | None, **more: object) -> DirectoryNotebook:
    """A notebook that is published."""
    settings = replace(SETTINGS, remote=str(remote) if remote else None, **more)  # type: ignore[arg-type]
    return DirectoryNotebook(directory, Repository(directory, settings), Pencil())


def checked_out(remote: Path, where: Path) -> Path:
    """Carol's clone."""
    subprocess.run(("git", "clone", "--quiet", str(remote), str(where)), check=True, capture_output=True)
    return where


def carol_edits(remote: Path, where: Path, remark: str) -> None:
    """Carol writes into the note of web-1 and pushes."""
    clone = where if where.exists() else checked_out(remote, where)
    git(clone, "pull", "--quiet", "--rebase")
    note = clone / "web-1.md"
    note.write_text(note.read_text().replace(words.EMPTY, remark))
    git(clone, "commit", "--quiet", "--all", "--message", "my remarks")
    git(clone, "push", "--quiet")


def moved(here: Path, there: Path) -> None:
    """A repository is somewhere else now."""
    here.rename(there)


def fails(where: Path, *arguments: str) -> bool:
    """Whether git says no."""
    return bool(subprocess.run(("git", "-C", str(where), *arguments), check=False, capture_output=True).returncode)


def history(repository: Path) -> list[str]:
    """Subjects of the commits of main, the newest first."""
    return git(repository, "log", "--format=%s", "main").splitlines()


async def test_a_note_is_committed_and_pushed(tmp_path: Path, remote: Path) -> None:
    """With its chart, by an author of its own, and who asked for the deployment in the message."""
    commit = await notebook_in(tmp_path / "notes", remote).publish(accounts.rolled_back().account)
    assert git(remote, "rev-parse", "main") == commit
    assert git(remote, "ls-tree", "-r", "--name-only", "main").splitlines() == ["charts/web-1-server-errors.png", "web-1.md"]
    assert git(remote, "log", "-1", "--format=%an <%ae>%n%cn%n%B", "main").splitlines() == [
        "guardian of lb1 <guardian@lb1.example.org>",
        "guardian of lb1",
        "web-1: rolled back",
        "",
        "release 4.2",
        "",
        "Requested-by: alice",
    ]


async def test_what_did_not_change_is_no_commit(tmp_path: Path, remote: Path) -> None:
    """The same note again leaves the history alone; a change is one commit more."""
    notebook, story = notebook_in(tmp_path / "notes", remote), accounts.rolled_back()
    first = await notebook.publish(story.account)
    assert await notebook.publish(story.account) == first
    story.let(accounts.Unlatched(story.pass_by(1.0), "bob", "fixed"))
    await notebook.publish(story.account)
    assert history(remote) == ["web-1: rolled back"] * 2


async def test_without_a_remote_notes_are_committed(tmp_path: Path) -> None:
    """A history on this host is worth having, too."""
    await notebook_in(tmp_path / "notes", None).publish(accounts.rolled_back().account)
    assert history(tmp_path / "notes") == ["web-1: rolled back"]


async def test_what_others_pushed_is_kept(tmp_path: Path, remote: Path) -> None:
    """Remarks that somebody pushed come into the note, and survive its being written again."""
    notebook, story = notebook_in(tmp_path / "notes", remote), accounts.rolled_back()
    await notebook.publish(story.account)
    carol_edits(remote, tmp_path / "carol", "Cause: a query without an index.")
    story.let(accounts.Unlatched(story.pass_by(1.0), "bob", "fixed"))
    await notebook.publish(story.account)
    note = git(remote, "show", "main:web-1.md")
    assert "Cause: a query without an index." in note
    assert "bob lets the service move forward again" in note
    assert history(remote) == ["web-1: rolled back", "my remarks", "web-1: rolled back"]


async def test_remarks_of_both_sides_are_kept(tmp_path: Path, remote: Path) -> None:
    """Written into the same place at the same time, here by hand and there by a push: both stand there afterwards."""
    notebook, story = notebook_in(tmp_path / "notes", remote), accounts.rolled_back()
    await notebook.publish(story.account)
    carol_edits(remote, tmp_path / "carol", "Carol: a query.")
    here = tmp_path / "notes" / "web-1.md"
    here.write_text(here.read_text().replace(words.EMPTY, "Dave: a lock."))
    story.let(accounts.Unlatched(story.pass_by(1.0), "bob", "fixed"))
    await notebook.publish(story.account)
    note = git(remote, "show", "main:web-1.md")
    assert "Carol: a query." in note
    assert "Dave: a lock." in note
    assert note.count(words.BEGIN) == note.count(words.END) == 1
    assert git(tmp_path / "notes", "status", "--porcelain") == ""


async def test_two_guardians_push_into_one_repository(tmp_path: Path, remote: Path) -> None:
    """Whoever comes second goes on top of the first."""
    first, second = notebook_in(tmp_path / "one", remote), notebook_in(tmp_path / "two", remote)
    await asyncio.gather(first.publish(accounts.rolled_back().account), second.publish(accounts.verified().account))
    await asyncio.gather(first.publish(accounts.unlatched().account), second.publish(accounts.promoted().account))
    assert len(history(remote)) >= 2
    assert git(remote, "fsck", "--no-dangling") == ""


async def test_a_repository_with_a_past_is_taken_over(tmp_path: Path, remote: Path) -> None:
    """A new directory gets what is there already: notes of before are neither lost nor deleted."""
    await notebook_in(tmp_path / "old", remote).publish(accounts.rolled_back().account)
    clone = checked_out(remote, tmp_path / "carol")
    (clone / "README.md").write_text("Notes of the team.\n")
    git(clone, "add", "README.md")
    git(clone, "commit", "--quiet", "--message", "readme")
    git(clone, "push", "--quiet")
    await notebook_in(tmp_path / "new", remote).publish(accounts.unlatched().account)
    assert (tmp_path / "new" / "README.md").exists()
    assert set(git(remote, "ls-tree", "-r", "--name-only", "main").splitlines()) >= {"README.md", "web-1.md"}


async def test_a_remote_that_is_gone_loses_nothing(tmp_path: Path, remote: Path) -> None:
    """The note is written and committed here; it is pushed when the remote is there again."""
    away, story = tmp_path / "away.git", accounts.rolled_back()
    notebook = notebook_in(tmp_path / "notes", remote)
    moved(remote, away)
    with pytest.raises(NotWritten, match="git ls-remote"):
        await notebook.publish(story.account)
    assert history(tmp_path / "notes") == ["web-1: rolled back"]
    moved(away, remote)
    await notebook.publish(story.account)
    assert history(remote) == ["web-1: rolled back"]


SMART = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n"


@pytest.mark.parametrize(
    "behave", [hang, trickle(b"HTTP/1.1 200 OK\r\nX-Slow: "), trickle(SMART + b"\r\n001e# service=git-upload-pack\n")],
    ids=["hangs", "head in drops", "body in drops"],
)  # fmt: skip
async def test_a_remote_that_hangs_is_left(tmp_path: Path, behave: Behaviour) -> None:
    """After its deadline the command is ended with all of its children; no secret was in the list of processes."""
    token = tmp_path / "token"
    token.write_text("glpat-s3cret\n")
    async with StandIn(behave) as server:
        remote = f"{server.url}/notes.git"
        notebook = notebook_in(tmp_path / "notes", remote, timeout=4.0, token_file=token)
        publishing = asyncio.ensure_future(notebook.publish(accounts.rolled_back().account))
        async with asyncio.timeout(20.0):
            while not server.requests:  # noqa: ASYNC110  nobody tells when git has asked
                await asyncio.sleep(0.01)
        running = commands(remote)
        story = accounts.verified()
        async with asyncio.timeout(3.0):  # a note is written meanwhile
            await notebook.write(story.account)
        with pytest.raises(NotWritten, match=r"did not end within 4\.00 s"):
            await publishing
    assert running
    assert not any("s3cret" in line or "Z2xwYXQ" in line for line in running)
    assert server.requests[0].headers["authorization"] == "Basic eC1hY2Nlc3MtdG9rZW46Z2xwYXQtczNjcmV0"
    assert commands(remote) == []
    assert history(tmp_path / "notes") == ["web-1: rolled back"]


def commands(word: str) -> list[str]:
    """The command lines on this host that hold ``word``, those of this test's own git among them."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if word in line and "git" in line and str(os.getpid()) != process.name:
                found.append(line)
    return found


DROPS = "while :; do echo drop >&2; sleep 0.05; done"


@pytest.mark.parametrize("leaves", ["", "setsid "], ids=["beside git", "in a session of its own"])
async def test_a_git_that_speaks_in_drops_is_ended_with_its_helpers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaves: str
) -> None:
    """Also with one that has left its session and holds its outputs open, as a master connection of ssh does."""
    programs = tmp_path / "bin"
    programs.mkdir()
    helper = programs / "git-helper"
    helper.write_text(f"#!/bin/sh\n{DROPS}\n")
    (programs / "git").write_text(f"#!/bin/sh\n{leaves}{helper} &\n{DROPS}\n")
    for each in programs.iterdir():
        each.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    async with asyncio.timeout(10.0):
        with pytest.raises(NotWritten, match=r"did not end within 1\.00 s"):
            await Repository(tmp_path / "notes", replace(SETTINGS, timeout=1.0)).ready()
    assert commands(str(helper)) == []


async def test_a_hook_of_the_remote_in_drops_is_ended_with_the_push(tmp_path: Path, remote: Path) -> None:
    """The note is committed here, and pushed as soon as the hook is quick again."""
    notebook, story = notebook_in(tmp_path / "notes", remote), accounts.rolled_back()
    await notebook.publish(story.account)
    hook = remote / "hooks" / "pre-receive"
    hook.write_text(f"#!/bin/sh\n{DROPS}\n")
    hook.chmod(0o755)
    story.let(accounts.Unlatched(story.pass_by(1.0), "bob", "fixed"))
    with pytest.raises(NotWritten, match="git push` did not end within"):
        await notebook_in(tmp_path / "notes", remote, timeout=4.0).publish(story.account)
    assert commands(str(remote)) == []
    assert len(history(remote)) == 1
    hook.unlink()
    await notebook.publish(story.account)
    assert len(history(remote)) == 2


async def test_nobody_at_the_other_end_is_a_sentence(tmp_path: Path) -> None:
    """Refused, and without the login that stood in the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://user:s3cret@127.0.0.1:{taken.getsockname()[1]}/notes.git"
    with pytest.raises(NotWritten) as failure:
        await notebook_in(tmp_path / "notes", url).publish(accounts.rolled_back().account)
    assert "s3cret" not in str(failure.value)


async def test_a_death_between_writing_and_committing_is_made_up_for(tmp_path: Path, remote: Path) -> None:
    """The next run finds the note there, and publishes it."""
    story = accounts.rolled_back()
    await notebook_in(tmp_path / "notes", remote).write(story.account)
    await notebook_in(tmp_path / "notes", remote).publish(story.account)
    assert history(remote) == ["web-1: rolled back"]


@pytest.mark.parametrize("lock", ["index.lock", "HEAD.lock", "refs/heads/main.lock"])
async def test_a_lock_that_a_death_left_is_removed_once_it_is_old(tmp_path: Path, remote: Path, lock: str) -> None:
    """A young one may be somebody's who works there by hand."""
    notebook, story = notebook_in(tmp_path / "notes", remote), accounts.rolled_back()
    await notebook.publish(story.account)
    story.let(accounts.Unlatched(story.pass_by(1.0), "bob", "fixed"))
    path = tmp_path / "notes" / ".git" / lock
    path.write_text("")
    with pytest.raises(NotWritten):
        await notebook.publish(story.account)
    old = time.time() - STALE_LOCK_SECONDS - 1
    os.utime(path, (old, old))
    await notebook.publish(story.account)
    assert len(history(remote)) == 2


async def test_a_rebase_that_was_cut_short_is_undone(tmp_path: Path, remote: Path) -> None:
    """Then it is begun again."""
    notebook, story = notebook_in(tmp_path / "notes", remote), accounts.rolled_back()
    await notebook.publish(story.account)
    carol_edits(remote, tmp_path / "carol", "Carol: a query.")
    here = tmp_path / "notes"
    (here / "web-1.md").write_text((here / "web-1.md").read_text().replace(words.EMPTY, "Dave: a lock."))
    git(here, "commit", "--quiet", "--all", "--message", "by hand")
    git(here, "fetch", "--quiet", "origin")
    (here / ".git" / "info" / "attributes").write_text("")  # so that it conflicts
    assert fails(here, "rebase", "FETCH_HEAD")
    (here / ".git" / "info" / "attributes").write_text("*.md merge=union\n")
    story.let(accounts.Unlatched(story.pass_by(1.0), "bob", "fixed"))
    await notebook.publish(story.account)
    note = git(remote, "show", "main:web-1.md")
    assert "Carol: a query." in note
    assert "Dave: a lock." in note


async def test_what_does_not_go_together_is_told_and_nothing_is_lost(tmp_path: Path, remote: Path) -> None:
    """A picture that was changed on both sides: guardian's note is committed here, and a person is asked."""
    notebook, story = notebook_in(tmp_path / "notes", remote), accounts.rolled_back()
    await notebook.publish(story.account)
    clone, name = checked_out(remote, tmp_path / "carol"), "charts/web-1-server-errors.png"
    (clone / name).write_bytes(b"carol's")
    git(clone, "commit", "--quiet", "--all", "--message", "a better picture")
    git(clone, "push", "--quiet")
    (tmp_path / "notes" / name).write_bytes(b"dave's")
    with pytest.raises(NotWritten, match="does not go together"):
        await notebook.publish(story.account)
    assert history(remote)[0] == "a better picture"
    assert "Remarks written by hand" in history(tmp_path / "notes")


async def test_hooks_and_signatures_of_the_user_do_not_run(tmp_path: Path, remote: Path) -> None:
    """A hook or a passphrase would hold it up."""
    notebook = notebook_in(tmp_path / "notes", remote)
    (tmp_path / ".gitconfig").write_text("[commit]\n\tgpgsign = true\n[core]\n\thooksPath = /nowhere\n")
    await notebook.publish(accounts.rolled_back().account)
    assert history(remote) == ["web-1: rolled back"]


async def test_a_host_without_git_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the package."""
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(NotWritten, match="apt install git"):
        await notebook_in(tmp_path / "notes", None).publish(accounts.rolled_back().account)


async def test_a_link_that_somebody_pushed_leads_nowhere(tmp_path: Path, remote: Path) -> None:
    """Whoever may push notes reads none of this host's files through them, and has none written elsewhere: a link comes as text."""
    notebook, story = notebook_in(tmp_path / "notes", remote), accounts.rolled_back()
    await notebook.publish(story.account)
    secret, elsewhere = tmp_path / "token", tmp_path / "elsewhere"
    secret.write_text("xoxb-secret")
    elsewhere.mkdir()
    clone = checked_out(remote, tmp_path / "mallory")
    (clone / "web-2.md").symlink_to(secret)
    (clone / "charts-of-others").symlink_to(elsewhere)
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "--message", "links")
    git(clone, "push", "--quiet")
    story.let(accounts.Unlatched(story.pass_by(1.0), "bob", "fixed"))
    await notebook.publish(story.account)
    found = notebook.kept("web-2")
    assert found
    assert found[1] == str(secret)
    assert not (tmp_path / "notes" / "charts-of-others").is_symlink()

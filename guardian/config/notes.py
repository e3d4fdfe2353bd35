"""The section ``notes`` of ``guardian.yaml``: where deployment notes are written, and the repository that they are committed to."""

import re
from pathlib import Path

from guardian.config import kinds
from guardian.config.fields import Fields, Kind, Misfit
from guardian.core.notebook import GitSettings, NotesSettings
from guardian.core.words import faults as words
from guardian.core.words import forms, rule_faults

_REMOTE = re.compile(r"(?:ssh|https?|git|file)://[\x21-\x7e]+|[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+:[\x21-\x7e]+|/[\x21-\x7e]+")
_LOGIN = re.compile(r"https?://[^/]*@")
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,100}(?<![./])")


def read_notes(settings: Fields, base: Path) -> NotesSettings | None:
    """Where notes go; ``None`` where nobody said."""
    if not settings.has("notes"):
        settings.overlook(("notes",))
        return None
    fields = settings.section("notes")
    notes = NotesSettings(
        directory=fields.required("directory", kinds.path(base, "/var/lib/guardian/notes")),
        url=fields.optional("url", kinds.LINK, None),
        git=_git(fields, base),
    )
    fields.close()
    return notes


def _git(notes: Fields, base: Path) -> GitSettings | None:
    if not notes.has("git"):
        notes.overlook(("git",))
        return None
    fields = notes.section("git")
    git = GitSettings(
        remote=fields.optional("remote", _REMOTE_KIND, None),
        branch=fields.optional("branch", _BRANCH_KIND, "main"),
        author=fields.optional("author", kinds.SENTENCE, "guardian"),
        email=fields.optional("email", kinds.text(forms.an_email(), "guardian@example.org"), "guardian@localhost"),
        ssh_key_file=fields.optional("ssh_key_file", kinds.path(base, "/etc/guardian/notes-key"), None),
        token_file=fields.optional("token_file", kinds.path(base, "/etc/guardian/notes-token"), None),
        timeout=fields.optional("timeout", kinds.duration("1s", "5m", "30s"), 30.0),
    )
    fields.close()
    return git


def _read_remote(text: str) -> str:
    if _LOGIN.match(text):
        raise Misfit(rule_faults.login_in_remote())
    if not _REMOTE.fullmatch(text):
        raise Misfit(words.misfit(text, forms.a_remote()))
    return text


def _read_branch(text: str) -> str:
    if not _BRANCH.fullmatch(text) or ".." in text or "//" in text:
        raise Misfit(words.misfit(text, forms.a_branch()))
    return text


_REMOTE_KIND = Kind(_read_remote, forms.a_remote(), "")
_BRANCH_KIND = Kind(_read_branch, forms.a_branch(), "main")

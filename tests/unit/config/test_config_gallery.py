"""Every way to write a configuration wrong, with the sentences that tell so beside it."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from guardian.config.faults import ConfigFaults
from guardian.config.rulefiles import load_rules
from guardian.config.settings import load_settings
from guardian.core.model import Service

BAD = Path(__file__).parent / "bad"
SERVICES: Mapping[str, Service] = {name: Service(name, f"{name}_blue", f"{name}_green") for name in ("web", "shop")}


def names(kind: str) -> list[str]:
    """The cases of one kind of file."""
    return sorted(path.stem for path in (BAD / kind).glob("*.yaml"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, so that faults name files as the gallery does."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", names("settings"))
def test_bad_settings_are_told_in_the_sentences_beside_them(name: str, here: Path) -> None:
    """A guardian.yaml of the gallery is refused with exactly the faults written beside it."""
    shutil.copy(BAD / "settings" / f"{name}.yaml", here)
    with pytest.raises(ConfigFaults) as refusal:
        load_settings(Path(f"{name}.yaml"))
    assert f"{refusal.value}\n" == (BAD / "settings" / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", names("rules"))
def test_bad_rules_are_told_in_the_sentences_beside_them(name: str, here: Path) -> None:
    """A rule file of the gallery is refused with exactly the faults written beside it."""
    shutil.copy(BAD / "rules" / f"{name}.yaml", here)
    with pytest.raises(ConfigFaults) as refusal:
        load_rules(Path(), SERVICES)
    assert f"{refusal.value}\n" == (BAD / "rules" / f"{name}.txt").read_text()


@pytest.mark.parametrize("kind", ["settings", "rules"])
def test_each_picture_hangs_beside_its_sentence(kind: str) -> None:
    """The gallery has no sentence without a file, and enough files to be one."""
    assert names(kind) == sorted(path.stem for path in (BAD / kind).glob("*.txt"))
    assert len(names(kind)) >= 45

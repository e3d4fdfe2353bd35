"""guardian.yaml and all rule files at once: everything, or every fault."""

from pathlib import Path

import pytest

from guardian.config.configuration import load
from guardian.config.faults import MOST_FAULTS, ConfigFaults, Fault

SETTINGS = """state_dir: state
rules: rules
haproxy: {socket: admin.sock, map: haproxy.map}
api: {socket: api.sock}
services:
  web: {blue: web_blue, green: web_green, watch: 10m}
  shop: {blue: shop_blue, green: shop_green, watch: 1m}
"""
RULES = """service: web
rules:
  - name: slow
    summary: Too slow
    source: haproxy
    value: latency
    above: 1s
    window: 5m
    on_no_data: hold
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a good configuration of two services."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "guardian.yaml").write_text(SETTINGS)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "web.yaml").write_text(RULES)
    (tmp_path / "rules" / "shop.yaml").write_text(RULES.replace("web", "shop").replace("5m", "5s"))
    return tmp_path


def refusal() -> list[str]:
    """The faults of the configuration in the working directory, one string each."""
    with pytest.raises(ConfigFaults) as refused:
        load(Path("guardian.yaml"))
    assert str(refused.value).splitlines() == [str(fault) for fault in refused.value.faults]
    return [str(fault) for fault in refused.value.faults]


def test_a_good_configuration_is_read_whole(here: Path) -> None:
    """Settings and the rules of every service come together, without a warning."""
    configuration = load(Path("guardian.yaml"))
    assert list(configuration.settings.services) == ["web", "shop"]
    assert {name: len(rules.rules) for name, rules in configuration.rules.items()} == {"web": 1, "shop": 1}
    assert configuration.warnings == ()


def test_all_faults_of_all_files_come_at_once(here: Path) -> None:
    """A fault in each of three files is told in one go, sorted by file and line."""
    (here / "guardian.yaml").write_text(SETTINGS.replace("state_dir", "statedir") + "log: {level: loud}\n")
    (here / "rules" / "web.yaml").write_text(RULES.replace("latency", "p99").replace("hold", "no"))
    (here / "rules" / "shop.yaml").write_text("service: shop\nrules: [\n")
    assert [line.partition(": ")[0] for line in refusal()] == [
        "guardian.yaml:1",
        "guardian.yaml:8",
        "rules/shop.yaml:3",
        "rules/web.yaml:6",
        "rules/web.yaml:9",
    ]


def test_a_rule_is_held_against_the_watch_of_its_own_service(here: Path) -> None:
    """A window of five minutes fits into the watch of one service and not into that of the other."""
    (here / "rules" / "shop.yaml").write_text(RULES.replace("web", "shop"))
    needs = "warm-up, window and the checks of `for` take 5 min, the service is watched for 1 min"
    assert refusal() == [f"rules/shop.yaml:3: rules[0]: {needs}; shorten them, or lengthen its `watch`"]


def test_a_second_file_for_a_service_names_the_first(here: Path) -> None:
    """Two rule files for one service are refused, and the sentence says where the first one is."""
    (here / "rules" / "web-more.yaml").write_text(RULES)
    assert refusal() == [
        "rules/web.yaml:1: service: the rules of `web` stand in rules/web-more.yaml:1 already; put all of them into one file"
    ]


def test_a_file_whose_service_cannot_be_read_is_nobodys(here: Path) -> None:
    """A rule file with a fault in its service does not count as the file of another one."""
    (here / "rules" / "a.yaml").write_text(RULES.replace("service: web", "service: [web]"))
    assert [line.partition(": ")[0] for line in refusal()] == ["rules/a.yaml:1"]


def test_a_service_without_rules_is_a_warning(here: Path) -> None:
    """A service that nobody watches keeps nobody from starting, and is told with the line that names it."""
    (here / "rules" / "web.yaml").unlink()
    (here / "rules" / "shop.yaml").write_text("service: shop\nrules: []\n")
    sentence = "no rule watches `{}`, so each of its releases will end unverified; write a rule file for it"
    assert load(Path("guardian.yaml")).warnings == (
        Fault("guardian.yaml", 6, "services.web", sentence.format("web"), "unwatched"),
        Fault("guardian.yaml", 7, "services.shop", sentence.format("shop"), "unwatched"),
    )


def test_a_directory_of_rules_that_is_not_there_is_a_fault_of_the_line_that_names_it(here: Path) -> None:
    """The fault stands where the path is written, not where it leads."""
    (here / "guardian.yaml").write_text(SETTINGS.replace("rules: rules", "rules: ruls"))
    sentence = "cannot be read: No such file or directory; check that it exists and that guardian's user may read it"
    assert refusal() == [f"guardian.yaml:2: rules: {sentence}"]


def test_a_rule_file_with_the_wrong_ending_is_not_passed_over(here: Path) -> None:
    """A web.yml that would silently not be read is a fault."""
    (here / "rules" / "web.yaml").rename(here / "rules" / "web.yml")
    assert refusal() == ["rules/web.yml:1: is not read, for rule files end in .yaml; rename it"]


def test_services_that_cannot_be_read_accuse_no_rule_file(here: Path) -> None:
    """Where guardian.yaml's services cannot be read, no rule file is blamed for naming one."""
    (here / "guardian.yaml").write_text(SETTINGS[: SETTINGS.index("services")] + "services: [web, shop]\n")
    assert [line.partition(": ")[0] for line in refusal()] == ["guardian.yaml:5"]


def test_a_watch_that_cannot_be_read_accuses_no_rule(here: Path) -> None:
    """A rule is not held against a watch that is itself a fault."""
    (here / "guardian.yaml").write_text(SETTINGS.replace("watch: 1m", "watch: 1"))
    (here / "rules" / "shop.yaml").write_text(RULES.replace("web", "shop"))
    assert [line.partition(": ")[0] for line in refusal()] == ["guardian.yaml:7"]


def test_rules_are_not_looked_for_where_their_path_is_a_fault(here: Path) -> None:
    """Without a readable path of the rules, guardian.yaml is judged alone."""
    (here / "guardian.yaml").write_text(SETTINGS.replace("rules: rules", "rules: [rules]"))
    assert [line.partition(": ")[0] for line in refusal()] == ["guardian.yaml:2"]


def test_a_file_with_faults_without_end_is_given_up(here: Path) -> None:
    """Past a thousand faults one file is not read on; the other files are."""
    (here / "rules" / "shop.yaml").write_text("service: shop\nrules:\n" + "  - word\n" * (MOST_FAULTS + 7))
    (here / "rules" / "web.yaml").write_text(RULES.replace("hold", "no"))
    faults = refusal()
    shop = [fault for fault in faults if fault.startswith("rules/shop.yaml")]
    assert len(shop) == MOST_FAULTS + 1
    assert shop[-1] == "rules/shop.yaml:1003: has more than 1,000 faults; the others are told when these are gone"
    assert len(faults) == len(shop) + 1


def test_settings_with_faults_without_end_are_given_up(here: Path) -> None:
    """The bound holds for guardian.yaml as well, and for a fault that is found at the very end."""
    lines = "".join(f"  s{number}: word\n" for number in range(MOST_FAULTS))
    (here / "guardian.yaml").write_text(SETTINGS.replace("rules: rules", "rules: ruls") + lines)
    assert len(refusal()) == MOST_FAULTS + 1
    (here / "guardian.yaml").write_text(SETTINGS + lines + "  last: word\n")
    assert len(refusal()) == MOST_FAULTS + 1

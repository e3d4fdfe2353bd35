"""Files that mean harm: each is refused in one sentence, without much time or memory."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from guardian.config.faults import ConfigFaults
from guardian.config.rulefiles import load_rules
from guardian.config.settings import load_settings
from guardian.core.model import Service

WEB = {"web": Service("web", "web_blue", "web_green")}
ROOT = Path(__file__).parents[3]
MIB = 1 << 20
RULE = b"service: web\nrules:\n  - {name: a, summary: A, source: haproxy, on_no_data: hold, "
QUERY = b"service: web\nrules:\n  - {name: a, summary: A, source: prometheus, on_no_data: hold, above: 1, query: '"
MATCH = b"service: web\nrules:\n  - {name: a, summary: A, source: alerts, on_no_data: hold, match: ['"
COMMAND = b"service: web\nrules:\n  - {name: a, summary: A, source: command, on_no_data: hold, above: 1, command: ["
SECONDS = 1.0
"""Of CPU, within which any file is refused."""
SYNTAX = "check indentation, colons and quotes in this line and the one above"


def refusal(directory: Path) -> str:
    """The faults of the rule files in ``directory``, without its name."""
    with pytest.raises(ConfigFaults) as refused:
        load_rules(directory, WEB)
    return str(refused.value).replace(f"{directory}/", "")


def laughs() -> bytes:
    """A billion laughs: ten lists, each of ten times the one before."""
    lines = ['a: &a ["ha"]', *(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]" for n in range(9))]
    return "\n".join(lines).encode()


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "ten MiB": (
        lambda: b"a" * (10 * MIB),
        "web.yaml:1: is larger than 1,048,576 bytes; split the file, or remove what does not belong there",
    ),
    "nested in brackets": (lambda: b"[" * 10_000, "web.yaml:1: is nested deeper than 20 levels; no setting of guardian is"),
    "nested in braces": (
        lambda: b"a: " + b"{b: " * 10_000,
        "web.yaml:1: is nested deeper than 20 levels; no setting of guardian is",
    ),
    "nested in steps": (
        lambda: b"".join(b" " * depth + b"a:\n" for depth in range(1000)),
        "web.yaml:21: is nested deeper than 20 levels; no setting of guardian is",
    ),
    "nested in dashes": (lambda: b"- " * 10_000, "web.yaml:1: is nested deeper than 20 levels; no setting of guardian is"),
    "many values": (lambda: b"a: [" + b"1," * 300_000 + b"]", "web.yaml:1: the file holds more than 20,000 values; split it"),
    "directives": (
        lambda: "".join(f"%TAG !{number}! x\n" for number in range(50_000)).encode() + b"--- a",
        "web.yaml:1: a line starting with `%` instructs the YAML parser; remove it",
    ),
    "NUL": (lambda: b"service: web\nrules: []\n\0", "web.yaml:3: holds the invisible character U+0000; remove it"),
    "NUL in an escape": (
        lambda: b'service: "web\\0"\nrules: []\n',
        "web.yaml:1: service: holds the invisible character U+0000; remove it",
    ),
    "control characters in a key": (
        lambda: b'service: web\nrules: []\n"\\e[2J": 1\n',
        (
            "web.yaml:3: \\x1b[2J: `\\x1b[2J` is not known here; known are `defaults`, `include`, `rules` and `service`\n"
            "web.yaml:3: \\x1b[2J: holds the invisible character U+001B; remove it"
        ),
    ),
    "carriage return": (
        lambda: b"service: web\r%TAG ! x\nrules: []\n",
        "web.yaml:1: holds the invisible character U+000D; remove it",
    ),
    "UTF-16": (
        lambda: "service: web\n".encode("utf-16"),
        "web.yaml:1: is not UTF-8: byte 0xff cannot stand here; save the file as UTF-8",
    ),
    "UTF-16 without its mark": (
        lambda: "service: web\n".encode("utf-16-le"),
        "web.yaml:1: holds the invisible character U+0000; remove it",
    ),
    "byte order mark": (
        lambda: b"\xef\xbb\xbfservice: web\nrules: []\n",
        "web.yaml:1: starts with a byte order mark; save the file as UTF-8 without it",
    ),
    "bytes that are no text": (
        lambda: b"service: web\nrules:\n  - \xc3\x28\n",
        "web.yaml:3: is not UTF-8: byte 0xc3 cannot stand here; save the file as UTF-8",
    ),
    "tabs": (
        lambda: b"service: web\nrules:\n\t- a\n \t- b\n",
        "web.yaml:3: tabs indent 2 lines, this one first; YAML knows only blanks: write two blanks for each step",
    ),
    "half a surrogate": (
        lambda: b'service: "\\ud800"\nrules: []\n',
        (
            "web.yaml:1: is not YAML: found invalid Unicode character escape code "
            f"while parsing a quoted scalar that starts in line 1; {SYNTAX}"
        ),
    ),
    "a long ratio": (
        lambda: RULE + b"test: sequential, limit: 1%, ratio: " + b"+" * 500_000 + b"/ responses}\n",
        "web.yaml:3: rules[0].ratio: a counter is missing before or after `+` or `/`; write it, as in `responses_5xx / responses`",
    ),
    "a long name": (
        lambda: b"service: " + b"w" * 1_000_000 + b"\nrules: []\n",
        "web.yaml:1: service: `" + "w" * 47 + "…` does not fit; write a name of up to 64 letters, digits and `_.:-` "
        "that starts with a letter or digit, such as `web`",
    ),
    "a query of a megabyte": (
        lambda: QUERY + b"sum(" * 250_000 + b"'}\n",
        (
            "web.yaml:3: rules[0].query: has 1,000,000 characters, and 10,000 are the most; let a recording rule of Prometheus do "
            "a part of it"
        ),
    ),
    "a query of variables": (
        lambda: QUERY + b"$x" * 4000 + b"'}\n",
        (
            "web.yaml:3: rules[0].query: `$x` stands for nothing; known are `$candidate`, `$baseline`, `$service`, `$window` and "
            "`$since_cutover`. Write `$$` for a dollar sign of PromQL's own, as in `$$x`"
        ),
    ),
    "a long matcher": (
        lambda: MATCH + b'a=~"' + b"(a+)+" * 50_000 + b"\"']}\n",
        "web.yaml:3: rules[0].match[0]: has 250,005 characters, and 1,000 are the most; shorten it",
    ),
    "a command of a thousand arguments": (
        lambda: COMMAND + b", ".join(b"a" for _ in range(30_000)) + b"]}\n",
        "web.yaml:3: the file holds more than 20,000 values; split it",
    ),
    "a long number": (
        lambda: RULE + b"value: queued, above: " + b"9" * 900_000 + b"}\n",
        "web.yaml:3: rules[0].above: `" + "9" * 47 + "…` does not fit; write a number from 0 to 1e9, such as `100`",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    """What a file holds can make guardian refuse it, and nothing worse."""
    content, sentence = HOSTILE[name]
    (tmp_path / "web.yaml").write_bytes(content())
    began = time.process_time()
    assert refusal(tmp_path) == sentence
    assert time.process_time() - began < SECONDS


def test_a_billion_laughs_are_not_multiplied_out(tmp_path: Path) -> None:
    """Each anchor and each alias is refused; nothing is expanded."""
    (tmp_path / "web.yaml").write_bytes(laughs())
    faults = refusal(tmp_path).splitlines()
    assert sum("anchors are not used here" in fault for fault in faults) == 10
    assert sum("aliases are not used here" in fault for fault in faults) == 81


def test_hostile_files_fit_into_little_memory(tmp_path: Path) -> None:
    """All hostile files together are refused by a process that may grow by no more than 64 MiB."""
    for number, (content, _) in enumerate(HOSTILE.values()):
        (tmp_path / f"{number}.yaml").write_bytes(content())
    (tmp_path / "laughs.yaml").write_bytes(laughs())
    program = """if True:
        import resource, sys
        from pathlib import Path
        from guardian.config.faults import ConfigFaults
        from guardian.config.rulefiles import load_rules
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + 64 * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        try:
            load_rules(Path(sys.argv[1]), {})
        except ConfigFaults as refusal:
            print(len({fault.file for fault in refusal.faults}))
        """
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert (done.stderr, done.stdout) == ("", f"{len(HOSTILE) + 1}\n")


def test_a_link_out_of_the_directory_is_refused(tmp_path: Path) -> None:
    """A rule file may not be a link to some secret elsewhere, and nothing of it is told."""
    secret = tmp_path / "secret"
    secret.write_text("password")
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "web.yaml").symlink_to("../secret")
    assert refusal(rules) == (f"web.yaml:1: leads out of the rules directory, to {secret}; put the file itself into the directory")


def test_a_link_to_nowhere_is_refused(tmp_path: Path) -> None:
    """A dangling link is not a file without rules."""
    (tmp_path / "web.yaml").symlink_to("gone.yaml")
    assert refusal(tmp_path) == (
        "web.yaml:1: cannot be read: No such file or directory; check that it exists and that guardian's user may read it"
    )


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    """A loop of links ends."""
    (tmp_path / "web.yaml").symlink_to("web.yaml")
    assert refusal(tmp_path) == (
        "web.yaml:1: cannot be read: Too many levels of symbolic links; check that it exists and that guardian's user may read it"
    )


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """A FIFO that nobody writes to is refused at once."""
    os.mkfifo(tmp_path / "web.yaml")
    assert refusal(tmp_path) == "web.yaml:1: is not a regular file; put a text file here, or remove it"


def test_a_directory_is_not_a_rule_file(tmp_path: Path) -> None:
    """A directory whose name ends as a rule file's does is refused."""
    (tmp_path / "web.yaml").mkdir()
    assert refusal(tmp_path) == "web.yaml:1: is not a regular file; put a text file here, or remove it"


def test_a_socket_is_not_a_rule_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket cannot be opened, and that is said."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("web.yaml")
        assert refusal(tmp_path).startswith("web.yaml:1: cannot be read: No such device or address;")


def test_a_file_that_fails_while_it_is_read_is_refused() -> None:
    """An input/output error in the middle of a file is a fault of that file; the kernel's memory file gives one at its start."""
    with pytest.raises(ConfigFaults) as refused:
        load_settings(Path("/proc/self/mem"))
    assert str(refused.value) == (
        "/proc/self/mem:1: cannot be read: Input/output error; check that it exists and that guardian's user may read it"
    )


def test_a_device_is_not_a_configuration() -> None:
    """A file without an end is refused before it is read."""
    with pytest.raises(ConfigFaults, match=r"^/dev/zero:1: is not a regular file; put a text file here, or remove it$"):
        load_settings(Path("/dev/zero"))


def test_the_name_of_a_file_cannot_write_a_second_line(tmp_path: Path) -> None:
    """A file name with a line end, or one that is not UTF-8, is shown in visible characters."""
    (tmp_path / "a\nb.yaml").write_text("")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.yaml")).write_text("")
    assert refusal(tmp_path).splitlines() == [
        "\\udcff.yaml:1: is empty; remove the file, or write what it should say",
        "a\\nb.yaml:1: is empty; remove the file, or write what it should say",
    ]

"""What is wrong with a configuration file, and what to write instead."""

from collections.abc import Sequence

from guardian.core.words.figures import count
from guardian.core.words.quotes import clipped, listed, nearest, quoted, visible

MOST_LISTED = 30
"""Known names that a sentence lists at the most."""


def instead(name: str, known: Sequence[str]) -> str:
    """What of ``known`` may have been meant by ``name``."""
    if not known:
        return "none is known"
    if near := nearest(name, known):
        return f"did you mean `{near}`?"
    more = len(known) - MOST_LISTED
    return f"known are {listed(known)}" if more <= 0 else f"known are {listed(known[:MOST_LISTED])} and {count(more)} more"


# Files and their text.


def unreadable(reason: str) -> str:
    """The operating system refuses to open or list it."""
    return f"cannot be read: {reason}; check that it exists and that guardian's user may read it"


def not_a_file() -> str:
    """A directory, a pipe or a device."""
    return "is not a regular file; put a text file here, or remove it"


def leads_out(target: str) -> str:
    """A symbolic link to somewhere else."""
    return f"leads out of the rules directory, to {visible(target)}; put the file itself into the directory"


def too_large(most: int) -> str:
    """More bytes than a configuration can need."""
    return f"is larger than {count(most)} bytes; split the file, or remove what does not belong there"


def not_utf8(byte: int) -> str:
    """Some other encoding."""
    return f"is not UTF-8: byte 0x{byte:02x} cannot stand here; save the file as UTF-8"


def byte_order_mark() -> str:
    """An editor's mark at the start of the file."""
    return "starts with a byte order mark; save the file as UTF-8 without it"


def hidden_character(character: str) -> str:
    """A character that cannot be seen and may deceive a reader."""
    return f"holds the invisible character U+{ord(character):04X}; remove it"


def tabs(lines: int) -> str:
    """Tabs in the indentation."""
    where = "this line" if lines == 1 else f"{count(lines)} lines, this one first"
    return f"tabs indent {where}; YAML knows only blanks: write two blanks for each step"


def directive() -> str:
    """A line that speaks to the YAML parser."""
    return "a line starting with `%` instructs the YAML parser; remove it"


def no_yaml(problem: str) -> str:
    """The parser gives up."""
    return f"is not YAML: {problem}; check indentation, colons and quotes in this line and the one above"


def within(problem: str, context: str, line: int) -> str:
    """What the parser was at when it met a problem."""
    return f"{problem} {context} that starts in line {line}"


def empty_file() -> str:
    """Nothing but comments."""
    return "is empty; remove the file, or write what it should say"


def no_variable(text: str) -> str:
    """A path that begins like a variable."""
    return f"{quoted(text)} names a variable; the only one is `$CREDENTIALS_DIRECTORY/NAME`, a secret that systemd hands over"


def too_deep(deepest: int) -> str:
    """Nested deeper than any configuration."""
    return f"is nested deeper than {deepest} levels; no setting of guardian is"


def too_many_values(most: int) -> str:
    """More values than any configuration needs."""
    return f"the file holds more than {count(most)} values; split it"


def too_many_faults(most: int) -> str:
    """The end of a very long list."""
    return f"has more than {count(most)} faults; the others are told when these are gone"


def second_document() -> str:
    """A file is one document."""
    return "starts a second YAML document; one file holds one, so remove this line or move what follows into its own file"


def anchor(name: str) -> str:
    """What is to be repeated elsewhere."""
    return f"anchors are not used here; remove `&{clipped(name)}` and write the value wherever it is needed"


def alias(name: str) -> str:
    """What stands for something elsewhere."""
    return f"aliases are not used here; write the value itself instead of `*{clipped(name)}`"


def tag(name: str) -> str:
    """A type forced upon a value."""
    return f"tags are not used here; remove `{clipped(name)}`"


def key_not_text() -> str:
    """A list or mapping as a key."""
    return "a key must be a plain word, not a list, a mapping or an alias; write `key: value`"


def given_twice(key: str, line: int) -> str:
    """The same key twice in one mapping."""
    return f"{quoted(key)} stands in line {line} already; keep one of the two"


# Keys and their values.


def unknown_key(key: str, known: Sequence[str]) -> str:
    """A key that nobody asks for."""
    return f"{quoted(key)} is not known here; {instead(key, known)}"


def missing(form: str) -> str:
    """A required key that is not there."""
    return f"is missing; write {form}"


def missing_section() -> str:
    """A required mapping that is not there."""
    return "is missing; write it with its keys indented below it"


def missing_list() -> str:
    """A required list that is not there."""
    return "is missing; write it with one item a line below it, each starting with `- `"


def no_value(form: str) -> str:
    """A key with nothing behind it."""
    return f"has no value; write {form}"


def misfit(text: str, form: str) -> str:
    """A value that is not what its key asks for."""
    return f"{quoted(text)} does not fit; write {form}"


def must_be_one_value(form: str) -> str:
    """A list or mapping where one value is asked for."""
    return f"must be one value; write {form}"


def must_be_keys() -> str:
    """Something else where keys with values are asked for."""
    return "must hold keys and values; write `key: value` lines, indented below it"


def must_be_a_list() -> str:
    """Something else where a list is asked for."""
    return "must be a list; write one item a line, each starting with `- `"


def no_time_unit(number: str) -> str:
    """A bare number where a time is asked for."""
    shown = clipped(number)
    return f"`{shown}` has no unit; write `{shown}s` for seconds, or `{shown}ms` for milliseconds"


def no_percent(number: str) -> str:
    """A bare number where a share is asked for."""
    shown, value = clipped(number), float(number)
    if 0 < value < 1:
        return f"`{shown}` may mean `{shown}%` or `{value * 100:g}%`; write the one that is meant"
    return f"`{shown}` has no unit; write `{shown}%`"


def no_times(number: str) -> str:
    """A bare number where a multiple is asked for."""
    return f"{quoted(number)} has no unit; write `{clipped(number)}x`"


def out_of_range(text: str, least: str, most: str) -> str:
    """A value beyond what its key takes."""
    return f"{quoted(text)} is out of range; write {least} to {most}"


def not_a_share(text: str) -> str:
    """A limit that is always or never exceeded."""
    return f"{quoted(text)} is no limit: a share is always between 0% and 100%; write something between them, such as `1%`"


def home_directory(text: str) -> str:
    """A path that only a shell understands."""
    return f"{quoted(text)} starts with `~`, which only a shell expands; write the whole path"


def path_goes_up(text: str) -> str:
    """A path that leaves a directory which it names."""
    return f"{quoted(text)} goes up with `..`; write the path without it"


def path_not_plain(path: str) -> str:
    """A path that would have to be quoted in a HAProxy command."""
    return f"{quoted(path)} stands in HAProxy's commands; choose a path of letters, digits and `/_.:@+-`"


def socket_path_too_long(length: int, most: int) -> str:
    """The kernel's limit."""
    return f"the path of a socket has at most {most} bytes, this one has {length}; choose a shorter one"


# Services.


def no_services() -> str:
    """Nothing to guard."""
    return "names no service; write one, such as `web: {blue: web_blue, green: web_green}`"


def same_backend(backend: str) -> str:
    """Both environments in one."""
    return f"`{backend}` is blue's backend too; write the backend of the other environment"

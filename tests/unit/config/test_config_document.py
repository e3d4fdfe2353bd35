"""What is known of a value that was read: its text, its line, its path."""

from pathlib import Path

from guardian.config.document import Document, ListNode, MapNode, Node, ScalarNode, read_document
from guardian.config.faults import Findings

TEXT = """\
# a comment
name: web
octal: 0660
list:
  - one
  - key: no
    folded: >
      two
      lines
flow: {a: [1, 1.0, 5:30], "b c": ~}
"""


def read(tmp_path: Path, text: str) -> Document:
    """The document of ``text``, which has no fault."""
    path = tmp_path / "file.yaml"
    path.write_text(text)
    findings = Findings()
    document = read_document(path, findings)
    assert findings.faults == []
    assert document is not None
    return document


def scalars(node: Node) -> dict[str, tuple[int, str]]:
    """All scalars below ``node``: line and text by path."""
    match node:
        case ScalarNode(place, text):
            return {place.path: (place.line, text)}
        case ListNode(items=children):
            nodes = children
        case MapNode(entries=entries):
            nodes = list(entries.values())
        case _:
            nodes = []
    return {path: found for child in nodes for path, found in scalars(child).items()}


def test_every_value_knows_its_line_and_path_and_stays_text(tmp_path: Path) -> None:
    """No value is guessed to be a number, a boolean or nothing; a value in a mapping stands in the line of its key."""
    assert scalars(read(tmp_path, TEXT).root) == {
        "name": (2, "web"),
        "octal": (3, "0660"),
        "list[0]": (5, "one"),
        "list[1].key": (6, "no"),
        "list[1].folded": (7, "two lines\n"),
        "flow.a[0]": (10, "1"),
        "flow.a[1]": (10, "1.0"),
        "flow.a[2]": (10, "5:30"),
        "flow.b c": (10, "~"),
    }


def test_a_file_is_named_as_the_caller_named_it(tmp_path: Path) -> None:
    """Faults show the path that was asked for, not what it resolves to."""
    document = read(tmp_path, TEXT)
    assert document.root.place.file == str(tmp_path / "file.yaml")


def test_one_document_may_be_marked_as_such(tmp_path: Path) -> None:
    """The marks of a document's start and end are no second document."""
    assert scalars(read(tmp_path, "---\nname: web\n...\n").root) == {"name": (2, "web")}

"""The JSON Schema for editors says what the readers do, as far as a schema can."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from guardian.config.schema import rule_schema
from guardian.core.rules import Source
from guardian.core.words import schema as words

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
STRUCTURAL = ("is not known here", "is missing; write", "must hold keys and values", "must be a list", "belongs to", "has no test")
"""What sentences about the shape of a file say; values are beyond a schema."""


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    """The schema, which is a good one itself."""
    schema = rule_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def good() -> list[Path]:
    """Rule files without a fault."""
    return sorted([*(HERE / "good" / "rules").glob("*.yaml"), *(ROOT / "rules").glob("*.yaml")])


def bad() -> list[Path]:
    """Rule files of the gallery whose shape is wrong, as their sentences say."""
    found = sorted((HERE / "bad" / "rules").glob("*.yaml"))
    told = {path: path.with_suffix(".txt").read_text() for path in found}
    # A file without `service` may be one that others include: a schema cannot know.
    return [path for path in found if path.stem != "service-missing" and any(part in told[path] for part in STRUCTURAL)]


def read(path: Path) -> Any:
    """The file as an editor's YAML reader sees it."""
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("path", good(), ids=lambda path: path.stem)
def test_good_files_are_valid(validator: Draft202012Validator, path: Path) -> None:
    """An editor marks nothing in a file that guardian takes."""
    assert [error.message for error in validator.iter_errors(read(path))] == []


@pytest.mark.parametrize("path", bad(), ids=lambda path: path.stem)
def test_files_of_a_wrong_shape_are_not(validator: Draft202012Validator, path: Path) -> None:
    """Unknown and missing keys, and lists where there should be keys, are marked while they are typed."""
    assert not validator.is_valid(read(path))


def test_there_are_enough_of_both() -> None:
    """The gallery has something to compare."""
    assert len(good()) >= 2
    assert len(bad()) >= 15


def test_every_key_is_described(validator: Draft202012Validator) -> None:
    """An editor shows what each key is for."""
    names = set(_keys(validator.schema))
    assert {"on_no_data", "query", "match", "command", "runbook"} <= names
    assert words.undescribed(names) == set()


def test_every_source_is_there(validator: Draft202012Validator) -> None:
    """A new source is a new case of the schema."""
    assert validator.schema["$defs"]["rule"]["properties"]["source"]["enum"] == list(Source)


def _keys(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        properties = schema.get("properties", {})
        yield from properties if "additionalProperties" in schema else ()
        for value in schema.values():
            yield from _keys(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _keys(value)


def test_the_published_copy_is_current() -> None:
    """deploy/rules.schema.json is what `guardian rules schema` prints."""
    assert json.loads((ROOT / "deploy" / "rules.schema.json").read_text()) == json.loads(json.dumps(rule_schema()))

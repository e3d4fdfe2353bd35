"""Every parser that reads bytes of others: whatever they are, it gives a value or its own refusal, and never anything else."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.balancers.haproxy import syntax
from guardian.balancers.haproxy.counters import Table
from guardian.balancers.haproxy.document import parse
from guardian.balancers.haproxy.mapfile import MapFile
from guardian.balancers.haproxy.master import _pids
from guardian.balancers.haproxy.runtime import Worker
from guardian.cli.audit import _entry
from guardian.config.faults import ConfigFaults
from guardian.config.rulefiles import load_rules
from guardian.config.settings import load_settings
from guardian.core.alerts import Unreadable
from guardian.core.model import Service
from guardian.core.ports import BalancerError, SourceError
from guardian.core.rules import Sender
from guardian.metrics import answer
from guardian.metrics.alerts import alertmanager, sentry, zabbix
from guardian.metrics.answer import Reply

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
LINES = st.lists(st.text(alphabet=st.sampled_from("web_blue,BACKEND0159-\t #@%\x00é"), max_size=80), max_size=12).map("\n".join)
STAT = "# pxname,svname,qcur,scur,stot,hrsp_5xx,type,\n"


def shaped(*keys: str) -> st.SearchStrategy[Any]:
    """JSON that has the keys a reader looks for, with anything in them."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(keys, JSON | st.lists(JSON, max_size=3)))


PROMETHEUS = st.fixed_dictionaries(
    {"status": st.just("success") | JSON}, optional={"data": shaped("resultType", "result") | JSON, "warnings": JSON, "error": JSON}
)
ALERTS = shaped("alerts", "truncatedAlerts", "receiver", "status") | st.fixed_dictionaries(
    {"alerts": st.lists(shaped("labels", "annotations", "startsAt", "endsAt", "status", "fingerprint", "generatorURL"), max_size=3)}
)
SENTRY = st.fixed_dictionaries({"data": shaped("event", "issue", "metric_alert", "triggered_rule"), "action": JSON}) | JSON
ZABBIX = shaped("event", "value", "name", "tags", "severity", "host", "began", "url", "heartbeat") | JSON


@given(st.binary(max_size=400))
def test_haproxy_configurations(data: bytes) -> None:
    """Any bytes are a document, and come back as they were; its lines have words, or are none."""
    document = parse([("h.cfg", data)])
    assert document.files[0].data == data
    for section in document.sections:
        for statement in section.statements:
            assert isinstance(statement.words, tuple)
            statement.argument(1)


@given(st.text(max_size=200))
def test_haproxy_lines(line: str) -> None:
    """A line is read word by word, however it is quoted."""
    assert isinstance(syntax.keyword(line), str)
    assert all(isinstance(word, syntax.Word) for word in syntax.words(line))


@given(st.text(max_size=300) | LINES | LINES.map(STAT.__add__))
def test_the_counters(text: str) -> None:
    """A table that is none is a balancer that does not answer."""
    with suppress(BalancerError):
        Table().counters(["web_blue"], [text])
    with suppress(BalancerError):
        Table().health("web_blue", text)


@given(st.text(max_size=300) | LINES)
def test_the_replies_of_master_and_worker(text: str) -> None:
    """A listing without a worker, and a description without its lines, are refused by name."""
    with suppress(ConnectionResetError):
        assert all(pid >= 0 for pid in _pids(text))
    with suppress(ValueError):
        Worker.from_info(f"\n{text}")


@given(st.binary(max_size=300))
def test_the_map_file(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """A file that says no share says so."""
    path = tmp_path_factory.getbasetemp() / "fuzzed.map"
    path.write_bytes(data)
    with suppress(BalancerError):
        MapFile(path).read("web")


@given(
    st.integers(100, 599),
    st.binary(max_size=200) | JSON.map(json.dumps).map(str.encode) | PROMETHEUS.map(json.dumps).map(str.encode),
)
def test_the_answers_of_prometheus(status: int, body: bytes) -> None:
    """A number, no data, or a source that failed."""
    reply = Reply(status, body)
    for read in (answer.instant, answer.several):
        with suppress(SourceError):
            read(reply)
    with suppress(SourceError):
        answer.series(reply, [0, 15])


@given(st.binary(max_size=200) | (ALERTS | SENTRY | ZABBIX | JSON).map(json.dumps).map(str.encode))
def test_the_deliveries_of_alerts(body: bytes) -> None:
    """Alerts, sentences about what is not used, or a delivery that cannot be read."""
    for sender in Sender:
        with suppress(Unreadable):
            assert all(isinstance(said, str) for said in alertmanager.read(sender, body, 1e9).refused)
    for resource in ("event_alert", "metric_alert", "issue", "comment", ""):
        with suppress(Unreadable):
            sentry.read(resource, body, 1e9)
    with suppress(Unreadable):
        zabbix.read(body, 1e9)


@given(st.binary(max_size=300) | JSON.map(json.dumps).map(str.encode))
def test_configuration_and_rules(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Settings, rules, or a list of faults."""
    directory = tmp_path_factory.getbasetemp() / "fuzzed"
    directory.mkdir(exist_ok=True)
    for name in ("guardian.yaml", "web.yaml"):
        (directory / name).write_bytes(data)
    with suppress(ConfigFaults):
        load_settings(directory / "guardian.yaml")
    with suppress(ConfigFaults):
        load_rules(directory, {"web": Service("web", "b", "g")})


@given(st.text(max_size=200) | JSON.map(json.dumps))
def test_lines_of_an_exported_log(line: str) -> None:
    """An entry, or none."""
    with suppress(ValueError, TypeError, KeyError):
        _entry(line)

"""What people write who have Prometheus take back a release: its configuration, Alertmanager's, the webhook's, and the script."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from guardian.demo.ports import LOOPBACK
from tests.bench.race.crew import SLOW
from tests.bench.race.entrant import Fragment, Ground, Lane

LIMIT = 0.01
"""The share of errors that all entrants tolerate."""
HOOK = "revert"

MAP_SCRIPT = """\
#!/bin/sh
# {name} blue|green SERVICE...: moves traffic at once, and remembers it for the next start of HAProxy.
set -eu
side=$1; shift
exec 9>{ground.directory}/flip.lock
flock 9
for service in "$@"; do
    echo "set map {ground.map} $service $side" | socat stdio unix-connect:{ground.socket}
done
for service in "$@"; do
    sed -i "s/^$service .*/$service $side/" {ground.map}
done
"""
RELOAD_SCRIPT = """\
#!/bin/sh
# {name} blue|green SERVICE...: writes the backend into haproxy.cfg, and has it read again.
set -eu
side=$1; shift
exec 9>{ground.directory}/flip.lock
flock 9
for service in "$@"; do
    sed -i "/^frontend $service\\$/,/default_backend/ s/default_backend .*/default_backend ${{service}}_$side/" {ground.config}
done
{ground.reload}
# A signal that comes while HAProxy starts its new worker would be lost: the next one waits for its turn.
sleep 0.5
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """How the chain is set; all times as Prometheus writes them."""

    name: str
    title: str
    scrape: str
    evaluate: str
    window: str
    hold: str
    group_by: tuple[str, ...]
    group_wait: str
    group_interval: str
    repeat: str
    period: float
    """Seconds between two scrapes, and between two evaluations."""
    slow: bool = False

    @property
    def timeout(self) -> str:
        """A scrape must not take longer than their interval."""
        return "10s" if self.slow else self.scrape


COMMON = Setting(
    *("15s", "Prometheus + Alertmanager, 15 s / 15 s / for 1m / group_wait 30s", "15s", "15s", "1m", "1m"),
    *(("alertname", "cluster", "service"), "30s", "5m", "3h", 15.0),
    slow=True,
)
"""The files of Debian's packages, which are Prometheus' and Alertmanager's examples, and the ``for`` of most published rules."""
TUNED = Setting("1s", "Prometheus + Alertmanager, 1 s / 1 s / 0 / 0", "1s", "1s", "3s", "0s", ("...",), "0s", "1s", "4h", 1.0)
"""The best that people would run."""
EXTREME = Setting(
    "100ms", "Prometheus + Alertmanager, 100 ms / 100 ms / 0 / 0", "100ms", "100ms", "1s", "0s", ("...",), "0s", "1s", "4h", 0.1
)
"""As fast as it goes."""
SETTINGS = (COMMON, TUNED, EXTREME)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each program listens, on 127.0.0.1."""

    prometheus: int
    alertmanager: int
    webhook: int


def prometheus(ground: Ground, setting: Setting, ports: Ports, run: str) -> str:
    """``prometheus.yml``. Scrapes have a phase that depends on the target's labels; ``run`` among them gives each run its own."""
    return yaml.safe_dump(
        {
            "global": {
                "scrape_interval": setting.scrape,
                "scrape_timeout": setting.timeout,
                "evaluation_interval": setting.evaluate,
                "external_labels": {"monitor": "example"},
            },
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"{LOOPBACK}:{ports.alertmanager}"]}]}]},
            "rule_files": ["rules.yml"],
            "scrape_configs": [
                {
                    "job_name": "haproxy",
                    "params": {"scope": ["backend"]},
                    "static_configs": [{"targets": [f"{LOOPBACK}:{ground.exporter_port}"], "labels": {"run": run}}],
                },
                {
                    "job_name": "application",
                    "static_configs": [{"targets": [f"{LOOPBACK}:{ground.application_port}"], "labels": {"run": run}}],
                },
            ],
        }
    )


def rules(lanes: Sequence[Lane], setting: Setting, run: str) -> str:
    """``rules.yml``: a group for each service. Evaluations have a phase that depends on its name, in which ``run`` stands."""
    return yaml.safe_dump({"groups": [{"name": f"{lane.name}-{run}", "rules": _alerts(lane, setting)} for lane in lanes]})


def _alerts(lane: Lane, setting: Setting) -> list[dict[str, object]]:
    """Errors as HAProxy counts them; the 95th percentile from the application's histogram, for HAProxy has only a sluggish mean."""
    answers, proxy, window = "haproxy_backend_http_responses_total", f'proxy="{lane.green}"', setting.window
    errors = f'sum(rate({answers}{{{proxy},code="5xx"}}[{window}])) / sum(rate({answers}{{{proxy}}}[{window}]))'
    buckets = f'http_request_duration_seconds_bucket{{lane="{lane.name}",environment="green"}}'
    slow = f"histogram_quantile(0.95, sum by (le) (rate({buckets}[{window}])))"
    servers = f"haproxy_backend_active_servers{{{proxy}}}"
    conditions = {"GreenErrors": f"{errors} > {LIMIT}", "GreenSlow": f"{slow} > {SLOW:g}", "GreenDown": f"{servers} == 0"}
    labels = {"service": lane.name, "severity": "page"}
    return [{"alert": name, "expr": expr, "for": setting.hold, "labels": labels} for name, expr in conditions.items()]


def alertmanager(setting: Setting, ports: Ports) -> str:
    """``alertmanager.yml``."""
    url = f"http://{LOOPBACK}:{ports.webhook}/hooks/{HOOK}"
    route = {
        "receiver": HOOK,
        "group_by": list(setting.group_by),
        "group_wait": setting.group_wait,
        "group_interval": setting.group_interval,
        "repeat_interval": setting.repeat,
    }
    return yaml.safe_dump(
        {"route": route, "receivers": [{"name": HOOK, "webhook_configs": [{"url": url, "send_resolved": False}]}]}
    )


def hooks(script: Path) -> str:
    """``hooks.json`` of webhook (github.com/adnanh/webhook): ``script blue SERVICE``."""
    arguments = [{"source": "string", "name": "blue"}, {"source": "payload", "name": "commonLabels.service"}]
    return json.dumps([{"id": HOOK, "execute-command": str(script), "pass-arguments-to-command": arguments}])


def by_map(ground: Ground, lane: Lane) -> Fragment:
    """The service's backend stands in the map."""
    return Fragment(frontend=(f"use_backend {lane.green} if {{ str({lane.name}),map({ground.map}) -m str green }}",))

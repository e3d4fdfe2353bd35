"""Whom the program asks: HAProxy, and the sources of its rules; built from the settings."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from guardian.app.codec import alert_from_record
from guardian.balancers.haproxy.balancer import Endpoints, HAProxy
from guardian.balancers.haproxy.fleet import Fleet
from guardian.balancers.haproxy.gate import REQUEST, Door
from guardian.config.configuration import Configuration
from guardian.config.settings import HaproxySettings, Instance, Settings
from guardian.core.alerts import Inbox
from guardian.core.drift import Unloaded
from guardian.core.model import Environment
from guardian.core.ports import Balancer, BalancerError, Metrics, StoreError
from guardian.core.rules import Source
from guardian.core.words import alerts
from guardian.metrics.alerts.source import AlertsSource
from guardian.metrics.command import CommandSource
from guardian.records.store import SqlStore

logger = logging.getLogger(__name__)


def check_online(configuration: Configuration) -> list[str]:
    """Ask HAProxy whether it knows what the configuration names. One sentence per fault; empty when it does."""
    return asyncio.run(_check_online(configuration))


async def _check_online(configuration: Configuration) -> list[str]:
    faults: dict[str, None] = {}
    async with haproxy_of(configuration.settings) as balancer:
        for service in configuration.settings.services.values():
            for question in (
                *(balancer.health(service.backend(environment)) for environment in Environment),
                balancer.read(service.name),
                balancer.stored(service.name),
                balancer.about(service.name),
                balancer.storable(service.name),
            ):
                try:
                    await question
                except BalancerError as error:
                    faults[str(error)] = None
    return list(faults)


@asynccontextmanager
async def haproxy_of(settings: Settings) -> AsyncIterator[Balancer]:
    """HAProxy on this host; all of them, where there are several."""
    haproxy, services = settings.haproxy, settings.services
    async with AsyncExitStack() as ends:

        def carrier(of: HaproxySettings | Instance, name: str, names: Iterable[str]) -> HAProxy:
            state, sockets = settings.state_dir / "haproxy" / name, (of.socket, of.map, of.master_socket)
            gate, load = Door(settings.state_dir / REQUEST), haproxy.unloaded_edits is Unloaded.LOAD
            endpoints = Endpoints(*sockets, haproxy.timeout, of.files, state, of.unit, gate, load)
            balancer = HAProxy(endpoints, [services[name] for name in names])
            ends.push_async_callback(balancer.aclose)
            return balancer

        carriers: dict[str, HAProxy] = {}
        for name, instance in haproxy.instances.items():
            carriers |= dict.fromkeys(instance.services, carrier(instance, name, instance.services))
        rest = [name for name in services if name not in carriers]
        main = carrier(haproxy, "", rest)
        if not carriers:
            yield main
            return
        fleet = Fleet(services, carriers | dict.fromkeys(rest, main))
        ends.push_async_callback(fleet.aclose)
        yield fleet


@asynccontextmanager
async def sources_of(settings: Settings, inbox: Inbox) -> AsyncIterator[Mapping[Source, Metrics]]:
    """What rules may ask. A source that ``guardian.yaml`` does not name is not there: no rule that asks it is accepted."""
    async with AsyncExitStack() as ends:
        commands = CommandSource()
        ends.push_async_callback(commands.aclose)
        found: dict[Source, Metrics] = {Source.COMMAND: commands}
        prometheus = None
        if settings.prometheus is not None:
            from guardian.metrics.source import PrometheusSource  # noqa: PLC0415  heavy, and needed by those who have it only

            prometheus = PrometheusSource(settings.prometheus)
            ends.push_async_callback(prometheus.aclose)
            found[Source.PROMETHEUS] = prometheus
        yield found | {Source.ALERTS: AlertsSource(inbox, prometheus)}


def inbox_of(settings: Settings, store: SqlStore) -> Inbox:
    """The alerts that an earlier run heard. Without them guardian starts all the same: what it was told again, it knows again."""
    try:
        kept = [alert_from_record(record) for record in store.alerts()]
    except (StoreError, ValueError) as error:
        logger.error("%s", alerts.not_remembered(str(error)))  # noqa: TRY400  the sentence says it all
        kept = []
    return Inbox(settings.alerts, kept)

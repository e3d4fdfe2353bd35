"""``guardian haproxy apply``: root's part of a change of routing by reload, started by ``guardian-apply.service``.

Whoever can write HAProxy's configuration is root. So guardian cannot; it can have this program change one number of its own block.
The program trusts nothing that guardian says: it reads who is configured from a guardian.yaml that is root's alone, works out the
new configuration by itself, and refuses one in which a byte outside guardian's own block differs, or whose block is not exactly
what guardian renders for the service.
"""

import asyncio
import contextlib
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

import click

from guardian.balancers.haproxy import process
from guardian.balancers.haproxy.balancer import Endpoints, HAProxy
from guardian.balancers.haproxy.gate import REQUEST, Answer, BadRequest, Do, Request
from guardian.balancers.haproxy.runtime import Runtime
from guardian.config.faults import ConfigFaults
from guardian.config.settings import HaproxySettings, Instance, Settings, load_settings
from guardian.core.drift import Unloaded
from guardian.core.model import Split, Way
from guardian.core.ports import BalancerError, BalancerGone, BalancerUnfit
from guardian.core.words import refusals
from guardian.core.words import reload as words

OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
AWAKE_SECONDS = 0.5
"""How often the event loop wakes by itself."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Where the program finds what it needs."""

    config: Path
    answer: Path
    state: Path
    """A directory of root's, in which it is remembered what HAProxy has loaded."""


def apply(paths: Paths) -> None:
    """Do what is asked for, and leave the answer. ``click.ClickException`` with the same sentence when it was not done."""
    try:
        _trusted(paths.config)
        settings = load_settings(paths.config)
        request = Request.read(settings.state_dir / REQUEST)
    except ConfigFaults as faults:
        raise click.ClickException(str(faults)) from faults
    except BadRequest as bad:
        raise click.ClickException(words.bad_request(str(bad))) from bad
    except BalancerError as error:
        raise click.ClickException(str(error)) from error
    try:
        answer = asyncio.run(_carry_out(request, settings, paths.state))
    except BalancerError as error:
        answer = Answer.to(request.nonce, error)
    answer.write(paths.answer)
    if answer.kind:
        raise click.ClickException(answer.trouble)
    if request.do is Do.ROUTE:
        click.echo(words.root_loaded(request.service, Split(request.green), len(answer.workers), answer.seconds))
    elif request.do is Do.STORE:
        click.echo(words.root_stored(request.service, Split(request.green)))


def _trusted(config: Path) -> None:
    """:class:`BalancerUnfit` where somebody else than root could have written the file that root is about to act on."""
    if os.geteuid() != 0:
        return  # who is not root acts in nobody's name but his own
    for path in (config, config.resolve(), *config.resolve().parents):
        try:
            found = path.stat()
        except OSError as error:
            raise BalancerUnfit(words.untrusted(path, error.strerror or str(error))) from error
        if found.st_uid != 0:
            raise BalancerUnfit(words.untrusted(path, words.not_roots()))
        if found.st_mode & OTHERS_MAY_WRITE and not found.st_mode & stat.S_ISVTX:
            raise BalancerUnfit(words.untrusted(path, words.writable_by_others()))


def _stay_awake(loop: asyncio.AbstractEventLoop) -> None:
    """Have the loop wake now and then: a thread's call is lost when the loop's own pipe fails, and nothing else would wake it."""
    loop.call_later(AWAKE_SECONDS, _stay_awake, loop)


async def _carry_out(request: Request, settings: Settings, state: Path) -> Answer:
    _stay_awake(asyncio.get_running_loop())
    service = settings.services.get(request.service)
    if service is None:
        raise BalancerUnfit(refusals.unknown_service(request.service, sorted(settings.services)))
    if service.routing.way is not Way.RELOAD:
        raise BalancerUnfit(words.not_by_reload(request.service))
    carrier = _carrier(service.name, settings)
    together = [one for one in settings.services.values() if _carrier(one.name, settings) == carrier]
    async with contextlib.aclosing(HAProxy(await _endpoints(*carrier, settings, state), together)) as haproxy:
        changer, split = haproxy.rewriter, Split(request.green)
        if request.do is Do.STORE:
            await changer.store(service, split)
        elif request.do is Do.ROUTE:
            routed = await changer.route(service, split, safe=request.safe)
            return Answer(request.nonce, workers=routed.workers, seconds=routed.seconds)
        else:
            await changer.storable(service)
            return Answer(request.nonce, edited=tuple(await changer.observe(service)))
    return Answer(request.nonce)


def _carrier(service: str, settings: Settings) -> tuple[str, HaproxySettings | Instance]:
    """The HAProxy that carries ``service``, with its name; the main one has none."""
    haproxy = settings.haproxy
    return next(((name, one) for name, one in haproxy.instances.items() if service in one.services), ("", haproxy))


async def _endpoints(name: str, carrier: HaproxySettings | Instance, settings: Settings, state: Path) -> Endpoints:
    """Of one HAProxy; its master socket, too, which root may use though guardian was not given it."""
    haproxy = settings.haproxy
    load = haproxy.unloaded_edits is Unloaded.LOAD
    sockets = (carrier.socket, carrier.map, carrier.master_socket)
    found = Endpoints(*sockets, haproxy.timeout, carrier.files, state / name, carrier.unit, load_unloaded=load)
    if found.master_socket:
        return found
    with contextlib.suppress(BalancerGone):  # a HAProxy that is down has none; its file can be written all the same
        worker = (await Runtime(found.socket, found.timeout).ask()).worker
        run = await asyncio.to_thread(lambda: process.invocation(process.parent(worker.pid)))
        return replace(found, master_socket=run.master_socket)
    return found

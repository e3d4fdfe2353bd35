"""Which HAProxy answers, and what guardian can do with it: found out, not assumed."""

import re
from dataclasses import replace

from guardian.core.ports import About, BalancerUnfit
from guardian.core.words import abilities as words
from guardian.core.words import shield

OLDEST = (2, 4)
OLDEST_BY_RELOAD = (2, 6)
"""Earlier ones change no variable of a worker through the master socket: experimental commands do not pass it."""
_VERSION = re.compile(r"^Version: (v?(\d+)\.(\d+)\S*)", re.MULTILINE)


def about(info: str, *, master: bool, by_reload: bool = False) -> About:
    """What ``show info`` says of HAProxy; ``master``: whether its master socket is known.

    :class:`BalancerUnfit` before 2.4, which cannot do what guardian needs; before 2.6 with its master socket for a service that is
    routed by reload; and for an answer that names no version.
    """
    found = _VERSION.search(info)
    if not found:
        raise BalancerUnfit(words.no_version())
    version, number = found[1], (int(found[2]), int(found[3]))
    if number < OLDEST:
        raise BalancerUnfit(words.too_old(version))
    if by_reload and master and number < OLDEST_BY_RELOAD:
        raise BalancerUnfit(words.master_too_old(version))
    can, cannot = [words.moves_traffic(number)], list[str]()
    (can if number >= (2, 5) else cannot).append(words.moves_queues())
    (can if master else cannot).append(words.reaches_all_workers(master=master))
    (can if number >= (2, 7) else cannot).append(words.answers_reloads())
    return About(version, tuple(can), tuple(cannot))


def with_shield(found: About, service: str, *, able: bool) -> About:
    """``found``, and whether HAProxy can save what a release of ``service`` fails on trial."""
    if able:
        return replace(found, abilities=(*found.abilities, shield.ability()))
    return replace(found, lacks=(*found.lacks, shield.not_loaded(service)))

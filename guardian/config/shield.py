"""The key ``shield`` of a service: which requests the other environment answers while a release is on trial."""

import re

from guardian.config import kinds
from guardian.config.document import ScalarNode
from guardian.config.fields import Fields, Kind, Misfit
from guardian.core.model import Way
from guardian.core.shield import FAILURES, METHODS, Further, Shield
from guardian.core.words import faults as faults_words
from guardian.core.words import shield as words

KNOWN_FAILURES = (*FAILURES, "junk-response", "401", "403", "404", "408", "425", "429", "501")
"""What HAProxy 2.4 and later can repeat a request for."""
SAFE = (*METHODS, "PROPFIND", "REPORT", "SEARCH", "TRACE")
"""The methods that are safe by definition (IANA's registry of HTTP methods)."""
_PATH = re.compile(r"/[A-Za-z0-9/_.~%:@+-]{0,200}")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_METHOD = re.compile(r"[A-Z]{1,20}")
_BUDGET = re.compile(r"([1-9][0-9]{0,6}) ?/ ?s")


def read_shield(service: Fields, way: Way) -> Shield | None:
    """The shield of the ``service``, whose routing goes by ``way``; what there is to save, unless it says otherwise."""
    node = service.node("shield")
    if node is None:
        return Shield() if way is Way.RUNTIME else None
    if isinstance(node, ScalarNode):
        if node.text not in {"on", "off"}:
            service.fault("shield", faults_words.misfit(node.text, words.a_shield()))
        shield = Shield() if node.text == "on" else None
    else:
        shield = _read(service.section("shield"))
    if shield and way is Way.RELOAD:
        service.fault("shield", words.needs_runtime())
    return shield


def _read(fields: Fields) -> Shield:
    shield = Shield(
        methods=fields.optional_list("methods", kinds.word({one: one for one in SAFE}, words.a_method())) or METHODS,
        also=fields.optional_list("also", Kind(_further, words.a_further(), Further("POST", "/search"))),
        never=fields.optional_list("never", Kind(_path, words.a_path(), "/reports/")),
        failures=fields.optional_list("failures", kinds.word({one: one for one in KNOWN_FAILURES})) or FAILURES,
        patience=fields.optional("patience", kinds.duration("50ms", "1h", "2s"), 2.0),
        budget=fields.optional("budget", Kind(_budget, words.a_budget(), 200), None),
    )
    fields.close()
    return shield


def _further(text: str) -> Further:
    method, _, rest = text.partition(" ")
    path, asked, header = rest.partition(" with ")
    if not _METHOD.fullmatch(method) or not _PATH.fullmatch(path) or (asked and not _HEADER.fullmatch(header)):
        raise Misfit(faults_words.misfit(text, words.a_further()))
    return Further(method, path, header)


def _path(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise Misfit(faults_words.misfit(text, words.a_path()))
    return text


def _budget(text: str) -> int:
    parts = _BUDGET.fullmatch(text)
    if not parts:
        raise Misfit(faults_words.misfit(text, words.a_budget()))
    return int(parts[1])

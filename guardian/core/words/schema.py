"""What editors show beside the keys of a rule file."""

_KEYS = {
    "service": "The service that these rules judge; it stands in guardian.yaml.",
    "include": "Files of rules that several services share.",
    "defaults": "What each rule of this file takes that does not say otherwise.",
    "rules": "The rules, each with a name of its own.",
    "name": "What messages call the rule.",
    "summary": "What a breach means, for the people who are called.",
    "source": "Where the readings come from.",
    "ratio": "A share of counters of HAProxy.",
    "value": "A value that guardian computes from HAProxy's counters.",
    "query": "PromQL that gives one number; $candidate, $baseline, $service, $window and $since_cutover stand for themselves.",
    "match": "Which alerts count: those that fulfil all of these conditions.",
    "from": "Whose alerts count; all that guardian.yaml names where it is absent.",
    "command": "A program and its arguments; no shell is involved.",
    "timeout": "When the program is ended, with its children.",
    "environment": "Variables for the program, beside those of guardian that begin with GUARDIAN_.",
    "at_fault": "The exit codes that find the release at fault; 0 is a good one, every other a source that failed.",
    "test": "`sequential` weighs the evidence at every look; without it, `above` or `below` is a limit.",
    "limit": "The rate that is tolerated.",
    "against": "What the rate is held against.",
    "tolerance": "How many times the baseline's rate is tolerated.",
    "floor": "The rate that is always tolerated.",
    "false_alarm": "How likely a good release is taken back in a whole watch.",
    "above": "Bad when the value is higher.",
    "below": "Bad when the value is lower.",
    "every": "How often it is evaluated.",
    "window": "How far an evaluation looks back; never behind the cutover.",
    "for": "How many evaluations make a breach.",
    "warm_up": "How long after the cutover nothing is read.",
    "min_requests": "Requests that a judgement needs.",
    "on_no_data": "What the end of the watch makes of silence. Somebody has to decide: there is no default.",
    "on_source_error": "What the end of the watch makes of a source that failed.",
    "action": "What a breach leads to.",
    "severity": "How loudly a breach is told.",
    "shadow": "Judge and tell, and do nothing: for a rule that has to earn its trust.",
    "links": "Where people read on; in every message about the rule.",
    "runbook": "What to do about a breach.",
    "dashboard": "Where to look.",
}


def title() -> str:
    """The schema's title."""
    return "Rules of guardian"


def description() -> str:
    """The schema's description."""
    return (
        "One file for each service, or rules that several services include. Editors that speak to yaml-language-server find this "
        "schema by a first line `# yaml-language-server: $schema=` with its path or address. What a schema cannot say, "
        "`guardian rules check` does."
    )


def key(name: str, form: str) -> str:
    """What ``name`` is for, and what to write."""
    return " ".join(part for part in (_KEYS.get(name, ""), f"Write {form}." if form else "") if part)


def undescribed(names: set[str]) -> set[str]:
    """Which of ``names`` have no description."""
    return names - _KEYS.keys()

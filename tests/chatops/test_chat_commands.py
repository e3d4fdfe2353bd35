"""``/bg`` understands what people type, says what they probably meant, and never guesses about what moves traffic."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.chatops.commands import LONGEST_REASON, parse
from guardian.chatops.wishes import (
    NEED_REASON,
    OF_ALL,
    OF_DEPLOYMENTS,
    OF_RULES,
    OF_SERVICES,
    QUESTIONS,
    Known,
    Misread,
    Verb,
    Wish,
    written,
)
from guardian.core.model import Environment

TWO = Known(("web", "shop"), {"web": ("errors", "slow"), "shop": ("errors",)})
ONE = Known(("web",))
GREEN = Environment.GREEN

UNDERSTOOD: dict[str, Wish] = {
    "": Wish(Verb.HELP),
    "help": Wish(Verb.HELP),
    "help me please": Wish(Verb.HELP),
    "status": Wish(Verb.STATUS),
    "STATUS `web`": Wish(Verb.STATUS, "web"),
    "status all": Wish(Verb.STATUS),
    "where Web": Wish(Verb.STATUS, "web"),
    "switch web": Wish(Verb.SWITCH, "web"),
    "switch web to green": Wish(Verb.SWITCH, "web", GREEN),
    "switch web green 5%": Wish(Verb.SWITCH, "web", GREEN, 500),
    "switch web to green at 5 %": Wish(Verb.SWITCH, "web", GREEN, None, reason="at 5 %"),
    "switch web --share 5%": Wish(Verb.SWITCH, "web", None, 500),
    "switch web --share=0.25%": Wish(Verb.SWITCH, "web", None, 25),
    "switch web --share 5 % new release": Wish(Verb.SWITCH, "web", None, 500, reason="new release"),
    "switch web —share 5% because v2": Wish(Verb.SWITCH, "web", None, 500, reason="v2"),
    "switch web “a fix for the cart”": Wish(Verb.SWITCH, "web", reason="a fix for the cart"),
    "switch web a fix --share 5% --to green": Wish(Verb.SWITCH, "web", GREEN, 500, reason="a fix"),
    "switch web --reason to green or not --share 5%": Wish(Verb.SWITCH, "web", None, 500, reason="to green or not"),
    "deploy web 2.4.1": Wish(Verb.DEPLOY, "web", version="2.4.1"),
    "deploy web 2.4.1 the new cart": Wish(Verb.DEPLOY, "web", version="2.4.1", reason="the new cart"),
    "rollback web": Wish(Verb.ROLLBACK, "web"),
    "revert web 500s everywhere": Wish(Verb.ROLLBACK, "web", reason="500s everywhere"),
    "rollback web --force blue is sick, green is worse": Wish(
        Verb.ROLLBACK, "web", force=True, reason="blue is sick, green is worse"
    ),
    "rollback web --redeploy": Wish(Verb.ROLLBACK, "web", redeploy=True),
    "approve web-7 --break-glass nobody else is awake": Wish(Verb.APPROVE, "web-7", force=True, reason="nobody else is awake"),
    "deploy web 2.4.1 --again": Wish(Verb.DEPLOY, "web", version="2.4.1", again=True),
    "rollback web because --force did not help": Wish(Verb.ROLLBACK, "web", reason="--force did not help"),
    "approve web-7": Wish(Verb.APPROVE, "web-7"),
    "lgtm WEB-7 looked at it": Wish(Verb.APPROVE, "web-7", reason="looked at it"),
    "approve web-7 --force nobody else is awake": Wish(Verb.APPROVE, "web-7", force=True, reason="nobody else is awake"),
    "reject web-7 wrong day": Wish(Verb.REJECT, "web-7", reason="wrong day"),
    "pause web": Wish(Verb.PAUSE, "web"),
    "resume web all fine": Wish(Verb.RESUME, "web", reason="all fine"),
    "promote web": Wish(Verb.PROMOTE, "web"),
    "abort web": Wish(Verb.ABORT, "web"),
    "freeze web db migration --for 2h": Wish(Verb.FREEZE, "web", seconds=7200.0, reason="db migration"),
    "freeze web db migration for 2 hours": Wish(Verb.FREEZE, "web", seconds=7200.0, reason="db migration"),
    "freeze web --for 1h30m --reason sale": Wish(Verb.FREEZE, "web", seconds=5400.0, reason="sale"),
    "lock web --for 90 min sale": Wish(Verb.FREEZE, "web", seconds=5400.0, reason="sale"),
    "unfreeze web": Wish(Verb.UNFREEZE, "web"),
    "unlatch web fixed in v3": Wish(Verb.UNLATCH, "web", reason="fixed in v3"),
    "rules": Wish(Verb.RULES),
    "history web --limit 5": Wish(Verb.HISTORY, "web", limit=5),
    "why web-7": Wish(Verb.EXPLAIN, "web-7"),
    "note web-7": Wish(Verb.NOTE, "web-7"),
    "reject web-7 ask &lt;@UBOB|bob&gt; first": Wish(Verb.REJECT, "web-7", reason="ask <@UBOB|bob> first"),
    "reject web-7 ask <@UBOB|bob> in <#C1|deploys>": Wish(Verb.REJECT, "web-7", reason="ask @bob in #deploys"),
    "reject web-7 see <https://example.org/1|the ticket>": Wish(Verb.REJECT, "web-7", reason="see https://example.org/1"),
}

MISREAD: dict[str, tuple[str, str]] = {
    "statsu web": ("There is no command `statsu`", "status web"),
    "rolback web it burns": ("There is no command `rolback`", "rollback web it burns"),
    "roll back web": ("There is no command `roll`", "rollback web"),
    "frobnicate": ("There is no command `frobnicate`", ""),
    "switch": ("`switch` of which service? `web` or `shop`", ""),
    "switch wbe to green": ("There is no service `wbe`", "switch web to green"),
    "switch payments": ("There is no service `payments`; guardian guards `web` and `shop`", ""),
    "switch web to gren": ("`gren` is neither `blue` nor `green`", "switch web to green"),
    "switch web --to gren": ("`gren` is neither `blue` nor `green`", "switch web --to green"),
    "switch web --share 5": ("`5` is no share of the traffic", "switch web --share 5%"),
    "switch web --share 500%": ("`500%` is no share", ""),
    "switch web --share 0%": ("`0%` is no share", ""),
    "switch web --shar 5%": ("`--shar` does not go with this command", "switch web --share 5%"),
    "switch web --share": ("`--share` lacks its value", ""),
    "switch web --force": ("`switch --force` needs a reason", ""),
    "pause web --force": ("`--force` does not go with this command", ""),
    "deploy web": ("Deploy which version?", ""),
    "deploy web 2.4 --force": ("`deploy --force` needs a reason", ""),
    "approve": ("`approve` which deployment?", ""),
    "approve web": ("`web` is no deployment", ""),
    "approve web-7 --force": ("`approve --force` needs a reason", ""),
    "freeze web": ("`freeze` for how long?", ""),
    "freeze web --for 2h": ("`freeze` needs a reason", ""),
    "freeze web sale --for ever": ("`ever` is no length of time", ""),
    "freeze web sale --for 31d": ("`31d` is no length of time", ""),
    "unlatch web": ("`unlatch` needs a reason", ""),
    "history web --limit 100": ("`100` is no number of deployments", ""),
    "status web and more": ("`and` is more than this command takes", ""),
    "rollback web " + "x" * 4000: ("The reason is too long", ""),
}


@pytest.mark.parametrize("text", UNDERSTOOD)
def test_it_is_understood(text: str) -> None:
    """Each text is the wish that its writer had."""
    assert parse(text, TWO) == UNDERSTOOD[text]


@pytest.mark.parametrize("text", MISREAD)
def test_it_is_not_guessed(text: str) -> None:
    """Each text is refused with what is wrong, and, where it can be known, what was meant."""
    said, suggestion = MISREAD[text]
    with pytest.raises(Misread) as misread:
        parse(text, TWO)
    assert said in str(misread.value)
    assert misread.value.suggestion == suggestion
    if suggestion:
        assert f"Did you mean `/bg {suggestion}`?" in str(misread.value)


def test_every_suggestion_is_understood() -> None:
    """What guardian proposes can be copied and works."""
    for _, suggestion in MISREAD.values():
        if suggestion:
            parse(suggestion, TWO)


def test_a_single_service_goes_without_saying() -> None:
    """With one service nobody has to name it, and what follows the verb is the reason."""
    assert parse("rollback", ONE) == Wish(Verb.ROLLBACK, "web")
    assert parse("rollback it burns", ONE) == Wish(Verb.ROLLBACK, "web", reason="it burns")
    assert parse("switch to green", ONE) == Wish(Verb.SWITCH, "web", GREEN)
    with pytest.raises(Misread, match="Did you mean"):
        parse("rollback wbe", ONE)


NAMES = st.sampled_from(TWO.services)
IDS = st.builds("{}-{}".format, NAMES, st.integers(1, 10**6))
REASONS = st.text(string.ascii_letters + string.digits + " .,:;!?()äöü€", max_size=80).map(lambda text: " ".join(text.split()))


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    """Anything that can be wished for."""
    verb = draw(st.sampled_from(Verb))
    reason = "" if verb in QUESTIONS else draw(REASONS)
    if verb in NEED_REASON and not reason:
        reason = "because"
    subject = ""
    if verb in OF_SERVICES | OF_RULES or (verb in OF_ALL and draw(st.booleans())):
        subject = draw(NAMES)
    elif verb in OF_DEPLOYMENTS:
        subject = draw(IDS)
    switching = verb is Verb.SWITCH
    return Wish(
        verb,
        subject,
        to=draw(st.none() | st.sampled_from(Environment)) if switching else None,
        share=draw(st.none() | st.integers(1, 10_000)) if switching else None,
        version=draw(st.sampled_from(["2.4.1", "v3", "sha-0a1b2c"])) if verb is Verb.DEPLOY else "",
        seconds=float(draw(st.integers(1, 30 * 86400))) if verb in (Verb.FREEZE, Verb.MUTE) else None,
        limit=draw(st.none() | st.integers(1, 20)) if verb is Verb.HISTORY else None,
        force=verb is Verb.ROLLBACK and draw(st.booleans()),
        redeploy=verb is Verb.ROLLBACK and draw(st.booleans()),
        again=verb is Verb.DEPLOY and draw(st.booleans()),
        reason=reason,
        rule="errors" if verb in OF_RULES else "",
    )


@given(wishes())
def test_what_is_written_is_understood(wish: Wish) -> None:
    """Every wish has a typed form, and it is read back as it was."""
    assert parse(written(wish), TWO) == wish


@given(
    st.text(max_size=200)
    | st.lists(
        st.sampled_from([*Verb, "web", "web-1", "to", "green", "5%", "--for", "2h", "--share", "--force", "=", "<@U", "\x00", "ab"])
    ).map(" ".join)
)
def test_any_text_is_a_wish_or_a_sentence(text: str) -> None:
    """Whatever is typed, there is a wish or a sentence, and no wish has an endless reason."""
    try:
        said, reason = "", parse(text, TWO).reason
    except Misread as misread:
        said, reason = str(misread), ""
    assert len(said) < len(text) + 400
    assert len(reason) <= LONGEST_REASON


def test_a_rollback_is_never_guessed_from_another_command() -> None:
    """A misspelt command moves nothing, however near it is."""
    for text in ("rollbak web", "switc web", "aprove web-7", "promot web"):
        with pytest.raises(Misread):
            parse(text, TWO)

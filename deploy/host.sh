# shellcheck shell=sh
# What deploy/install.sh and the scripts of the Debian package do alike on a host. Who takes it in has a `say`, and says `set -e`.

# The lines that `guardian haproxy adopt` and `guardian init` write into HAProxy's configuration.
# shellcheck disable=SC2016  # backquotes that stand in the file
HOST_LINES='^[[:space:]]*# >>> guardian |`guardian haproxy adopt --remove` takes it out[[:space:]]*$'

# host_files PATTERN: which, side by side, of HAProxy's files have it: those below /etc/haproxy, and whatever else guardian.yaml names.
host_files() {
    {
        find -L /etc/haproxy -type f -name '*.cfg' || true
        sed -E 's/(^|[[:space:]])#.*//' /etc/guardian/guardian.yaml | grep -oE "/[^],\"'[:space:]]+" || true
    } 2>/dev/null | sort -u | while IFS= read -r host_file; do
        if [ -f "$host_file" ] && grep -qsE "$1" "$host_file"; then
            printf '%s\n' "$host_file"
        fi
    done | paste -sd' ' -
}

host_booted() {
    [ -d /run/systemd/system ]
}

# The user, the group and the directories that guardian needs.
host_account() {
    getent group guardian >/dev/null || groupadd --system guardian
    getent passwd guardian >/dev/null ||
        useradd --system --gid guardian --home-dir /var/lib/guardian --no-create-home --shell /usr/sbin/nologin guardian
    install -d -o root -g guardian -m 0750 /etc/guardian
    install -d -o root -g root -m 0700 /etc/guardian/credentials
    install -d -o root -g guardian -m 0755 /etc/guardian/rules
    install -d -o guardian -g guardian -m 0755 /var/lib/guardian
}

# Stop guardian, also one that is starting, or waits to be started again; $host_ran says whether there was one.
# shellcheck disable=SC2034
host_stop() {
    host_ran=no
    if host_booted && [ "$(systemctl show --property ActiveState --value guardian.service)" != inactive ]; then
        host_ran=yes
        say "stopping guardian; HAProxy goes on as it is"
        systemctl stop guardian.service
    fi
}

# host_release [--moving]: take guardian's lines out of HAProxy's configuration, and have it loaded. Fails where any stays: HAProxy would not
# start without the map that they ask.
host_release() {
    if [ -n "$(host_files "$HOST_LINES")" ]; then
        if [ -e /etc/guardian/guardian.yaml ] && [ -x /opt/guardian/bin/guardian ]; then
            say "taking guardian's lines out of HAProxy's configuration"
            /opt/guardian/bin/guardian haproxy adopt --config /etc/guardian/guardian.yaml --remove "$@" >&2 || return 1
        fi
        host_left="$(host_files "$HOST_LINES")"
        if [ -n "$host_left" ]; then
            say "these have lines of guardian's, without whose map HAProxy would not start: $host_left"
            say "\`guardian haproxy adopt --remove --file FILE\` takes them out of each, or take them out by hand"
            return 1
        fi
        if host_booted && systemctl is-active --quiet haproxy.service; then
            systemctl reload haproxy.service || say "HAProxy could not be reloaded, and goes on with what it has loaded: reload it"
        else
            say "haproxy.service does not run: whatever runs HAProxy here should reload it"
        fi
    fi
    rm -f /run/haproxy/guardian.sock
}

# Everything that guardian knew, and its account; not one that somebody else made or needs.
host_forget() {
    host_users="$(host_files '(^|[[:space:]])group[[:space:]]+guardian([[:space:]]|$)')"
    if grep -qs ',group,guardian\b' /etc/default/haproxy; then
        host_users="$host_users /etc/default/haproxy"
    fi
    rm -rf /etc/guardian /var/lib/guardian /var/lib/guardian-apply || say "not all of it could be removed, see above"
    if [ -n "$host_users" ]; then
        say "the user and the group guardian stay: HAProxy would not start without the group, which is named in $host_users"
    elif [ "$(getent passwd guardian | cut -d: -f6)" != /var/lib/guardian ]; then
        ! getent passwd guardian >/dev/null || say "the user guardian stays: it was here before"
    else
        userdel guardian || say "the user guardian could not be removed, see above"
        ! getent group guardian >/dev/null || groupdel guardian || say "the group guardian could not be removed, see above"
    fi
}

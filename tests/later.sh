# shellcheck shell=bash
# Sourced by tests/run.sh for the long run: HAProxy of a later Debian, in a throw-away root.
#
#   later_haproxy SUITE DIRECTORY   leaves DIRECTORY/haproxy, which runs here with the libraries it was built for

later_haproxy() {
    local suite="$1" root="$2" libraries
    [[ -x $root/haproxy ]] && "$root/haproxy" -v >/dev/null 2>&1 && return
    prepare_programs mmdebstrap patchelf
    prepare_say "unpacking HAProxy of Debian $suite into $root"
    rm -rf "$root"
    # A mirror may stand still for longer than a suite in the making allows. Its signature is checked all the same.
    mmdebstrap --quiet --variant=extract --aptopt='Acquire::Check-Valid-Until "false"' --include=haproxy "$suite" "$root"
    libraries="$root/usr/lib/$(uname -m)-linux-gnu"
    patchelf --output "$root/haproxy" --force-rpath --set-rpath "$libraries" \
        --set-interpreter "$(echo "$libraries"/ld-linux-*.so.*)" "$root/usr/sbin/haproxy"
}

# shellcheck shell=bash
# Sourced by tests/run.sh for the long run: HAProxy of the Debian after this one, in a throw-away root.
#
#   newest_haproxy DIRECTORY   leaves DIRECTORY/haproxy, which runs here with the libraries it was built for

newest_haproxy() {
    local root="$1" libraries
    [[ -x $root/haproxy ]] && "$root/haproxy" -v >/dev/null 2>&1 && return
    prepare_programs mmdebstrap patchelf
    prepare_say "unpacking HAProxy of Debian trixie into $root"
    rm -rf "$root"
    mmdebstrap --quiet --variant=extract --include=haproxy trixie "$root"
    libraries="$root/usr/lib/$(uname -m)-linux-gnu"
    patchelf --output "$root/haproxy" --force-rpath --set-rpath "$libraries" \
        --set-interpreter "$(echo "$libraries"/ld-linux-*.so.*)" "$root/usr/sbin/haproxy"
}

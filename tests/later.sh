# shellcheck shell=bash
# Sourced by tests/run.sh for the long run: programs of a later Debian, in throw-away roots.
#
#   later_haproxy SUITE DIRECTORY    leaves DIRECTORY/haproxy, which runs here with the libraries it was built for
#   later_systemd SUITE DIRECTORY    leaves DIRECTORY/systemd-analyze, which reads units as the systemd of SUITE does

later_haproxy() {
    later_program "$1" "$2" haproxy /usr/sbin/haproxy -v
}

later_systemd() {
    later_program "$1" "$2" systemd /usr/bin/systemd-analyze --version
}

# The program of a package, with the option by which it says that it runs.
later_program() {
    local suite="$1" root="$2" package="$3" program="$4" proof="$5" name libraries
    name="$(basename "$program")"
    [[ -x $root/$name ]] && "$root/$name" "$proof" >/dev/null 2>&1 && return
    prepare_programs mmdebstrap patchelf
    prepare_say "unpacking $package of Debian $suite into $root"
    rm -rf "$root"
    mkdir -p "$(dirname "$root")"
    # A mirror may stand still for longer than a suite in the making allows. Its signature is checked all the same.
    mmdebstrap --quiet --variant=extract --aptopt='Acquire::Check-Valid-Until "false"' --include="$package" "$suite" "$root"
    libraries="$root/usr/lib/$(uname -m)-linux-gnu"
    patchelf --output "$root/$name" --force-rpath --set-rpath "$libraries:$libraries/systemd" \
        --set-interpreter "$(echo "$libraries"/ld-linux-*.so.*)" "$root$program"
}

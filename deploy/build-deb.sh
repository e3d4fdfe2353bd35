#!/usr/bin/env bash
# Builds guardian_VERSION_ARCH.deb into the directory given (default: dist): guardian with all its packages, for this release of
# Debian or Ubuntu and its Python. `--wheels DIR` takes the packages from DIR instead of PyPI.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
out="$root/dist"
from=()
while (($#)); do
    case "$1" in
    --wheels)
        from=(--no-index --find-links "${2:?--wheels takes a directory}")
        shift
        ;;
    *) out="$1" ;;
    esac
    shift
done
for program in dpkg-deb /usr/bin/python3; do
    command -v "$program" >/dev/null || {
        printf 'build-deb: %s is missing\n' "$program" >&2
        exit 1
    }
done

version="$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$root/guardian/__init__.py")"
arch="$(dpkg --print-architecture)"
minor="$(/usr/bin/python3 -c 'import sys; print(sys.version_info.minor)')"
stage="$(mktemp -d)"
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"
venv="$stage/opt/guardian/$version"
mkdir -p "$(dirname "$venv")" "$stage"/{DEBIAN,lib/systemd/system,usr/bin,usr/share/doc/guardian}

/usr/bin/python3 -m venv "$venv"
pip=("$venv/bin/python" -m pip --quiet --disable-pip-version-check --no-input install)
"${pip[@]}" "${from[@]}" --require-hashes --requirement "$root/deploy/requirements.txt"
cp -R "$root/guardian" "$root/pyproject.toml" "$root/README.md" "$root/LICENSE" "$stage/DEBIAN/"
"${pip[@]}" --no-index --no-deps --no-build-isolation "$stage/DEBIAN"
rm -rf "$stage/DEBIAN" && mkdir "$stage/DEBIAN"
"$venv/bin/python" -m pip --quiet --disable-pip-version-check uninstall --yes pip
# A virtual environment finds its packages by where its Python is; only its scripts say where it was made.
find "$stage/opt" -name __pycache__ -prune -exec rm -rf {} +
grep -rlI -- "$stage" "$venv/bin" "$venv/pyvenv.cfg" | xargs sed -i "s|$stage||g"
find "$venv" -name direct_url.json -delete
/usr/bin/python3 -m compileall -q -s "$stage" -p / "$venv/lib" || true
ln -s "$version" "$stage/opt/guardian/current"
ln -s current/bin "$stage/opt/guardian/bin"
ln -s /opt/guardian/bin/guardian "$stage/usr/bin/guardian"
for unit in "$root"/deploy/guardian*.service; do
    install -m 0644 "$unit" "$stage/lib/systemd/system/"
done
# For systemd 254 and later alone. Its library is on every host, also on one that builds without a systemd.
if dpkg --compare-versions "$(dpkg-query --show --showformat='${Version}' libsystemd0)" ge 254~; then
    install -D -m 0644 "$root/deploy/guardian-restart.conf" "$stage/lib/systemd/system/guardian.service.d/restart.conf"
fi
if [[ -e $root/deploy/guardian-apply.rules ]]; then
    install -d "$stage/usr/share/polkit-1/rules.d"
    install -m 0644 "$root/deploy/guardian-apply.rules" "$stage/usr/share/polkit-1/rules.d/60-guardian-apply.rules"
fi
install -m 0644 "$root/README.md" "$root/CHANGELOG.md" "$root/LICENSE" "$root/deploy/guardian.yaml" "$stage/usr/share/doc/guardian/"

cat >"$stage/DEBIAN/control" <<END
Package: guardian
Version: $version
Architecture: $arch
Maintainer: the people who run it
Section: admin
Priority: optional
Depends: python3 (>= 3.$minor), python3 (<< 3.$((minor + 1))), passwd
Recommends: haproxy (>= 2.4)
Installed-Size: $(du -sk "$stage/opt" | cut -f1)
Description: blue/green traffic behind HAProxy, taken back when a release misbehaves
 Moves the traffic of a service between two HAProxy backends, watches HAProxy's
 own counters, and moves it back by itself when the new release fails.
END
cat >"$stage/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
getent group guardian >/dev/null || groupadd --system guardian
getent passwd guardian >/dev/null ||
    useradd --system --gid guardian --home-dir /var/lib/guardian --no-create-home --shell /usr/sbin/nologin guardian
install -d -o root -g guardian -m 0750 /etc/guardian
install -d -o root -g root -m 0700 /etc/guardian/credentials
install -d -o root -g guardian -m 0755 /etc/guardian/rules
install -d -o guardian -g guardian -m 0755 /var/lib/guardian
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl enable --quiet guardian.service
    if [ -e /etc/guardian/guardian.yaml ]; then
        systemctl restart guardian.service || true
    else
        echo "guardian: next: guardian init, then systemctl start guardian"
    fi
fi
END
cat >"$stage/DEBIAN/preinst" <<'END'
#!/bin/sh
set -e
# An older guardian cannot read the records of a newer one: then it is not installed over it.
if [ "$1" = upgrade ] && dpkg --compare-versions "$2" gt-nl "@VERSION@"; then
    echo "guardian: $2 is installed, and @VERSION@ may not be able to read its records: purge it first, or stay" >&2
    exit 1
fi
END
sed -i "s/@VERSION@/$version/" "$stage/DEBIAN/preinst"
cat >"$stage/DEBIAN/prerm" <<'END'
#!/bin/sh
set -e
[ "$1" = remove ] || exit 0
if [ -d /run/systemd/system ]; then
    systemctl stop guardian.service || true
    systemctl disable --quiet guardian.service || true
fi
if [ -e /etc/guardian/guardian.yaml ] && grep -qs '>>> guardian ' /etc/haproxy/haproxy.cfg; then
    guardian haproxy adopt --config /etc/guardian/guardian.yaml --remove
    if [ -d /run/systemd/system ] && systemctl is-active --quiet haproxy.service; then
        systemctl reload haproxy.service
    fi
    rm -f /run/haproxy/guardian.sock
fi
END
cat >"$stage/DEBIAN/postrm" <<'END'
#!/bin/sh
set -e
[ ! -d /run/systemd/system ] || systemctl daemon-reload
rm -rf /run/guardian-apply
if [ "$1" = purge ]; then
    rm -rf /etc/guardian /var/lib/guardian /var/lib/guardian-apply /opt/guardian
    userdel guardian 2>/dev/null || true
    groupdel guardian 2>/dev/null || true
fi
END
chmod 755 "$stage"/DEBIAN/{preinst,postinst,prerm,postrm}
mkdir -p "$out"
# gzip: xz, the default, takes minutes of CPU, so that a build on a busy host gives up.
dpkg-deb --root-owner-group -Zgzip --build "$stage" "$out/guardian_${version}_$arch.deb" >/dev/null
printf '%s\n' "$out/guardian_${version}_$arch.deb"

#!/usr/bin/env bash
# Builds guardian_VERSION_ARCH.deb into the directory given (default: dist): guardian with all its packages, for this release of
# Debian or Ubuntu and its Python. `--wheels DIR` takes the packages from DIR instead of PyPI.
set -euo pipefail
umask 022 # what the package holds is for everybody to read, whoever builds it
unset PYTHONHOME PYTHONPATH

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
grep -rlIZ -- "$stage" "$venv/bin" "$venv/pyvenv.cfg" | xargs -0 sed -i "s|$stage||g"
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
install -d "$stage/usr/share/polkit-1/rules.d"
install -m 0644 "$root/deploy/guardian-apply.rules" "$stage/usr/share/polkit-1/rules.d/60-guardian-apply.rules"
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
# The package's scripts, each with what they share with deploy/install.sh.
for script in preinst postinst prerm postrm; do
    sed -e "/^\. deploy\/host\.sh\$/{r $root/deploy/host.sh" -e 'd}' -e "s/@VERSION@/$version/" "$root/deploy/debian/$script" >"$stage/DEBIAN/$script"
done
chmod 755 "$stage"/DEBIAN/{preinst,postinst,prerm,postrm}
mkdir -p "$out"
# gzip: xz, the default, takes minutes of CPU, so that a build on a busy host gives up.
dpkg-deb --root-owner-group -Zgzip --build "$stage" "$out/guardian_${version}_$arch.deb" >/dev/null
printf '%s\n' "$out/guardian_${version}_$arch.deb"

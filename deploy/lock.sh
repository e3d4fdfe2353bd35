#!/usr/bin/env bash
# Renews the lock files: the newest releases that pyproject.toml allows, with the hashes of their files. Needs PyPI, and nothing installed
# but Python. The tests get the same releases as the program.
#
#   deploy/lock.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip --quiet --disable-pip-version-check install uv

lock() {
    local target="$1"
    shift
    "$work/venv/bin/uv" --quiet pip compile --universal --python-version 3.11 --generate-hashes --upgrade \
        --no-emit-index-url --no-emit-find-links --custom-compile-command deploy/lock.sh --output-file "$target" "$@"
    printf '%s: %s packages\n' "$target" "$(grep -c == "$target")"
}

# What builds guardian is pinned beside what it imports: its installation then needs nothing that is not locked.
build_requirements() {
    python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'
}

build_requirements | lock deploy/requirements.txt pyproject.toml -
python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["haproxy"], sep="\n")' |
    lock deploy/requirements-haproxy.txt -
lock deploy/requirements-ansible.txt --extra ansible --constraint deploy/requirements.txt pyproject.toml
build_requirements | lock tests/requirements.txt --extra haproxy --extra ansible --group dev --constraint deploy/requirements.txt pyproject.toml -

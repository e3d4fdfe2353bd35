#!/usr/bin/env bash
# Audits the locked packages as far as a package index alone can tell: every one has a hash, exists with that very hash, and was not
# withdrawn ("yanked") by its authors. Known faults are in a database elsewhere: where that can be reached, run
# `pip-audit --require-hashes -r deploy/requirements.txt`, too. An index that cannot be reached fails nothing, and is never called a success.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/prepare.sh
source deploy/prepare.sh
prepare_python tests/requirements.txt

said="$(mktemp)"
trap 'rm -f "$said"' EXIT
bad=0
for lock in deploy/requirements.txt deploy/requirements-ansible.txt; do
    if ! .venv/bin/python -m pip --disable-pip-version-check --no-input install --dry-run --ignore-installed --no-deps \
        --require-hashes --requirement "$lock" >"$said" 2>&1; then
        tail -n 3 "$said" >&2
        if grep -qiE 'NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|timed out|connection (refused|reset|aborted)' "$said"; then
            printf '%s: NOT audited: the package index cannot be reached\n' "$lock" >&2
            continue
        fi
        bad=1
    fi
    if grep -i yanked "$said" >&2; then
        bad=1
    fi
    printf '%s: %s packages, each with its hash; not compared with known faults\n' "$lock" "$(grep -c == "$lock")"
done
exit "$bad"

#!/usr/bin/env bash
# Compares guardian's lossless reading of haproxy.cfg with pyhaproxy's, which is put into an environment of its own and thrown away.
#
#   tests/bench/document.sh
set -euo pipefail
# shellcheck source=deploy/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/prepare.sh"

prepare_python tests/requirements.txt
cd "$GUARDIAN_ROOT"
beside="$(mktemp -d)"
trap 'rm -rf "$beside"' EXIT
python3 -m venv "$beside"
for lock in pyhaproxy-build pyhaproxy; do
    "$beside/bin/python" -m pip --quiet --disable-pip-version-check --no-input install \
        --no-build-isolation --require-hashes --requirement "tests/bench/$lock.txt"
done
.venv/bin/python -m tests.bench.document "$beside/bin/python"

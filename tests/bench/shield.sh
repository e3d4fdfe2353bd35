#!/usr/bin/env bash
# Measures what users see of bad releases with and without the shield, and what the shield costs. About 5 minutes; with --all some 20
# and at most 25: kinds of releases that are left after --minutes 16 have one release each instead of three, if there is time for any.
#
#   tests/bench/shield.sh [--all] [--rates 200 ...] [--runs 3] [--minutes 16] [--haproxy debian|wheel] [--report tests/bench/SHIELD.md]
set -euo pipefail
# shellcheck source=deploy/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/prepare.sh"

prepare_programs haproxy
prepare_python tests/requirements.txt
export PYTHONPATH="$GUARDIAN_ROOT"
exec "$GUARDIAN_ROOT/.venv/bin/python" "$GUARDIAN_ROOT/tests/bench/shield.py" "$@"

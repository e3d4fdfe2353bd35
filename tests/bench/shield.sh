#!/usr/bin/env bash
# Measures what users see of bad releases with and without the shield, and what the shield costs. About 5 minutes; with --all, 20.
#
#   tests/bench/shield.sh [--all] [--rates 200 ...] [--runs 3] [--haproxy debian|wheel]
set -euo pipefail
# shellcheck source=deploy/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/prepare.sh"

prepare_programs haproxy
prepare_python tests/requirements.txt
exec "$GUARDIAN_ROOT/.venv/bin/python" "$GUARDIAN_ROOT/tests/bench/shield.py" "$@"

#!/usr/bin/env bash
# Measures what README promises: how long a rollback takes, and what a switch costs beside the bare socket command. About 10 minutes.
#
#   tests/bench/run.sh [--runs 100] [--haproxy debian|wheel]
set -euo pipefail
# shellcheck source=deploy/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/prepare.sh"

prepare_programs haproxy
prepare_python tests/requirements.txt
exec "$GUARDIAN_ROOT/.venv/bin/python" "$GUARDIAN_ROOT/tests/bench/measure.py" "$@"

#!/usr/bin/env bash
# Measures guardian beside the least that the machine allows: the switch beside the bare command, start-up beside the interpreter, a
# rollback step by step, and what the daemon costs. About 2 minutes.
#
#   tests/bench/limits.sh [--runs 20] [--haproxy debian|wheel]
set -euo pipefail
# shellcheck source=deploy/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/prepare.sh"

prepare_programs haproxy
prepare_python tests/requirements.txt
cd "$GUARDIAN_ROOT"
exec .venv/bin/python -m tests.bench.limits "$@"

#!/usr/bin/env bash
# Measures what README promises of many services: 1,000 of them with 10 rules each on one core, and how CPU, memory, lateness and
# database grow from 1 rule to 10,000. Writes tests/bench/SCALE.md and its chart; under 5 minutes. The machine should have nothing else
# to do; where it has, --realtime helps, as root.
#
#   tests/bench/scale.sh [--seconds 10] [--realtime]
set -euo pipefail
# shellcheck source=deploy/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/prepare.sh"

prepare_python tests/requirements.txt
cd "$GUARDIAN_ROOT"
exec .venv/bin/python -m tests.bench.scale "$@"

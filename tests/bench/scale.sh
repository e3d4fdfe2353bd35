#!/usr/bin/env bash
# Measures what README promises of many services: 1,000 of them with 10 rules each on one core, and how CPU, memory and lateness grow
# from 1 rule to 10,000. About 4 minutes. The machine should have nothing else to do; where it has, --realtime helps, as root.
#
#   tests/bench/scale.sh [--seconds 20] [--look-every 0.05] [--realtime]
set -euo pipefail
# shellcheck source=deploy/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/prepare.sh"

prepare_python tests/requirements.txt
cd "$GUARDIAN_ROOT"
exec .venv/bin/python -m tests.bench.scale "$@"

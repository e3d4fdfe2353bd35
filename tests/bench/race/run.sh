#!/usr/bin/env bash
# The race: guardian, HAProxy's own fuses, and Prometheus with Alertmanager take back bad releases under the same load, one at a time; writes
# tests/bench/RESULTS.md and its charts. Hours for all of it; --budget says when to stop, and the same command goes on where it stopped.
#
#   tests/bench/race/run.sh [--runs 20] [--rates 200,20,1000] [--faults 100%,5%,1%,latency,down,leak] [--entrants guardian,fuse,...]
#                           [--soak MINUTES] [--second] [--blind] [--budget MINUTES] [--haproxy debian|wheel]
set -euo pipefail
# shellcheck source=deploy/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../../deploy/prepare.sh"

prepare_programs haproxy prometheus prometheus-alertmanager socat webhook
prepare_python tests/requirements.txt
cd "$GUARDIAN_ROOT"
exec .venv/bin/python -m tests.bench.race.race "$@"

#!/usr/bin/env bash
# Runs the fault suite and writes what was promised and what was measured into tests/faults/RESULTS.md. `--all` runs its long tests,
# too (a frozen daemon, a rebooted host, faults at every system call); other arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# The set-up is that of all tests.
tests/run.sh --collect-only -q tests/unit/app/test_systemd.py >/dev/null
mapfile -t files < <(.venv/bin/python tests/faults/table.py)
exec .venv/bin/python -m pytest -n 4 --dist loadgroup -p tests.faults.table "${files[@]}" "$@"

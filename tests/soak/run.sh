#!/usr/bin/env bash
# An accelerated soak, in three parts (`--part NAME` for one of them):
#   records  ten thousand deployments, a million evaluations, a hundred thousand journal entries, years of retention, archive and vacuum
#   history  a database with a million events: start, status, history, audit
#   daemon   the real daemon beside a real HAProxy, deployments one after the other for ten minutes (`--daemon MINUTES`)
# Fails when memory, descriptors, threads, size or lateness grow by more than noise explains. Writes RESULTS.md and pictures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=deploy/prepare.sh
source deploy/prepare.sh
prepare_programs haproxy
prepare_python tests/requirements.txt
exec .venv/bin/python -m tests.soak.soak "$@"

#!/usr/bin/env bash
# Runs the tests, and sets up what they need first. Arguments go to pytest; paths are seen from the checkout.
#
#   tests/run.sh [tests/unit] [-k name] ...
set -euo pipefail
# shellcheck source=deploy/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/../deploy/prepare.sh"

prepare_programs haproxy openssl prometheus strace
prepare_python tests/requirements.txt
cd "$GUARDIAN_ROOT"
exec .venv/bin/python -m pytest "$@"

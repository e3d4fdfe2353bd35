#!/usr/bin/env bash
# An accelerated soak: ten thousand deployments, a million evaluations, a hundred thousand journal entries (`--deployments`, `--looks`
# change that). Fails when memory or descriptors grow.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=deploy/prepare.sh
source deploy/prepare.sh
prepare_python tests/requirements.txt
exec .venv/bin/python tests/soak/soak.py "$@"

#!/usr/bin/env bash
# Plays the demonstration: a real HAProxy, real traffic, a healthy release, a bad one, and guardian. Sets up what it needs first.
#
#   deploy/demo.sh [--fault errors|latency|partial|down] [--shield] [--plain]
#   deploy/demo.sh --story [--plain]    whole deployments: v2, v3 that is taken back, v3 once more, v2 again
set -euo pipefail
# shellcheck source=deploy/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"

# The HAProxy of PyPI, from an earlier run that could not install Debian's, serves as well.
prepare_has_wheel || prepare_programs haproxy
prepare_python deploy/requirements.txt
prepare_haproxy
exec "$GUARDIAN_ROOT/.venv/bin/guardian" demo "$@"

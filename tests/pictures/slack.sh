#!/usr/bin/env bash
# Draws the pictures of guardian's messages in Slack anew: deploy/slack/*.png.
set -euo pipefail
# shellcheck source=deploy/prepare.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/prepare.sh"

prepare_programs chromium
prepare_python tests/requirements.txt
cd "$GUARDIAN_ROOT"
exec .venv/bin/python -m tests.pictures.slack deploy/slack

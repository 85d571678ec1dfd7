#!/usr/bin/env bash
# The browser flow: the real binary, real git, real Chromium.
set -euo pipefail
cd "$(dirname "$0")/.."

SPHERA_CHROMIUM=$(scripts/ensure-chromium.sh)
export SPHERA_CHROMIUM
exec node web/e2e/run.mjs "$@"

#!/usr/bin/env bash
# Requirements L1 to L5 in their long form: kills without end at every boundary.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=$(grep -rlE '^func TestL[1-5]_' --include='*_test.go' cmd internal portal | xargs -r -n1 dirname | sort -u | sed 's|^|./|')
# shellcheck disable=SC2086
SPHERA_CRASH=full go test -count=1 -timeout 60m -run '^TestL[1-5]_' -v $packages

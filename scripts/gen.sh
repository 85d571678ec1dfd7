#!/usr/bin/env bash
# Makes what is generated again: the OpenAPI document and the clients.
# With --check it fails when that changes anything, and leaves the new files.
set -euo pipefail
cd "$(dirname "$0")/.."

generated=(client web/src/api/schema.ts internal/api/openapi.json)
sums() { find "${generated[@]}" -type f -not -name '*_test.go' -print0 2>/dev/null | sort -z | xargs -0 -r sha256sum; }

before=$(sums)
go generate ./internal/api
if [ "${1:-}" = --check ] && [ "$before" != "$(sums)" ]; then
  echo "Generated files were not current; they are now. Commit them:" >&2
  diff <(echo "$before") <(sums) | awk '{print "  " $3}' | sort -u >&2
  exit 1
fi

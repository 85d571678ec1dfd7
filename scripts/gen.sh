#!/usr/bin/env bash
# Makes what is generated again: the OpenAPI document and the clients.
# With --check it fails when that changes anything, and leaves the new files.
set -euo pipefail
cd "$(dirname "$0")/.."

generated=(client/openapi.json client/client.gen.go web/src/api/schema.d.ts)
sums() { sha256sum "${generated[@]}" 2>/dev/null || true; }

before=$(sums)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

go build -o "$work/sphera" ./cmd/sphera
"$work/sphera" openapi >"$work/openapi.json"
# oapi-codegen reads 3.0.3 only.
"$work/sphera" openapi --3.0 >"$work/openapi-3.0.json"
cp "$work/openapi.json" client/openapi.json
(cd tools/gen && go tool oapi-codegen -config client.yaml "$work/openapi-3.0.json")

apigen=web/tools/apigen
if ! cmp -s "$apigen/package-lock.json" "$apigen/node_modules/.installed"; then
  (cd "$apigen" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  cp "$apigen/package-lock.json" "$apigen/node_modules/.installed"
fi
"$apigen/node_modules/.bin/openapi-typescript" client/openapi.json -o web/src/api/schema.d.ts >/dev/null

if [ "${1:-}" = --check ] && [ "$before" != "$(sums)" ]; then
  echo "Generated files were not current; they are now. Commit them:" >&2
  diff <(echo "$before") <(sums) | awk '/^[<>]/ {print "  " $3}' | sort -u >&2
  exit 1
fi

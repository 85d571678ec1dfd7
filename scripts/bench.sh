#!/usr/bin/env bash
# Measures what docs/performance.md states. Numbers belong to the machine and
# its load: both are printed. Catalogs of 10,000 and 100,000 entities, or with
# SPHERA_BENCH=full of 500,000 too, which takes an hour. SPHERA_BENCH_CACHE names
# a folder where loaded catalogs are kept for the next time; on PostgreSQL that
# needs a server that stays (SPHERA_TEST_POSTGRES).
set -euo pipefail
cd "$(dirname "$0")/.."

echo "machine: $(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg 2>/dev/null || uptime), $(go version | cut -d' ' -f3)"
packages=$(grep -rlE '^func Benchmark' --include='*_test.go' action cmd internal portal | xargs -r -n1 dirname | sort -u | sed 's|^|./|')
timeout=1h
[ "${SPHERA_BENCH:-}" = full ] && timeout=6h
# shellcheck disable=SC2086
scripts/with-postgres.sh go test -run '^$' -bench . -benchmem -timeout "$timeout" $packages
if [ -e internal/api/dist/.vite/manifest.json ]; then
  echo "user interface, gzip -9:"
  node web/scripts/size.mjs | head -4
fi

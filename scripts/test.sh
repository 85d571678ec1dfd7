#!/usr/bin/env bash
# Everything that has to hold before a change lands, in one go. Goes on after a
# failed part, so that one run shows all that is wrong.
#
# golangci-lint is not part of it: it takes minutes to build. `make lint` has it.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

started=$SECONDS
passed=() failed=() skipped=()

part() { # part TITLE COMMAND...
  local title=$1 from=$SECONDS
  shift
  say "$title"
  "$@"
  local code=$?
  if [ $code = 0 ]; then
    passed+=("$title ($((SECONDS - from)) s)")
  elif [ $code = 75 ] && [ -z "${CI:-}" ]; then
    skipped+=("$title: not possible on this machine, see above")
  else
    failed+=("$title")
  fi
}

formatted() {
  local wrong
  wrong=$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 -r sh -c 'for f; do [ -e "$f" ] && printf "%s\0" "$f"; done' sh | xargs -0 -r gofmt -l)
  [ -z "$wrong" ] || { echo "not formatted (make fmt):"; echo "$wrong"; return 1; }
}

go_tests() {
  # Without PostgreSQL the SQLite half still runs; the part is then reported as
  # skipped here and as failed in CI.
  if scripts/with-postgres.sh true; then
    scripts/with-postgres.sh go test -timeout 30m ./...
  else
    go test -timeout 30m ./... || return 1
    return 75
  fi
}

ui_tests() { (cd web && npm run --silent typecheck && npm test --silent); }
browser() { if [ -e web/e2e/run.mjs ]; then scripts/e2e.sh; else echo "web/e2e/run.mjs is missing"; return 1; fi; }

part "User interface: packages" scripts/ensure-node-modules.sh
part "Go: format" formatted
part "Go: vet" go vet ./...
part "User interface: lint" npm --prefix web run --silent lint
part "Generated code is current" scripts/gen.sh --check
part "User interface: types and unit tests" ui_tests
part "Build" make build
part "Go tests on SQLite and PostgreSQL" go_tests
part "Browser flow" browser

say "Result after $((SECONDS - started)) s"
for p in ${passed[@]+"${passed[@]}"}; do echo "  passed   $p"; done
for p in ${skipped[@]+"${skipped[@]}"}; do echo "  SKIPPED  $p"; done
for p in ${failed[@]+"${failed[@]}"}; do echo "  FAILED   $p"; done
echo "${#passed[@]} passed, ${#failed[@]} failed, ${#skipped[@]} skipped"
[ ${#failed[@]} = 0 ]

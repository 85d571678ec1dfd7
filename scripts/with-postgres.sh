#!/usr/bin/env bash
# with-postgres.sh COMMAND...: runs COMMAND with SPHERA_TEST_POSTGRES set to a
# private, throw-away PostgreSQL, installed from the system's packages when it
# is absent and that can be done. A server named by SPHERA_TEST_POSTGRES is used
# as it is. Exits 75 when there is no PostgreSQL to be had.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

[ -n "${SPHERA_TEST_POSTGRES:-}" ] && exec "$@"

find_postgres() {
  local dir
  for dir in $(ls -d /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin 2>/dev/null | sort -rV) "$(dirname "$(command -v initdb || echo /none/x)")"; do
    if [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ]; then
      echo "$dir"
      return 0
    fi
  done
  return 1
}

if ! bin=$(find_postgres); then
  install_packages postgresql || true
  if ! bin=$(find_postgres); then
    cat >&2 <<'TEXT'
PostgreSQL was not found and cannot be installed here. Install it (Debian,
Ubuntu: sudo apt-get install postgresql; macOS: brew install postgresql), or set
SPHERA_TEST_POSTGRES to the address of a server whose user may create databases.
TEXT
    exit 75
  fi
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/sphera-postgres.XXXXXX")
as_owner=()
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
  chown postgres "$dir"
  as_owner=(runuser -u postgres --)
fi
stop() {
  (cd / && "${as_owner[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate -s stop) >/dev/null 2>&1 || true
  rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT TERM

port=$(node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
password=$(node -e 'console.log(require("crypto").randomBytes(18).toString("hex"))')
(
  cd /
  "${as_owner[@]}" sh -c 'umask 077; printf "%s" "$1" >"$2"' sh "$password" "$dir/password"
  "${as_owner[@]}" "$bin/initdb" -D "$dir/data" -U postgres -A scram-sha-256 --pwfile="$dir/password" -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
  "${as_owner[@]}" "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -s -o "-p $port -k $dir -c listen_addresses=127.0.0.1 -c max_connections=200 -c fsync=off" start
) || { cat "$dir/log" >&2 2>/dev/null; echo "PostgreSQL did not start" >&2; exit 1; }

SPHERA_TEST_POSTGRES="postgres://postgres:$password@127.0.0.1:$port/postgres?sslmode=disable" "$@"

#!/usr/bin/env bash
# Prints the path of Chromium, installing it from the system's packages when it
# is absent and that can be done.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

find_chromium() {
  local name
  for name in "${SPHERA_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    [ -n "$name" ] && command -v "$name" && return 0
  done
  return 1
}

find_chromium && exit 0
install_packages chromium && find_chromium && exit 0
cat >&2 <<'TEXT'
Chromium was not found and cannot be installed here. Install it (Debian, Ubuntu:
sudo apt-get install chromium) or set SPHERA_CHROMIUM to a Chrome or Chromium.
TEXT
exit 1

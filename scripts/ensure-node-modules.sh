#!/usr/bin/env bash
# Installs the UI's packages when they are absent or the lock file changed.
# Install scripts of packages are never run.
set -euo pipefail
cd "$(dirname "$0")/../web"

if ! command -v npm >/dev/null; then
  echo "Node 20.19 or newer with npm is needed to build the user interface: https://nodejs.org" >&2
  exit 1
fi
want=$(sha256sum package.json package-lock.json | sha256sum | cut -d' ' -f1)
if [ "$(cat node_modules/.installed 2>/dev/null || true)" = "$want" ]; then
  touch node_modules/.installed
  exit 0
fi
echo "Installing the user interface's packages (npm ci)"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
echo "$want" >node_modules/.installed

#!/usr/bin/env bash
# Builds the server twice, in two folders and with two empty build caches, and
# compares the bytes. Takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

go mod verify
for n in one two; do
  mkdir "$work/$n"
  git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -xf - -C "$work/$n"
  (cd "$work/$n" && CGO_ENABLED=0 GOCACHE="$work/cache-$n" GOFLAGS= go build -trimpath -buildvcs=false -ldflags "-s -w" -o "$work/sphera-$n" ./cmd/sphera)
done
sha256sum "$work/sphera-one" "$work/sphera-two"
cmp "$work/sphera-one" "$work/sphera-two"
echo "Both builds have the same bytes."

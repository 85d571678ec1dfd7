# Shared by the scripts here; sourced, not run.
# shellcheck shell=bash

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
note() { printf '   %s\n' "$*" >&2; }

# as_root COMMAND...: as root, or by sudo when it asks for no password.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    return 1
  fi
}

# install_packages NAME...: from the system's packages, where that can be done.
install_packages() {
  command -v apt-get >/dev/null || return 1
  as_root true || return 1
  note "installing $* from the system's packages"
  as_root apt-get update -qq >/dev/null || return 1
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

#!/usr/bin/env bash
# What the editor tests need of Debian: a browser, Emacs, and what VS Code's native modules are compiled with.
# Usage: install_debian.sh        installs what is missing as root, and otherwise says what that is
set -euo pipefail
PACKAGES=(chromium fonts-dejavu-core emacs-nox elpa-eglot g++ make pkg-config libkrb5-dev ca-certificates)
if ! command -v dpkg-query >/dev/null; then
  echo "not Debian: the editor tests need these packages' programs, by whatever names: ${PACKAGES[*]}" >&2
  exit 0
fi
missing=()
for package in "${PACKAGES[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ]; then
  echo "the editor tests need packages that only root can install: apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "${missing[@]}" >/dev/null

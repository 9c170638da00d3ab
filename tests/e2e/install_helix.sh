#!/usr/bin/env bash
# Helix into a private folder, from the packages of Debian trixie.
# Usage: install_helix.sh FOLDER        result: FOLDER/hx
set -euo pipefail
folder=$(realpath -m "$1")
if [ -x "$folder/hx" ] && "$folder/hx" --version >/dev/null 2>&1; then exit 0; fi
"$(dirname "$0")/unpack_debian.sh" "$folder" trixie hx usr/lib/hx/hx
ln -sf "$folder/root/usr/lib/hx/hx" "$folder/hx"
"$folder/hx" --version

#!/usr/bin/env bash
# Neovim into a private folder, from Debian's packages: unstable's (0.12, which has
# vim.lsp.inline_completion) or another suite's, such as trixie's 0.10.
# Nothing is installed on the system: patchelf points the program at the libc unpacked beside it.
# Usage: install_neovim.sh FOLDER [SUITE]        result: FOLDER/nvim
set -euo pipefail
folder=$(realpath -m "$1")
suite=${2:-sid}
if [ -x "$folder/nvim" ] && "$folder/nvim" --version >/dev/null 2>&1; then exit 0; fi
if [ "$suite" = sid ] && command -v nvim >/dev/null && [ "$(printf '%s\n' v0.12 "$(nvim --version | sed -n '1s/NVIM //p')" | sort -V | head -1)" = v0.12 ]; then
  mkdir -p "$folder" && ln -sf "$(command -v nvim)" "$folder/nvim" && exit 0
fi
command -v apt-get >/dev/null || { echo "need Neovim >= 0.12 on PATH, or apt-get to unpack Debian's" >&2; exit 1; }

apt=$folder/apt root=$folder/root
mirror=$(awk '/^URIs:/ {print $2; exit}' /etc/apt/sources.list.d/*.sources 2>/dev/null || true)
[ -n "$mirror" ] || mirror=$(awk '$1 == "deb" {for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) {print $i; exit}}' /etc/apt/sources.list)
keyring=$(ls /usr/share/keyrings/debian-archive-keyring.* | head -1)
mkdir -p "$apt"/{lists/partial,cache/archives/partial} "$root"
: >"$apt/status"
echo "deb [signed-by=$keyring] $mirror $suite main" >"$apt/sources.list"
options=(-q -y -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o Dir::Etc::preferencesparts=/dev/null -o Dir::State::lists="$apt/lists"
  -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root)
apt-get "${options[@]}" update >"$folder/apt.log"
apt-get "${options[@]}" --download-only --no-install-recommends install neovim >>"$folder/apt.log"
for package in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$package" "$root"; done

libraries=$root/usr/lib/$(uname -m)-linux-gnu
loader=$(find -L "$root"/usr/lib* -maxdepth 2 -name 'ld-linux-*.so.*' | head -1)
program=$root/usr/bin/nvim
patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$program"
# The private libraries must find each other before the system's older ones.
find "$libraries" -maxdepth 1 -type f -name 'lib*.so*' | grep -E 'lua|lpeg|msgpack|tree-sitter|unibilium|utf8proc|libuv|vterm|gcc_s' |
  while read -r library; do patchelf --force-rpath --set-rpath "$libraries" "$library"; done
printf '#!/bin/sh\nVIMRUNTIME=%q exec %q "$@"\n' "$root/usr/share/nvim/runtime" "$program" >"$folder/nvim"
chmod +x "$folder/nvim"
"$folder/nvim" --version | head -1

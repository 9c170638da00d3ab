#!/usr/bin/env bash
# Neovim into a private folder, from Debian's packages: unstable's (0.12, which has
# vim.lsp.inline_completion) or another suite's, such as trixie's 0.10.
# Usage: install_neovim.sh FOLDER [SUITE]        result: FOLDER/nvim
set -euo pipefail
folder=$(realpath -m "$1")
suite=${2:-sid}
if [ -x "$folder/nvim" ] && "$folder/nvim" --version >/dev/null 2>&1; then exit 0; fi
if [ "$suite" = sid ] && command -v nvim >/dev/null && [ "$(printf '%s\n' v0.12 "$(nvim --version | sed -n '1s/NVIM //p')" | sort -V | head -1)" = v0.12 ]; then
  mkdir -p "$folder" && ln -sf "$(command -v nvim)" "$folder/nvim" && exit 0
fi
"$(dirname "$0")/unpack_debian.sh" "$folder" "$suite" neovim usr/bin/nvim
printf '#!/bin/sh\nVIMRUNTIME=%q exec %q "$@"\n' "$folder/root/usr/share/nvim/runtime" "$folder/root/usr/bin/nvim" >"$folder/nvim"
chmod +x "$folder/nvim"
"$folder/nvim" --version | head -1

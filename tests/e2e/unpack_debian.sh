#!/usr/bin/env bash
# A program of another Debian suite into a private folder, with all that it needs: FOLDER/root.
# Nothing is installed on the system: patchelf points the program at the libc unpacked beside it.
# Usage: unpack_debian.sh FOLDER SUITE PACKAGE PROGRAM        PROGRAM: its path, such as usr/bin/nvim
set -euo pipefail
folder=$1 suite=$2 package=$3 program=$1/root/$4
command -v apt-get >/dev/null || { echo "need apt-get to unpack Debian's $package" >&2; exit 1; }

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
apt-get "${options[@]}" --download-only --no-install-recommends install "$package" >>"$folder/apt.log"
for archive in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$archive" "$root"; done

libraries=$root/usr/lib/$(uname -m)-linux-gnu
loader=$(find -L "$root"/usr/lib* -maxdepth 2 -name 'ld-linux-*.so.*' | head -1)
patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$program"
# The private libraries must find each other before the system's older ones; libc itself stays as it is.
find "$libraries" -maxdepth 1 -type f -name 'lib*.so*' | grep -E 'lua|lpeg|msgpack|tree-sitter|unibilium|utf8proc|libuv|vterm|gcc_s' |
  while read -r library; do patchelf --force-rpath --set-rpath "$libraries" "$library"; done

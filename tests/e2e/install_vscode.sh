#!/usr/bin/env bash
# VS Code as a server for a browser (the npm package code-server) into a private folder.
# Its native modules are compiled here for the Node that it asks for, which npm has as well.
# Usage: install_vscode.sh FOLDER        result: FOLDER/code-server, a program
set -euo pipefail
CODE_SERVER=4.139.1 NODE=24.21.0
folder=$(realpath -m "$1")
program=$folder/code-server
export XDG_CONFIG_HOME=$folder/config # `--version` writes a configuration
if [ -x "$program" ] && [ "$("$program" --version 2>/dev/null | cut -d' ' -f1)" = $CODE_SERVER ]; then exit 0; fi
for tool in npm g++ make pkg-config; do
  command -v $tool >/dev/null || { echo "need $tool on PATH to build code-server" >&2; exit 1; }
done
pkg-config --exists krb5-gssapi || { echo "need the headers of Kerberos: apt-get install libkrb5-dev" >&2; exit 1; }

mkdir -p "$folder/node" "$folder/server"
npm --prefix "$folder/node" install --no-audit --no-fund --no-save --silent node@$NODE
node=$(dirname "$(dirname "$(find "$folder/node/node_modules" -path '*/bin/node' -size +1M -print -quit)")")
export PATH=$node/bin:$PATH npm_config_nodedir=$node
npm --prefix "$folder/server" install --no-audit --no-fund --no-save --foreground-scripts \
  code-server@$CODE_SERVER >"$folder/install.log" 2>&1 || { tail -n 40 "$folder/install.log" >&2; exit 1; }
printf '#!/bin/sh\nexec %q %q "$@"\n' "$node/bin/node" \
  "$folder/server/node_modules/code-server/out/node/entry.js" >"$program"
chmod +x "$program"
"$program" --version

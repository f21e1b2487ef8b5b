#!/bin/sh
# Prints the folder that has the client libraries of package-lock.json, installed
# once and kept in the user's cache under the lock's hash: nothing of them lies
# in the repository. Only the path goes to stdout.
set -eu
cd "$(dirname "$0")"

for tool in node npm; do
	command -v $tool >/dev/null 2>&1 || { echo "clients: no $tool; on Debian and Ubuntu: apt-get install nodejs npm" >&2; exit 1; }
done
hash=$(node -p 'require("crypto").createHash("sha256").update(require("fs").readFileSync("package-lock.json")).digest("hex").slice(0, 16)')
folder=${XDG_CACHE_HOME:-$HOME/.cache}/carpool/clients-$hash
if [ ! -d "$folder" ]; then
	echo "clients: installing into $folder" >&2
	new=$folder.$$
	mkdir -p "$new"
	trap 'rm -rf "$new"' EXIT
	cp package.json package-lock.json .npmrc "$new"
	(cd "$new" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2
	mv "$new" "$folder" || [ -d "$folder" ] # another run was faster
fi
echo "$folder"

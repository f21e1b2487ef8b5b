#!/bin/sh
# Takes away what install.sh installed, and asks before your settings and history go.
#   uninstall.sh [FOLDER]     the folder that install.sh was given
set -eu
prefix=${1:-$HOME/.local}
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
data=$prefix/share
[ "$prefix" != "$HOME/.local" ] || data=${XDG_DATA_HOME:-$HOME/.local/share}
list=$data/carpool/installed-files
[ -f "$list" ] || { echo "Nothing was installed by install.sh in $prefix." >&2; exit 1; }

! command -v systemctl >/dev/null || systemctl --user disable --now carpool.service 2>/dev/null || true
# It ends what starts at login, and asks about settings and history.
"$prefix/bin/carpool" uninstall

while read -r file; do
	rm -f "$file"
	# Folders that are empty now and are not the system's own.
	folder=$(dirname "$file")
	while [ "$folder" != "$data" ] && [ "$folder" != "$prefix" ] && rmdir "$folder" 2>/dev/null; do
		folder=$(dirname "$folder")
	done
done <"$list"
rm -f "$list"
rmdir "$data/carpool" 2>/dev/null || true
! command -v systemctl >/dev/null || systemctl --user daemon-reload 2>/dev/null || true
echo "Carpool is gone from $prefix."

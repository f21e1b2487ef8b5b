#!/bin/sh
# Installs Carpool for you alone, into ~/.local or the folder that is named:
#   ./install.sh [FOLDER]
# It needs no root. uninstall.sh takes away what it puts there.
set -eu
cd "$(dirname "$0")"
prefix=${1:-$HOME/.local}
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
data=$prefix/share
[ "$prefix" != "$HOME/.local" ] || data=${XDG_DATA_HOME:-$HOME/.local/share}
list=$data/carpool/installed-files
id=io.github.carpool.Carpool

put() { # file of the tarball, mode, place
	mkdir -p "$(dirname "$3")"
	cp "$1" "$3.new"
	chmod "$2" "$3.new"
	mv "$3.new" "$3" # a program that runs cannot be written over
	echo "$3" >>"$list.new"
}

mkdir -p "$data/carpool"
: >"$list.new"
put bin/carpool 755 "$prefix/bin/carpool"
put uninstall.sh 755 "$data/carpool/uninstall.sh"
put LICENSE 644 "$data/doc/carpool/LICENSE"
for file in $(cd share && find icons man doc metainfo -type f 2>/dev/null); do
	put "share/$file" 644 "$data/$file"
done
# Both name the program by its path: not every session has ~/.local/bin on its PATH.
desktop=$data/applications/$id.desktop
put "share/applications/$id.desktop" 644 "$desktop"
sed "s|^Exec=carpool|Exec=\"$prefix/bin/carpool\"|; s|^TryExec=carpool|TryExec=$prefix/bin/carpool|" "share/applications/$id.desktop" >"$desktop"
unit=$data/systemd/user/carpool.service
put share/systemd/user/carpool.service 644 "$unit"
sed "s|^ExecStart=/usr/bin/carpool|ExecStart=\"$prefix/bin/carpool\"|" share/systemd/user/carpool.service >"$unit"
mv "$list.new" "$list"

! command -v systemctl >/dev/null || systemctl --user daemon-reload 2>/dev/null || true
missing=$(ldd "$prefix/bin/carpool" 2>/dev/null | sed -n 's/^[[:space:]]*\(.*\) => not found.*/\1/p' | tr '\n' ' ')
[ -z "$missing" ] || echo "Missing libraries, without which Carpool does not start: $missing"
case ":$PATH:" in *":$prefix/bin:"*) ;; *) echo "$prefix/bin is not on your PATH: add it, or call $prefix/bin/carpool." ;; esac
cat <<END
Installed. "carpool" opens the window. At login it starts with "carpool autostart on",
or without its window with "systemctl --user enable --now carpool".
$data/carpool/uninstall.sh takes it away.
END

#!/bin/sh
# Renders the SVG sources to the PNGs that the program embeds.
# Needs rsvg-convert (Debian: librsvg2-bin, fonts-dejavu-core).
set -eu
cd "$(dirname "$0")"

rsvg-convert --width 512 --height 512 icon.svg --output icon.png
rsvg-convert --width 256 --height 256 icon.svg --output icon-256.png

# A panel scales 44 px down to its own size: 16, 22, 32 or 44.
tray() { # source name panel
	rsvg-convert --width 44 --height 44 --stylesheet "tray/$3.css" --output "tray/$2-$3.png" "$1"
}
counted=$(mktemp --suffix .svg)
trap 'rm -f "$counted"' EXIT
for panel in dark light; do
	for state in on off yielding trouble; do
		tray "tray/$state.svg" "$state" "$panel"
	done
	for count in 1 2 3 4 5 6 7 8 9; do
		sed "s/COUNT/$count/" tray/busy.svg >"$counted"
		tray "$counted" "busy-$count" "$panel"
	done
	sed 's/COUNT/9+/; s/font-size="21"/font-size="17"/; s/y="29.5"/y="28"/' tray/busy.svg >"$counted"
	tray "$counted" busy-many "$panel"
done

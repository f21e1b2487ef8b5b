# Sourced by assets/package/*/make.

# have says whether programs are there; the first that is not is told, with what it
# is for and Debian's package of it.
#   have "the icons" rsvg-convert:librsvg2-bin
have() {
  local what=$1 tool
  shift
  for tool in "$@"; do
    command -v "${tool%%:*}" >/dev/null && continue
    echo "left out: $what. It needs ${tool%%:*} (Debian: apt-get install ${tool#*:})."
    return 1
  done
}

# gotool prints the path of a Go program of a fixed version, built once into the cache.
#   gotool github.com/goreleaser/nfpm/v2/cmd/nfpm v2.48.0
gotool() {
  local folder=$TOOLS/$2 name=${1##*/}
  if [ ! -x "$folder/$name" ]; then
    GOBIN=$folder CGO_ENABLED=0 GOFLAGS= GOOS= GOARCH= "$GO" install "$1@$2" >&2 || return
  fi
  echo "$folder/$name"
}

# icon draws the app's icon at a size in pixels.
icon() { rsvg-convert --width "$1" --height "$1" assets/icon.svg --output "$2"; }

# licences writes those of the modules that are in a program.
licences() {
  local module version folder
  echo "Carpool is under the Apache License 2.0. This program also has in it:"
  "$GO" version -m "$1" | awk '$1 == "dep" {print $2, $3}' | while read -r module version; do
    folder=$("$GO" list -m -f '{{.Dir}}' "$module")
    printf '\n======== %s %s\n\n' "$module" "$version"
    find "$folder" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \) | sort | xargs -r -d '\n' cat
  done
}

# settle gives all below a folder the time of the commit and plain modes.
settle() {
  find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

# packed makes a tar.gz of a folder, the same bytes each time.
packed() {
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -C "$(dirname "$1")" -cf - "$(basename "$1")" | gzip -9n >"$2"
}

#!/bin/sh
# Prints the path of an `ollama` command for the end-to-end tests:
#   1. the one that CARPOOL_OLLAMA names,
#   2. the one on PATH,
#   3. one built here from the Go module, once, and kept in the user's cache.
# The build takes about six minutes on two cores. Only the path goes to stdout.
set -eu

version=0.17.4
say() { echo "ollama: $*" >&2; }

if [ -n "${CARPOOL_OLLAMA:-}" ]; then
	[ -x "$CARPOOL_OLLAMA" ] || { say "CARPOOL_OLLAMA=$CARPOOL_OLLAMA is not a program"; exit 1; }
	echo "$CARPOOL_OLLAMA"
	exit
fi
if command -v ollama >/dev/null 2>&1; then
	command -v ollama
	exit
fi

cache=${XDG_CACHE_HOME:-$HOME/.cache}/carpool/ollama-$version
bin=$cache/ollama

# The version that the program itself was built as; asking needs no server.
ready() {
	[ -x "$bin" ] || return 1
	scratch=$(mktemp -d)
	got=$(HOME=$scratch OLLAMA_HOST=127.0.0.1:1 "$bin" --version 2>/dev/null) || got=
	rm -rf "$scratch"
	case $got in *"version is $version"*) return 0 ;; *) return 1 ;; esac
}

if ready; then
	echo "$bin"
	exit
fi

# Module zips drop folders named vendor, so three headers that Ollama keeps
# there have to come from elsewhere.
missing=
for tool in go gcc g++; do
	command -v $tool >/dev/null 2>&1 || missing="$missing $tool"
done
header() { echo "#include <$1>" | ${CXX:-c++} -E -x c++ ${CGO_CPPFLAGS:-} - >/dev/null 2>&1; }
case $missing in
*g++*) ;;
*)
	header nlohmann/json_fwd.hpp || missing="$missing nlohmann-json3-dev"
	header stb/stb_image.h || missing="$missing libstb-dev"
	;;
esac
if [ -n "$missing" ]; then
	say "cannot build the server, missing:$missing"
	say "on Debian and Ubuntu: apt-get install$missing"
	say "or point CARPOOL_OLLAMA at an ollama program"
	exit 1
fi

cd "$(dirname "$0")"
# A path that does not change: it is part of the compiler cache's key.
mkdir -p "$cache/include"
malgo=$(go mod download -json github.com/gen2brain/malgo@v0.11.24 | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')
ln -sfn "$malgo" "$cache/include/miniaudio"

# Without a level the compiler stays at SSE2, and the server is several times slower.
flags="-O3 -w"
if [ "$(go env GOARCH)" = amd64 ] && grep -qw avx2 /proc/cpuinfo 2>/dev/null; then
	flags="$flags -march=x86-64-v3"
fi

say "building version $version into $cache; this takes some minutes"
CGO_ENABLED=1 CGO_CPPFLAGS="${CGO_CPPFLAGS:-} -I$cache/include" CGO_CFLAGS="$flags" CGO_CXXFLAGS="$flags" \
	go build -o "$bin.new" -ldflags "-X=github.com/ollama/ollama/version.Version=$version" github.com/ollama/ollama
mv -f "$bin.new" "$bin"
ready || { say "the server that was built does not say that it is version $version"; exit 1; }
echo "$bin"

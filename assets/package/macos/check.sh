# Sourced by .ci/package-check. No program for macOS runs here, so the layout is judged,
# around the program without a window.
check_macos() {
  local archive app=$scratch/Carpool.app
  archive=$(newest 'carpool-*-macos-arm64-headless.tar.gz')
  [ -n "$archive" ] || { absent archive macos; return; }
  command -v rsvg-convert >/dev/null || { skip "rsvg-convert is missing (Debian: apt-get install librsvg2-bin)"; return; }
  mkdir "$scratch/macos"
  tar -xzf "$archive" -C "$scratch/macos" --strip-components=1
  file "$scratch/macos/carpool" | grep -q 'Mach-O 64-bit arm64 executable' || fail "no program for macOS: $(file "$scratch/macos/carpool")"
  BASE=1.2.3 UPSTREAM=1.2.3 COMMIT=abcdefg DATE=2026-01-02 GO=${GO:-go} TOOLS= assets/package/macos/bundle "$scratch/macos/carpool" "$app"
  python3 - "$app/Contents" <<'PY' || fail "the bundle"
import os, plistlib, struct, sys
contents = sys.argv[1]
info = plistlib.load(open(contents + "/Info.plist", "rb"))
assert info["CFBundleShortVersionString"] == "1.2.3" and info["CarpoolBuild"] == "1.2.3 abcdefg 2026-01-02", info
assert os.access(contents + "/MacOS/" + info["CFBundleExecutable"], os.X_OK), "no program"
icns = open(contents + "/Resources/" + info["CFBundleIconFile"], "rb").read()
assert icns[:4] == b"icns" and struct.unpack(">I", icns[4:8])[0] == len(icns), "the icon's length"
at, sizes = 8, []
while at < len(icns):
    kind, length = struct.unpack(">4sI", icns[at:at + 8])
    picture = icns[at + 8:at + length]
    assert picture[:8] == b"\x89PNG\r\n\x1a\n", kind
    sizes.append(struct.unpack(">I", picture[16:20])[0])
    at += length
assert sizes == [32, 64, 128, 256, 256, 512, 512, 1024], sizes
print("Info.plist, program and icon of", len(sizes), "sizes: good")
PY
}
check_macos

# Sourced by .ci/package-check: the programs and the installer under wine.
check_windows() {
  local setup zip base port pid key=$scratch/key.pem cert=$scratch/cert.pem
  zip=$(newest 'carpool-*-windows-amd64*.zip')
  [ -n "$zip" ] || { absent zip windows; return; }
  base=${zip%.zip}
  setup=$base-setup.exe
  mkdir "$scratch/zip"
  python3 -m zipfile -e "$zip" "$scratch/zip"
  local exe=$scratch/zip/$(basename "$base")/carpool.exe

  # Icon, version and manifest, and which of both has a console.
  local winres name
  winres=$(TOOLS=${XDG_CACHE_HOME:-$HOME/.cache}/carpool/package GO=${GO:-go} bash -c '. assets/package/tools.sh; gotool github.com/tc-hib/go-winres v0.3.3') || { skip "go-winres could not be built"; return; }
  for name in carpool carpoolw; do
    "$winres" extract --dir "$scratch/$name" "$(dirname "$exe")/$name.exe" || fail "$name.exe has no resources"
    python3 - "$scratch/$name/winres.json" "$(basename "$base")" "$name.exe" "$(file "$(dirname "$exe")/$name.exe")" <<'PY' || fail "the resources of $name.exe"
import json, sys
path, package, program, kind = sys.argv[1:]
resources = json.load(open(path))
assert resources["RT_GROUP_ICON"]["APP"], "no icon"
assert "per monitor v2" in json.dumps(resources["RT_MANIFEST"]), "the manifest"
info = next(iter(resources["RT_VERSION"]["#1"].values()))["info"]["0409"]
assert package.startswith("carpool-" + info["ProductVersion"] + "-windows-") and info["OriginalFilename"] == program, info
assert ("(GUI)" if program == "carpoolw.exe" else "(console)") in kind, kind
print(program + ":", info["ProductVersion"] + ",", info["Comments"])
PY
  done

  # A certificate of nobody proves the step.
  if command -v osslsigncode >/dev/null && command -v openssl >/dev/null; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=Carpool test" -addext extendedKeyUsage=codeSigning -keyout "$key" -out "$cert" 2>/dev/null
    local program
    for program in "$exe" "$setup"; do
      rm -f "$scratch/signed.exe"
      osslsigncode sign -certs "$cert" -key "$key" -h sha256 -n Carpool -in "$program" -out "$scratch/signed.exe" >/dev/null || fail "signing $program"
      osslsigncode verify -CAfile "$cert" -in "$scratch/signed.exe" >"$scratch/verify.log" 2>&1 || { tail -20 "$scratch/verify.log"; fail "the signature of $program"; }
      printf 'x' | dd of="$scratch/signed.exe" bs=1 seek=5000 conv=notrunc 2>/dev/null
      ! osslsigncode verify -CAfile "$cert" -in "$scratch/signed.exe" >/dev/null 2>&1 || fail "a changed program passes for signed"
      echo "signed, verified, and refused once a byte differs: $(basename "$program")"
    done
  else
    skip "no signature was tried: osslsigncode or openssl is missing"
  fi

  command -v wine >/dev/null || { skip "wine is missing (Debian: apt-get install wine64 wine)"; return; }
  export WINEPREFIX=$scratch/wine WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml="
  timeout 120 wine wineboot --init >/dev/null 2>&1 || { skip "wine does not start here"; return; }
  local system=$WINEPREFIX/drive_c/windows/system32
  if [ ! -e "$system/bcryptprimitives.dll" ]; then
    command -v x86_64-w64-mingw32-gcc >/dev/null || { skip "this wine is too old for Go's programs, and mingw-w64 is missing"; return; }
    x86_64-w64-mingw32-gcc -shared -O2 -o "$system/bcryptprimitives.dll" assets/package/windows/prng.c -ladvapi32
    echo "this wine has no bcryptprimitives.dll, so it is given one for the check"
  fi
  timeout 60 wine "$exe" --version || fail "carpool.exe --version"
  if [ -f "$setup" ]; then
    timeout 120 wine "$setup" /S >/dev/null 2>&1 || fail "the installer"
    exe=$(find "$WINEPREFIX/drive_c/users" -name carpool.exe)
    [ -n "$exe" ] || fail "the installer installed nothing"
    find "$WINEPREFIX/drive_c/users" -name Carpool.lnk | grep -q . || fail "no entry in the start menu"
    echo "installed: ${exe#"$WINEPREFIX/drive_c/"}"
  fi
  timeout 60 wine "$exe" autostart on >/dev/null || fail "autostart on"
  timeout 60 wine reg query 'HKCU\Software\Microsoft\Windows\CurrentVersion\Run' /v Carpool 2>/dev/null | tr -d '\r' | grep 'carpoolw.exe" --hidden' || fail "the Run key"
  timeout 60 wine "$exe" autostart | grep -q 'starts at login' || fail "autostart status"
  port=$(free_port)
  wine "$exe" serve --listen 127.0.0.1:"$port" --engine demo >"$scratch/wine.log" 2>&1 &
  pid=$!
  pids+=("$pid")
  health "$port" "$pid" | cut -c1-200 || { tail -5 "$scratch/wine.log"; fail "carpool.exe serve does not answer /health"; }
  timeout 60 wine "$exe" quit || echo "carpool.exe quit fails under wine; the process is ended instead"
  kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  if [ -f "$setup" ]; then
    # _?= has it stay where it is, so that this waits for it.
    timeout 120 wine "$(dirname "$exe")/uninstall.exe" /S "_?=$(wine winepath -w "$(dirname "$exe")" 2>/dev/null | tr -d '\r')" >/dev/null 2>&1 || fail "the uninstaller"
    [ ! -e "$exe" ] || fail "the uninstaller left the program"
    ! timeout 60 wine reg query 'HKCU\Software\Microsoft\Windows\CurrentVersion\Run' /v Carpool >/dev/null 2>&1 || fail "it still starts at login"
    find "$WINEPREFIX/drive_c/users" -name history.db | grep -q . || fail "the history went unasked"
    echo "uninstalled; the history is kept"
  fi
  timeout 30 wineserver -k || true
}
check_windows

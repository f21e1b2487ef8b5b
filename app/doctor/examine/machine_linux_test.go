package examine

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	psnet "github.com/shirou/gopsutil/v4/net"

	"carpool/app/doctor"
	"carpool/backends"
)

// TestHelper is another program: it holds a port, or a connection, until its input
// ends.
func TestHelper(t *testing.T) {
	what := os.Getenv("EXAMINE_HELPER")
	if what == "" {
		t.Skip("only as another program")
	}
	var lc net.ListenConfig
	var d net.Dialer
	if strings.HasPrefix(what, "hold") {
		l, err := lc.Listen(t.Context(), "tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = os.Stdout.WriteString(l.Addr().String() + "\n")
	} else {
		c, err := d.DialContext(t.Context(), "tcp4", what)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_, _ = os.Stdout.WriteString("connected\n")
	}
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

// limited ends programs that say nothing, long after a slow machine has run them.
func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// other starts the helper and returns the first line that it says.
func other(t *testing.T, what string) (pid int, says string) {
	t.Helper()
	return otherProgram(t, os.Args[0], what)
}

func otherProgram(t *testing.T, program, what string) (pid int, says string) {
	t.Helper()
	cmd := exec.CommandContext(limited(t), program, "-test.run=^TestHelper$") //nolint:gosec // this test
	cmd.Env = append(os.Environ(), "EXAMINE_HELPER="+what)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	says, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, strings.TrimSpace(says)
}

// seen are the connections as they are now.
func seen(t *testing.T) []psnet.ConnectionStat {
	t.Helper()
	all, err := connections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPortHeldByAnotherProcessIsNamed(t *testing.T) {
	pid, at := other(t, "hold")
	p := port(t.Context(), Options{}, at)
	if p.Owner == "" || !strings.Contains(p.Program, "PID "+strconv.Itoa(pid)) {
		t.Errorf("got %+v", p)
	}
}

func TestBypass(t *testing.T) {
	l := held(t)
	defer func() { _ = l.Close() }()
	engines := []backends.Info{{Name: "ollama", Label: "Ollama", URL: "http://" + l.Addr().String(), Health: backends.Up}}
	pid, _ := other(t, l.Addr().String())
	t.Run("AnAppsConnection", func(t *testing.T) {
		all, hidden := bypass(t.Context(), seen(t), nil, engines, nil)
		if hidden != "" || len(all) != 1 || all[0].PID != pid || all[0].Name == "" || all[0].Engine != "Ollama" {
			t.Errorf("got %+v, %q", all, hidden)
		}
	})
	t.Run("ConnectionsThatCannotBeSeenAreNotNone", func(t *testing.T) {
		if all, hidden := bypass(t.Context(), nil, os.ErrPermission, engines, nil); hidden == "" || len(all) != 0 {
			t.Errorf("got %+v, %q", all, hidden)
		}
	})
	t.Run("CarpoolsConnectionIsNone", func(t *testing.T) {
		all, hidden := bypass(t.Context(), seen(t), nil, engines, &doctor.Running{PID: pid})
		if hidden != "" || len(all) != 0 {
			t.Errorf("got %+v, %q", all, hidden)
		}
	})
}

func TestOthers(t *testing.T) {
	here, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "carpool")
	if err := os.Symlink(here, program); err != nil {
		t.Fatal(err)
	}
	pid, at := otherProgram(t, program, "hold")
	mine := func(all []doctor.Other) bool {
		return slices.Contains(all, doctor.Other{PID: pid, Address: at})
	}
	if all := others(t.Context(), seen(t), nil); !mine(all) {
		t.Errorf("got %+v, want PID %d at %s", all, pid, at)
	}
	if all := others(t.Context(), seen(t), &doctor.Running{PID: pid}); mine(all) {
		t.Errorf("the one that runs is another one: %+v", all)
	}
	pid, at = other(t, "hold")
	if all := others(t.Context(), seen(t), nil); mine(all) {
		t.Errorf("any program is a Carpool: %+v", all)
	}
}

func TestNVIDIA(t *testing.T) {
	t.Setenv("LD_LIBRARY_PATH", "")
	root := t.TempDir()
	put := func(path string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	see := func(want doctor.Blocked) {
		t.Helper()
		if got := nvidia(root); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	see(doctor.Blocked{Undriven: true})
	put("proc/driver/nvidia/version")
	see(doctor.Blocked{Lacking: "libnvidia-ml.so.1"})
	put("usr/lib/aarch64-linux-gnu/libnvidia-ml.so.1")
	put("dev/nvidiactl")
	see(doctor.Blocked{})
	put("dev/nvidia0")
	if err := os.Chmod(filepath.Join(root, "dev/nvidia0"), 0); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 { // root may open everything
		see(doctor.Blocked{Device: filepath.Join(root, "dev/nvidia0")})
	}
}

func TestGroupOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "device")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	group := func() string {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return groupOf(info)
	}
	if g := group(); g != "" {
		t.Errorf("mode 0600: %q", g)
	}
	if err := os.Chown(path, -1, 44); err != nil {
		t.Skip("only root may give a file to a group")
	}
	if err := os.Chmod(path, 0o660); err != nil { //nolint:gosec // as devices are
		t.Fatal(err)
	}
	if want, err := user.LookupGroupId("44"); err == nil && group() != want.Name {
		t.Errorf("got %q, want %q", group(), want.Name)
	}
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	// Even root cannot write there.
	if f := folder("/proc/self/task"); f.Problem == "" {
		t.Errorf("got %+v", f)
	}
	if os.Geteuid() == 0 {
		return
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil { //nolint:gosec // a folder that may be entered and not written
		t.Fatal(err)
	}
	if f := folder(dir); f.Problem != "permission denied" {
		t.Errorf("got %+v", f)
	}
}

func TestDisplay(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	if d := display(t.Context()); !d.Unset {
		t.Errorf("got %+v", d)
	}
	t.Setenv("WAYLAND_DISPLAY", "wayland-7")
	if d := display(t.Context()); !strings.Contains(d.Problem, "wayland-7") {
		t.Errorf("got %+v", d)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "unix", filepath.Join(dir, "wayland-7"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if d := display(t.Context()); d.Name != "WAYLAND_DISPLAY wayland-7" {
		t.Errorf("got %+v", d)
	}
}

func TestSessionBus(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "bus"))
	if b := sessionBus(t.Context()); b.Problem == "" || b.Unset {
		t.Errorf("a dead bus: got %+v", b)
	}
	program, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Skip("no dbus-daemon")
	}
	cmd := exec.CommandContext(limited(t), program, "--session", "--nofork", "--print-address")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", strings.TrimSpace(address))
	if b := sessionBus(t.Context()); b.Problem != "" || b.Unset || b.Tray {
		t.Errorf("without a tray: got %+v", b)
	}
	host, err := dbus.Connect(strings.TrimSpace(address))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = host.Close() }()
	if _, err := host.RequestName("org.kde.StatusNotifierWatcher", 0); err != nil {
		t.Fatal(err)
	}
	if b := sessionBus(t.Context()); b.Problem != "" || !b.Tray {
		t.Errorf("with a tray: got %+v", b)
	}
}

func TestClockThatWasSet(t *testing.T) {
	// The process began before the tests did, by at most this long.
	const began = time.Hour
	now := time.Now()
	if d := drift(t.Context(), os.Getpid(), now); d > 0 || d < -began {
		t.Errorf("a clock that nobody set: %s", d)
	}
	if d := drift(t.Context(), os.Getpid(), now.Add(-24*time.Hour)); d < 22*time.Hour {
		t.Errorf("a clock that was set ahead by a day: %s", d)
	}
}

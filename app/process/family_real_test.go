package process

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

const familyVariable = "CARPOOL_TEST_FAMILY"

// playEngine is a program that listens, where its place says so, starts one below
// it until there are enough, says its process id, and stays until its input ends.
func playEngine(below string) int {
	n, _ := strconv.Atoi(below)
	address := "-"
	if listens := os.Getenv(familyVariable + "_LISTENS"); listens == below {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		address = l.Addr().String()
	}
	fmt.Println(os.Getpid(), address)
	if n > 0 {
		self, _ := os.Executable()
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), familyVariable+"="+strconv.Itoa(n-1))
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return 1
		}
		return 0
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

type member struct {
	pid     int
	address string
}

// generations starts a program, its child and its grandchild, of which one listens,
// and returns them from the grandchild upwards, so that the index is the number of
// those below.
func generations(t testing.TB, listens int) []member {
	t.Helper()
	cmd := exec.Command(copyOf(t, "own-engine"))
	cmd.Env = append(os.Environ(), familyVariable+"=2", familyVariable+"_LISTENS="+strconv.Itoa(listens))
	cmd.Stderr = os.Stderr
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
		if err := cmd.Wait(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Log(err)
		}
	})
	all := make([]member, 3)
	lines := bufio.NewScanner(out)
	for i := 2; i >= 0; i-- {
		if !lines.Scan() {
			t.Fatal("no line: ", lines.Err())
		}
		id, address, _ := strings.Cut(lines.Text(), " ")
		if all[i].pid, err = strconv.Atoi(id); err != nil {
			t.Fatal(err)
		}
		all[i].address = address
	}
	return all
}

func TestRealFamily(t *testing.T) {
	all := generations(t, 1)
	engine := Engine{Name: "mine", Kind: "openai", URL: "http://" + all[1].address}
	f := NewFamily()
	defer f.Close()
	f.Look(t.Context(), []Engine{engine})
	for i, want := range []string{"mine", "mine", ""} {
		if got, _ := f.Engine(all[i].pid); got != want {
			t.Errorf("%d below: %q, want %q", i, got, want)
		}
	}
	if got := f.Program(all[0].pid); got != "own-engine" {
		t.Errorf("called %q", got)
	}
	if got, ok := f.Engine(os.Getpid()); ok {
		t.Errorf("this one is of %q", got)
	}
	if got := listening(t.Context(), localPort(engine.URL)); got != int32(all[1].pid) {
		t.Errorf("the list says that %d listens", got)
	}
}

// TestWhoIsAboveCarpoolIsNoEngine is a port that an editor has, or the service
// manager: all that the user runs is below it.
func TestWhoIsAboveCarpoolIsNoEngine(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	all := generations(t, -1)
	f := NewFamily()
	defer f.Close()
	f.Look(t.Context(), []Engine{{Name: "mine", Kind: "openai", URL: "http://" + l.Addr().String()}})
	if got, ok := f.Engine(all[0].pid); ok {
		t.Errorf("of %q", got)
	}
}

func TestListenersOfEveryAddressAreFound(t *testing.T) {
	k := openKin()
	defer k.close()
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"} {
		l := listen(t, address)
		port := uint16(l.Addr().(*net.TCPAddr).Port)
		if got := k.listener(t.Context(), port); got != int32(os.Getpid()) {
			t.Errorf("%s: %d", address, got)
		}
	}
}

func TestAnEndedProcessIsNotBorn(t *testing.T) {
	k := openKin()
	defer k.close()
	own, ok := k.born(int32(os.Getpid()))
	if !ok || own <= 0 || k.parent(int32(os.Getpid())) != int32(os.Getppid()) {
		t.Errorf("%d, %v, below %d", own, ok, k.parent(int32(os.Getpid())))
	}
	cmd := exec.Command(copyOf(t, "short"), "-test.run=^$")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if start, ok := k.born(int32(cmd.Process.Pid)); ok {
		t.Errorf("born at %d", start)
	}
}

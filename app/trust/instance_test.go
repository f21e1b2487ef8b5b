package trust

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// launched is one of several `carpool`s that were started at once.
type launched struct {
	cmd  *exec.Cmd
	says bytes.Buffer // to be read after its end
	err  error        // of its end
}

// launch starts n `carpool`s on the same folders at once. Each comes out of the
// channel when it has ended.
func (c *carpool) launch(n int) <-chan *launched {
	c.t.Helper()
	ends := make(chan *launched, n)
	var begun sync.WaitGroup
	for range n {
		l := &launched{cmd: c.command("--listen", c.addr)}
		l.cmd.Stdout, l.cmd.Stderr = &l.says, &l.says
		begun.Go(func() {
			if l.err = l.cmd.Start(); l.err != nil {
				ends <- l
				return
			}
			go func() {
				l.err = l.cmd.Wait()
				ends <- l
			}()
		})
		c.t.Cleanup(func() {
			if l.cmd.Process != nil {
				_ = l.cmd.Process.Kill() // most have ended
			}
		})
	}
	begun.Wait()
	return ends
}

// next waits for the end of one.
func next(t testing.TB, ends <-chan *launched) *launched {
	t.Helper()
	const patience = time.Minute
	select {
	case l := <-ends:
		return l
	case <-time.After(patience):
		t.Fatalf("none has ended within %v", patience)
	}
	panic("unreachable")
}

// Test25_Instances starts as many as the table says, of which one may serve.
func Test25_Instances(t *testing.T) {
	const count = 20
	rounds := 1
	if isFull() {
		rounds = 10
	}
	c := prepare(t, "engine.url="+backendstest.New(t).URL)
	var longest time.Duration
	for range rounds {
		begun := time.Now()
		ends := c.launch(count)
		for range count - 1 {
			if l := next(t, ends); l.err != nil || !strings.Contains(l.says.String(), "asked to show its window") {
				t.Errorf("one ended with %v and says %q", l.err, &l.says)
			}
		}
		longest = max(longest, time.Since(begun))
		if err := c.health(&struct{}{}); err != nil {
			t.Errorf("the one that stays: %v", err)
		}
		c.do("quit")
		if l := next(t, ends); l.err != nil {
			t.Errorf("the one that stayed ended with %v: %s", l.err, &l.says)
		}
	}
	figure(t, 25, fmt.Sprintf("%d × %d processes started at once", rounds, count),
		fmt.Sprintf("1 serves; the other %d ask it for its window and end with 0, within %.1f s at most", count-1, longest.Seconds()))
}

// Test25_Kill takes the first one's life, and with it its lock and port.
func Test25_Kill(t *testing.T) {
	c := prepare(t, "engine.url="+backendstest.New(t).URL)
	serves := func() error { return c.health(&struct{}{}) }
	const times = 3
	for range times {
		c.start()
		c.await("it serves", serves)
		if out, err := c.command("serve", "--listen", "127.0.0.1:0").CombinedOutput(); err == nil || !strings.Contains(string(out), fmt.Sprintf("PID %d", c.pid())) {
			t.Errorf("a second `carpool serve`: %v, %s", err, out)
		}
		c.signal(syscall.SIGKILL)
		_ = c.wait(time.Minute)
	}
	c.start()
	c.await("it serves", serves)
	c.stop()
	figure(t, 25, fmt.Sprintf("%d kills with SIGKILL, each followed by a new start", times), "the new one serves at the same address")
}

// Test25_Squatter has another program at one of the two addresses.
func Test25_Squatter(t *testing.T) {
	answers := map[string]func(http.ResponseWriter, *http.Request){
		"Ollama 0.17.4": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/version" {
				http.NotFound(w, r)
				return
			}
			_, _ = io.WriteString(w, `{"version":"0.17.4"}`)
		},
		"another program": http.NotFound,
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		for owner, answer := range answers {
			t.Run(strings.ReplaceAll(host+" "+owner, ":", "_"), func(t *testing.T) {
				c := prepare(t)
				_, port, _ := net.SplitHostPort(c.addr)
				address := net.JoinHostPort(host, port)
				l, err := net.Listen("tcp", address)
				if err != nil {
					t.Skip("this machine has no such address: ", err)
				}
				server := http.Server{Handler: http.HandlerFunc(answer)}
				done := make(chan struct{})
				go func() {
					defer close(done)
					_ = server.Serve(l)
				}()
				defer func() {
					_ = server.Close()
					<-done
				}()
				for _, command := range [][]string{{"serve"}, {}} {
					out, err := c.command(append(command, "--listen", c.addr)...).CombinedOutput()
					if err == nil || !strings.Contains(string(out), address+": taken by "+owner) {
						t.Errorf("carpool %s: %v, %s", strings.Join(command, " "), err, out)
					}
				}
				other := "127.0.0.1"
				if host == other {
					other = "::1"
				}
				if conn, err := net.Dial("tcp", net.JoinHostPort(other, port)); err == nil {
					_ = conn.Close()
					t.Errorf("something listens on the other address, %s", other)
				}
			})
		}
	}
	t.Run("AnotherCarpool", func(t *testing.T) {
		first := prepare(t)
		first.start()
		first.await("it serves", func() error { return first.health(&struct{}{}) })
		second := prepare(t)
		out, err := second.command("serve", "--listen", first.addr).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "taken by another Carpool (trust)") {
			t.Errorf("%v, %s", err, out)
		}
		first.stop()
	})
}

// Test25_WithoutIPv6 runs it where there is no [::1].
func Test25_WithoutIPv6(t *testing.T) {
	c := prepare(t, "engine.url=demo")
	c.wrap = []string{"unshare", "-rn", "sh", "-c", `ip link set lo up && echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 && exec "$@"`, "sh"}
	if out, err := exec.Command(c.wrap[0], append(c.wrap[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("a network of its own, without IPv6, needs rights or programs that are missing here: %v, %s", err, out)
	}
	c.start()
	wrapped := c.wrap
	c.wrap = nil // its socket is in the file system, which all share
	c.await("it says so", func() error {
		out, err := c.command("status").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "on 127.0.0.1 alone: this computer has no IPv6") {
			return fmt.Errorf("carpool status: %w, %s", err, out)
		}
		return nil
	})
	c.wrap = wrapped
	c.signal(syscall.SIGTERM)
	if err := c.wait(time.Minute); err != nil {
		t.Errorf("ended with %v", err)
	}
	if !strings.Contains(c.notes.String(), "this computer has no IPv6") {
		t.Errorf("it told: %s", c.notes)
	}
	figure(t, 25, "a network without [::1]", "it serves 127.0.0.1, and `carpool status` says so")
}

package trust

import (
	"bufio"
	"encoding/json"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// engineProgram makes this test binary a scripted engine at the address that it holds.
const engineProgram = "CARPOOL_TRUST_ENGINE"

// outside stands for the test that an engine in a process of its own has not.
type outside struct{ testing.TB }

func (outside) Helper()                        {}
func (outside) Cleanup(func())                 {}
func (outside) Fatalf(format string, a ...any) { log.Fatalf(format, a...) }

// told is a line that such an engine prints for each moment of a request.
type told struct {
	What   backendstest.What
	At     time.Time
	Number uint64
	ID     string
	Model  string
}

// serveEngine is the engine, until it is killed. What it prints is out before the
// request goes on, so that a kill loses nothing that a client has seen.
func serveEngine(addr string) {
	engine := backendstest.NewInMemory(outside{})
	engine.Choose(func(backendstest.Request) backendstest.Script { return anyPace() })
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	tell := func(l told) {
		mu.Lock()
		defer mu.Unlock()
		if err := out.Encode(l); err != nil {
			log.Fatal(err)
		}
	}
	engine.Watch(func(e backendstest.Event) { tell(told{e.What, e.At, e.Number, e.Nonce, e.Model}) })
	l, err := net.Listen("tcp", addr)
	if err != nil {
		log.Fatal(err)
	}
	tell(told{}) // it listens
	log.Fatal(http.Serve(l, engine))
}

// engineProcess is a scripted engine in a process of its own.
type engineProcess struct {
	t    testing.TB
	book *book
	name string // by which the gateway knows it
	addr string

	cmd   *exec.Cmd
	ended chan struct{} // closed when all that it said was noted
}

func newEngineProcess(t testing.TB, b *book, name string) *engineProcess {
	e := &engineProcess{t: t, book: b, name: name, addr: freeAddress(t)}
	t.Cleanup(e.kill)
	return e
}

func (e *engineProcess) url() string { return "http://" + e.addr }

// start starts it, also again, and waits until it listens.
func (e *engineProcess) start() {
	e.t.Helper()
	self, err := os.Executable()
	if err != nil {
		e.t.Fatal(err)
	}
	e.cmd = exec.Command(self)
	e.cmd.Env = append(os.Environ(), engineProgram+"="+e.addr)
	e.cmd.Stderr = os.Stderr
	out, err := e.cmd.StdoutPipe()
	if err == nil {
		err = e.cmd.Start()
	}
	if err != nil {
		e.t.Fatal(err)
	}
	listens := make(chan struct{})
	ended := make(chan struct{})
	e.ended = ended
	go func() {
		defer close(ended)
		in := bufio.NewScanner(out)
		for first := true; in.Scan(); first = false {
			var l told
			switch {
			case first:
				close(listens)
			case json.Unmarshal(in.Bytes(), &l) == nil: // the last line may be cut off
				e.book.event(e.name, l.Number, l.What, l.At, l.ID, l.Model)
			}
		}
	}()
	select {
	case <-listens:
	case <-ended:
		e.t.Fatal("the engine's process has ended")
	}
}

// kill ends it by SIGKILL.
func (e *engineProcess) kill() {
	if e.cmd == nil {
		return
	}
	now := time.Now()
	_ = e.cmd.Process.Kill()
	<-e.ended
	_ = e.cmd.Wait()
	e.book.broke(e.name, now)
	e.cmd = nil
}

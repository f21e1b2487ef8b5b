//go:build unix

package launch

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// The parts that this test binary plays when it is started again. An engine
// listens at $ADDRESS and writes its process number, and those of the runners
// that it starts, to $PIDS.
const (
	roleVariable = "LAUNCH_TEST_ROLE"
	engineRole   = "engine"  // with a runner that heeds no request to end
	brokenRole   = "broken"  // ends at once, out of memory
	runnerRole   = "runner"  // of an engine
	carpoolRole  = "carpool" // runs an engine until it is killed
	lmsRole      = "lms"     // $PIDS is the service's file: server start, server stop
)

func play(role string) int {
	switch role {
	case engineRole:
		return playEngine()
	case brokenRole:
		fmt.Println("ggml_cuda: cudaMalloc failed: out of memory")
		return 3
	case runnerRole:
		signal.Ignore(syscall.SIGTERM)
		if !note(os.Getpid()) {
			return 1
		}
		time.Sleep(time.Minute)
		return 0
	case carpoolRole:
		return playCarpool()
	case lmsRole:
		return playLMS()
	}
	return 2
}

func playEngine() int {
	runner := exec.Command(os.Args[0])
	runner.Env = with(os.Environ(), roleVariable, runnerRole)
	runner.Stdout = os.Stdout // a runner holds its engine's pipe
	if !note(os.Getpid()) || runner.Start() != nil {
		return 1
	}
	for mine := strconv.Itoa(runner.Process.Pid); ; time.Sleep(time.Millisecond) { // until it heeds nothing
		if b, _ := os.ReadFile(os.Getenv("PIDS")); slices.Contains(strings.Fields(string(b)), mine) {
			break
		}
	}
	l, err := net.Listen("tcp", os.Getenv("ADDRESS"))
	if err != nil {
		fmt.Println("Error: listen tcp:", err)
		return 1
	}
	fmt.Printf(`level=INFO msg="server config" env="map[OLLAMA_NUM_PARALLEL:%s OLLAMA_ORIGINS:[]]"`+"\n", os.Getenv("OLLAMA_NUM_PARALLEL"))
	fmt.Println(`level=INFO msg=load request="{Operation:fit Parallel:1 BatchSize:512}"`)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if b, _ := io.ReadAll(io.LimitReader(c, 5)); string(b) == "crash" {
				fmt.Println("panic: told to crash")
				os.Exit(9)
			}
			_ = c.Close()
		}
	}()
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	<-told
	return 0
}

// note adds a process number to $PIDS.
func note(pid int) bool {
	f, err := os.OpenFile(os.Getenv("PIDS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return false
	}
	_, err = fmt.Fprintln(f, pid)
	return err == nil && f.Close() == nil
}

func playCarpool() int {
	s := NewSupervisor(Options{})
	ended := make(chan struct{})
	go func() { s.Run(context.Background()); close(ended) }()
	if _, err := s.Start(context.Background(), fakePlan(engineRole, os.Getenv("ADDRESS"), os.Getenv("PIDS"))); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("serving")
	<-ended
	return 0
}

// playLMS starts and stops a server that runs by itself, as LM Studio's does.
func playLMS() int {
	switch os.Args[2] {
	case "start":
		engine := exec.Command(os.Args[0])
		engine.Env = with(os.Environ(), roleVariable, engineRole)
		engine.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if engine.Start() != nil {
			return 1
		}
		for listens(context.Background(), os.Getenv("ADDRESS")) != nil {
			time.Sleep(lookEvery)
		}
		fmt.Println("Success! Server is now running on port", os.Args[4])
	case "stop":
		b, err := os.ReadFile(os.Getenv("PIDS"))
		if err != nil {
			fmt.Println("The server is not running.")
			return 1
		}
		for pid := range strings.FieldsSeq(string(b)) {
			n, _ := strconv.Atoi(pid)
			_ = syscall.Kill(n, syscall.SIGKILL)
		}
		_ = os.Remove(os.Getenv("PIDS"))
	}
	return 0
}

// fakePlan starts this test binary in a role.
func fakePlan(role, address, pids string) Plan {
	env := append(os.Environ(), "ADDRESS="+address, "PIDS="+pids, "OLLAMA_NUM_PARALLEL=4", roleVariable+"="+role)
	return Plan{Program: Program{Kind: Ollama, Label: "Ollama", Path: os.Args[0]}, Env: env, Address: address, Slots: 2, Why: "2 slots, as asked for"}
}

// bench is a supervisor that runs, and a fake engine's plan.
type bench struct {
	*testing.T
	*Supervisor
	plan   Plan
	pids   string
	logs   string
	states chan State
}

func newBench(t *testing.T, role string) *bench {
	t.Helper()
	address := "127.0.0.1:" + strconv.Itoa(backendstest.FreePort(t))
	b := &bench{T: t, pids: filepath.Join(t.TempDir(), "pids"), logs: t.TempDir(), states: make(chan State, 1000)}
	b.plan = fakePlan(role, address, b.pids)
	b.Supervisor = NewSupervisor(Options{LogDir: b.logs, Changed: func(s State) { b.states <- s }})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { b.Supervisor.Run(ctx); close(ended) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		for _, pid := range b.noted() {
			b.gone(pid)
		}
	})
	return b
}

// until returns the next state of which ok is true.
func (b *bench) until(what string, ok func(State) bool) State {
	b.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case s := <-b.states:
			if ok(s) {
				return s
			}
		case <-late:
			b.Fatalf("never seen: %s; now %+v", what, b.States())
		}
	}
}

// noted are the process numbers of engines and runners, oldest first.
func (b *bench) noted() (all []int) {
	text, _ := os.ReadFile(b.pids)
	for pid := range strings.FieldsSeq(string(text)) {
		n, err := strconv.Atoi(pid)
		if err != nil {
			b.Error(err)
		}
		all = append(all, n)
	}
	return all
}

// gone fails unless a process ends soon.
func (b *bench) gone(pid int) {
	b.Helper()
	for begun := time.Now(); alive(pid); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			b.Errorf("process %d is left", pid)
			return
		}
	}
}

// alive reports whether a process runs. One that has ended may stay listed until
// its parent has asked how.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

// lines reads an output until it ends.
func lines(r io.Reader) <-chan string {
	c := make(chan string, 100)
	go func() {
		defer close(c)
		for s := bufio.NewScanner(r); s.Scan(); {
			c <- s.Text()
		}
	}()
	return c
}

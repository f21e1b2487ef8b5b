//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// isFull says that a fault is to last as long as docs/reliability.md tells of.
func isFull() bool { return os.Getenv("CARPOOL_TRUST") == "full" }

// facing is a Carpool with nothing between it and an engine of its own, so that
// the engine's end is what Carpool sees. The caller closes it.
func facing(t *testing.T, name string, slots int, more ...string) *pool {
	t.Helper()
	own, err := os.MkdirTemp(dir, name+"-")
	if err != nil {
		t.Fatal(err)
	}
	e, err := startEngine(t.Context(), ollama, filepath.Join(own, "engine"), filepath.Join(dir, "models"), slots, more...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := startAt(t.Context(), binary, own, "ollama", e.url)
	if err != nil {
		t.Fatal(errors.Join(err, e.stop()))
	}
	p.engine = e
	return p
}

// pid is the process of the program itself, below its leash.
func (p *process) pid() (int, error) {
	all, err := children(p.leash)
	if err != nil || len(all) != 1 {
		return 0, fmt.Errorf("%s runs as %v: %w", p.name, all, err)
	}
	return all[0], nil
}

// children are the processes that a process has started and that still run.
func children(of int) (pids []int, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, file := range stats {
		b, _ := os.ReadFile(file) // it may have ended
		pid, _, _ := strings.Cut(string(b), " ")
		_, rest, _ := strings.Cut(string(b), ") ") // after the name, which may hold anything
		if f := strings.Fields(rest); len(f) > 1 && f[0] != "Z" && f[1] == strconv.Itoa(of) {
			n, err := strconv.Atoi(pid)
			if err != nil {
				return nil, err
			}
			pids = append(pids, n)
		}
	}
	return pids, nil
}

// settled waits until nothing runs or waits, and checks that each of n requests has
// one row. It returns how many rows there are of each kind of error; "" = none.
func (p *pool) settled(t *testing.T, n int) map[string]int {
	t.Helper()
	p.accountsFor(t, n)
	kinds := map[string]int{}
	for _, r := range p.rows(t) {
		kinds[r.ErrorKind]++
	}
	return kinds
}

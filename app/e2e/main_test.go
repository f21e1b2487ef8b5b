//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What all tests share. The engine has 8 slots per model, as many as Carpool
// lets in by default when it does not look for their number.
var (
	dir    string // everything that the suite writes
	ollama string // the program
	binary string // carpool: the one that CARPOOL_BINARY names, else built here
	shared *pool
)

const sharedSlots = 8

func TestMain(m *testing.M) {
	if os.Getenv(leashEnv) != "" {
		os.Exit(leash(os.Args[1:]))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx := context.Background()
	begun := time.Now()
	err := begin(ctx)
	code := 1
	if err == nil {
		fmt.Printf("ready after %.1f s\n", time.Since(begun).Seconds())
		code = m.Run()
	}
	if err := errors.Join(err, end(ctx, code != 0)); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		return 1
	}
	return code
}

func begin(ctx context.Context) (err error) {
	if dir, err = os.MkdirTemp("", "carpool-e2e-"); err != nil {
		return err
	}
	if ollama, err = findOllama(ctx); err != nil {
		return err
	}
	if binary = os.Getenv("CARPOOL_BINARY"); binary == "" {
		binary = filepath.Join(dir, "carpool")
		if err := buildCarpool(ctx, binary); err != nil {
			return err
		}
	}
	shared, err = open(ctx, "shared", sharedSlots)
	return err
}

// open starts an engine with so many slots per model, and more settings of its
// own, and a Carpool before it.
func open(ctx context.Context, name string, slots int, more ...string) (*pool, error) {
	own, err := os.MkdirTemp(dir, name+"-") // a test may run again
	if err != nil {
		return nil, err
	}
	e, err := startEngine(ctx, ollama, filepath.Join(own, "engine"), filepath.Join(dir, "models"), slots, more...)
	if err != nil {
		return nil, err
	}
	if name == "shared" {
		err = e.createModels(ctx)
	}
	var p *pool
	if err == nil {
		p, err = startCarpool(ctx, binary, own, e)
	}
	if err != nil {
		return nil, errors.Join(err, e.stop())
	}
	return p, nil
}

// opened is open for one test, which closes it in the end.
func opened(t *testing.T, name string, slots int, more ...string) *pool {
	t.Helper()
	p, err := open(t.Context(), name, slots, more...)
	if err != nil {
		t.Fatal(err)
	}
	p.closeAfter(t)
	return p
}

// closeAfter closes p at the end of a test.
func (p *pool) closeAfter(t *testing.T) {
	t.Cleanup(func() {
		if err := p.close(context.Background()); err != nil {
			t.Error(err)
			t.Log(p.tail())
		}
	})
}

// close checks the history of a Carpool that has done its work, and stops it and
// its engine.
func (p *pool) close(ctx context.Context) error {
	err := errors.Join(p.audit(ctx), p.stop(), p.meter.stop())
	if p.engine != nil {
		err = errors.Join(err, p.engine.stop())
	}
	return err
}

func end(ctx context.Context, failed bool) error {
	var err error
	if shared != nil {
		if err = shared.close(ctx); err != nil || failed {
			fmt.Fprintln(os.Stderr, shared.tail())
			fmt.Fprintln(os.Stderr, shared.engine.tail())
		}
	}
	return errors.Join(err, os.RemoveAll(dir))
}

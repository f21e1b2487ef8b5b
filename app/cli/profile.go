package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

// profiled runs something and writes profiles of it into a folder: cpu.pprof,
// allocs.pprof, mutex.pprof, and goroutine.pprof of when there were most. A folder of
// "" only runs it.
func profiled(folder string, run func() error) (err error) {
	if folder == "" {
		return run()
	}
	const ownersFolder, ownersFile, sampled, contended = 0o700, 0o600, 64 << 10, 10
	if err := os.MkdirAll(folder, ownersFolder); err != nil {
		return fmt.Errorf("profiles: %w", err)
	}
	runtime.MemProfileRate = sampled
	runtime.SetMutexProfileFraction(contended)
	defer runtime.SetMutexProfileFraction(0)
	file, err := os.Create(filepath.Join(folder, "cpu.pprof"))
	if err != nil {
		return fmt.Errorf("profiles: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := pprof.StartCPUProfile(file); err != nil {
		return fmt.Errorf("profiles: %w", err)
	}
	var c crowd
	c.watch()
	err = run()
	pprof.StopCPUProfile()
	most := c.leave()
	err = errors.Join(err, os.WriteFile(filepath.Join(folder, "goroutine.pprof"), most, ownersFile))
	for _, name := range []string{"allocs", "mutex"} {
		var b bytes.Buffer
		err = errors.Join(err, pprof.Lookup(name).WriteTo(&b, 0))
		err = errors.Join(err, os.WriteFile(filepath.Join(folder, name+".pprof"), b.Bytes(), ownersFile))
	}
	return err
}

// crowd keeps the profile of the goroutines from when there were most.
type crowd struct {
	stop    chan struct{}
	looking sync.WaitGroup
	most    int
	profile bytes.Buffer
}

func (c *crowd) watch() {
	c.stop = make(chan struct{})
	c.look()
	c.looking.Go(func() {
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for {
			select {
			case <-second.C:
				c.look()
			case <-c.stop:
				return
			}
		}
	})
}

func (c *crowd) look() {
	if n := runtime.NumGoroutine(); n > c.most {
		c.most = n
		c.profile.Reset()
		_ = pprof.Lookup("goroutine").WriteTo(&c.profile, 0) // a bytes.Buffer takes everything
	}
}

func (c *crowd) leave() []byte {
	close(c.stop)
	c.looking.Wait()
	return c.profile.Bytes()
}

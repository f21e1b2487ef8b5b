//go:build profile

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
)

// profiles are written into the folder that CARPOOL_PROFILES names, of this process and
// of each that it starts: <command>-<pid>.cpu, .allocs and .mutex.
func init() {
	folder := os.Getenv("CARPOOL_PROFILES")
	if folder == "" || len(os.Args) < 2 {
		return
	}
	name := os.Args[1]
	if name == "bench-part" {
		name = os.Args[2]
	}
	base := filepath.Join(folder, fmt.Sprintf("%s-%d", name, os.Getpid()))
	runtime.MemProfileRate = 16 << 10
	runtime.SetMutexProfileFraction(100)
	cpu, err := os.Create(base + ".cpu")
	if err == nil {
		err = pprof.StartCPUProfile(cpu)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		return
	}
	atExit = func() {
		pprof.StopCPUProfile()
		err := cpu.Close()
		for _, kind := range []string{"allocs", "mutex"} {
			file, createErr := os.Create(base + "." + kind)
			if createErr == nil {
				createErr = pprof.Lookup(kind).WriteTo(file, 0)
			}
			if createErr != nil {
				err = createErr
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "profile:", err)
		}
	}
}

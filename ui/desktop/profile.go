//go:build places && linux && !headless

package desktop

import (
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// profileOn writes a CPU profile into the file that CARPOOL_PROFILE names, from one
// SIGUSR1 to the next: for the benchmarks of the window.
func profileOn() (stop func()) {
	name := os.Getenv("CARPOOL_PROFILE")
	if name == "" {
		return func() {}
	}
	asked, ended := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(asked, syscall.SIGUSR1)
	go func() {
		defer close(ended)
		var file *os.File
		for range asked {
			var err error
			if file == nil {
				if file, err = os.Create(name); err == nil {
					err = pprof.StartCPUProfile(file)
				}
			} else {
				pprof.StopCPUProfile()
				err, file = file.Close(), nil
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, "profile:", err)
			}
		}
	}()
	return func() { signal.Stop(asked); close(asked); <-ended }
}

//go:build unix

package launch

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is also the engine that tests start, and the Carpool that is killed.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	goleak.VerifyTestMain(m,
		// lumberjack never ends its goroutine.
		goleak.IgnoreTopFunction("gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun"))
}

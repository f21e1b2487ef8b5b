package trust

import (
	"context"
	"os"
	"testing"

	"go.uber.org/goleak"

	"carpool/app/cli"
)

// program makes this test binary the Carpool that a test starts: it is built with
// the same flags, race detector and planted fault as the test.
const program = "CARPOOL_TRUST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(program) != "" {
		os.Exit(cli.Main(context.Background(), os.Args[1:], "trust", nil, os.Stdout, os.Stderr))
	}
	if addr := os.Getenv(engineProgram); addr != "" {
		serveEngine(addr)
	}
	goleak.VerifyTestMain(m)
}

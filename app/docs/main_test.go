package docs

import (
	"context"
	"os"
	"testing"

	"carpool/app/cli"
)

// program makes this test binary the carpool of the documentation.
const program = "CARPOOL_DOCS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(program) != "" {
		os.Exit(cli.Main(context.Background(), os.Args[1:], "docs", nil, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

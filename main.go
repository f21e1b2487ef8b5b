// Command carpool shares one GPU among all the AI apps on a desktop.
package main

import (
	"context"
	"os"

	"carpool/app/cli"
	"carpool/ui/desktop"
)

// version is set by the Makefile from git.
var version = "0.1.0-dev"

// atExit writes what a build for profiling measured.
var atExit = func() {}

func main() {
	status := cli.Main(context.Background(), os.Args[1:], version, desktop.Run, os.Stdout, os.Stderr)
	atExit()
	os.Exit(status)
}

// Command carpool shares one GPU among all the AI apps on a desktop.
package main

import (
	"context"
	"os"

	"carpool/app/cli"
	"carpool/ui/desktop"
)

// build is set by the Makefile from git: version, commit and day of the commit.
var build = "0.1.0-dev"

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Build(build), desktop.Run, os.Stdout, os.Stderr))
}

// Package cli is Carpool's command line: flags, environment and subcommands.
//
// The commands that start Carpool open package app; all others call the running
// one over its control socket. Flags win over the environment, which wins over
// the settings file. Figures go to stdout, everything else to stderr.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"carpool/app"
	"carpool/app/config"
	"carpool/app/control"
)

// cli is what all commands share.
type cli struct {
	version        Build
	window         app.Window // nil = none
	stdin          io.Reader
	stdout, stderr io.Writer
	place          place
	hidden         bool // the window waits in the tray
}

// place says which Carpool is meant, and what overrides its settings.
type place struct {
	config, state  string
	listen, engine string
}

// Main runs one command and returns the exit status: 0, or 1 after an error,
// which is on stderr. It must be called on the main goroutine, where the window
// then runs; window may be nil.
func Main(ctx context.Context, args []string, version Build, window app.Window, stdout, stderr io.Writer) int {
	c := &cli{version: version, window: window, stdin: os.Stdin, stdout: stdout, stderr: stderr}
	return c.main(ctx, args)
}

func (c *cli) main(ctx context.Context, args []string) int {
	root := c.root()
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		c.note("carpool: %v", err)
		return 1
	}
	return 0
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "carpool",
		Short: "Share one GPU among all the AI apps on a desktop",
		Long: `Carpool shares one GPU among all the AI apps on a desktop. It sits in the tray
and runs a local gateway, by default at http://127.0.0.1:11435, that speaks the
APIs of Ollama, OpenAI and Anthropic. Point your apps at it instead of at the
engine: it lets as many requests into the engine together as the GPU can carry.
It finds Ollama, LM Studio and llama.cpp's server, and uses any other engine
that serves OpenAI's API where "carpool set engines.list" names it.

Without a command it opens its window and its tray icon. Where there is no
desktop it serves all the same. All other commands talk to the Carpool that
runs.`,
		Example: `  carpool                          open the window
  carpool serve                    run without a window
  OLLAMA_HOST=127.0.0.1:11435 ollama run llama3.2
                                   let Ollama's own command go through Carpool
  carpool status                   what is running and waiting now
  carpool connect                  how to point your apps at it
  carpool gpu                      whose the GPU is: memory, time, power, programs
  carpool off                      one request at a time, as without Carpool
  carpool set max_batch_size=16    change a setting at once`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return c.place.resolve(cmd) },
		RunE:              func(cmd *cobra.Command, _ []string) error { return c.open(cmd) },
	}
	root.Version = c.version.line()
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; \"%s --help\" shows the flags", err, cmd.CommandPath())
	})
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	root.CompletionOptions.HiddenDefaultCmd = true
	all := root.PersistentFlags()
	all.SortFlags = false
	all.StringVar(&c.place.config, "config", "", "settings `file` (default "+config.DefaultFile()+", or $CARPOOL_CONFIG)")
	all.StringVar(&c.place.state, "state", "", "`folder` of lock, socket, history and log (default "+config.DefaultState()+", or $CARPOOL_STATE)")
	c.overrides(root)
	root.Flags().BoolVar(&c.hidden, "hidden", false, "begin in the tray, without the window, as at login")
	root.AddCommand(
		c.serveCommand(),
		c.statusCommand(),
		c.onCommand(),
		c.offCommand(),
		c.yieldCommand(),
		c.cancelCommand(),
		c.frontCommand(),
		c.engineCommand(),
		c.gpuCommand(),
		c.setCommand(),
		c.configCommand(),
		c.historyCommand(),
		c.connectCommand(),
		c.lanCommand(),
		c.autostartCommand(),
		c.uninstallCommand(),
		c.benchCommand(),
		c.benchPartCommand(),
		c.versionCommand(),
		c.topCommand(),
		c.doctorCommand(),
		c.takeoverCommand(),
		c.guardCommand(),
		c.quitCommand(),
		c.docsCommand(),
	)
	return root
}

// overrides gives a command that starts Carpool its flags.
func (c *cli) overrides(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&c.place.listen, "listen", "", "`address` and port instead of gateway.listen (or $CARPOOL_LISTEN)")
	f.StringVar(&c.place.engine, "engine", "", "`URL` of the engine, or demo, instead of engine.url (or $CARPOOL_ENGINE)")
}

// resolve fills in what no flag says from the environment, then from the
// defaults. Paths become absolute, so that they mean the same in messages.
func (p *place) resolve(cmd *cobra.Command) error {
	for _, v := range []struct {
		value                *string
		flag, variable, rest string
		path                 bool
	}{
		{&p.config, "config", "CARPOOL_CONFIG", config.DefaultFile(), true},
		{&p.state, "state", "CARPOOL_STATE", config.DefaultState(), true},
		{&p.listen, "listen", "CARPOOL_LISTEN", "", false},
		{&p.engine, "engine", "CARPOOL_ENGINE", "", false},
	} {
		if !cmd.Flags().Changed(v.flag) {
			*v.value = os.Getenv(v.variable)
		}
		if *v.value == "" {
			*v.value = v.rest
		}
		if !v.path {
			continue
		}
		var err error
		if *v.value, err = filepath.Abs(*v.value); err != nil {
			return fmt.Errorf("--%s: %w", v.flag, err)
		}
	}
	return nil
}

// running calls the Carpool that uses the state folder.
func (c *cli) running() *control.Client { return control.Dial(c.place.state) }

// print writes a command's result.
func (c *cli) print(text string) error {
	_, err := io.WriteString(c.stdout, harmless(text))
	return err
}

// note writes a line for people. One that cannot be written is nobody's loss.
func (c *cli) note(format string, args ...any) {
	_, _ = io.WriteString(c.stderr, harmless(fmt.Sprintf(format, args...))+"\n")
}

// harmless takes control characters out of a text: names of apps and models
// come from clients and engines and must not steer the terminal.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

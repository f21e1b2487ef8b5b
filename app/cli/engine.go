package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"carpool/app"
	"carpool/backends/launch"
)

func (c *cli) engineCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "engine",
		Short: "Show, start, stop and check engines",
		Long: `Show the engines that Carpool knows, those that it runs itself, and those whose
program is on this machine and that it could start.

An engine that Carpool runs gets as many slots as the GPU's memory carries, is
started again when it ends, and is stopped with Carpool. Its log is in the state
folder.`,
		Example: `  carpool engine                          what is there
  carpool engine start ollama             run Ollama, with slots by memory
  carpool engine start llamacpp --model ggml-org/gemma-3-4b-it-GGUF --slots 4 --context 8192
  carpool engine log ollama               the end of its log
  carpool engine check                    how many requests each runs at once, what
                                          that takes of the GPU, and how to change it
  carpool set engines.start=ollama        start it with Carpool from now on`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.showEngines(cmd.Context(), asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.AddCommand(c.engineStartCommand(), c.engineStopCommand(), c.engineLogCommand(), c.engineCheckCommand())
	return cmd
}

func (c *cli) engineStartCommand() *cobra.Command {
	var w launch.Wanted
	cmd := &cobra.Command{
		Use:   "start ollama|llamacpp|lmstudio",
		Short: "Start an engine and keep it running",
		Long: `Start an engine on 127.0.0.1 and keep it running until "carpool engine stop" or
the end of Carpool. What no flag says comes from the settings engines.slots,
engines.context and engines.llamacpp_model.

Without a number of slots there are as many as the GPU's memory carries: half of
it is kept for the model, and each slot takes one context, at 128 KiB per token,
or as the file of llama.cpp's model tells.
Where the memory is not known there are 4. Ollama keeps its environment, such as
OLLAMA_MODELS; if that has OLLAMA_NUM_PARALLEL, it counts. LM Studio is asked to
serve; it takes its slots for each model as it is loaded.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && slices.Contains(cmd.ValidArgs, args[0]) {
				return nil
			}
			return errors.New("say which engine: ollama, llamacpp or lmstudio")
		},
		ValidArgs: []string{string(launch.Ollama), string(launch.LlamaCPP), string(launch.LMStudio)},
		RunE: func(cmd *cobra.Command, args []string) error {
			w.Kind = launch.Kind(args[0])
			return c.startEngine(cmd.Context(), w)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&w.Slots, "slots", 0, "`requests` at once, 1 to 64 (default by memory)")
	f.IntVar(&w.Context, "context", 0, "`tokens` of each slot (default the engine's own)")
	f.StringVar(&w.Model, "model", "", "llamacpp: a .gguf `file`, or a repository user/model[:quant]")
	f.IntVar(&w.Port, "port", 0, "`port` on 127.0.0.1 (default the engine's usual one)")
	return cmd
}

func (c *cli) engineStopCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stop NAME",
		Short: "Stop an engine that Carpool started",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.running().StopEngine(cmd.Context(), args[0]); err != nil {
				return err
			}
			return c.print(args[0] + " is stopped\n")
		},
	}
}

func (c *cli) engineLogCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "log NAME",
		Short: "Print the last lines of an engine that Carpool started",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			lines, err := c.running().EngineLog(cmd.Context(), args[0])
			if err != nil || len(lines) == 0 {
				return err
			}
			return c.print(strings.Join(lines, "\n") + "\n")
		},
	}
}

// startEngine is `carpool engine start`.
func (c *cli) startEngine(ctx context.Context, w launch.Wanted) error {
	const mostSlots = 64
	if w.Slots < 0 || w.Slots > mostSlots || w.Context < 0 {
		return errors.New("--slots is a number from 1 to 64, --context a number of tokens")
	}
	if w.Port < 0 || w.Port > 65535 {
		return errors.New("--port is a number from 1 to 65535")
	}
	s, err := c.running().StartEngine(ctx, w)
	if err != nil {
		return err
	}
	if s.Status == launch.Running && !c.sees(ctx, s.URL) {
		c.note("it does not answer yet; \"carpool engine log %s\" tells what it prints", s.Name)
	}
	return c.print(startedText(s))
}

// sees waits a moment for Carpool to find the engine at a URL.
func (c *cli) sees(ctx context.Context, url string) bool {
	const patience, pause = 5 * time.Second, 100 * time.Millisecond
	for begun := time.Now(); time.Since(begun) < patience; {
		s, _, err := c.snapshot(ctx)
		if err != nil {
			return true // there is nobody to say what to do about it
		}
		for _, e := range s.Engines {
			if e.URL == url && e.Health == "up" {
				return true
			}
		}
		select {
		case <-ctx.Done():
			return true
		case <-time.After(pause):
		}
	}
	return false
}

func startedText(s launch.State) string {
	text := fmt.Sprintf("%s is %s at %s", s.Label, s.Status, s.URL)
	if s.PID > 0 {
		text += fmt.Sprintf(" (PID %d)", s.PID)
	}
	return text + "\n" + s.Why + "\n"
}

// engineList is what `carpool engine --json` prints.
type engineList struct {
	Known      any              `json:"known"` // as in carpool status --json
	Started    []launch.State   `json:"started"`
	Launchable []launch.Program `json:"launchable"`
}

func (c *cli) showEngines(ctx context.Context, asJSON bool) error {
	s, _, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return c.printJSON(engineList{s.Engines, s.Launch, s.Launchable})
	}
	return c.print(enginesText(s))
}

func enginesText(s app.Snapshot) string {
	rows := [][]string{{"ENGINE", "STATE", "SLOTS", "ADDRESS", "RUN BY", "WHY"}}
	listed := map[string]bool{}
	for _, e := range s.Engines {
		if e.Simulated {
			continue
		}
		slots := e.Slots
		for _, t := range s.Tuning {
			if t.Engine == e.Name && t.Slots > 0 {
				slots = t.Slots
			}
		}
		row := []string{e.Name, string(e.Health), numberOr(slots, "-"), e.URL, "-", orDash(e.Problem)}
		for _, l := range s.Launch {
			if l.URL == e.URL && l.Alive() {
				listed[l.Name] = true
				row = launchRow(l, cmp.Or(slots, l.Slots))
			}
		}
		rows = append(rows, row)
	}
	for _, l := range s.Launch {
		if !listed[l.Name] {
			rows = append(rows, launchRow(l, l.Slots))
		}
	}
	var b strings.Builder
	if len(rows) > 1 {
		b.WriteString(table(rows))
	}
	for _, p := range s.Launchable {
		if !runs(s, p.Kind) {
			fmt.Fprintf(&b, "%s is on this machine (%s) and does not run: carpool engine start %s\n", p.Label, p.Path, p.Kind)
		}
	}
	if b.Len() == 0 {
		return noEngineHere
	}
	return b.String()
}

// noEngineHere is for who has none yet.
const noEngineHere = "No engine was found, nor a program of one: install Ollama (https://ollama.com/download),\n" +
	"LM Studio (https://lmstudio.ai) or llama.cpp, and Carpool uses it as soon as it runs.\n"

func launchRow(l launch.State, slots int) []string {
	return []string{l.Name, string(l.Status), numberOr(slots, "-"), l.URL, runBy(l), orDash(l.Reason)}
}

func orDash(text string) string { return cmp.Or(text, "-") }

// runBy says that Carpool runs an engine, and since when it did not end.
func runBy(l launch.State) string {
	text := "Carpool"
	if l.PID > 0 {
		text += fmt.Sprintf(", PID %d", l.PID)
	}
	if l.Restarts > 0 {
		text += ", " + counted(int64(l.Restarts), "restart", "restarts")
	}
	return text
}

// runs reports whether an engine of a kind is up, or is being kept running.
func runs(s app.Snapshot, k launch.Kind) bool {
	for _, e := range s.Engines {
		if string(e.Kind) == string(k) && e.Health == "up" {
			return true
		}
	}
	for _, l := range s.Launch {
		if l.Kind == k && l.Alive() {
			return true
		}
	}
	return false
}

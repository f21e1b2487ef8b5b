package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"carpool/app/fit"
	"carpool/backends/launch"
)

func (c *cli) engineCheckCommand() *cobra.Command {
	var asJSON bool
	var q fit.Question
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Tell how many requests each engine runs at once, what that takes of the GPU, and how to change it",
		Long: `Tell of each engine that runs how many requests it runs at once and by what that
is known, and the exact steps to change it for whatever runs it: systemd, the
macOS or Windows app, Homebrew, Docker, a shell, or Carpool.

Then what its models take of the GPU's memory, those that are loaded or were used,
and what they would take with other numbers of slots. With --model that is asked of
one model, also of one that is not loaded, and for slots and a context of your
choice.

It is an estimate: the size of the weights, what their metadata tell of the KV
cache, at two bytes per number (f16; no engine tells if OLLAMA_KV_CACHE_TYPE or
--cache-type-k made it smaller), and 715 MiB for the driver's context and buffers.
Pictures take more. Of the free memory gpu.reserve_mib is kept; models of Ollama
that are idle count as free, since Ollama unloads them. What a loaded model takes
is what its engine says, where it says so.`,
		Example: `  carpool engine check
  carpool engine check --model qwen3:8b
  carpool engine check --model qwen3:8b --slots 8 --context 32768`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f := cmd.Flags()
			if (f.Changed("slots") && (q.Slots < 1 || q.Slots > 64)) || (f.Changed("context") && q.Context < 1) {
				return errors.New("--slots is a number from 1 to 64, --context a number of tokens")
			}
			if q.Model == "" && (f.Changed("slots") || f.Changed("context")) {
				return errors.New("--slots and --context need a --model")
			}
			if q.Model != "" {
				return c.checkModel(cmd.Context(), q, asJSON)
			}
			return c.checkEngines(cmd.Context(), asJSON)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&q.Model, "model", "", "ask of one `model`")
	f.IntVar(&q.Slots, "slots", 0, "`requests` at once, 1 to 64 (default as the engine has)")
	f.IntVar(&q.Context, "context", 0, "`tokens` of each slot (default as the engine has)")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// engineCheck is what `carpool engine check --json` prints of an engine.
type engineCheck struct {
	launch.Check
	Memory []fit.Table `json:"memory"`
}

func (c *cli) checkEngines(ctx context.Context, asJSON bool) error {
	checks, err := c.running().CheckEngines(ctx)
	if err != nil {
		return err
	}
	tables, err := c.running().EngineMemory(ctx, fit.Question{})
	if err != nil {
		return err
	}
	all := make([]engineCheck, len(checks))
	for i, check := range checks {
		all[i] = engineCheck{check, []fit.Table{}}
		for _, t := range tables {
			if t.Engine == check.Name {
				all[i].Memory = append(all[i].Memory, t)
			}
		}
	}
	if asJSON {
		return c.printJSON(all)
	}
	if len(all) == 0 {
		s, _, err := c.snapshot(ctx)
		if err != nil {
			return err
		}
		if len(s.Launchable) == 0 {
			return c.print(noEngineHere)
		}
		return c.print("No engine is running. \"carpool engine\" shows which can be started.\n")
	}
	texts := make([]string, len(all))
	for i, check := range all {
		texts[i] = checkText(check.Check)
		for _, t := range check.Memory {
			texts[i] += "\n" + memoryText(t)
		}
	}
	return c.print(strings.Join(texts, "\n"))
}

// checkModel is `carpool engine check --model`.
func (c *cli) checkModel(ctx context.Context, q fit.Question, asJSON bool) error {
	tables, err := c.running().EngineMemory(ctx, q)
	if err != nil {
		return err
	}
	if asJSON {
		return c.printJSON(tables)
	}
	texts := make([]string, len(tables))
	for i, t := range tables {
		texts[i] = memoryText(t)
	}
	return c.print(strings.Join(texts, "\n"))
}

func checkText(k launch.Check) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %s\n%s.\n", k.Name, k.URL, k.Says)
	if len(k.Guide.Steps) == 0 {
		return b.String()
	}
	b.WriteString("\n" + k.Guide.Title + ":\n")
	for i, s := range k.Guide.Steps {
		fmt.Fprintf(&b, "%d. %s\n", i+1, s.Text)
		if s.Command != "" {
			b.WriteString("       " + strings.ReplaceAll(s.Command, "\n", "\n       ") + "\n")
		}
	}
	return b.String()
}

// memoryText says what a model takes now, and with other numbers of slots.
func memoryText(t fit.Table) string {
	text := fmt.Sprintf("Memory of %s on %s\n%s.\n", harmless(t.Model), t.Engine, t.Now.Reason())
	if len(t.Rows) == 0 {
		return text
	}
	rows := [][]string{{"SLOTS OF " + strings.ToUpper(fit.Tokens(t.Now.Context)), "KV CACHE", "IN ALL", "ON THE GPU"}}
	for _, f := range t.Rows {
		rows = append(rows, []string{fmt.Sprint(f.Slots), bound(f) + fit.Bytes(f.KV), bound(f) + fit.Bytes(f.Total), verdict(f, t.Largest)})
	}
	return text + table(rows)
}

func bound(f fit.Fit) string {
	if f.AtMost {
		return "≤ "
	}
	return ""
}

func verdict(f fit.Fit, largest int) string {
	switch {
	case f.Judged && f.Fits && f.Slots == largest:
		return "fits, the most of these"
	case f.Judged && f.Fits:
		return "fits"
	case f.Judged:
		return fit.Bytes(f.Spill) + " too much"
	case f.Spill > 0:
		return "up to " + fit.Bytes(f.Spill) + " too much"
	}
	return "not known"
}

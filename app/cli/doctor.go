package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"carpool/app"
	"carpool/app/control"
	"carpool/app/doctor"
	"carpool/app/doctor/examine"
)

func (c *cli) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check whether everything works, and say what to do where it does not",
		Long: `Check engines, how many requests they run at once, the GPU's driver, the port,
permissions, display, tray, clock, disk, history, settings, the network's token, apps
in containers and other Carpools, and say in words what to do. It changes nothing, and
works whether Carpool runs or not.

A note is worth knowing, a problem keeps something from working: with one the exit
status is 1.`,
		Example: `  carpool doctor
  carpool doctor --json | jq '.[] | select(.level != "ok")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := c.examined(cmd.Context())
			all := doctor.Judge(examine.Look(cmd.Context(), o))
			var err error
			if asJSON {
				err = c.printJSON(all)
			} else {
				err = c.print(doctorText(all))
			}
			if n := doctor.Problems(all); err == nil && n > 0 {
				return errors.New(counted(int64(n), "problem", "problems") + " found")
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// examined is what the Carpool that runs, if one does, knows already.
func (c *cli) examined(ctx context.Context) examine.Options {
	o := examine.Options{ConfigFile: c.place.config, StateDir: c.place.state, Listen: c.place.listen, Engine: c.place.engine, Owner: app.Owner}
	s, _, err := c.snapshot(ctx)
	if err != nil {
		if !errors.Is(err, control.ErrNotRunning) {
			o.Silent = err.Error()
		}
		return o
	}
	r := &examine.Running{
		Running: doctor.Running{PID: s.PID, Version: s.Version, Endpoint: s.Endpoint, Problems: s.Problems},
		Started: s.Started, Listen: s.Listen, Engines: s.Engines,
		History: doctor.History{Dropped: s.History.Dropped},
		LAN:     doctor.LAN{Listening: s.LAN.Listening, Problem: s.LAN.Problem},
	}
	if !s.History.OK {
		r.History.Problem = s.History.Problem
	}
	for _, g := range s.GPUs {
		r.GPUs = append(r.GPUs, g.Reading)
	}
	if len(s.GPUs) == 0 {
		r.GPUs = append(r.GPUs, s.GPU.Reading)
	}
	if r.Checks, err = c.running().CheckEngines(ctx); err != nil {
		o.Silent = err.Error()
	}
	o.Running = r
	o.ConfigFile = s.ConfigAt
	return o
}

// doctorText begins each finding with its level, and ends with a sum.
func doctorText(all []doctor.Finding) string {
	var b strings.Builder
	count := map[doctor.Level]int64{}
	for _, f := range all {
		count[f.Level]++
		fmt.Fprintf(&b, "%-8s %s: %s\n", f.Level, f.Check, f.Says)
		if f.Do != "" {
			fmt.Fprintf(&b, "         %s\n", f.Do)
		}
		if f.Run != "" {
			for line := range strings.Lines(f.Run) {
				fmt.Fprintf(&b, "             %s\n", strings.TrimSuffix(line, "\n"))
			}
		}
	}
	switch {
	case count[doctor.Problem] > 0:
		fmt.Fprintf(&b, "\n%s, %s.\n", counted(count[doctor.Problem], "problem", "problems"), counted(count[doctor.Note], "note", "notes"))
	case count[doctor.Note] > 0:
		fmt.Fprintf(&b, "\nAll clear, with %s.\n", counted(count[doctor.Note], "note", "notes"))
	default:
		b.WriteString("\nAll clear.\n")
	}
	return b.String()
}

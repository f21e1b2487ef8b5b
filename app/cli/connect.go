package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"carpool/app"
	"carpool/app/config"
	"carpool/app/connect"
	"carpool/app/connect/wiring"
	"carpool/app/control"
)

// connectFlags say what is done to an app's settings.
type connectFlags struct {
	yes, dryRun, revert, steps, json bool
	file                             string
}

func (c *cli) connectCommand() *cobra.Command {
	var f connectFlags
	cmd := &cobra.Command{
		Use:   "connect [APP]",
		Short: "Point your apps at Carpool, and back",
		Long: `Point an app at Carpool: show the change of its settings, ask, and write it. Only
the address of an engine of this computer is changed, or Carpool added where the app
names none; comments, order and everything else stay as they are. What was there is
kept beside Carpool's state, and --revert puts it back.

Without APP, list the apps, which of them are on this computer, and where they point.
Apps that keep their settings where they cannot be edited get steps to do by hand. One
that runs in a container of Docker or Podman is found there: its commands are shown, and
an address is opened for it, with the token, if you agree.`,
		Example: `  carpool connect                  which apps are here, and where they point
  carpool connect zed              show the change, ask, make it
  carpool connect zed --yes        without asking
  carpool connect zed --dry-run    show it and change nothing
  carpool connect --revert zed     back to what it was
  carpool connect librechat --file ~/LibreChat/librechat.yaml
  carpool connect open-webui       find its container, show the commands, ask to open an address
  carpool connect curl`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.connect(cmd.Context(), strings.Join(args, ""), f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show the change and make none")
	flags.BoolVar(&f.revert, "revert", false, "take back what Carpool changed")
	flags.StringVar(&f.file, "file", "", "the app's settings `file`, where it is not in the usual place")
	flags.BoolVar(&f.steps, "steps", false, "show what to do by hand")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func (c *cli) connect(ctx context.Context, wanted string, f connectFlags) error {
	target, guides, running, err := c.target(ctx)
	if err != nil {
		return err
	}
	w, err := c.wiring(target)
	if err != nil {
		return err
	}
	a, known := wiring.Lookup(wanted)
	switch {
	case f.revert && !known:
		return errors.New("say which app to revert, by its name in the list of \"carpool connect\"")
	case wanted == "" && !f.steps:
		return c.listApps(w, guides, f.json)
	case !known && !f.steps:
		if found, err := c.inContainer(ctx, wanted, target.Endpoint, running, f); found || err != nil {
			return err
		}
		return c.printGuides(guides, wanted, f.json)
	case f.steps:
		return c.printGuides(guides, wanted, f.json)
	case f.json && !f.yes && !f.dryRun:
		return errors.New("--json asks nothing: say --yes or --dry-run too")
	}
	if _, err := w.Connect(a, f.file); errors.Is(err, wiring.ErrAbsent) && !f.revert && f.file == "" {
		if found, err := c.inContainer(ctx, a.Name, target.Endpoint, running, f); found || err != nil {
			return err
		}
	}
	if err := c.rewire(w, a, guides, f); err != nil {
		return err
	}
	if !running && !f.revert {
		c.note("carpool is not running: %s finds nothing at %s until it is", a.Name, target.Endpoint)
	}
	return nil
}

// target is where apps are pointed, and how by hand: as the running Carpool says, or
// else the settings.
func (c *cli) target(ctx context.Context) (to wiring.Target, guides []app.ConnectGuide, running bool, err error) {
	s, _, err := c.snapshot(ctx)
	if errors.Is(err, control.ErrNotRunning) {
		file, _, err := config.Load(c.place.config)
		to.Endpoint = "http://" + cmp.Or(c.place.listen, file.Gateway.Listen)
		return to, connect.Guides(to.Endpoint, ""), false, err
	}
	if err != nil {
		return to, nil, false, err
	}
	guides, err = c.running().ConnectGuides(ctx)
	return wiring.Target{Endpoint: s.Endpoint, Model: app.SomeModel(s.Engines)}, guides, true, err
}

func (c *cli) wiring(t wiring.Target) (*wiring.Wiring, error) {
	here, err := wiring.Here()
	if err != nil {
		return nil, err
	}
	return wiring.New(here, c.place.state, t), nil
}

// guidesOf are those whose name has a part.
func guidesOf(all []app.ConnectGuide, part string) ([]app.ConnectGuide, error) {
	var found []app.ConnectGuide
	var names []string
	for _, g := range all {
		names = append(names, g.App)
		if part == "" || wiring.Plain(part) != "" && strings.Contains(wiring.Plain(g.App), wiring.Plain(part)) {
			found = append(found, g)
		}
	}
	if len(found) == 0 {
		return nil, errors.New("no app of that name is known; there are " + strings.Join(names, ", "))
	}
	return found, nil
}

func (c *cli) printGuides(all []app.ConnectGuide, part string, asJSON bool) error {
	found, err := guidesOf(all, part)
	if err != nil {
		return err
	}
	if asJSON {
		return c.printJSON(found)
	}
	var b strings.Builder
	for i, g := range found {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(connectText(g))
	}
	return c.print(b.String())
}

// connectText has what is to be copied at the beginning of lines, as files want it.
func connectText(g app.ConnectGuide) string {
	var b strings.Builder
	b.WriteString(g.App + "\n")
	for i, s := range g.Steps {
		fmt.Fprintf(&b, "%d. %s\n", i+1, s.Do)
		if s.Copy != "" {
			b.WriteString("\n" + strings.TrimSuffix(s.Copy, "\n") + "\n\n")
		}
	}
	return b.String()
}

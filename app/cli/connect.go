package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"carpool/app"
)

func (c *cli) connectCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "connect [APP]",
		Short: "Show how to point your apps at Carpool",
		Long: `Show how the usual apps are pointed at the running Carpool: settings to copy, with
its address in place. APP is a part of an app's name.`,
		Example: `  carpool connect
  carpool connect zed
  carpool connect curl`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.connect(cmd.Context(), strings.Join(args, ""), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) connect(ctx context.Context, wanted string, asJSON bool) error {
	all, err := c.running().ConnectGuides(ctx)
	if err != nil {
		return err
	}
	var found []app.ConnectGuide
	var names []string
	for _, g := range all {
		names = append(names, g.App)
		if strings.Contains(strings.ToLower(g.App), strings.ToLower(wanted)) {
			found = append(found, g)
		}
	}
	if len(found) == 0 {
		return errors.New("no app of that name is known; there are " + strings.Join(names, ", "))
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

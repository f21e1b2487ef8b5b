package cli

import (
	"github.com/spf13/cobra"

	"carpool/app/config"
)

// docsCommand prints the pages that are made from the program itself. Users need
// none of them: packages and docs/ hold what it prints.
func (c *cli) docsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:    "docs",
		Short:  "Print the pages that are made from the program",
		Args:   cobra.NoArgs,
		Hidden: true,
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "settings",
			Short: "Print docs/settings.md",
			Args:  cobra.NoArgs,
			RunE:  func(*cobra.Command, []string) error { return c.print(config.Reference()) },
		},
		&cobra.Command{
			Use:   "man",
			Short: "Print docs/carpool.1",
			Args:  cobra.NoArgs,
			RunE:  func(cmd *cobra.Command, _ []string) error { return c.print(manual(cmd.Root())) },
		},
	)
	return cmd
}

package cli

import (
	"runtime"

	"github.com/spf13/cobra"
)

func (c *cli) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, with commit and date",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return c.printJSON(map[string]string{
					"version": c.version.Version(), "commit": c.version.Commit(), "date": c.version.Date(),
					"go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
				})
			}
			return c.print(c.version.line() + "\n")
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) quitCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "quit",
		Short: "End the running Carpool",
		Long: `End the running Carpool: new requests are refused, and running ones may go on
for gateway.drain_timeout_s.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.running().Quit(cmd.Context()); err != nil {
				return err
			}
			c.note("carpool is shutting down")
			return nil
		},
	}
}

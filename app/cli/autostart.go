package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"carpool/app/autostart"
)

func (c *cli) autostartCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "autostart",
		Short: "Start Carpool at login, hidden in the tray",
		Long: `Start Carpool when you log in, hidden in the tray. It is off until "carpool
autostart on". The entry is the desktop's own: an XDG autostart file on Linux, a
LaunchAgent on macOS, the registry's Run key on Windows. Needs no running Carpool.

On a server there is no login: there "systemctl --user enable --now carpool" runs it
without a window, where the package brought its unit.`,
		Example: `  carpool autostart                does it start at login
  carpool autostart on
  carpool autostart off`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return c.printAutostart(asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.AddCommand(
		&cobra.Command{Use: "on", Short: "Start it at login from now on", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				entry, err := autostart.Own(c.place.flags(cmd)...)
				if err != nil {
					return err
				}
				if err := autostart.Enable(entry); err != nil {
					return err
				}
				return c.printAutostart(false)
			}},
		&cobra.Command{Use: "off", Short: "Do not start it at login", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				if err := autostart.Disable(); err != nil {
					return err
				}
				return c.printAutostart(false)
			}},
		&cobra.Command{Use: "status", Short: "Tell whether it starts at login", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return c.printAutostart(false) }},
	)
	return cmd
}

// flags are the places that were named by flags, for a start that has no others.
func (p *place) flags(cmd *cobra.Command) []string {
	var flags []string
	if cmd.Flags().Changed("config") {
		flags = append(flags, "--config", p.config)
	}
	if cmd.Flags().Changed("state") {
		flags = append(flags, "--state", p.state)
	}
	return flags
}

func (c *cli) printAutostart(asJSON bool) error {
	s, err := autostart.Status()
	if err != nil {
		return err
	}
	if asJSON {
		return c.printJSON(s)
	}
	return c.print(autostartText(s))
}

func autostartText(s autostart.State) string {
	switch {
	case !s.On:
		return "Carpool does not start at login. \"carpool autostart on\" has it do so.\n"
	case s.Missing:
		return fmt.Sprintf("Carpool would start at login, but %s is not there any more.\n\"carpool autostart on\" names this program instead, \"carpool autostart off\" ends it.\n", s.Program)
	}
	return fmt.Sprintf("Carpool starts at login, hidden in the tray.\n  program  %s\n  entry    %s\n", s.Program, s.Where)
}

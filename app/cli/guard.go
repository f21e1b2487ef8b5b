package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"carpool/app"
	"carpool/app/takeover"
)

// guardCommand is the guard's process. Carpool starts it.
func (c *cli) guardCommand() *cobra.Command {
	var adopt bool
	cmd := &cobra.Command{
		Use:    "takeover-guard",
		Short:  "Guard the port that was taken over (Carpool starts this)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := takeover.Load(c.place.state)
			if err != nil {
				return err
			}
			if r == nil {
				return errors.New("no port is taken over")
			}
			o := takeover.Options{Record: *r, Gone: func() bool {
				r, err := takeover.Load(c.place.state)
				return r == nil && err == nil
			}}
			if o.Socket, err = app.GuardSocket(c.place.state); err != nil {
				return err
			}
			if adopt {
				o.Parent = takeover.Parent()
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			return takeover.Serve(ctx, o)
		},
	}
	cmd.Flags().BoolVar(&adopt, "adopt", false, "take the sockets from the process that starts this")
	return cmd
}

package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
)

func (c *cli) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel TICKET",
		Short: "End a request that waits or runs",
		Long: `End one request, by its ticket in "carpool status": one that waits leaves the queue,
one that runs is broken off. Its client is told so; all others go on.`,
		Example: `  carpool status
  carpool cancel 41`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ticket, err := ticketOf(args[0])
			if err != nil {
				return err
			}
			if err := c.running().CancelRequest(cmd.Context(), ticket); err != nil {
				return err
			}
			return c.print("Cancelled.\n")
		},
	}
}

func (c *cli) frontCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "front TICKET",
		Short: "Let a waiting request go next",
		Long: `Make one waiting request the next of its engine, by its ticket in "carpool status",
whatever its app has had and whichever model is loaded. What runs is not touched.`,
		Example: `  carpool status
  carpool front 43`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ticket, err := ticketOf(args[0])
			if err != nil {
				return err
			}
			if err := c.running().MoveToFront(cmd.Context(), ticket); err != nil {
				return err
			}
			return c.print("It goes next.\n")
		},
	}
}

func ticketOf(arg string) (uint64, error) {
	ticket, err := strconv.ParseUint(arg, 10, 64)
	if err != nil {
		return 0, fmt.Errorf(`%q is no ticket: "carpool status" shows the tickets of what waits and runs`, arg)
	}
	return ticket, nil
}

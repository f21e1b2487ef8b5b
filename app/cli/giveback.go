package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"carpool/app"
	"carpool/app/takeover"
	"carpool/backends/launch"
)

// giveBack undoes a takeover.
func (c *cli) giveBack(ctx context.Context, yes bool) error {
	r, err := takeover.Load(c.place.state)
	if err != nil {
		return err
	}
	if r == nil {
		return c.print("No port is taken over.\n")
	}
	if err := c.print(backText(r)); err != nil {
		return err
	}
	if err := c.consent("Do this?", yes); err != nil {
		return err
	}
	if err := takeover.Remove(c.place.state); err != nil {
		return err
	}
	socket, err := app.GuardSocket(c.place.state)
	if err == nil {
		err = takeover.End(ctx, socket)
	}
	if err == nil {
		at := r.Addresses()[0]
		err = c.await(ctx, followPatience, at+" is still taken", func() bool { return !taken(ctx, at) })
	}
	if err != nil {
		return errors.Join(err, r.Save(c.place.state))
	}
	switch r.By {
	case takeover.ByUnit:
		err = r.Unit.Restore(ctx, r.Engine)
	case takeover.ByCarpool:
		err = c.restartAt(ctx, r.Addresses()[0])
	default:
		found := launch.Detect(launch.Ollama)
		return c.print("The port is free. Start Ollama there again:\n\n    " +
			strings.ReplaceAll(takeover.UndoByHand(string(found.Service)), "\n", "\n    ") + "\n")
	}
	if err != nil {
		return errors.Join(err, r.Save(c.place.state)) // so that it can be tried again
	}
	return c.print("Everything is as it was.\n")
}

func backText(r *takeover.Record) string {
	text := fmt.Sprintf("Carpool gives port %d back. ", r.Port)
	if r.By == takeover.ByHand {
		return text + fmt.Sprintf("You moved Ollama to %s; how to move it back is told then.\n", r.Engine)
	}
	return text + fmt.Sprintf("Ollama returns to it from %s, and is started again for that: what it is answering now breaks off.\n", r.Engine)
}

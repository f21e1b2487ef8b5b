package app

import "fmt"

// CancelRequest ends a request that waits or runs: its client gets an error that
// says so. It fails if there is none of that ticket any more.
func (a *App) CancelRequest(ticket uint64) error {
	if err := a.scheduler.Cancel(ticket); err != nil {
		return fmt.Errorf("cancel %d: %w", ticket, err)
	}
	a.log.Info("cancelled by the user", "ticket", ticket)
	a.changed()
	return nil
}

// MoveToFront makes a waiting request the next of its engine. It fails if there is
// none of that ticket any more, or it runs.
func (a *App) MoveToFront(ticket uint64) error {
	if err := a.scheduler.MoveToFront(ticket); err != nil {
		return fmt.Errorf("move %d to the front: %w", ticket, err)
	}
	a.log.Info("moved to the front by the user", "ticket", ticket)
	a.changed()
	return nil
}

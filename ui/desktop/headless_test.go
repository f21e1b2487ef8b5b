//go:build headless

package desktop

import (
	"errors"
	"testing"

	"carpool/app"
)

func TestRun_SaysThatThereIsNoWindow(t *testing.T) {
	if err := Run(t.Context(), nil); !errors.Is(err, app.ErrNoDesktop) {
		t.Errorf("got %v, want %v", err, app.ErrNoDesktop)
	}
}

//go:build headless

package desktop

import (
	"context"
	"fmt"

	"carpool/app"
)

// Run fails with app.ErrNoDesktop: this program was built without a window.
func Run(context.Context, *app.App) error {
	return fmt.Errorf("%w: built without a window", app.ErrNoDesktop)
}

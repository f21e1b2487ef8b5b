package ui

import (
	"context"

	"carpool/app"
)

// Carpool is what the window needs of app.App.
type Carpool interface {
	// Watch delivers a snapshot at once, then each second and after each change.
	Watch(ctx context.Context) <-chan app.Snapshot
	// Set changes one setting; it may take as long as writing a file.
	Set(ctx context.Context, key, value string) error
	// Setting describes key.
	Setting(key string) (app.Setting, bool)
	// Quit ends the app.
	Quit()
}

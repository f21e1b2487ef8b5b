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
	// StartEngine starts an engine and keeps it running; it may take 20 s.
	StartEngine(ctx context.Context, w app.EngineWanted) (app.EngineState, error)
	// StopEngine ends an engine that StartEngine started; it may take 5 s.
	StopEngine(ctx context.Context, name string) error
	// CheckEngines says of each engine that is up how to give it more slots; it
	// looks at the machine's processes.
	CheckEngines() []app.EngineCheck
	// Yield gives the GPU to the user's other programs, and Resume takes it back;
	// both return at once.
	Yield(ctx context.Context, o app.YieldOrder) error
	Resume(ctx context.Context) error
	// Quit ends the app.
	Quit()
}

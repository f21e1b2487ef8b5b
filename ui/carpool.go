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
	// Settings lists every setting, in the order of the file.
	Settings() []app.Setting

	// The history. All of these read the disk: call them through errands.
	Points(ctx context.Context, q app.Range, most int) (app.Points, error)
	FindRequests(ctx context.Context, f app.Filter) ([]app.RequestRow, int64, error)
	FindBatches(ctx context.Context, f app.Filter) ([]app.BatchRow, int64, error)
	Decisions(ctx context.Context, q app.Range) ([]app.Event, error)
	Names(ctx context.Context, q app.Range) (app.Names, error)
	AppUse(ctx context.Context, q app.Range) ([]app.AppUse, error)
	Curve(ctx context.Context, engine, model string) ([]app.CurvePoint, error)
	Trials(ctx context.Context) ([]app.Trial, error)
	Export(ctx context.Context, q app.Range, folder, format string) ([]string, error)
	HistorySize(ctx context.Context) (app.HistorySize, error)
	WipeHistory(ctx context.Context) error
	CompactHistory(ctx context.Context) (freed int64, err error)

	// CancelRequest ends a request that waits or runs, and MoveToFront makes a
	// waiting one the next of its engine; both return at once.
	CancelRequest(ticket uint64) error
	MoveToFront(ticket uint64) error
	// StartTrial begins a benchmark, and CancelTrial ends it; both return at once.
	StartTrial(ctx context.Context, w app.TrialWanted) error
	CancelTrial()
	// ConnectGuides are how the usual apps are pointed at Carpool.
	ConnectGuides() []app.ConnectGuide

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
	// Autostart tells whether Carpool starts at login, and SetAutostart changes that;
	// both ask the system.
	Autostart() (app.Autostart, error)
	SetAutostart(on bool) error
	// Quit ends the app.
	Quit()
}

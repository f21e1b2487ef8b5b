package control

import (
	"context"
	"time"

	"carpool/app/connect"
	"carpool/app/fit"
	"carpool/app/trial"
	"carpool/backends/launch"
	"carpool/storage"
)

// Surface is what the command line can see and do; S is the snapshot's type.
// Its methods are called from many goroutines.
type Surface[S any] interface {
	Snapshot() S
	Set(ctx context.Context, key, value string) error
	Requests(ctx context.Context, q storage.Query) ([]storage.Request, error)
	Batches(ctx context.Context, q storage.Query) ([]storage.Batch, error)
	Decisions(ctx context.Context, q storage.Query) ([]storage.Decision, error)
	EnergyUse(ctx context.Context, q storage.Query) ([]storage.EnergyUse, error)
	Summary(ctx context.Context, q storage.Query) (storage.Summary, error)
	History
	ConnectGuides() []connect.Guide
	StartEngine(ctx context.Context, w launch.Wanted) (launch.State, error)
	StopEngine(ctx context.Context, name string) error
	EngineLog(name string) ([]string, error)
	CheckEngines() []launch.Check
	Yield(ctx context.Context, o YieldOrder) error
	Resume(ctx context.Context) error
	EngineMemory(q fit.Question) ([]fit.Table, error)
	CancelRequest(ticket uint64) error
	MoveToFront(ticket uint64) error
	LANToken() (string, error)
	RotateLANToken() (string, error)
	StartTrial(ctx context.Context, w trial.Wanted) error
	CancelTrial()
	Show() // brings the window to the front
	Quit() // begins to drain; returns at once
}

// YieldOrder says how the user gives the GPU to other programs.
type YieldOrder struct {
	For  time.Duration `json:"for_ns"` // 1 s to 24 h; 0 = until it is taken back
	Stop bool          `json:"stop"`   // interrupt what runs; else it may end
}

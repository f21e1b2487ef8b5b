package app

import (
	"context"
	"errors"
	"time"

	"carpool/app/config"
	"carpool/storage"
)

// Requests reads the history, newest first, rows of this moment included.
func (a *App) Requests(ctx context.Context, q storage.Query) ([]storage.Request, error) {
	if err := a.settle(ctx); err != nil {
		return nil, err
	}
	return a.store.Requests(ctx, q)
}

// Batches reads the history, newest first, rows of this moment included.
func (a *App) Batches(ctx context.Context, q storage.Query) ([]storage.Batch, error) {
	if err := a.settle(ctx); err != nil {
		return nil, err
	}
	return a.store.Batches(ctx, q)
}

// Decisions reads the history, newest first, rows of this moment included.
func (a *App) Decisions(ctx context.Context, q storage.Query) ([]storage.Decision, error) {
	if err := a.settle(ctx); err != nil {
		return nil, err
	}
	return a.store.Decisions(ctx, q)
}

// EnergyUse adds up a range of the history by model and how many ran at once. A
// request's joules are known at the GPU reading after its end.
func (a *App) EnergyUse(ctx context.Context, q storage.Query) ([]storage.EnergyUse, error) {
	if err := a.settle(ctx); err != nil {
		return nil, err
	}
	return a.store.EnergyUse(ctx, q)
}

// Summary adds up a range of the history, rows of this moment included.
func (a *App) Summary(ctx context.Context, q storage.Query) (storage.Summary, error) {
	if err := a.settle(ctx); err != nil {
		return storage.Summary{}, err
	}
	return a.store.Summary(ctx, q)
}

// retention is what is kept under c.
func retention(c config.History) storage.Retention {
	const (
		day      = 24 * time.Hour
		mebibyte = 1 << 20
	)
	return storage.Retention{Rows: time.Duration(c.RetentionDays) * day, Samples: time.Duration(c.RawDays) * day,
		Minutes: time.Duration(c.MinuteDays) * day, Bytes: int64(c.MaxMiB) * mebibyte}
}

// settle lets the writer catch up. A store that cannot write now can still be
// read.
func (a *App) settle(ctx context.Context) error {
	if a.store == nil {
		return errors.New(a.storeProblem)
	}
	if err := a.store.Flush(ctx); err != nil && ctx.Err() != nil {
		return err
	}
	return nil
}

// Points reads a range of the history for a chart of at most most points, 1 to
// 10,000. The last tenth of a second may be missing.
func (a *App) Points(ctx context.Context, q Range, most int) (Points, error) {
	if a.store == nil {
		return Points{}, errors.New(a.storeProblem)
	}
	return a.store.Points(ctx, q, most)
}

// FindRequests reads a page of requests, and how many there are in all, rows of this
// moment included.
func (a *App) FindRequests(ctx context.Context, f Filter) ([]RequestRow, int64, error) {
	if err := a.settle(ctx); err != nil {
		return nil, 0, err
	}
	return a.store.FindRequests(ctx, f)
}

// FindBatches reads a page of batches, and how many there are in all, rows of this
// moment included.
func (a *App) FindBatches(ctx context.Context, f Filter) ([]BatchRow, int64, error) {
	if err := a.settle(ctx); err != nil {
		return nil, 0, err
	}
	return a.store.FindBatches(ctx, f)
}

// Names reads what a range of the history can be filtered by.
func (a *App) Names(ctx context.Context, q Range) (Names, error) {
	if err := a.settle(ctx); err != nil {
		return Names{}, err
	}
	return a.store.Names(ctx, q)
}

// AppUse adds up a range of the history by app, rows of this moment included.
func (a *App) AppUse(ctx context.Context, q Range) ([]AppUse, error) {
	if err := a.settle(ctx); err != nil {
		return nil, err
	}
	return a.store.AppUse(ctx, q)
}

// curveDays is how far back a curve looks: engines, drivers and models change.
const curveDays = 30

// Curve reads what an engine gave with a model in the last 30 days, by how many ran
// at once.
func (a *App) Curve(ctx context.Context, engine, model string) ([]CurvePoint, error) {
	if err := a.settle(ctx); err != nil {
		return nil, err
	}
	return a.store.Curve(ctx, engine, model, time.Now().AddDate(0, 0, -curveDays))
}

// HistorySize looks at the history's file.
func (a *App) HistorySize(ctx context.Context) (HistorySize, error) {
	if err := a.settle(ctx); err != nil {
		return HistorySize{}, err
	}
	return a.store.Size(ctx)
}

// WipeHistory deletes every row of the history.
func (a *App) WipeHistory(ctx context.Context) error {
	if a.store == nil {
		return errors.New(a.storeProblem)
	}
	if err := a.store.Wipe(ctx); err != nil {
		return err
	}
	a.log.Info("history", "event", "wiped")
	return nil
}

// CompactHistory gives the space of deleted rows back to the disk.
func (a *App) CompactHistory(ctx context.Context) (freed int64, err error) {
	if a.store == nil {
		return 0, errors.New(a.storeProblem)
	}
	return a.store.Compact(ctx)
}

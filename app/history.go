package app

import (
	"context"
	"errors"

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

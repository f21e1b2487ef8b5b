package app

import (
	"context"
	"errors"

	"carpool/app/advice"
	"carpool/app/config"
	"carpool/app/connect"
	"carpool/app/trial"
	"carpool/storage"
)

// What front ends need of packages that they may not know.
type (
	// Range is a part of the history.
	Range = storage.Query
	// Filter selects rows of the history.
	Filter = storage.Filter
	// Points are a chart's worth of the history.
	Points = storage.Points
	// Point is one span of a chart.
	Point = storage.Point
	// RequestRow is a request in the history.
	RequestRow = storage.Request
	// BatchRow is a batch in the history.
	BatchRow = storage.Batch
	// Event is something that Carpool decided or noticed, and why.
	Event = storage.Decision
	// Names are what the history can be filtered by.
	Names = storage.Names
	// AppUse is what one app had of the GPU.
	AppUse = storage.AppUse
	// CurvePoint is what a number of requests at once gave.
	CurvePoint = storage.CurvePoint
	// HistorySize is what the history takes on disk.
	HistorySize = storage.Size
	// TrialWanted says what a benchmark is to measure.
	TrialWanted = trial.Wanted
	// Trial is a benchmark with its figures.
	Trial = trial.Trial
	// TrialRow is one size of a benchmark.
	TrialRow = trial.Row
	// TrialState is what a benchmark is at.
	TrialState = trial.State
	// Advice is what would make better use of the GPU.
	Advice = advice.Advice
	// ConnectGuide is how an app is pointed at Carpool.
	ConnectGuide = connect.Guide
)

// Settings lists every setting, in the order of the file.
func (a *App) Settings() []Setting { return config.Settings() }

// Points reads a range of the history for a chart of at most most points.
func (a *App) Points(ctx context.Context, q Range, most int) (Points, error) {
	return Points{}, errors.ErrUnsupported
}

// FindRequests reads a page of requests, and how many there are in all.
func (a *App) FindRequests(ctx context.Context, f Filter) ([]RequestRow, int64, error) {
	return nil, 0, errors.ErrUnsupported
}

// FindBatches reads a page of batches, and how many there are in all.
func (a *App) FindBatches(ctx context.Context, f Filter) ([]BatchRow, int64, error) {
	return nil, 0, errors.ErrUnsupported
}

// Names reads what a range of the history can be filtered by.
func (a *App) Names(ctx context.Context, q Range) (Names, error) {
	return Names{}, errors.ErrUnsupported
}

// AppUse adds up a range of the history by app.
func (a *App) AppUse(ctx context.Context, q Range) ([]AppUse, error) {
	return nil, errors.ErrUnsupported
}

// Curve reads what an engine gave with a model in the last 30 days, by how many ran
// at once.
func (a *App) Curve(ctx context.Context, engine, model string) ([]CurvePoint, error) {
	return nil, errors.ErrUnsupported
}

// Export writes a range of the history into a folder: requests, batches, events and
// samples, as "csv" or "json". It returns the files, and replaces none that is there.
func (a *App) Export(ctx context.Context, q Range, folder, format string) ([]string, error) {
	return nil, errors.ErrUnsupported
}

// HistorySize looks at the history's file.
func (a *App) HistorySize(ctx context.Context) (HistorySize, error) {
	return HistorySize{}, errors.ErrUnsupported
}

// WipeHistory deletes every row of the history.
func (a *App) WipeHistory(ctx context.Context) error { return errors.ErrUnsupported }

// CompactHistory gives the space of deleted rows back to the disk.
func (a *App) CompactHistory(ctx context.Context) (freed int64, err error) {
	return 0, errors.ErrUnsupported
}

// ConnectGuides are how the usual apps are pointed at this Carpool.
func (a *App) ConnectGuides() []ConnectGuide { return nil }

package app

import (
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
	AppUse = storage.AppUse //nolint:revive // use by an app, not of this package
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

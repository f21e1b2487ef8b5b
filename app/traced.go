package app

import (
	"carpool/app/gateway"
	"carpool/app/tracing"
)

// trace tells the collector of traces of a request that has ended, if one is set and
// the request is part of a trace.
func (a *App) trace(r gateway.Record) {
	if !r.Trace.On() {
		return
	}
	work := tracing.Request{
		Trace: r.Trace.ID, Parent: r.Trace.Parent, Span: r.Trace.Span, EngineSpan: r.Trace.Engine,
		ID: r.ID, Route: r.Route, App: r.App, Engine: r.Engine, Model: r.Model,
		Priority: r.Priority.String(), Outcome: string(r.Outcome), Error: r.ErrorKind, Status: r.Status,
		Stream: r.Stream, Batch: r.Batch, PromptTokens: r.PromptTokens, OutputTokens: r.OutputTokens,
		Started: r.Started, Queued: r.Queued, FirstToken: r.FirstToken, Total: r.Total,
	}
	if r.Outcome == gateway.OK {
		work.Error = "" // "empty" is no error
	}
	a.tracer.Add(work)
}

package app

import (
	"carpool/app/config"
	"carpool/app/fit"
	"carpool/backends"
	"carpool/backends/launch"
	"carpool/batching"
)

// Setting describes one key of the settings.
type Setting = config.Setting

// What front ends need of package launch, which they may not know.
type (
	// EngineKind is the make of an engine that Carpool can run.
	EngineKind = launch.Kind
	// EngineProgram is the program of one, found on this machine.
	EngineProgram = launch.Program
	// EngineWanted says how one is to be started.
	EngineWanted = launch.Wanted
	// EngineState is one that Carpool runs, or ran.
	EngineState = launch.State
	// EngineCheck is how many requests an engine runs at once, and how to change that.
	EngineCheck = launch.Check
	// EngineGuide is the steps to do so.
	EngineGuide = launch.Guide
	// EngineInfo is what is known of an engine.
	EngineInfo = backends.Info
	// EngineModel is one of its models.
	EngineModel = backends.Model
	// ModelFit is what a model takes of the GPU, and whether that fits.
	ModelFit = fit.Fit
)

// What front ends need of package batching, which they may not know.
type (
	// QueueState is what runs and waits of one model on one engine.
	QueueState = batching.QueueState
	// Running is a request that runs.
	Running = batching.Running
)

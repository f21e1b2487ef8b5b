package app

import (
	"os"
	"time"

	"carpool/app/tuner"
	"carpool/backends"
	"carpool/storage"
)

// Snapshot is the state now.
func (a *App) Snapshot() Snapshot {
	s := a.state()
	s.Queues, s.Live = a.scheduler.Snapshot(), a.live.all()
	return s
}

// state is a snapshot without what grows with the requests in flight or with time.
func (a *App) state() Snapshot {
	c := *a.config.Load()
	s := Snapshot{
		At: time.Now(), Started: a.started, Version: a.options.Version, PID: os.Getpid(),
		Endpoint: "http://" + a.address(),

		LAN:         a.network.now(),
		Takeover:    a.takeover.now(),
		Connections: a.connections.state(),

		Config:   c.Masked(),
		Limits:   a.tuner.Limits(),
		Tuning:   a.tuner.States(),
		SizeKey:  tuner.SizeKey(c),
		Batching: a.scheduler.Totals(),
		Gateway:  a.gateway.Stats(),
		Reloads:  a.gateway.Reloads(),
		TokensPS: a.live.lastRate(),
		Engines:  a.engines.Snapshot(),

		Launch:     a.launcher.States(),
		Launchable: a.programs.all(),

		GPU:      a.gpu(),
		GPUs:     a.gpus(),
		Yield:    a.yielding(),
		Fits:     a.lastFits(),
		Trial:    a.trials.state(time.Now()),
		Energy:   a.meter.state(a.gpu().Reading, c.Energy),
		Advice:   a.lastAdvice(),
		History:  a.history(),
		LogFile:  a.options.LogFile,
		ConfigAt: a.options.ConfigFile,
		Draining: a.draining.Load(),
	}
	a.healer.mark(s.Engines)
	for _, l := range a.listeners {
		s.Listen = append(s.Listen, l.Addr().String())
	}
	e, serves := active(s.Engines)
	s.Simulated = serves && e.Simulated
	s.Sentence = sentence(s.Batching, s.TokensPS, s.Yield, serves || !a.looked())
	s.Basis = basis(s, a.address())
	s.Problems = a.problems(s, serves)
	return s
}

// looked tells whether the engines have been looked for, which takes a moment
// after the start.
func (a *App) looked() bool {
	select {
	case <-a.engines.Ready():
		return true
	default:
		return false
	}
}

// sample is one second of the live charts, with the tokens written and read until then.
func (a *App) sample(now time.Time) (s Sample, out, in uint64) {
	t := a.scheduler.Totals()
	in = a.recorder.prompts.Load()
	outPS, inPS := a.live.rates(now, t.Tokens, in)
	firsts := a.recorder.firstTokens(now)
	reading := a.gpu()
	return Sample{
		At: now, Running: t.InFlight, Waiting: t.QueueDepth,
		Limit:    a.tuner.Limits().InFlight(),
		TokensPS: outPS, TokensInPS: inPS,
		FirstP50: percentile(firsts, 0.50), FirstP95: percentile(firsts, 0.95),
		MemoryUsed: reading.MemoryUsed, MemoryTotal: reading.MemoryTotal,
		MemoryOurs: reading.Ours.Memory, MemoryOthers: reading.Others.Memory,
		Utilization: reading.Utilization, Power: reading.Power,
	}, t.Tokens, in
}

func (a *App) history() storage.State {
	if a.store == nil {
		return storage.State{Problem: a.storeProblem}
	}
	return a.store.State()
}

// problems are what the user should know, worst first: what stops answers, then
// what is lost, then what is merely not as set.
func (a *App) problems(s Snapshot, serves bool) []string {
	problems := []string{}
	if !serves && a.looked() {
		problems = append(problems, noEngine(s.Engines))
	}
	if problem := s.Connections.problem(); problem != "" {
		problems = append(problems, problem)
	}
	problems = append(problems, a.launchProblems(s.Launch)...)
	problems = append(problems, a.healer.Problems()...)
	if s.History.Problem != "" && s.Config.History.Enabled {
		problems = append(problems, s.History.Problem)
	}
	if s.LAN.Problem != "" {
		problems = append(problems, s.LAN.Problem)
	}
	if s.Takeover.Problem != "" {
		problems = append(problems, s.Takeover.Problem)
	}
	problems = append(problems, a.lacks...)
	if problem := a.fileProblem.Load(); problem != nil {
		problems = append(problems, "settings not taken: "+*problem+"; until it is mended the last good ones hold, or the defaults")
	}
	if a.connections.short != "" {
		problems = append(problems, a.connections.short)
	}
	return problems
}

func noEngine(engines []backends.Info) string {
	for _, e := range engines {
		if e.Problem != "" {
			return e.Problem
		}
	}
	return "no engine is running: start Ollama, or set engine.url"
}

package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"carpool/app/gpus"
	"carpool/app/tuner"
	"carpool/backends"
	"carpool/backends/launch"
)

// StartEngine starts an engine of a kind and keeps it running until StopEngine or
// the end of Run. What is not wanted comes from the settings. It returns when the
// engine takes connections, when its first run has ended, or after 20 s. It fails
// where the program is missing, the port is taken, a model is needed, or the
// first run ended; after the last the engine is tried again all the same.
func (a *App) StartEngine(ctx context.Context, w launch.Wanted) (launch.State, error) {
	if a.draining.Load() {
		return launch.State{}, errors.New("carpool is shutting down")
	}
	plan, err := a.plan(ctx, w)
	if err != nil {
		return launch.State{}, err
	}
	if !a.runs(plan.Kind) {
		if err := vacant(ctx, plan); err != nil {
			return launch.State{}, err
		}
	}
	s, err := a.launcher.Start(ctx, plan)
	if err != nil {
		return s, fmt.Errorf("start %s: %w", plan.Label, err)
	}
	return s, nil
}

// StopEngine ends an engine that StartEngine started, and waits until nothing of
// it is left.
func (a *App) StopEngine(ctx context.Context, name string) error { return a.launcher.Stop(ctx, name) }

// EngineLog is the end of what an engine that Carpool started has printed,
// oldest line first.
func (a *App) EngineLog(name string) ([]string, error) { return a.launcher.Log(name) }

// CheckEngines says of each engine that runs how many requests it runs at once,
// and how to change that.
func (a *App) CheckEngines() []launch.Check {
	c := a.config.Load().Engines
	states, used := a.launcher.States(), a.tuner.States()
	all := []launch.Check{}
	for _, e := range a.engines.Snapshot() {
		if e.Simulated || e.Health != backends.Up {
			continue
		}
		r := launch.Seen{Name: e.Name, Label: e.Label, Kind: launch.Kind(e.Kind), URL: e.URL, Local: e.Local(),
			Memory: a.gpuMemory(), WantedSlots: c.Slots, Context: c.Context}
		r.Slots, r.SlotsBy = slotsBy(e, used)
		for _, s := range states {
			if s.Alive() && s.URL == e.URL {
				r.Started = true
				if r.Slots > 0 && r.Slots == s.Slots {
					r.SlotsBy = "its log"
				}
			}
		}
		if r.Local && !r.Started {
			r.Found = launch.Detect(r.Kind)
		}
		all = append(all, launch.NewCheck(r))
	}
	return all
}

// slotsBy is slots, and by what they are known.
func slotsBy(e backends.Info, used []tuner.State) (n int, by string) {
	n = slots(e, used)
	for _, t := range used {
		if t.Engine == e.Name && t.Slots == n && n > 0 {
			return n, t.SlotsBy
		}
	}
	if n > 0 {
		by = "told"
	}
	return n, by
}

// plan decides how an engine is started.
func (a *App) plan(ctx context.Context, w launch.Wanted) (launch.Plan, error) {
	c := a.config.Load().Engines
	if w.Slots == 0 {
		w.Slots = c.Slots
	}
	if w.Context == 0 {
		w.Context = c.Context
	}
	program, err := launch.FindKind(w.Kind)
	if err != nil {
		return launch.Plan{}, err
	}
	if w.Port == 0 {
		w.Port = a.takeover.portFor(w.Kind)
	}
	g := launch.Given{Program: program, Memory: a.gpuMemory(), Environ: os.Environ()}
	if w.Kind == launch.LlamaCPP {
		if w.Model == "" {
			w.Model = c.LlamaCPPModel
		}
		path, size, err := launch.ModelFile(w.Model)
		if err != nil {
			return launch.Plan{}, err
		}
		if path != "" {
			w.Model, g.ModelBytes = path, size
			if m, err := backends.ReadModelFile(path); err == nil && m.Known { // else the engine says what is wrong with it
				g.TokenBytes = m.KVPerToken() + m.WindowPerToken()
			}
		}
		g.Router = w.Model == "" && launch.HasRouter(ctx, program)
	}
	g.Wanted = w
	return launch.NewPlan(g)
}

// gpuMemory is what the GPU was last seen to have.
func (a *App) gpuMemory() launch.Memory { return memoryOf(a.gpu()) }

func memoryOf(r gpus.State) launch.Memory {
	free, ok := r.Free()
	if !ok || r.MemoryTotal == nil {
		return launch.Memory{}
	}
	return launch.Memory{Free: free, Total: *r.MemoryTotal}
}

// runs reports whether an engine of a kind is being kept running.
func (a *App) runs(k launch.Kind) bool {
	for _, s := range a.launcher.States() {
		if s.Kind == k && s.Alive() {
			return true
		}
	}
	return false
}

// vacant fails where the engine's port is taken, and says by whom.
func vacant(ctx context.Context, p launch.Plan) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", p.Address)
	if err == nil {
		return l.Close()
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port of %s: %w", p.Label, err)
	}
	_, port, _ := net.SplitHostPort(p.Address)
	return fmt.Errorf("port %s is %w by %s, which Carpool did not start; \"carpool engine check\" says how to give an engine that runs already more slots, for one more name another --port",
		port, errTaken, owner(ctx, p.Address))
}

// errTaken marks a port that another program has.
var errTaken = errors.New("taken")

// startEngines starts the engines that the settings name. One whose port is taken
// runs already.
func (a *App) startEngines(ctx context.Context) {
	kinds := a.config.Load().Engines.Start
	if len(kinds) == 0 {
		return
	}
	a.awaitGPU(ctx)
	var all sync.WaitGroup
	for _, k := range kinds {
		all.Go(func() {
			s, err := a.StartEngine(ctx, launch.Wanted{Kind: launch.Kind(k)})
			switch {
			case ctx.Err() != nil:
			case errors.Is(err, errTaken):
				a.log.Info("engine not started", "engine", k, "reason", err)
			case err != nil:
				a.log.Warn("engine not started", "engine", k, "error", err)
				a.unstarted.note(launch.Kind(k), err)
				a.changed()
			default:
				a.log.Info("engine started", "engine", k, "url", s.URL, "slots", s.Slots, "why", s.Why)
			}
		})
	}
	all.Wait()
}

// awaitGPU waits a moment for the first look at the GPU, by which an engine gets
// its slots.
func (a *App) awaitGPU(ctx context.Context) {
	const patience, pause = 2 * time.Second, 20 * time.Millisecond
	for begun := time.Now(); a.gpu().At.IsZero() && time.Since(begun) < patience; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// engineChanged notes the new state of an engine that Carpool runs.
func (a *App) engineChanged(s launch.State) {
	slots := s.Slots
	if !s.Alive() {
		slots = 0
	}
	if a.running.note(s) {
		a.settings.Lock() // so that no older settings are put in force after newer ones
		a.engines.Configure(a.engineSettings(*a.config.Load()))
		a.settings.Unlock()
	}
	a.engines.TellSlots(s.URL, slots)
	level := a.log.Info
	if s.Status == launch.Restarting || s.Status == launch.Failed {
		level = a.log.Warn
	}
	level("engine", "name", s.Name, "status", s.Status, "pid", s.PID, "slots", s.Slots, "restarts", s.Restarts, "reason", s.Reason)
	a.changed()
}

// launchProblems tell of engines that Carpool was to run and that do not.
func (a *App) launchProblems(states []launch.State) []string {
	problems := a.unstarted.without(states)
	for _, s := range states {
		if s.Status == launch.Restarting || s.Status == launch.Failed {
			problems = append(problems, s.Label+" does not run: "+s.Reason)
		}
	}
	return problems
}

// newLauncher makes what runs engines; their logs are beside Carpool's own.
func (a *App) newLauncher() *launch.Supervisor {
	return launch.NewSupervisor(launch.Options{LogDir: a.options.StateDir, Changed: a.engineChanged})
}

package app

import (
	"context"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"carpool/app/gpus"
	"carpool/app/process"
	"carpool/backends"
	"carpool/backends/launch"
	"carpool/gpu"
)

// GPUState is a reading of a GPU and whose it is.
type GPUState = gpus.State

// owned reads GPUs and tells whose they are, once for each reading and by the
// goroutine that reads. of may be called from any goroutine.
type owned struct {
	gpu.Reader
	family  *process.Family
	engines func() []process.Engine
	last    atomic.Pointer[[]gpus.State]
}

func newOwned(r gpu.Reader, f *process.Family, engines func() []process.Engine) *owned {
	return &owned{Reader: r, family: f, engines: engines}
}

// Read implements gpu.Reader.
func (o *owned) Read(ctx context.Context) []gpu.Reading {
	const limit = time.Second // of a look at who listens, of the two that a reading may take
	readings := o.Reader.Read(ctx)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	o.family.Look(ctx, o.engines())
	states := gpus.Split(readings, o.family.Engine)
	for i := range states {
		for j := range states[i].Programs {
			p := &states[i].Programs[j]
			p.Name = programName(o.family.Program(p.PID), p.Name)
		}
	}
	o.last.Store(&states)
	return readings
}

// Idle is until when the reader has nothing new to tell; zero = it may at any time.
func (o *owned) Idle() time.Time {
	if r, ok := o.Reader.(interface{ Idle() time.Time }); ok {
		return r.Idle()
	}
	return time.Time{}
}

// programName is what people call a program, or else its file's name: a driver may
// tell a whole command line.
func programName(known, told string) string {
	if known != "" {
		return known
	}
	told, _, _ = strings.Cut(told, " --")
	told = strings.TrimSpace(strings.ReplaceAll(told, `\`, "/"))
	if told == "" {
		return ""
	}
	return path.Base(told)
}

// of is whose the GPUs of the sampler's last readings are. Those that it made up
// itself, while nothing could be read, are nobody's. Those that were read have
// their division already, or, for a moment, a newer one is there.
func (o *owned) of(readings []gpu.Reading) []gpus.State {
	if d := o.last.Load(); d != nil && slices.ContainsFunc(readings, func(r gpu.Reading) bool { return r.Available }) {
		return *d
	}
	return gpus.Split(readings, func(int) (string, bool) { return "", false })
}

// Close implements gpu.Reader.
func (o *owned) Close() error {
	o.family.Close()
	return o.Reader.Close()
}

// gpus are the GPUs of this machine as read last, at least one.
func (a *App) gpus() []gpus.State { return a.owned.of(a.sampler.Last()) }

// gpu is the one that the preferred engine runs on, or that is set.
func (a *App) gpu() gpus.State {
	e, _ := active(a.engines.Snapshot())
	return a.gpuOf(e.Name)
}

// gpuOf is the one that an engine runs on, or that is set.
func (a *App) gpuOf(engine string) gpus.State {
	return gpus.Of(a.gpus(), engine, a.config.Load().GPU.Device)
}

// lostGPU says why no program can use the GPU of an engine; "" = one can, or nobody knows.
func (a *App) lostGPU(engine string) string {
	return gpus.Lost(a.gpus(), engine, a.config.Load().GPU.Device)
}

// families are the engines whose processes are looked for: also those that do not
// answer, which hold memory all the same.
func (a *App) families() []process.Engine {
	return familiesOf(a.engines.Snapshot(), a.launcher.States())
}

func familiesOf(engines []backends.Info, started []launch.State) []process.Engine {
	var all []process.Engine
	for _, e := range engines {
		if !e.Local() {
			continue
		}
		f := process.Engine{Name: e.Name, Kind: string(e.Kind), URL: e.URL}
		for _, s := range started {
			if s.Alive() && s.URL == e.URL {
				f.PID = s.PID
			}
		}
		all = append(all, f)
	}
	return all
}

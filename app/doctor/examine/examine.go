// Package examine collects the facts that package doctor judges: it looks at
// this machine and asks engines what they are. It changes nothing.
//
// What cannot be found out in time is left out or said; Look never fails.
package examine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"carpool/app/config"
	"carpool/app/doctor"
	"carpool/backends"
	"carpool/backends/launch"
	"carpool/gpu"
)

// patience bounds each question to a part of the machine.
const patience = 5 * time.Second

// Options say what is to be looked at.
type Options struct {
	ConfigFile, StateDir string
	Listen, Engine       string // as flags override the settings; "" = they do not
	Running              *Running
	Silent               string                                        // why a Carpool that holds the state folder does not answer
	Owner                func(ctx context.Context, addr string) string // what listens at an address, for people
	GPU                  gpu.Reader                                    // used without Running, and closed; nil = gpu.Open()
}

// Running is what a Carpool that runs tells of itself.
type Running struct {
	doctor.Running
	Started time.Time
	Listen  []string // addresses bound
	Engines []backends.Info
	Checks  []launch.Check
	GPUs    []gpu.Reading
	History doctor.History // Problem, Dropped
	LAN     doctor.LAN     // Listening, Problem
}

// Look collects everything. It takes some seconds where something does not answer.
func Look(ctx context.Context, o Options) doctor.Facts {
	f := doctor.Facts{System: runtime.GOOS, Now: time.Now(), Silent: o.Silent}
	c := readSettings(o, &f)
	if o.Running != nil {
		r := o.Running.Running
		r.Drift = drift(ctx, r.PID, o.Running.Started)
		f.Running = &r
	}
	conns, hidden := connections(ctx)
	f.Others = others(ctx, conns, f.Running)
	f.Port = port(ctx, o, c.Gateway.Listen)
	found, checks := engines(ctx, o, c)
	f.Engines = judged(found, checks)
	f.Bypass, f.NoBypass = bypass(ctx, conns, hidden, found, f.Running)
	f.GPUs = graphics(ctx, o)
	f.State = folder(o.StateDir)
	f.Config = folder(filepath.Dir(o.ConfigFile))
	f.Socket = file(filepath.Join(o.StateDir, "carpool.sock"))
	f.Display = display(ctx)
	f.Bus = sessionBus(ctx)
	f.Disk = disk(ctx, o.StateDir)
	f.History = history(ctx, o, c)
	f.LAN = doctor.LAN{Address: c.Gateway.LAN, Token: file(filepath.Join(o.StateDir, "lan-token"))}
	if o.Running != nil {
		f.LAN.Listening, f.LAN.Problem = o.Running.LAN.Listening, o.Running.LAN.Problem
	}
	f.Containers, f.Docker = inContainers(ctx, c)
	f.Files = openFiles()
	return f
}

// readSettings reads them without writing any, unlike a start.
func readSettings(o Options, f *doctor.Facts) config.Config {
	c, warnings, err := config.Load(o.ConfigFile)
	f.Settings.File = o.ConfigFile
	_, missing := os.Stat(o.ConfigFile)
	f.Settings.Missing = errors.Is(missing, os.ErrNotExist)
	if err != nil {
		f.Settings.Problem = err.Error()
		c = config.Default()
	}
	for _, w := range warnings {
		f.Settings.Warnings = append(f.Settings.Warnings, w.String())
	}
	f.Settings.Connections = c.Gateway.MaxConnections
	if o.Listen != "" {
		c.Gateway.Listen = o.Listen
	}
	if o.Engine != "" {
		c.Engine.URL = o.Engine
	}
	return c
}

// port tries the address for a moment where no Carpool has it.
func port(ctx context.Context, o Options, listen string) doctor.Port {
	p := doctor.Port{Address: listen}
	_, number, err := net.SplitHostPort(listen)
	if err != nil {
		p.Problem = err.Error()
		return p
	}
	if o.Running != nil {
		for _, at := range o.Running.Listen {
			if _, ours, err := net.SplitHostPort(at); err == nil && (ours == number || number == "0") {
				p.Ours = true
				return p
			}
		}
	}
	var lc net.ListenConfig
	for _, at := range []struct{ network, host string }{{"tcp4", "127.0.0.1"}, {"tcp6", "::1"}} {
		addr := net.JoinHostPort(at.host, number)
		l, err := lc.Listen(ctx, at.network, addr)
		switch {
		case err == nil:
			_ = l.Close()
		case isTaken(err):
			p.Owner = "another program"
			if o.Owner != nil {
				p.Owner = o.Owner(ctx, addr)
			}
			p.Program = listener(ctx, number)
			return p
		case at.network == "tcp4": // a machine without IPv6 does without
			p.Problem = err.Error()
			return p
		}
	}
	return p
}

// folder is tried by a file that is made and removed.
func folder(path string) doctor.Folder {
	f := doctor.Folder{Path: path}
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		f.Missing = true
		for err != nil && filepath.Dir(path) != path {
			path = filepath.Dir(path)
			info, err = os.Stat(path)
		}
	}
	if err != nil {
		f.Problem = err.Error()
		return f
	}
	if !info.IsDir() {
		f.Problem = path + " is not a folder"
		return f
	}
	if !f.Missing {
		f.Mode = mode(info)
	}
	trial, err := os.CreateTemp(path, ".carpool-doctor-")
	if err != nil {
		f.Problem = cause(err).Error()
		return f
	}
	if err := errors.Join(trial.Close(), os.Remove(trial.Name())); err != nil {
		f.Problem = err.Error()
	}
	return f
}

// file is one that must be its user's alone.
func file(path string) doctor.File {
	info, err := os.Stat(path)
	if err != nil {
		return doctor.File{Path: path, Missing: true}
	}
	return doctor.File{Path: path, Mode: mode(info)}
}

func mode(info os.FileInfo) uint32 {
	if runtime.GOOS == "windows" {
		return 0
	}
	return uint32(info.Mode().Perm())
}

// cause is an error without the path that is told anyway.
func cause(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}

// named is a program with its process id.
func named(name string, pid int32) string {
	if name == "" {
		name = "a program"
	}
	return fmt.Sprintf("%s (PID %d)", name, pid)
}

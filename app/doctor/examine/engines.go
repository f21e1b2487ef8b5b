package examine

import (
	"cmp"
	"context"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	psnet "github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"

	"carpool/app/config"
	"carpool/app/doctor"
	"carpool/backends"
	"carpool/backends/launch"
	"carpool/gpu"
)

// engines are those that Carpool sees or, without it, those it would.
func engines(ctx context.Context, o Options, c config.Config) ([]backends.Info, []launch.Check) {
	if o.Running != nil {
		return o.Running.Engines, o.Running.Checks
	}
	s := backends.Settings{URL: c.Engine.URL, Demo: "never", NoDiscovery: !c.Engines.Discover, Keys: c.Engines.ByName(),
		Connect: time.Duration(c.Gateway.ConnectTimeoutS) * time.Second}
	for _, i := range c.Engines.Items() {
		s.Engines = append(s.Engines, backends.Source{Name: i.Name, Kind: backends.Kind(i.Kind), URL: i.URL})
	}
	if trusted, err := c.Engines.Authorities(); err == nil {
		s.Authorities = trusted
	}
	r := backends.NewRegistry(backends.Options{Settings: s, Self: []string{c.Gateway.Listen}})
	work, stop := context.WithTimeout(ctx, 2*patience)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.Run(work) // it ends with work alone
	}()
	select {
	case <-r.Ready():
	case <-work.Done():
	}
	all := r.Snapshot()
	stop()
	<-done
	// Where nothing is named and nothing is there, all default places are silent.
	wanted := func(e backends.Info) bool {
		return e.Health == backends.Up || c.Engine.URL != "" ||
			slices.ContainsFunc(c.Engines.Items(), func(i config.EngineItem) bool { return i.Name == e.Name })
	}
	all = slices.DeleteFunc(all, func(e backends.Info) bool { return e.Simulated || !wanted(e) })
	return all, check(all, c)
}

// check is what Carpool would say of engines that it does not run.
func check(all []backends.Info, c config.Config) (checks []launch.Check) {
	for _, e := range all {
		if e.Health != backends.Up {
			continue
		}
		s := launch.Seen{Name: e.Name, Label: e.Label, URL: e.URL, Kind: launch.Kind(e.Kind), Slots: e.Slots, Local: e.Local(),
			WantedSlots: cmp.Or(c.Engines.Slots, 4), Context: c.Engines.Context}
		if s.Slots > 0 {
			s.SlotsBy = "told"
		}
		if s.Local {
			s.Found = launch.Detect(s.Kind)
		}
		checks = append(checks, launch.NewCheck(s))
	}
	return checks
}

// judged joins engines with what is known of their slots.
func judged(all []backends.Info, checks []launch.Check) []doctor.Engine {
	out := make([]doctor.Engine, 0, len(all))
	for _, e := range all {
		d := doctor.Engine{Name: e.Name, Label: e.Label, Version: e.Version, URL: e.URL, Up: e.Health == backends.Up,
			Demo: e.Simulated, Models: len(e.Models), Problem: e.Problem}
		for _, c := range checks {
			if c.Name == e.Name {
				d.Slots, d.Says, d.Wanted, d.Steps = c.Slots, c.Says, c.Wanted, commands(c.Guide)
			}
		}
		// What an engine was started with is known where its environment can be read.
		if d.Slots == 0 && e.Kind == backends.KindOllama && e.Local() && d.Says != "" {
			d.Slots, d.Says = ollamaSlots(e, d.Says)
		}
		out = append(out, d)
	}
	return out
}

// ollamaSlots reads OLLAMA_NUM_PARALLEL of the server; without it Ollama runs one
// request at a time.
func ollamaSlots(e backends.Info, says string) (int, string) {
	found := launch.Detect(launch.Ollama)
	if found.PID == 0 {
		return 0, says
	}
	env, ok := environment(found.PID)
	if !ok {
		return 0, says
	}
	n, err := strconv.Atoi(env["OLLAMA_NUM_PARALLEL"])
	if err != nil || n < 1 {
		return 1, e.Label + " runs one request at a time: OLLAMA_NUM_PARALLEL is not set where it was started"
	}
	return n, e.Label + " was started for " + strconv.Itoa(n) + " requests at once (OLLAMA_NUM_PARALLEL)"
}

func environment(pid int) (map[string]string, bool) {
	p, err := process.NewProcess(int32(pid)) //nolint:gosec // a process id fits
	if err != nil {
		return nil, false
	}
	list, err := p.Environ()
	if err != nil || len(list) == 0 {
		return nil, false
	}
	env := map[string]string{}
	for _, v := range list {
		name, value, _ := strings.Cut(v, "=")
		env[name] = value
	}
	return env, true
}

func commands(g launch.Guide) string {
	var all []string
	for _, s := range g.Steps {
		if s.Command != "" {
			all = append(all, s.Command)
		}
	}
	return strings.Join(all, "\n")
}

// connections are all of this machine's over TCP, with whose they are. To find that out
// every process is looked into, so it is done once and may take longer than a question.
func connections(ctx context.Context) ([]psnet.ConnectionStat, error) {
	ctx, cancel := context.WithTimeout(ctx, 6*patience)
	defer cancel()
	return psnet.ConnectionsWithContext(ctx, "tcp")
}

// bypass lists the programs whose connections to an engine of this machine are not
// Carpool's. An engine's own connections to itself are nobody's bypass.
func bypass(ctx context.Context, conns []psnet.ConnectionStat, hidden error, all []backends.Info, r *doctor.Running) ([]doctor.Program, string) {
	ports := map[uint32]string{}
	for _, e := range all {
		if u, err := url.Parse(e.URL); err == nil && e.Local() && !e.Simulated {
			if n, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
				ports[uint32(n)] = e.Label
			}
		}
	}
	switch {
	case len(ports) == 0:
		return nil, ""
	case hidden != nil:
		return nil, hidden.Error()
	}
	return strangers(ctx, conns, ports, r), ""
}

func strangers(ctx context.Context, conns []psnet.ConnectionStat, ports map[uint32]string, r *doctor.Running) []doctor.Program {
	own := map[int32]bool{int32(selfPID()): true}
	for _, c := range conns {
		if c.Status == "LISTEN" && ports[c.Laddr.Port] != "" {
			own[c.Pid] = true
		}
	}
	delete(own, 0) // whoever cannot be seen is not known to be the engine
	if r != nil {
		own[int32(r.PID)] = true //nolint:gosec // a process id fits
	}
	var programs []doctor.Program
	for _, c := range conns {
		engine := ports[c.Raddr.Port]
		host := net.ParseIP(c.Raddr.IP)
		if c.Status != "ESTABLISHED" || engine == "" || !host.IsLoopback() || own[c.Pid] || c.Pid == 0 {
			continue
		}
		p := doctor.Program{PID: int(c.Pid), Engine: engine, Name: programName(ctx, c.Pid)}
		if !slices.Contains(programs, p) {
			programs = append(programs, p)
		}
	}
	return programs
}

func programName(ctx context.Context, pid int32) string {
	p, err := process.NewProcessWithContext(ctx, pid)
	if err != nil {
		return ""
	}
	name, err := p.NameWithContext(ctx)
	if err != nil {
		return ""
	}
	return name
}

// listener is the program that listens on a port of this machine; "" = it cannot be
// seen.
func listener(ctx context.Context, port string) string {
	conns, err := connections(ctx)
	if err != nil {
		return ""
	}
	for _, c := range conns {
		if c.Status == "LISTEN" && strconv.Itoa(int(c.Laddr.Port)) == port && c.Pid != 0 {
			return named(programName(ctx, c.Pid), c.Pid)
		}
	}
	return ""
}

// graphics are what Carpool reads, or one reading of our own.
func graphics(ctx context.Context, o Options) []doctor.GPU {
	var readings []gpu.Reading
	if o.Running != nil {
		readings = o.Running.GPUs
	} else {
		reader := o.GPU
		if reader == nil {
			reader = gpu.Open()
		}
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		readings = reader.Read(ctx)
		_ = reader.Close() // it was only read
	}
	card := hiddenCard()
	out := make([]doctor.GPU, 0, len(readings))
	for _, r := range readings {
		g := doctor.GPU{Name: r.Name, Driver: r.Driver, Available: r.Available, Reason: r.Reason}
		if !r.Available {
			g.Card = card
			if card == "NVIDIA" {
				g.Blocked = nvidia("/")
			}
		}
		out = append(out, g)
	}
	return out
}

package relay

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
)

// Machine is where the figures were measured; what a system does not tell is left out.
type Machine struct {
	CPU    string `json:"cpu,omitempty"`
	Cores  int    `json:"cores"` // that the program may use
	Memory uint64 `json:"memory,omitempty"`
	System string `json:"system"` // "linux/amd64, Linux 6.1.0"
	Go     string `json:"go"`
	Build  string `json:"build"` // how the measured program was built: "headless" or "with the window"
	// Load is how many programs wanted a core when the suite began, over a minute; -1 = not told.
	Load float64 `json:"load"`
}

func thisMachine(ctx context.Context) Machine {
	m := Machine{Cores: runtime.GOMAXPROCS(0), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Build: build(), Load: -1}
	if all, err := cpu.InfoWithContext(ctx); err == nil && len(all) > 0 {
		m.CPU = strings.Join(strings.Fields(all[0].ModelName), " ")
	}
	if v, err := mem.VirtualMemoryWithContext(ctx); err == nil {
		m.Memory = v.Total
	}
	if kernel, err := host.KernelVersionWithContext(ctx); err == nil {
		m.System += ", kernel " + kernel
	}
	if l, err := load.AvgWithContext(ctx); err == nil {
		m.Load = l.Load1
	}
	return m
}

// build tells from this program's own tags, as it is the one that is measured.
func build() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-tags" && strings.Contains(s.Value, "headless") {
				return "headless"
			}
		}
	}
	return "with the window"
}

func (m Machine) String() string {
	parts := []string{fmt.Sprintf("%d cores", m.Cores)}
	if m.CPU != "" {
		parts[0] += " of " + m.CPU
	}
	if m.Memory > 0 {
		const gib = 1 << 30
		parts = append(parts, fmt.Sprintf("%.0f GiB of memory", float64(m.Memory)/gib))
	}
	parts = append(parts, m.System, m.Go)
	if m.Load >= 0 {
		parts = append(parts, fmt.Sprintf("load average %.2f at the start", m.Load))
	}
	return strings.Join(parts, ", ")
}

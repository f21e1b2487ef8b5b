package cli

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"carpool/app"
)

const notAvailable = "not available"

// gpusText is a block for each GPU.
func gpusText(gpus []app.GPUState) string {
	blocks := make([]string, len(gpus))
	for i, g := range gpus {
		name := "GPU"
		if len(gpus) > 1 || g.Available {
			name += " " + strconv.Itoa(g.Index)
		}
		blocks[i] = name + ": " + gpuBlock(g)
	}
	return strings.Join(blocks, "\n")
}

func gpuBlock(g app.GPUState) string {
	if !g.Available {
		return notAvailable + ", " + cmp.Or(g.Reason, "the driver does not say why") + "\n"
	}
	text := cmp.Or(g.Name, "its name is "+notAvailable) + "\n" + table(gpuFacts(g))
	switch {
	case g.Programs == nil:
		return text + "Programs on it: " + notAvailable + ", the driver does not tell them\n"
	case len(g.Programs) == 0:
		return text + "No program is on it.\n"
	}
	return text + "\n" + table(programRows(g))
}

func gpuFacts(g app.GPUState) [][]string {
	driver := g.Source
	if g.Driver != "" {
		driver = g.Driver + parenthesis(g.Source)
	}
	memory := outOf(bytesOr(g.MemoryUsed), bytesOr(g.MemoryTotal))
	if g.MemoryReserved != nil {
		memory += ", " + humanize.IBytes(*g.MemoryReserved) + " kept by the driver"
	}
	if g.Unified {
		memory += ", shared with the processor"
	}
	free := notAvailable
	if n, ok := g.Free(); ok {
		free = humanize.IBytes(n)
	}
	energy := notAvailable
	if g.Energy != nil {
		energy = humanize.SIWithDigits(*g.Energy, 2, "J") + " since the driver was loaded"
	}
	slowed := "no reason told"
	if len(g.Throttle) > 0 {
		slowed = strings.Join(g.Throttle, ", ")
	}
	return [][]string{
		{"Driver", cmp.Or(driver, notAvailable)},
		{"UUID", cmp.Or(g.UUID, notAvailable)},
		{"Memory", memory},
		{"", cmp.Or(memoryShares(g), "ours and others' "+notAvailable) + ", free " + free},
		{"Busy", percentOr(g.Utilization) + parenthesis(timeShares(g)) + ", its memory " + percentOr(g.MemoryUtilization)},
		{"Power", outOf(unitOr(g.Power, "W"), unitOr(g.PowerLimit, "W"))},
		{"Energy", energy},
		{"Temperature", unitOr(g.Temperature, "°C")},
		{"Clock", unitOr(g.Clock, "MHz") + ", memory " + unitOr(g.MemoryClock, "MHz")},
		{"Slowed down", slowed},
		{"Engines", cmp.Or(strings.Join(g.Engines, ", "), "none")},
	}
}

// memoryShares tells how the memory in use is split; "" = not known.
func memoryShares(g app.GPUState) string {
	return shares(g.Ours.Memory, g.Others.Memory, bytesOr)
}

// timeShares tells how a GPU's time is split; "" = not known.
func timeShares(g app.GPUState) string {
	return shares(g.Ours.Utilization, g.Others.Utilization, percentOr)
}

func shares[T any](ours, others *T, text func(*T) string) string {
	if ours == nil && others == nil {
		return ""
	}
	return "ours " + text(ours) + ", others' " + text(others)
}

func programRows(g app.GPUState) [][]string {
	rows := [][]string{{"PID", "PROGRAM", "KIND", "MEMORY", "TIME", "WHOSE"}}
	for _, p := range g.Programs {
		rows = append(rows, []string{strconv.Itoa(p.PID), cmp.Or(p.Name, "-"), cmp.Or(string(p.Kind), "-"),
			known(bytesOr(p.Memory)), known(percentOr(p.Utilization)), cmp.Or(p.Engine, "another program's")})
	}
	return rows
}

// outOf is a figure with the most that it can be, where that is told.
func outOf(n, most string) string {
	switch {
	case most == notAvailable:
		return n
	case n == notAvailable:
		return n + ", " + most + " at most"
	}
	return n + " of " + most
}

// known is short where there are many that are not available.
func known(text string) string {
	if text == notAvailable {
		return "-"
	}
	return text
}

func parenthesis(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

func bytesOr(n *uint64) string {
	if n == nil {
		return notAvailable
	}
	return humanize.IBytes(*n)
}

func percentOr(share *float64) string {
	if share == nil {
		return notAvailable
	}
	return fmt.Sprintf("%.0f %%", *share*100)
}

func unitOr(v *float64, unit string) string {
	if v == nil {
		return notAvailable
	}
	return humanize.CommafWithDigits(*v, 0) + " " + unit
}

package cli

import (
	"slices"
	"strings"

	"carpool/app"
	"carpool/app/connect/wiring"
)

// listedApps is the list of apps, for --json.
type listedApps struct {
	Apps  []wiring.Finding `json:"apps"`   // their settings can be changed
	Steps []string         `json:"manual"` // these have steps alone
}

// listApps tells which apps are on this computer, and where they point.
func (c *cli) listApps(w *wiring.Wiring, guides []app.ConnectGuide, asJSON bool) error {
	all := listedApps{Apps: w.Find()}
	for _, g := range guides {
		if !slices.ContainsFunc(all.Apps, func(f wiring.Finding) bool { return f.App == g.App }) {
			all.Steps = append(all.Steps, g.App)
		}
	}
	if asJSON {
		return c.printJSON(all)
	}
	return c.print(appsText(all))
}

func appsText(all listedApps) string {
	rows := [][]string{{"APP", "NAME HERE", "POINTS AT", "SETTINGS"}}
	var absent []string
	ready := ""
	for _, f := range all.Apps {
		if f.State == wiring.Absent {
			absent = append(absent, f.ID)
			continue
		}
		if f.State == wiring.Direct && ready == "" {
			ready = f.ID
		}
		rows = append(rows, []string{f.App, f.ID, pointsAt(f), app.Tilde(f.File)})
	}
	var b strings.Builder
	if len(rows) > 1 {
		b.WriteString(table(rows))
	} else {
		b.WriteString("None of the apps whose settings Carpool can change was found here.\n")
	}
	if ready != "" {
		b.WriteString("\n\"carpool connect " + ready + "\" shows the change, asks, and makes it.\n")
	}
	b.WriteString("\n")
	if len(absent) > 0 {
		b.WriteString("Not found: " + strings.Join(absent, ", ") + ".\n")
	}
	b.WriteString("With steps to do by hand: " + strings.Join(all.Steps, ", ") + ".\n")
	return b.String()
}

func pointsAt(f wiring.Finding) string {
	switch f.State {
	case wiring.Connected:
		if f.Changed {
			return "Carpool (--revert takes it back)"
		}
		return "Carpool"
	case wiring.Direct:
		if len(f.Addresses) == 0 {
			return "an engine, by default"
		}
		return strings.Join(slices.Compact(f.Addresses), ", ")
	case wiring.Unclear:
		return "not clear: " + f.Problem
	}
	return "no engine of this computer"
}

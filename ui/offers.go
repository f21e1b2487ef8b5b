package ui

import (
	"time"

	"carpool/app"
)

// startActions start what is installed while no engine is up or coming up, the
// best first.
func startActions(s app.Snapshot) []action {
	looked := s.Simulated || len(s.Problems) > 0
	if !looked || choseDemo(s) || s.Draining {
		return nil
	}
	for _, e := range s.Engines {
		if !e.Simulated && e.Health == "up" {
			return nil
		}
	}
	var all []action
	for _, p := range s.Launchable {
		if kept(s, string(p.Kind)) {
			return nil // it has its own line, and its own problem
		}
		all = append(all, action{order{deed: startEngine, name: string(p.Kind), label: p.Label}, tr("Start %s", p.Label)})
	}
	return all
}

// named is the action with another text on its button.
func (a action) named(text string) action {
	a.text = text
	return a
}

// onlyMissing reports whether nothing is wrong but that no engine runs where
// engines are by default.
func onlyMissing(s app.Snapshot) bool {
	problems := len(s.Problems)
	if !s.Simulated {
		problems-- // that no engine runs is the first
	}
	return problems == 0 && s.Config.Engine.URL == "" && len(s.Config.Engines.List) == 0
}

// comingUp is the label of an engine that Carpool has just started, while no
// engine is up; "" = none.
func comingUp(s app.Snapshot) string {
	const patience = 20 * time.Second
	for _, e := range s.Engines {
		if !e.Simulated && e.Health == "up" {
			return ""
		}
	}
	for _, l := range s.Launch {
		if (l.Status == "starting" || l.Status == "running") && s.At.Sub(l.Since) < patience {
			return l.Label
		}
	}
	return ""
}

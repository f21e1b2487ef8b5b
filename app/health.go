package app

import (
	"slices"

	"carpool/app/yield"
	"carpool/backends"
	"carpool/batching"
	"carpool/gpu"
)

// Health is the body of GET /health: counts, sizes, times and names, nothing
// that only the user may see.
type Health struct {
	Status   string         `json:"status"`  // ok, no engine, shutting down
	Carpool  string         `json:"carpool"` // version
	Uptime   float64        `json:"uptime_s"`
	Listen   []string       `json:"listen"` // addresses for this computer; [::1] is missing where there is no IPv6
	LAN      healthLAN      `json:"lan"`
	Batching healthBatching `json:"batching"`
	Models   []healthModel  `json:"models"` // used since the start, the last first
	Engine   *healthEngine  `json:"engine"` // the preferred one; null while none serves
	Engines  []healthEngine `json:"engines"`
	GPU      gpu.Reading    `json:"gpu"`
	Yield    healthYield    `json:"yield"`

	Connections Connections `json:"connections"`

	History  healthHistory `json:"history"`
	Problems []string      `json:"problems"` // without paths; the window and the command line tell more
}

type healthBatching struct {
	Enabled bool   `json:"enabled"`
	Mode    string `json:"mode"`  // as set
	Limit   int    `json:"limit"` // in flight per model; 0 = no bound
	Why     string `json:"why"`
	batching.Totals
}

type healthModel struct {
	Engine      string `json:"engine"`
	Model       string `json:"model"`
	Limit       int    `json:"limit"`        // in flight; 0 = no bound
	Slots       int    `json:"slots"`        // requests the engine runs at once; 0 = not known
	SlotsBy     string `json:"slots_by"`     // told, engine wait, first tokens, ""
	TokenBudget int    `json:"token_budget"` // most tokens in flight; 0 = no bound
	Running     int    `json:"running"`
	Waiting     int    `json:"waiting"`

	// ExpectedWait is in seconds, of the waiting request that is expected to wait
	// the longest still; 0 = none waits, or not known.
	ExpectedWait float64 `json:"expected_wait_s"`

	Why    string `json:"why"`
	Advice string `json:"advice"` // what would let more run at once; "" = nothing
}

type healthEngine struct {
	Name      string          `json:"name"`
	Kind      backends.Kind   `json:"kind"`
	Label     string          `json:"label"`
	Version   string          `json:"version"`
	Health    backends.Health `json:"health"`
	Simulated bool            `json:"simulated"`
	Slots     int             `json:"slots"` // 0 = not known
	Models    int             `json:"models"`
	Group     string          `json:"gpu_group,omitempty"`
}

// healthLAN is where other computers may come in, with a token.
type healthLAN struct {
	Address   string `json:"address"` // as set; "" = nowhere
	Listening bool   `json:"listening"`
}

// healthYield names no program: any page of this machine may ask.
type healthYield struct {
	On     bool   `json:"on"`     // Carpool makes way for other programs
	Manual bool   `json:"manual"` // the user gave the GPU away: nothing new runs
	Reason string `json:"reason"`
}

type healthHistory struct {
	OK      bool   `json:"ok"`
	Dropped uint64 `json:"dropped"` // rows lost
}

// Health is the answer of GET /health.
func (a *App) Health() Health {
	s := a.Snapshot()
	h := Health{
		Status: "ok", Carpool: s.Version, Uptime: s.At.Sub(s.Started).Seconds(),
		Listen: s.Listen,
		LAN:    healthLAN{s.LAN.Address, s.LAN.Listening},
		Batching: healthBatching{
			Enabled: s.Config.Batching.Enabled, Mode: s.Config.Batching.Mode,
			Limit: s.Limits.InFlight(), Why: s.Limits.Reason, Totals: s.Batching,
		},
		GPU: s.GPU.Reading,

		Connections: s.Connections,

		Yield:    yieldHealth(s.Yield),
		History:  healthHistory{OK: s.History.OK, Dropped: s.History.Dropped},
		Problems: append([]string{}, a.healer.Problems()...),
	}
	h.Models = healthModels(s)
	h.Engines = make([]healthEngine, len(s.Engines))
	for i, e := range s.Engines {
		h.Engines[i] = healthEngine{Name: e.Name, Kind: e.Kind, Label: e.Label, Version: e.Version,
			Health: e.Health, Simulated: e.Simulated, Slots: e.Slots, Models: len(e.Models), Group: e.Group}
	}
	if i := slices.IndexFunc(s.Engines, serves); i >= 0 {
		h.Engine = &h.Engines[i]
	} else {
		h.Status = "no engine"
	}
	if !s.History.OK && s.Config.History.Enabled {
		h.Problems = append(h.Problems, "history is not written")
	}
	if s.LAN.Problem != "" {
		h.Problems = append(h.Problems, "the network cannot reach Carpool")
	}
	if len(a.lacks) > 0 {
		h.Problems = append(h.Problems, "the state folder has an error")
	}
	if a.fileProblem.Load() != nil {
		h.Problems = append(h.Problems, "the settings file has an error")
	}
	if problem := s.Connections.problem(); problem != "" {
		h.Problems = append(h.Problems, problem)
	}
	if a.connections.short != "" {
		h.Problems = append(h.Problems, a.connections.short)
	}
	if s.Draining {
		h.Status = "shutting down"
	}
	return h
}

func yieldHealth(y yield.State) healthYield {
	h := healthYield{On: y.On, Manual: y.Manual}
	switch {
	case y.Manual:
		h.Reason = y.Reason
	case y.On:
		h.Reason = "another program has taken the GPU"
	}
	return h
}

func healthModels(s Snapshot) []healthModel {
	models := make([]healthModel, 0, len(s.Tuning))
	for _, t := range s.Tuning {
		m := healthModel{Engine: t.Engine, Model: t.Model, Limit: t.Limit, Slots: t.Slots, SlotsBy: t.SlotsBy,
			TokenBudget: t.TokenBudget, Why: t.Reason, Advice: t.Advice}
		for _, q := range s.Queues {
			if q.Key == t.Key {
				m.Running, m.Waiting = len(q.Running), q.Depth
				for _, w := range q.Waiting {
					m.ExpectedWait = max(m.ExpectedWait, w.Expected.Seconds())
				}
			}
		}
		models = append(models, m)
	}
	return models
}

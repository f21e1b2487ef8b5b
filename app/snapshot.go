package app

import (
	"time"

	"carpool/app/advice"
	"carpool/app/config"
	"carpool/app/energy"
	"carpool/app/fit"
	"carpool/app/gateway"
	"carpool/app/gpus"
	"carpool/app/trial"
	"carpool/app/tuner"
	"carpool/app/yield"
	"carpool/backends"
	"carpool/backends/launch"
	"carpool/batching"
	"carpool/storage"
)

// Snapshot is the whole state at one moment: an immutable value.
type Snapshot struct {
	At       time.Time `json:"at"`
	Started  time.Time `json:"started"`
	Version  string    `json:"version"`
	PID      int       `json:"pid"`
	Sentence string    `json:"sentence"` // "3 running, 2 waiting, 61 tokens per second"
	Basis    string    `json:"basis"`    // "Ollama 0.17.4 · fixed at 8 · 127.0.0.1:11435"
	Listen   []string  `json:"listen"`   // addresses bound
	Endpoint string    `json:"endpoint"` // "http://127.0.0.1:11435", to copy

	LAN         LAN         `json:"lan"`
	Takeover    Takeover    `json:"takeover"`
	Connections Connections `json:"connections"`

	Config   config.Config         `json:"config"`   // in force, overrides included, secrets masked
	Limits   batching.Limits       `json:"limits"`   // of the model used last, else of one never used
	Tuning   []tuner.State         `json:"tuning"`   // each engine and model used since the start
	SizeKey  string                `json:"size_key"` // the setting that the mode takes its size from
	Queues   []batching.QueueState `json:"queues"`
	Batching batching.Totals       `json:"batching"`
	Gateway  gateway.Stats         `json:"gateway"`
	Reloads  gateway.ReloadStats   `json:"reloads"`
	TokensPS float64               `json:"tokens_per_second"` // generated, mean of the last 5 s
	Engines  []backends.Info       `json:"engines"`           // the active one first

	Launch     []launch.State   `json:"launch"`     // engines that Carpool has started, also those that it has stopped
	Launchable []launch.Program `json:"launchable"` // programs of engines on this machine

	GPU       gpus.State      `json:"gpu"`  // the one that the preferred engine runs on, or that is set
	GPUs      []gpus.State    `json:"gpus"` // all of this machine, at least one
	Fits      []fit.Fit       `json:"fits"` // what models of this machine's engines take of it, at most 64; as of the last second
	Yield     yield.State     `json:"yield"`
	Energy    energy.State    `json:"energy"`
	Trial     trial.State     `json:"trial"`  // the benchmark that runs, or ran last
	Advice    []advice.Advice `json:"advice"` // what would help most first, at most 3
	History   storage.State   `json:"history"`
	Problems  []string        `json:"problems"`       // what the user should know, worst first
	Simulated bool            `json:"simulated"`      // the demo engine serves
	Live      []Sample        `json:"live,omitempty"` // one a second, oldest first, at most 600
	LogFile   string          `json:"log_file"`
	ConfigAt  string          `json:"config_file"`
	Draining  bool            `json:"draining"`
}

// SlotsOf is how many requests of a model its engine runs at once, as far as it is
// known; 0 = it is not.
func (s Snapshot) SlotsOf(engine, model string) int {
	for _, t := range s.Tuning {
		if t.Engine == engine && t.Model == model && t.Slots > 0 {
			return t.Slots
		}
	}
	for _, e := range s.Engines {
		if e.Name != engine {
			continue
		}
		for _, m := range e.Models {
			if m.Name == model && m.Slots > 0 {
				return m.Slots
			}
		}
		return e.Slots
	}
	return 0
}

// Sample is one second of the live charts.
type Sample struct {
	At         time.Time `json:"at"`
	Running    int       `json:"running"`
	Waiting    int       `json:"waiting"`
	Limit      int       `json:"limit"` // 0 = no bound
	TokensPS   float64   `json:"tokens_per_second"`
	TokensInPS float64   `json:"prompt_tokens_per_second"` // of requests that ended, mean of the last 5 s
	FirstP50   *float64  `json:"first_token_p50_s"`        // of requests that ended in the last 10 s; nil = none did
	FirstP95   *float64  `json:"first_token_p95_s"`

	// Of Snapshot.GPU; nil = not told.
	MemoryUsed   *uint64  `json:"gpu_memory_used_bytes"`
	MemoryTotal  *uint64  `json:"gpu_memory_total_bytes"`
	MemoryOurs   *uint64  `json:"gpu_memory_ours_bytes"`
	MemoryOthers *uint64  `json:"gpu_memory_others_bytes"`
	Utilization  *float64 `json:"gpu_utilization"`
	Power        *float64 `json:"gpu_power_watts"`
}

// Package config holds Carpool's settings: one TOML file, a plain struct, a
// default and a range for each key.
//
// Default, Load and With only ever return values that Validate accepts. Save
// replaces the file as a whole or not at all, and leaves what a person wrote in
// it, comments and unknown keys included, where it stands. Functions may be
// called from any goroutine; two writers of one file must take turns.
package config

import (
	"errors"
	"fmt"
)

// Version is the version of the settings file that this program writes.
const Version = 1

// Config is everything a user can set. A value is only used after Validate.
type Config struct {
	Version  int      `toml:"version" json:"version"`
	Gateway  Gateway  `toml:"gateway" json:"gateway"`
	Batching Batching `toml:"batching" json:"batching"`
	Adaptive Adaptive `toml:"adaptive" json:"adaptive"`
	Queue    Queue    `toml:"queue" json:"queue"`
	Apps     Apps     `toml:"apps" json:"apps"`
	Models   Models   `toml:"models" json:"models"`
	Embed    Embed    `toml:"embeddings" json:"embeddings"`
	Engine   Engine   `toml:"engine" json:"engine"`
	Engines  Engines  `toml:"engines" json:"engines"`
	GPU      GPU      `toml:"gpu" json:"gpu"`
	Yield    Yield    `toml:"yield" json:"yield"`
	Energy   Energy   `toml:"energy" json:"energy"`
	History  History  `toml:"history" json:"history"`
	Notify   Notify   `toml:"notify" json:"notify"`
	Log      Log      `toml:"log" json:"log"`
	Tracing  Tracing  `toml:"tracing" json:"tracing"`
	Window   Window   `toml:"window" json:"window"`
}

// Gateway is the address and the limits of the HTTP surface.
type Gateway struct {
	Listen             string   `toml:"listen" json:"listen"`
	LAN                string   `toml:"lan" json:"lan"` // "" = closed to the network
	AllowedHosts       []string `toml:"allowed_hosts" json:"allowed_hosts"`
	AllowedOrigins     []string `toml:"allowed_origins" json:"allowed_origins"`
	MaxBodyMiB         int      `toml:"max_body_mib" json:"max_body_mib"`
	MaxBodiesMiB       int      `toml:"max_bodies_mib" json:"max_bodies_mib"`
	MaxHeaderKiB       int      `toml:"max_header_kib" json:"max_header_kib"`
	MaxConnections     int      `toml:"max_connections" json:"max_connections"`
	HeaderTimeoutS     int      `toml:"header_timeout_s" json:"header_timeout_s"`
	IdleTimeoutS       int      `toml:"idle_timeout_s" json:"idle_timeout_s"`
	SlowClientS        int      `toml:"slow_client_s" json:"slow_client_s"`
	ConnectTimeoutS    int      `toml:"connect_timeout_s" json:"connect_timeout_s"`
	FirstTokenTimeoutS int      `toml:"first_token_timeout_s" json:"first_token_timeout_s"`
	StallTimeoutS      int      `toml:"stall_timeout_s" json:"stall_timeout_s"`
	DrainTimeoutS      int      `toml:"drain_timeout_s" json:"drain_timeout_s"`
}

// Batching is the tray's toggle and the sliders.
type Batching struct {
	Enabled            bool   `toml:"enabled" json:"enabled"`
	Mode               string `toml:"mode" json:"mode"`         // adaptive, fixed, static
	OffMode            string `toml:"off_mode" json:"off_mode"` // serial, passthrough
	MaxBatchSize       int    `toml:"max_batch_size" json:"max_batch_size"`
	MaxBatchWaitMS     int    `toml:"max_batch_wait_ms" json:"max_batch_wait_ms"`
	MaxParallelBatches int    `toml:"max_parallel_batches" json:"max_parallel_batches"`
	CancelGraceMS      int    `toml:"cancel_grace_ms" json:"cancel_grace_ms"`
}

// Adaptive bounds the governor.
type Adaptive struct {
	Start           string `toml:"start" json:"start"` // a number, or "table"
	Min             int    `toml:"min" json:"min"`
	Max             int    `toml:"max" json:"max"`
	LatencyTargetMS int    `toml:"latency_target_ms" json:"latency_target_ms"` // per output token
}

// Queue bounds and orders the waiting requests.
type Queue struct {
	Order          string `toml:"order" json:"order"` // fair, arrival
	MaxWaiting     int    `toml:"max_waiting" json:"max_waiting"`
	ReservedOthers int    `toml:"reserved_others" json:"reserved_others"`
	ReservedUrgent int    `toml:"reserved_urgent" json:"reserved_urgent"`
	MaxWaitS       int    `toml:"max_wait_s" json:"max_wait_s"` // 0 = no bound
	GuardS         int    `toml:"guard_s" json:"guard_s"`
	PrefixCredit   int    `toml:"prefix_credit" json:"prefix_credit"`
	ShortestFirst  bool   `toml:"shortest_first" json:"shortest_first"`
	ShareIdentical bool   `toml:"share_identical" json:"share_identical"`
}

// Apps says who is who and how much each may have. Each item of the first three
// is "name=value".
type Apps struct {
	Keys       []string `toml:"keys" json:"keys"`             // "API key=app"
	Weights    []string `toml:"weights" json:"weights"`       // "app=weight", 0.1–10
	Priorities []string `toml:"priorities" json:"priorities"` // "app=urgent, normal or background"
	Supersede  []string `toml:"supersede" json:"supersede"`   // apps whose newer completion replaces the waiting one
}

// Models is about which model is loaded, and how.
type Models struct {
	Pinned   []string `toml:"pinned" json:"pinned"`
	NumCtx   []string `toml:"num_ctx" json:"num_ctx"` // "model=tokens" or "model=default"
	MaxWaitS int      `toml:"max_wait_s" json:"max_wait_s"`
}

// Embed is about embedding calls.
type Embed struct {
	Merge    bool `toml:"merge" json:"merge"`
	MaxMerge int  `toml:"max_merge" json:"max_merge"` // texts in one call
	CacheMiB int  `toml:"cache_mib" json:"cache_mib"` // 0 = off
}

// Engine says where requests go.
type Engine struct {
	URL  string `toml:"url" json:"url"`   // "" = discover; "demo"
	Demo string `toml:"demo" json:"demo"` // auto, always, never
}

// Engines are those that the settings name beside, or in the place of, those that
// are found, and those that Carpool starts by itself. Each item of List, Keys and
// Groups is "name=value".
type Engines struct {
	Discover bool     `toml:"discover" json:"discover"`
	List     []string `toml:"list" json:"list"`           // "name=URL" or "name=kind URL"
	Keys     []string `toml:"keys" json:"keys"`           // "bearer token=name or kind"; "$VARIABLE=…" is read from the environment
	Order    []string `toml:"order" json:"order"`         // names or kinds, the preferred first
	Groups   []string `toml:"gpu_group" json:"gpu_group"` // "name or kind=GPU"
	CAFile   string   `toml:"ca_file" json:"ca_file"`     // PEM

	Start         []string `toml:"start" json:"start"`     // kinds
	Slots         int      `toml:"slots" json:"slots"`     // 0 = by memory
	Context       int      `toml:"context" json:"context"` // tokens of each slot; 0 = the engine's default
	LlamaCPPModel string   `toml:"llamacpp_model" json:"llamacpp_model"`
}

// GPU is about reading the GPU.
type GPU struct {
	Device     string `toml:"device" json:"device"` // index or UUID; "" = the one the engine runs on
	SampleMS   int    `toml:"sample_ms" json:"sample_ms"`
	ReserveMiB int    `toml:"reserve_mib" json:"reserve_mib"`
}

// Yield is about making way for other programs that take the GPU.
type Yield struct {
	Mode           string `toml:"mode" json:"mode"` // off, shrink, unload
	Size           int    `toml:"size" json:"size"`
	MemoryMiB      int    `toml:"memory_mib" json:"memory_mib"` // 0 = memory does not count
	UtilizationPct int    `toml:"utilization_pct" json:"utilization_pct"`
	Fullscreen     bool   `toml:"fullscreen" json:"fullscreen"`
	AfterS         int    `toml:"after_s" json:"after_s"`
	BackS          int    `toml:"back_s" json:"back_s"`
}

// Energy is about what running costs.
type Energy struct {
	Price string `toml:"price" json:"price"` // of a kWh, as "0.35 EUR"; "" = not known
}

// History is about the SQLite file.
type History struct {
	Enabled       bool `toml:"enabled" json:"enabled"`
	RetentionDays int  `toml:"retention_days" json:"retention_days"` // of requests, batches and decisions
	RawDays       int  `toml:"raw_days" json:"raw_days"`             // of seconds
	MinuteDays    int  `toml:"minute_days" json:"minute_days"`
	MaxMiB        int  `toml:"max_mib" json:"max_mib"` // 0 = no bound
}

// Notify is about what the desktop is told while the window is closed.
type Notify struct {
	Engine  bool `toml:"engine" json:"engine"`
	Yield   bool `toml:"yield" json:"yield"`
	History bool `toml:"history" json:"history"`
}

// Log is about the log file.
type Log struct {
	Level string `toml:"level" json:"level"` // debug, info, warn, error
}

// Tracing is about the spans of requests, for who collects them.
type Tracing struct {
	Endpoint string `toml:"endpoint" json:"endpoint"` // of OTLP over HTTP; "" = off
}

// Window is about the window and the tray.
type Window struct {
	Theme       string `toml:"theme" json:"theme"`       // auto, dark, light
	Language    string `toml:"language" json:"language"` // auto, en, …
	Welcome     bool   `toml:"welcome" json:"welcome"`   // at the next start
	ExplainOff  bool   `toml:"explain_off" json:"explain_off"`
	CloseToTray bool   `toml:"close_to_tray" json:"close_to_tray"`
}

// Default returns the settings of a new installation.
func Default() Config {
	c := Config{Version: Version}
	for _, e := range table {
		// The table's own defaults are in range; a test holds it to that.
		_ = e.set(&c, e.initial)
	}
	return c
}

// Validate checks every value against its range. The error lists each bad key
// with its value and range, one per line.
func (c Config) Validate() error {
	var bad []error
	if c.Version != Version {
		bad = append(bad, fmt.Errorf("version: %d is not %d", c.Version, Version))
	}
	for _, e := range table {
		if err := e.verify(e.get(&c)); err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", e.Key, err))
		}
	}
	for _, err := range []error{checkKeysOf(c.Engines), checkAddresses(c.Engines)} {
		if err != nil {
			bad = append(bad, err)
		}
	}
	for _, check := range []func(Config) error{checkLoop, checkApart} {
		if err := check(c); err != nil {
			bad = append(bad, err)
		}
	}
	return errors.Join(bad...)
}

// Get returns c's value of key, an alias included, as With takes it. A list is
// separated by commas.
func (c Config) Get(key string) (string, error) {
	e, ok := find(key)
	if !ok {
		return "", unknown(key)
	}
	return plain(e.get(&c)), nil
}

// With returns c with key set to value, validated. Keys may be aliases. A text
// stands without quotes, a list is separated by commas, a switch is true or
// false, on or off. The error names the range, or the keys that an unknown one
// resembles.
func (c Config) With(key, value string) (Config, error) {
	e, ok := find(key)
	if !ok {
		return c, unknown(key)
	}
	changed := c
	v, err := e.parse(value)
	if err == nil {
		err = e.set(&changed, v)
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", e.Key, err)
	}
	if err := changed.Validate(); err != nil {
		return c, err
	}
	return changed, nil
}

// Equal reports whether c and d hold the same values.
func (c Config) Equal(d Config) bool {
	for _, e := range table {
		if plain(e.get(&c)) != plain(e.get(&d)) {
			return false
		}
	}
	return c.Version == d.Version
}

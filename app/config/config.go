// Package config holds Carpool's settings: one TOML file, a plain struct, a
// default and a range for each key.
package config

// Version is the version of the settings file that this program writes.
const Version = 1

// Config is everything a user can set. A value is only used after Validate.
type Config struct {
	Version  int      `toml:"version" json:"version"`
	Gateway  Gateway  `toml:"gateway" json:"gateway"`
	Batching Batching `toml:"batching" json:"batching"`
	Adaptive Adaptive `toml:"adaptive" json:"adaptive"`
	Queue    Queue    `toml:"queue" json:"queue"`
	Engine   Engine   `toml:"engine" json:"engine"`
	GPU      GPU      `toml:"gpu" json:"gpu"`
	History  History  `toml:"history" json:"history"`
	Log      Log      `toml:"log" json:"log"`
	Window   Window   `toml:"window" json:"window"`
}

// Gateway is the address and the limits of the HTTP surface.
type Gateway struct {
	Listen             string   `toml:"listen" json:"listen"`
	AllowedHosts       []string `toml:"allowed_hosts" json:"allowed_hosts"`
	AllowedOrigins     []string `toml:"allowed_origins" json:"allowed_origins"`
	MaxBodyMiB         int      `toml:"max_body_mib" json:"max_body_mib"`
	MaxConnections     int      `toml:"max_connections" json:"max_connections"`
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
	Max int `toml:"max" json:"max"`
}

// Queue bounds the waiting requests.
type Queue struct {
	MaxWaiting     int `toml:"max_waiting" json:"max_waiting"`
	ReservedOthers int `toml:"reserved_others" json:"reserved_others"`
	MaxWaitS       int `toml:"max_wait_s" json:"max_wait_s"` // 0 = no bound
}

// Engine says where requests go.
type Engine struct {
	URL  string `toml:"url" json:"url"`   // "" = discover; "demo"
	Demo string `toml:"demo" json:"demo"` // auto, always, never
}

// GPU is about reading the GPU.
type GPU struct {
	SampleMS int `toml:"sample_ms" json:"sample_ms"`
}

// History is about the SQLite file.
type History struct {
	Enabled       bool `toml:"enabled" json:"enabled"`
	RetentionDays int  `toml:"retention_days" json:"retention_days"`
}

// Log is about the log file.
type Log struct {
	Level string `toml:"level" json:"level"` // debug, info, warn, error
}

// Window is about the window and the tray.
type Window struct {
	Theme       string `toml:"theme" json:"theme"` // auto, dark, light
	CloseToTray bool   `toml:"close_to_tray" json:"close_to_tray"`
}

// Setting describes one key for people: `carpool config`, the window and the README.
type Setting struct {
	Key     string   `json:"key"`     // "batching.max_batch_size"
	Default string   `json:"default"` // as it would stand in the file
	Range   string   `json:"range"`   // "1–8192", "adaptive, fixed, static"
	Min     int      `json:"min"`     // numbers only
	Max     int      `json:"max"`
	Unit    string   `json:"unit"`            // "ms"; "" = none
	Values  []string `json:"values"`          // of a choice; nil = not a choice
	Help    string   `json:"help"`            // one line
	Restart bool     `json:"restart"`         // takes effect at the next start
	Alias   string   `json:"alias,omitempty"` // the reference's name for it
}

// Default returns the settings of a new installation.
func Default() Config { panic("todo") }

// Validate checks every value against its range. The error lists each bad key
// with its value and range, one per line.
func (c Config) Validate() error { panic("todo") }

// Settings lists every key, in the order of the file.
func Settings() []Setting { panic("todo") }

// Lookup finds a setting by key or alias.
func Lookup(key string) (Setting, bool) { panic("todo") }

// Get returns c's value of key as it would stand in the file.
func (c Config) Get(key string) (string, error) { panic("todo") }

// With returns c with key set to value, validated. Keys may be aliases.
func (c Config) With(key, value string) (Config, error) { panic("todo") }

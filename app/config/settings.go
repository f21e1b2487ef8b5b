package config

import "slices"

// Setting describes one key for people: `carpool config`, the window and the README.
type Setting struct {
	Key     string   `json:"key"`     // "batching.max_batch_size"
	Default string   `json:"default"` // as With takes it
	Range   string   `json:"range"`   // "1–8192", "adaptive, fixed, static"
	Min     int      `json:"min"`     // numbers only
	Max     int      `json:"max"`
	Unit    string   `json:"unit"`             // "ms"; "" = none
	Values  []string `json:"values"`           // of a choice; nil = not a choice
	Help    string   `json:"help"`             // one line
	Restart bool     `json:"restart"`          // takes effect at the next start
	Alias   string   `json:"alias,omitempty"`  // the reference's name for it
	Secret  bool     `json:"secret,omitempty"` // a list of "secret=value", shown masked
}

// Settings lists every key, in the order of the file.
func Settings() []Setting {
	all := make([]Setting, len(table))
	for i, e := range table {
		all[i] = e.Setting
		all[i].Values = slices.Clone(e.Values)
	}
	return all
}

// Lookup finds a setting by key or alias.
func Lookup(key string) (Setting, bool) {
	e, ok := find(key)
	return e.Setting, ok
}

// RangeUnit is the range with its unit, if it has one: "0–5000 ms".
func (s Setting) RangeUnit() string {
	if s.Unit == "" {
		return s.Range
	}
	return s.Range + " " + s.Unit
}

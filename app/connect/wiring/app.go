// Package wiring points apps of this computer at Carpool by changing their settings, and
// back.
//
// It knows where each app keeps its settings and which of them are addresses of an
// engine. Only the address of an engine of this computer is changed, or Carpool's entry
// added where an app names none; those of cloud services are never touched. Nothing is
// written but by Change.Apply, which keeps what was there beside Carpool's state first.
// Settings that no file holds, or whose form is not known for certain, are left to the
// guides of package connect.
package wiring

import (
	"path/filepath"
	"slices"
	"strings"

	"carpool/app/connect/edit"
)

// App is one whose settings can be changed.
type App struct {
	ID     string // as the command line takes it
	Name   string // as its guide is called
	Source string // where its form is described
	Before string // what to know before they are changed; "" = nothing
	After  string // what to do once they are changed

	files   func(Computer) []string // where they may be; the first that exists counts
	make    bool                    // the file is made where its folder exists
	always  bool                    // the folder too
	rules   []rule
	refuse  func(Computer) error // why this computer's are better left; nil = never
	implied []implied            // the addresses of engines that count where the settings say none
	// fresh adds Carpool where no engine of this computer is named; nil = nothing is added.
	fresh func(edit.Document, Target) ([]edit.Add, error)
}

// Target is where apps are pointed.
type Target struct {
	Endpoint string // Carpool's own, "http://127.0.0.1:11435"
	Model    string // one to name in an entry that is added; "" = none is known
}

// rule is where in the settings an address may stand: keys from the outside in, "*" for
// any key or place in a list.
type rule struct {
	path []string
	form form
	but  []string // what "*" does not stand for; nil = nothing
}

func (r rule) matches(path []string) bool {
	if len(path) != len(r.path) {
		return false
	}
	for i, p := range r.path {
		if p != "*" && p != path[i] || p == "*" && slices.Contains(r.but, path[i]) {
			return false
		}
	}
	return true
}

// at is a rule for a path written with slashes.
func at(path string, f form) rule { return rule{path: strings.Split(path, "/"), form: f} }

// except is the rule without some keys.
func (r rule) except(keys ...string) rule {
	r.but = keys
	return r
}

// format is what the name of a file says of its syntax.
func format(file string) edit.Format {
	switch name := strings.ToLower(filepath.Base(file)); {
	case strings.HasSuffix(name, ".json"), strings.HasSuffix(name, ".jsonc"):
		return edit.JSON
	case strings.HasSuffix(name, ".yaml"), strings.HasSuffix(name, ".yml"):
		return edit.YAML
	case strings.HasSuffix(name, ".toml"):
		return edit.TOML
	case strings.HasSuffix(name, ".conf"), strings.HasSuffix(name, ".env"), strings.HasPrefix(name, ".env"):
		return edit.Env
	}
	return ""
}

// Apps are all that can be changed, the most used first.
func Apps() []App { return slices.Clone(known) }

// Lookup finds an app by its id or name, or by a part of one that is no other's, in any
// case and without spaces.
func Lookup(name string) (App, bool) {
	wanted := Plain(name)
	if wanted == "" {
		return App{}, false
	}
	var like []App
	for _, a := range known {
		id, title := Plain(a.ID), Plain(a.Name)
		if id == wanted || title == wanted {
			return a, true
		}
		if strings.Contains(id, wanted) || strings.Contains(title, wanted) {
			like = append(like, a)
		}
	}
	if len(like) != 1 {
		return App{}, false
	}
	return like[0], true
}

// Plain is a name's letters and digits in lower case, by which names are compared.
func Plain(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(name))
}

// NoPlace tells that an app's settings have no usual place on any computer.
func (a App) NoPlace() bool {
	return len(a.files(Computer{OS: "linux", Home: "/", Getenv: func(string) string { return "" }})) == 0
}

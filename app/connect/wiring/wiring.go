package wiring

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"carpool/app/connect/edit"
)

// State is how an app is connected.
type State string

// What an app's settings say.
const (
	Connected State = "connected" // at Carpool, and at no engine
	Direct    State = "direct"    // at an engine of this computer
	Unset     State = "unset"     // at neither
	Absent    State = "absent"    // they are not on this computer
	Unclear   State = "unclear"   // they cannot be edited
)

// Finding is what was found of an app.
type Finding struct {
	ID        string   `json:"id"`
	App       string   `json:"app"`
	State     State    `json:"state"`
	File      string   `json:"file,omitempty"`
	Addresses []string `json:"addresses,omitempty"` // engines of this computer that it names
	Problem   string   `json:"problem,omitempty"`   // why they cannot be edited
	Changed   bool     `json:"changed"`             // by Carpool: it can be reverted
}

// Wiring looks at the settings of apps and plans changes to them.
type Wiring struct {
	computer Computer
	backups  backups
	target   Target
}

// New looks at a computer's apps. What is changed is kept below the state folder.
func New(c Computer, stateDir string, t Target) *Wiring {
	t.Endpoint = strings.TrimSuffix(t.Endpoint, "/")
	return &Wiring{computer: c, backups: newBackups(stateDir), target: t}
}

// ErrAbsent says that an app's settings are not where they are looked for,
// ErrConnected that there is nothing to change.
var (
	ErrAbsent    = errors.New("its settings were not found")
	ErrConnected = errors.New("it already points at Carpool")
)

// Find looks at all apps. It changes nothing.
func (w *Wiring) Find() []Finding {
	var all []Finding
	for _, a := range known {
		all = append(all, w.find(a))
	}
	return all
}

func (w *Wiring) find(a App) Finding {
	f := Finding{ID: a.ID, App: a.Name, State: Absent}
	kept, err := w.backups.read(a.ID)
	f.Changed = err == nil && kept != nil
	file := ""
	if f.Changed {
		file = kept.File
	}
	text, err := w.read(a, &file)
	if errors.Is(err, ErrAbsent) {
		return f
	}
	f.File = file
	if err == nil && text == nil { // it would be made
		if a.always {
			f.State = Unset
		}
		return f
	}
	var d edit.Document
	if err == nil {
		d, err = edit.Parse(format(file), text)
	}
	if err != nil {
		f.State, f.Problem = Unclear, err.Error()
		return f
	}
	f.State = Unset
	for _, v := range d.Values() {
		switch is, _ := w.judge(a, v); is {
		case engine:
			f.State = Direct
			f.Addresses = append(f.Addresses, v.Text)
		case carpool:
			if f.State == Unset {
				f.State = Connected
			}
		}
	}
	if sets, adds := a.unsaid(d, w.target); len(sets)+len(adds) > 0 {
		f.State = Direct
	}
	return f
}

// judge says what a value is to an app.
func (w *Wiring) judge(a App, v edit.Value) (about, string) {
	for _, r := range a.rules {
		if r.matches(v.Path) {
			return judge(v.Text, r.form, w.target.Endpoint)
		}
	}
	return foreign, ""
}

// read is an app's settings; nil if its file is to be made. Without a file the usual
// one is taken and told.
func (w *Wiring) read(a App, file *string) ([]byte, error) {
	if *file != "" {
		return readFile(*file)
	}
	all := a.files(w.computer)
	for _, name := range all {
		if text, err := readFile(name); !errors.Is(err, ErrAbsent) {
			*file = name
			return text, err
		}
	}
	if a.make && len(all) > 0 && (a.always || folderExists(all[0])) {
		*file = all[0]
		return nil, nil
	}
	return nil, ErrAbsent
}

// Connect plans how an app is pointed at Carpool. file names its settings where they are
// not in the usual place; "" = there. The errors say in a sentence why nothing is
// planned: ErrAbsent, ErrConnected, or what is not understood.
func (w *Wiring) Connect(a App, file string) (Change, error) {
	if a.refuse != nil {
		if err := a.refuse(w.computer); err != nil {
			return Change{}, err
		}
	}
	now, err := w.read(a, &file)
	if err != nil {
		return Change{}, err
	}
	base, err := w.before(a, file, now)
	if err != nil {
		return Change{}, err
	}
	after, done, err := w.plan(a, file, base)
	if err != nil {
		return Change{}, err
	}
	if now != nil && bytes.Equal(after, now) {
		return Change{}, ErrConnected
	}
	c := Change{App: a, File: file, backups: w.backups, before: now, after: after}
	c.keep = &kept{File: file, Made: base == nil, Before: sum(base), After: sum(after), Endpoint: w.target.Endpoint, Done: done}
	c.original = base
	if c.prior, err = w.backups.read(a.ID); err == nil && c.prior != nil {
		c.priorText, err = w.backups.original(a.ID, c.prior)
	}
	return c, err
}

// before is what the settings were before Carpool changed them.
func (w *Wiring) before(a App, file string, now []byte) ([]byte, error) {
	k, err := w.backups.read(a.ID)
	if err != nil || k == nil || now == nil && k.File == file {
		return now, err
	}
	if k.File != file {
		return nil, fmt.Errorf("its settings %s were changed by Carpool; take that back first: carpool connect --revert %s", k.File, a.ID)
	}
	original, err := w.backups.original(a.ID, k)
	if err != nil {
		return nil, err
	}
	switch sum(now) {
	case k.After:
		return original, nil
	case k.Before:
		return now, nil
	}
	if d, err := edit.Parse(format(file), now); err == nil {
		if base, err := d.Undo(k.Done); err == nil {
			return base, nil
		}
	}
	if d, err := edit.Parse(format(file), now); err == nil && !w.names(a, d, k.Endpoint) {
		return now, nil // the user has taken it back
	}
	return nil, fmt.Errorf("it was changed since Carpool had changed it, so that nothing can be taken back for certain; what it was before is in %s", w.backups.file(a.ID))
}

// names tells whether any address of an app is Carpool's.
func (w *Wiring) names(a App, d edit.Document, endpoint string) bool {
	return slices.ContainsFunc(d.Values(), func(v edit.Value) bool {
		return slices.ContainsFunc(a.rules, func(r rule) bool {
			is, _ := judge(v.Text, r.form, endpoint)
			return r.matches(v.Path) && is == carpool
		})
	})
}

// plan is what the settings become.
func (w *Wiring) plan(a App, file string, base []byte) ([]byte, edit.Done, error) {
	d, err := edit.Parse(format(file), base)
	if err != nil {
		return nil, edit.Done{}, err
	}
	var sets []edit.Set
	there := false
	for _, v := range d.Values() {
		is, text := w.judge(a, v)
		there = there || is == carpool
		if is == engine {
			sets = append(sets, edit.Set{Path: v.Path, Old: v.Text, New: text})
		}
	}
	unsaid, adds := a.unsaid(d, w.target)
	sets = append(sets, unsaid...)
	if len(sets)+len(adds) == 0 {
		if there {
			return nil, edit.Done{}, ErrConnected
		}
		if a.fresh == nil {
			return nil, edit.Done{}, errors.New("it names no engine of this computer")
		}
		if adds, err = a.fresh(d, w.target); err != nil {
			return nil, edit.Done{}, err
		}
	}
	return d.Change(sets, adds)
}

// Revert plans how what Carpool changed is taken back: the file as it was, byte by byte,
// or, if it was changed since, Carpool's own changes alone.
func (w *Wiring) Revert(a App) (Change, error) {
	k, err := w.backups.read(a.ID)
	if err != nil {
		return Change{}, err
	}
	if k == nil {
		return Change{}, errors.New("its settings were not changed by Carpool")
	}
	now, err := readFile(k.File)
	if errors.Is(err, ErrAbsent) {
		return Change{}, fmt.Errorf("%s is not there any more; what it was is in %s", k.File, w.backups.file(a.ID))
	}
	if err != nil {
		return Change{}, err
	}
	c := Change{App: a, File: k.File, backups: w.backups, before: now, revert: true}
	if c.after, err = w.backups.original(a.ID, k); err != nil {
		return Change{}, err
	}
	if at := sum(now); at == k.After {
		return c, nil
	} else if at == k.Before {
		c.after = now
		return c, nil
	}
	d, err := edit.Parse(format(k.File), now)
	if err == nil {
		c.Others = true
		c.after, err = d.Undo(k.Done)
	}
	if err != nil {
		return Change{}, fmt.Errorf("%s was changed since, and what Carpool had changed cannot be told from that: %w; what it was before is in %s", k.File, err, w.backups.file(a.ID))
	}
	return c, nil
}

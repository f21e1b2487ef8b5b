package ui

import (
	"fmt"
	"slices"
)

// filterBy is a choice of one name, or of all, which it names while none is chosen.
type filterBy struct {
	drop
	all     string
	value   string              // "" = all
	values  []string            // of the options, after the first
	name    func(string) string // of a value for people; nil = itself
	changed func()
}

func newFilterBy(all string, changed func()) *filterBy {
	f := &filterBy{all: all, changed: changed}
	f.Options, f.Selected = []string{all}, all
	f.OnChanged = func(string) {
		value := ""
		if i := f.SelectedIndex(); i > 0 {
			value = f.values[i-1]
		}
		if value != f.value {
			f.value = value
			f.changed()
		}
	}
	f.ExtendBaseWidget(f)
	return f
}

// offer lists values; what is chosen stays.
func (f *filterBy) offer(values []string) {
	if f.value != "" && !slices.Contains(values, f.value) {
		values = append(slices.Clone(values), f.value)
	}
	if slices.Equal(values, f.values) {
		return
	}
	f.values = values
	options := []string{f.all}
	for _, v := range values {
		options = append(options, f.label(v))
	}
	f.Options = options
	f.Refresh()
}

func (f *filterBy) label(value string) string {
	if f.name != nil {
		return f.name(value)
	}
	return fmt.Sprint(value)
}

// set chooses without telling.
func (f *filterBy) set(value string) {
	f.value = value
	f.Selected = f.all
	if value != "" {
		f.Selected = f.label(value)
	}
	f.Refresh()
}

package wiring

import (
	"slices"
	"strings"

	"carpool/app/connect/edit"
)

// implied is an engine's usual address: it counts where an entry of the settings says
// none, so that an app goes there though no address can be seen.
type implied struct {
	entry  string // where entries are, as in a rule
	by, is string // key of an entry that names the engine, and what it says there; "" = the entry is that engine's
	key    string // where an entry says its address
	path   string // what Carpool's address has behind it there, "/v1" or such
}

// unsaid are the addresses that an app's settings leave out or have empty, as Carpool's.
func (a App) unsaid(d edit.Document, t Target) (sets []edit.Set, adds []edit.Add) {
	for _, i := range a.implied {
		for _, entry := range i.entries(d) {
			path := append(slices.Clone(entry), i.key)
			switch text, said := d.Get(path...); {
			case !said:
				adds = append(adds, edit.Add{Path: path, Tree: t.Endpoint + i.path})
			case text == "":
				sets = append(sets, edit.Set{Path: path, New: t.Endpoint + i.path})
			}
		}
	}
	return sets, adds
}

// entries are the paths of those in the settings that the engine is meant by.
func (i implied) entries(d edit.Document) [][]string {
	if i.by == "" {
		if path := strings.Split(i.entry, "/"); d.Has(path...) {
			return [][]string{path}
		}
		return nil
	}
	var all [][]string
	named := at(i.entry+"/"+i.by, keep)
	for _, v := range d.Values() {
		if named.matches(v.Path) && v.Text == i.is {
			all = append(all, v.Path[:len(v.Path)-1])
		}
	}
	return all
}

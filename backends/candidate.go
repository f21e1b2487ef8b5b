package backends

import "slices"

// candidate is an address where an engine may be.
type candidate struct {
	place
	name   string  // that the settings gave it; "" = its kind's
	makers []maker // the kinds that it may be, best first
	wanted bool    // the settings name it; else it is a place where engines are by default
}

func (c candidate) is(o candidate) bool {
	return c.String() == o.String() && c.name == o.name && slices.EqualFunc(c.makers, o.makers, func(a, b maker) bool { return a.kind == b.kind })
}

// candidates lists where to look, each place once: what the settings name, then
// where engines are by default. Our own address is only tried if it was set, to
// say that it is wrong.
func (r *Registry) candidates() []candidate {
	if r.settings.URL == "demo" {
		return nil
	}
	var all []candidate
	add := func(c candidate) {
		i := slices.IndexFunc(all, func(o candidate) bool { return o.String() == c.String() })
		switch {
		case i >= 0 && !c.wanted && !all[i].wanted:
			all[i].makers = append(all[i].makers, c.makers...) // a place of several kinds
		case i < 0 && (c.wanted || !r.isSelf(c)):
			all = append(all, c)
		}
	}
	for _, s := range r.settings.Engines {
		add(candidate{parsePlace(s.URL), s.Name, r.kinds(s.Kind), true})
	}
	switch {
	case r.settings.URL != "":
		add(candidate{parsePlace(r.settings.URL), "", r.makers, true})
	case !r.settings.NoDiscovery:
		for _, m := range r.makers {
			for _, s := range m.places() {
				add(candidate{parsePlace(s), "", []maker{m}, false})
			}
		}
	}
	return all
}

// isSelf reports whether a candidate is Carpool.
func (r *Registry) isSelf(c candidate) bool {
	return c.place.isSelf(r.options.Self) || c.place.isSelf(r.settings.Self)
}

// kinds are those that an engine may be of which the settings name the kind; ""
// = any.
func (r *Registry) kinds(k Kind) []maker {
	for _, m := range r.makers {
		if m.kind == k {
			return []maker{m}
		}
	}
	return r.makers
}

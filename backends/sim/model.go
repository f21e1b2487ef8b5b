package sim

// Model is a model the machine can load.
type Model struct {
	Name  string
	Slots int // requests it runs at once; below 1 = 1
}

// model is one of Config.Models. A slot beyond limit takes no new run.
type model struct {
	name  string
	limit int
	slots []*slot
}

// pick returns the slot a job should enter, nil if none is free.
func (md *model) pick(j Job) *slot {
	var best *slot
	for _, s := range md.slots[:md.limit] {
		switch {
		case s.run != nil:
		case j.Prefix != 0 && s.prefix == j.Prefix:
			return s
		case best == nil || s.used < best.used:
			best = s
		}
	}
	return best
}

// load swaps the model in memory for the one of the job at the head.
func (m *Machine) load(next *model) {
	for _, model := range m.models {
		for _, s := range model.slots {
			*s = slot{}
		}
	}
	m.loaded, m.loading = next, true
	m.loadEnd = m.now + seconds(m.profile.Load)
	m.emit(Event{Kind: Loading, Job: m.line[0].ID, Model: next.name})
}

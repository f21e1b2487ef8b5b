package backends

// Load is how busy a model is on an engine, as the scheduler sees it. It may be
// stale by the time it is used: it only says which line to join.
type Load struct {
	InFlight int
	Waiting  int
	Limit    int // most in flight; 0 = no bound
}

// contender is an engine that could serve a request.
type contender struct {
	loaded bool
	load   Load
}

// fill is how much of the engine's places are asked for: 1 = all of them.
func (o contender) fill() float64 {
	return float64(o.load.InFlight+o.load.Waiting) / float64(max(o.load.Limit, 1))
}

func (o contender) free() bool {
	return o.load.Limit == 0 || o.load.InFlight+o.load.Waiting < o.load.Limit
}

// choose says which of the engines that have a model gets a request, and why.
// The first is the preferred one, and goes before all that are as good.
//
// An engine that has the model loaded goes first: loading takes seconds, and may
// drive another model out. One that would have to load it is used where nothing
// has it loaded, or where a whole turn of requests waits on those that have.
func choose(all []contender) (best int, why string) {
	best = -1
	for i, o := range all {
		if best < 0 || o.before(all[best]) {
			best = i
		}
	}
	switch o := all[best]; {
	case len(all) == 1:
		why = "the only engine that has it"
	case o.free() && o.loaded:
		why = "it has the model loaded and the most room"
	case o.free():
		why = "it has room"
	default:
		why = "its line is the shortest"
	}
	return best, why
}

// before reports whether o is better than p, which stands before it.
func (o contender) before(p contender) bool {
	if o.loaded != p.loaded {
		if o.loaded {
			return !p.free() || !o.crowded()
		}
		return o.free() && p.crowded()
	}
	return o.fill() < p.fill()
}

// crowded reports whether a whole turn of requests waits.
func (o contender) crowded() bool { return o.load.Limit > 0 && o.load.Waiting >= o.load.Limit }

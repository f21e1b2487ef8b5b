package gateway

import (
	"slices"
	"sync"
	"time"

	"carpool/batching"
)

// Cause is why an engine loaded a model again.
type Cause string

// The causes.
const (
	ByOptions   Cause = "options"    // a request asked for another num_ctx or the like
	ByKeepAlive Cause = "keep_alive" // it had been unloaded, or its time was over
	ByEviction  Cause = "eviction"   // another model had taken its place
	ByRestart   Cause = "restart"    // the engine came up again
	Unexplained Cause = "unknown"    // by nothing that came through here
)

// Reload is a model that an engine loaded again.
type Reload struct {
	batching.Key
	At        time.Time     `json:"at"` // when the request that waited for it ended
	Cause     Cause         `json:"cause"`
	Parameter string        `json:"parameter,omitempty"` // "num_ctx", or "keep_alive"; "" = there is none to blame
	From      string        `json:"from,omitempty"`      // its value that the model was loaded with: "4096", "default"
	To        string        `json:"to,omitempty"`        // the value asked for
	App       string        `json:"app"`                 // whose request it was loaded for
	Blame     string        `json:"blame,omitempty"`     // the app that had loaded it, had it unloaded, or put another in its place
	Took      time.Duration `json:"took_ns"`
	Text      string        `json:"text"` // all that in a sentence

	unsaid bool // one of both could not have asked: its route has no num_ctx
}

// Short is the parameter to blame, or else the cause: "num_ctx", "eviction".
func (r Reload) Short() string {
	if r.Parameter != "" {
		return r.Parameter
	}
	return string(r.Cause)
}

const (
	// leastLoad is what a load takes at the least: less is an engine's overhead.
	leastLoad = 100 * time.Millisecond
	// leastUnexplained is that of a load which nothing explains. A busy machine
	// holds up a request for a loaded model, too.
	leastUnexplained = 250 * time.Millisecond
	// mostResidents bounds how many models are remembered.
	mostResidents = 256
)

// detective finds out why a model was loaded again. It remembers with which
// options each engine has each model loaded, as far as requests that came through
// here tell. Its methods may be called from any goroutine.
type detective struct {
	mu        sync.Mutex
	residents map[batching.Key]*resident
	recent    []Reload // of the last hour, oldest first
}

// use is one request that an engine has answered, or only a call to load or to
// unload a model.
type use struct {
	batching.Key
	epoch  uint64 // of the engine
	app    string
	runner runner
	mute   bool // its route has no runner options
	keep   keepAlive

	began, ended time.Time     // from when it was sent to the engine to its end
	load         time.Duration // that the engine spent on loading; 0 = it does not tell
	guessed      bool          // load is the time of a whole call, which may have waited for something else
}

// resident is a model that an engine has loaded, or had.
type resident struct {
	epoch  uint64
	app    string // whose request it was loaded for
	runner runner // with the options that this request asked for
	mute   bool
	own    runner // what of the model's own values was found out

	keep   keepAlive
	keeper string        // the app that set keep
	loaded time.Time     // the end of its last load, or before
	used   time.Time     // the end of its last request
	stayed time.Duration // without a request and still there, while no request had said for how long
}

// saw takes note of a use. ok is false if it was no reload: the model was loaded,
// or it was its first load.
func (d *detective) saw(u use) (r Reload, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.residents[u.Key]
	if m != nil && u.epoch < m.epoch {
		return Reload{}, false // it was sent to the engine as it was before
	}
	if m == nil || m.epoch != u.epoch && u.load < leastLoad {
		d.move(u)
		return Reload{}, false
	}
	switch {
	case u.load >= leastLoad && !m.sharesLoad(u):
		r, ok = d.explain(m, u)
		if ok {
			m.load(u)
			d.keepRecent(r)
		}
	case u.load == 0 && m.differs(u.runner) >= 0:
		m.load(u) // it must have been
	case u.load > 0 && u.load < leastLoad:
		m.learn(u)
	}
	m.touch(u)
	return r, ok
}

// unloaded takes note that an app had a model unloaded.
func (d *detective) unloaded(k batching.Key, app string, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m := d.residents[k]; m != nil {
		m.keep, m.keeper, m.used = keepAlive{given: true}, app, at
	}
}

// forget drops a model that was unloaded for no app's sake: that it is loaded again
// is nobody's doing.
func (d *detective) forget(k batching.Key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.residents, k)
}

// move takes in a model that was not known, or of which nothing is known any more.
func (d *detective) move(u use) {
	if d.residents == nil {
		d.residents = map[batching.Key]*resident{}
	}
	m := &resident{epoch: u.epoch}
	m.load(u)
	m.touch(u)
	d.residents[u.Key] = m
	if len(d.residents) <= mostResidents {
		return
	}
	oldest := u.Key
	for k, m := range d.residents {
		if m.used.Before(d.residents[oldest].used) {
			oldest = k
		}
	}
	delete(d.residents, oldest)
}

// explain finds the cause of a load. What ends a model's stay for sure comes
// first: whatever was asked for then, it had to be loaded. ok is false for a load
// that may have been none.
func (d *detective) explain(m *resident, u use) (r Reload, ok bool) {
	r = Reload{Key: u.Key, At: u.ended, Cause: Unexplained, App: u.app, Took: u.load}
	idle := u.began.Sub(m.used)
	rival, other := d.rival(m, u)
	from, to := m.runner.over(m.own), u.runner.over(m.own)
	i := m.differs(u.runner)
	switch {
	case m.epoch != u.epoch:
		r.Cause = ByRestart
	case idle >= m.stays():
		r.Cause, r.Parameter, r.From, r.Blame = ByKeepAlive, "keep_alive", m.keep.text(), m.keeper
	case i >= 0:
		r.Cause, r.Parameter, r.From, r.To, r.Blame = ByOptions, runnerOptions[i], from.text(i), to.text(i), m.app
		r.unsaid = m.mute || u.mute
	case other != nil:
		r.Cause, r.Blame = ByEviction, other.app
	default:
		// What was learned of its own values would have shown the difference.
		m.own = runner{}
		if u.guessed || u.load < leastUnexplained {
			return Reload{}, false
		}
	}
	r.Text = r.sentence(rival, idle)
	return r, true
}

// rival is the model of the same engine that was loaded last since m was used;
// nil = none was.
func (d *detective) rival(m *resident, u use) (model string, last *resident) {
	for k, other := range d.residents {
		if other != m && k.Engine == u.Engine && other.loaded.After(m.used) && (last == nil || other.loaded.After(last.loaded)) {
			model, last = k.Model, other
		}
	}
	return model, last
}

// load takes note that the model was loaded for u.
func (m *resident) load(u use) {
	if m.epoch != u.epoch {
		m.own, m.stayed = runner{}, 0
	}
	m.epoch, m.app, m.runner, m.mute = u.epoch, u.app, u.runner, u.mute
	m.keep, m.keeper = keepAlive{}, ""
	m.loaded = u.began.Add(u.load)
}

// touch takes note that the model was used.
func (m *resident) touch(u use) {
	if u.ended.After(m.used) {
		m.used = u.ended
	}
	if u.keep.given {
		m.keep, m.keeper = u.keep, u.app
	}
}

// sharesLoad reports whether u waited for a load that was another request's.
func (m *resident) sharesLoad(u use) bool {
	return m.epoch == u.epoch && m.differs(u.runner) < 0 && u.began.Before(m.loaded)
}

// stays is how long the model stays behind its last request.
func (m *resident) stays() time.Duration {
	if m.keep.given {
		return m.keep.d
	}
	return max(usualKeepAlive, m.stayed+1)
}

// differs is the first place in which next asks for a load; -1 = there is none.
func (m *resident) differs(next runner) int { return m.runner.over(m.own).reloads(next.over(m.own)) }

// learn finds out the model's own values: options that were left open and did not
// make the engine load it again are those that it was loaded with. So it does with
// the time for which the engine keeps it.
func (m *resident) learn(u use) {
	if !m.keep.given {
		m.stayed = max(m.stayed, u.began.Sub(m.used))
	}
	next := u.runner
	for i := range next {
		switch {
		case i == numGPU, next[i].given == m.runner[i].given:
		case next[i].given:
			m.own[i] = next[i]
		default:
			m.own[i] = m.runner[i]
		}
	}
}

// keepRecent keeps a reload for as long as it counts for advice.
func (d *detective) keepRecent(r Reload) {
	old := 0
	for old < len(d.recent) && (r.At.Sub(d.recent[old].At) > adviceWindow || len(d.recent)-old >= mostRecent) {
		old++
	}
	d.recent = append(slices.Delete(d.recent, 0, old), r)
}

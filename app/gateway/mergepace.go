package gateway

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"carpool/batching"
)

// MergeStats tell what merging did since the start.
type MergeStats struct {
	Calls    uint64     `json:"calls"`    // of the engine, for several requests each
	Requests uint64     `json:"requests"` // that were in them
	Texts    uint64     `json:"texts"`    // that were in them
	Saved    int64      `json:"saved"`    // calls of the engine that were not needed, those that were added taken off
	Retried  uint64     `json:"retried"`  // requests that were asked again alone
	Checks   uint64     `json:"checks"`   // single calls to compare a merged one with
	Off      []Unmerged `json:"off"`      // models that are not merged now
}

// Unmerged is a model for which merging is off for a while, and why.
type Unmerged struct {
	batching.Key
	Reason string    `json:"reason"`
	Until  time.Time `json:"until"`
}

// pace is what is known of merging for one model: the time of a text alone and
// in company, each as a share of the engine's time.
type pace struct {
	running        int // calls for vectors in the engine
	single, merged window
	mergedCalls    int // until now
	nextTrial      int // merged calls after which single ones are measured again
	trial          int // single ones still to be measured; 0 = no trial
	sent           int // those of them that go alone already
	trialEnds      time.Time
	nextCheck      int // merged calls after which vectors are compared again
	off            time.Time
	reason         string
}

// maxPaces bounds the models of which something is known: names are the clients'.
const maxPaces = 256

const (
	paceSamples  = 8 // of each kind, before merging is judged
	firstTrial   = 100
	largestTrial = 3200 // merged calls between two trials, at most
	trialLasts   = 10 * time.Second
	checkEvery   = 1000 // merged calls
	slowMargin   = 1.1  // times a single text's time, above which merging is off

	offWhenSlow     = 10 * time.Minute
	offAfterFailure = 10 * time.Minute
	offAfterLie     = 24 * time.Hour
)

// pace returns that of key. The caller holds mu.
func (m *merger) pace(key batching.Key) *pace {
	p := m.paces[key]
	if p == nil {
		if len(m.paces) >= maxPaces {
			maps.DeleteFunc(m.paces, func(_ batching.Key, p *pace) bool { return p.running == 0 })
		}
		p = &pace{nextTrial: firstTrial}
		m.paces[key] = p
	}
	return p
}

// pays reports whether a call of key is to be merged. In a trial as many are not as are
// to be measured alone, under the same load; a storm's others go on together. measures
// says that the call's time can be one of those.
func (m *merger) pays(key batching.Key, measures bool, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pace(key)
	switch {
	case now.Before(p.off):
		return false
	case !p.off.IsZero():
		p.off, p.reason = time.Time{}, ""
		p.merged.clear()
	case p.trial > 0 && now.After(p.trialEnds):
		p.trial = 0
	case measures && p.sent < p.trial:
		p.sent++
		return false
	}
	return true
}

// missed gives back the place in a trial of a call that cannot be measured any more.
func (m *merger) missed(key batching.Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pace(key)
	p.sent = max(p.sent-1, 0)
}

// enter notes a call that goes to the engine, and returns how many are there.
func (m *merger) enter(key batching.Key) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pace(key)
	p.running++
	return p.running
}

func (m *merger) exit(key batching.Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pace(key).running--
}

// sample takes the time of a good call in, and judges.
func (m *merger) sample(key batching.Key, merged bool, took time.Duration, texts, beside int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pace(key)
	each := took.Seconds() / float64(texts) / float64(max(beside, 1))
	if merged {
		p.merged.add(each)
		if p.mergedCalls++; p.mergedCalls >= p.nextTrial {
			p.trial, p.sent, p.trialEnds = paceSamples, 0, time.Now().Add(trialLasts)
			p.nextTrial = p.mergedCalls + min(p.nextTrial, largestTrial)
		}
	} else {
		p.single.add(each)
		p.trial, p.sent = max(p.trial-1, 0), max(p.sent-1, 0)
	}
	alone, together := p.single.median(), p.merged.median()
	if p.trial == 0 && alone > 0 && together > slowMargin*alone && p.reason == "" {
		m.rest(key, fmt.Sprintf("a merged text takes %.3g ms, a single one %.3g ms", 1000*together, 1000*alone), offWhenSlow)
	}
}

// rest turns merging off for a while. The caller holds mu.
func (m *merger) rest(key batching.Key, reason string, d time.Duration) {
	p := m.pace(key)
	p.reason, p.off = reason, time.Now().Add(d)
	p.trial = 0
	m.unmerged(Unmerged{key, reason, p.off})
}

// stop turns merging off for key.
func (m *merger) stop(key batching.Key, reason string, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rest(key, reason, d)
}

// checks reports whether a merged answer is to be compared with a single one.
func (m *merger) checks(key batching.Key) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pace(key)
	return p.mergedCalls >= p.nextCheck
}

func (m *merger) checked(key batching.Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pace(key)
	p.nextCheck = p.mergedCalls + checkEvery
}

func (m *merger) snapshot(now time.Time) MergeStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats
	s.Off = []Unmerged{}
	for key, p := range m.paces {
		if now.Before(p.off) {
			s.Off = append(s.Off, Unmerged{key, p.reason, p.off})
		}
	}
	slices.SortFunc(s.Off, func(a, b Unmerged) int { return a.Until.Compare(b.Until) })
	return s
}

// window holds the last samples.
type window struct {
	last [paceSamples]float64
	n    int
}

func (w *window) add(v float64) {
	w.last[w.n%paceSamples] = v
	w.n++
}

func (w *window) clear() { w.n = 0 }

// median is 0 until there are enough samples. A load of the model or a busy
// moment does not move it.
func (w *window) median() float64 {
	if w.n < paceSamples {
		return 0
	}
	sorted := w.last
	slices.Sort(sorted[:])
	return (sorted[paceSamples/2-1] + sorted[paceSamples/2]) / 2
}

// sameDirection compares two vectors as engines write them. Computed in other
// company they may differ in the last digits, but not point elsewhere.
func sameDirection(a, b []byte) bool {
	x, y := numbers(a), numbers(b)
	if len(x) == 0 || len(x) != len(y) {
		return bytes.Equal(a, b)
	}
	dot, xx, yy := 0.0, 0.0, 0.0
	for i := range x {
		dot, xx, yy = dot+x[i]*y[i], xx+x[i]*x[i], yy+y[i]*y[i]
	}
	return bytes.Equal(a, b) || dot >= 0.999*math.Sqrt(xx*yy)
}

// numbers reads a vector; nil if it cannot be read.
func numbers(raw []byte) []float64 {
	var list []float64
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var packed []byte // as JSON, base64
	if json.Unmarshal(raw, &packed) != nil || len(packed)%4 != 0 {
		return nil
	}
	for i := 0; i < len(packed); i += 4 {
		list = append(list, float64(math.Float32frombits(binary.LittleEndian.Uint32(packed[i:]))))
	}
	return list
}

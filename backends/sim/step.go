package sim

import (
	"slices"
	"time"
)

// step is one pass of the GPU: who decodes and who reads how much of a prompt.
// Its slices are kept from pass to pass.
type step struct {
	active bool
	end    time.Duration
	decode []*run
	read   []share
}

type share struct {
	run    *run
	tokens int
}

func (m *Machine) startStep() {
	st := &m.step
	st.active, st.decode, st.read = true, st.decode[:0], st.read[:0]
	context := 0
	for _, r := range m.running {
		if r.decoding() {
			st.decode = append(st.decode, r)
			context += r.held()
		}
	}
	prompt := 0
	for _, r := range m.running {
		if r.decoding() {
			continue
		}
		n := r.unread
		if m.profile.NBatch > 0 {
			n = min(n, m.profile.NBatch-len(st.decode)-prompt)
		}
		if n <= 0 {
			break
		}
		st.read = append(st.read, share{r, n})
		prompt += n
	}
	length := m.profile.step(len(st.decode), context, prompt)
	m.use.Peak = max(m.use.Peak, m.wanted())
	if m.spilling() {
		length = time.Duration(float64(length) * max(1, m.profile.Spill))
		m.use.Spilled += length
	}
	m.use.Busy += length
	st.end = m.now + length
}

func (m *Machine) finishStep() {
	st := &m.step
	st.active = false
	for _, r := range st.decode {
		m.token(r)
	}
	for _, sh := range st.read {
		if sh.run.gone {
			continue
		}
		if sh.run.unread -= sh.tokens; sh.run.unread == 0 {
			m.token(sh.run)
		}
	}
	m.preempt()
}

// token moves a run on by one token, or ends it.
func (m *Machine) token(r *run) {
	if r.gone {
		return
	}
	if r.tokens < r.Output {
		r.tokens++
		m.emit(Event{Kind: Token, Job: r.ID, Model: r.Model, Tokens: r.tokens})
	}
	if r.tokens == r.Output {
		m.emit(Event{Kind: Done, Job: r.ID, Model: r.Model, Tokens: r.tokens})
		m.leave(slices.Index(m.running, r))
	}
}

package sim

// Memory returns the MiB of the card in use, other programs included, as a
// driver would report them: never more than the card has.
func (m *Machine) Memory() float64 {
	if m.profile.Memory > 0 {
		return min(m.wanted(), m.profile.Memory)
	}
	return m.wanted()
}

// wanted is the memory asked for, which may be more than there is.
func (m *Machine) wanted() float64 {
	if m.loaded == nil {
		return m.taken
	}
	tokens := 0
	switch m.profile.KV {
	case Preallocated:
		tokens = m.loaded.limit * m.profile.context()
	case Pool:
		tokens = m.profile.PoolTokens
	case Dynamic:
		tokens = m.held()
	}
	return m.taken + m.profile.Weights + float64(tokens)*m.profile.MiBPerToken
}

func (m *Machine) spilling() bool {
	return m.profile.Memory > 0 && m.wanted() > m.profile.Memory
}

// held is the cache of all running requests, in tokens.
func (m *Machine) held() int {
	n := 0
	for _, r := range m.running {
		n += r.held()
	}
	return n
}

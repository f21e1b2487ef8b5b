package app

import (
	"sync"
	"time"

	"carpool/backends/launch"
)

// programs remembers for a while which engines' programs are here.
type programs struct {
	mu    sync.Mutex
	found []launch.Program
	at    time.Time
}

func (p *programs) all() []launch.Program {
	const fresh = 10 * time.Second
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.at) > fresh {
		p.found, p.at = append([]launch.Program{}, launch.Find()...), time.Now()
	}
	return p.found
}

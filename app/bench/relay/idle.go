package relay

import (
	"context"
	"time"
)

// idle leaves a Carpool of default settings alone, before no engine.
func idle(ctx context.Context, s *stage, t *target, length time.Duration) (sample, error) {
	if err := t.program.stop(); err != nil {
		return nil, err
	}
	p, err := s.carpoolWith(ctx, nil)
	if err != nil {
		return nil, err
	}
	t.program = p
	percent, err := share(ctx, p, length)
	if err != nil {
		return nil, err
	}
	memory, err := p.memory(ctx)
	const megabyte = 1e6
	return sample{"memory": memory / megabyte, "cpu": percent}, err
}

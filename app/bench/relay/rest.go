package relay

import (
	"context"
	"errors"
	"time"
)

// rest starts the target once more and leaves it alone.
func rest(ctx context.Context, _ *stage, t *target) (sample, error) {
	if err := t.program.stop(); err != nil {
		return nil, err
	}
	begun := time.Now()
	p, err := t.start(ctx)
	if err != nil {
		return nil, err
	}
	took := time.Since(begun)
	t.program = p
	const settled = 2 * time.Second
	select {
	case <-time.After(settled):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	memory, err := p.memory(ctx)
	return sample{"start": took.Seconds() * 1000, "memory": memory / (1 << 20)}, err
}

// queued compares a Carpool whose places are full with one before which many wait.
func queued(ctx context.Context, s *stage, t *target, turn time.Duration, waiting int) (sample, error) {
	const running = 64
	if err := t.program.stop(); err != nil {
		return nil, err
	}
	p, err := s.carpoolOf(ctx, running)
	if err != nil {
		return nil, err
	}
	t.program = p
	alone, err := busy(ctx, t, running, turn)
	if err != nil {
		return nil, err
	}
	full, err := busy(ctx, t, running+waiting, turn)
	return sample{"alone": alone, "waiting": full, "scheduling": full - alone}, err
}

// busy is the part of a core that the target's program takes while so many clients
// ask, in percent. They are cut off at the end: most of them still wait then.
func busy(ctx context.Context, t *target, clients int, turn time.Duration) (percent float64, err error) {
	all, err := board(ctx, t.address(), clients)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	r := request(t.address(), chatPath, openAIChat(nap, false, 8))
	asking := make(chan error, 1)
	go func() {
		asking <- all.each(ctx, func(ctx context.Context, c *client) error {
			for {
				if err := c.send(r, nil); err != nil {
					return err
				}
			}
		})
	}()
	percent, err = share(ctx, t.program, turn)
	cut := ctx.Err() == nil
	cancel()
	if askErr := <-asking; !cut && err == nil {
		err = askErr
	}
	return percent, err
}

// share is how much of a core a program takes once its load has come.
func share(ctx context.Context, p *program, turn time.Duration) (percent float64, err error) {
	pause := func(d time.Duration) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			err = errors.Join(err, ctx.Err())
		}
	}
	const arrival = 5 * time.Second
	pause(arrival)
	before, cpuErr := p.cpu(ctx)
	begun := time.Now()
	pause(turn)
	after, cpuErr2 := p.cpu(ctx)
	return 100 * (after - before) / time.Since(begun).Seconds(), errors.Join(err, cpuErr, cpuErr2)
}

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

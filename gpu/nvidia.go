package gpu

import (
	"context"
	"fmt"
	"time"
)

const (
	firstRetry = 5 * time.Second
	lastRetry  = 5 * time.Minute
)

// nvidia reads every NVIDIA GPU.
//
// A driver that does not start, or ends while it is read, is started anew: 5 s
// later, then less and less often, up to every 5 min. A GPU that is lost comes
// back only by such a new start, too. Until its turn the others are read on, and
// the start itself costs them one late reading, ever more rarely. Once no GPU is
// left the driver is stopped at once, so that it can be unloaded and repaired.
// After the computer slept the next start does not wait.
type nvidia struct {
	lib     library
	started bool
	driver  string
	asked   []value // what this library has of values
	names   *programNames
	cards   []card // also while stopped: as they were known last

	reason code          // why it is not started; success: it never was
	retry  time.Time     // no start before
	wait   time.Duration // until the retry after the next failure; 0 = the first
	last   time.Time     // of the read before; zero = none
	wall   time.Time     // the same, without the monotonic clock

	join join // reused
}

// card is a GPU.
type card struct {
	device
	uuid, name string
	fault      code // why it is not read until the next start; success: it is
	throttle   throttle
	shares     shares
}

func (n *nvidia) Read(ctx context.Context) []Reading {
	now := time.Now()
	if !n.last.IsZero() && slept(now.Round(0).Sub(n.wall), now.Sub(n.last)) {
		n.retry, n.wait = now, 0
	}
	n.last, n.wall = now, now.Round(0)

	if n.broken() && !now.Before(n.retry) {
		n.restart()
	}
	readings := n.readAll(ctx)
	n.settle(time.Now())
	return readings
}

// slept tells from how far the two clocks went whether the computer slept: the
// monotonic one stands still meanwhile. A wall clock that is set looks the same,
// which costs one start.
func slept(wall, monotonic time.Duration) bool { return wall-monotonic > 10*time.Second }

// Idle is until when a reading needs no look at the driver nor at a clock: there
// is no GPU or driver that could come back from sleep. Zero: it does.
func (n *nvidia) Idle() time.Time {
	if !n.started && (n.reason == libraryNotFound || n.reason == notFound) {
		return n.retry
	}
	return time.Time{}
}

func (n *nvidia) broken() bool {
	for i := range n.cards {
		if n.cards[i].fault != success {
			return true
		}
	}
	return !n.started
}

func (n *nvidia) restart() {
	n.stop()
	c := n.lib.Start()
	if c == success {
		n.started = true
		c = n.find()
	}
	if c != success {
		n.end(c)
	}
}

// find takes in what GPUs there are. One that cannot be had keeps the name that
// its number had before.
func (n *nvidia) find() code {
	if !n.lib.Has("nvmlDeviceGetCount") || !n.lib.Has("nvmlDeviceGetHandleByIndex") {
		return functionNotFound
	}
	count, c := n.lib.Count()
	if c != success {
		return c
	}
	if count == 0 {
		return notFound
	}
	if count != len(n.cards) {
		n.cards = make([]card, count)
	}
	// A driver without a version or a GPU without a name is still worth reading.
	n.driver = ""
	if n.lib.Has("nvmlSystemGetDriverVersion") {
		n.driver, _ = n.lib.DriverVersion()
	}
	n.names = nil
	if n.lib.Has("nvmlSystemGetProcessName") {
		n.names = newProgramNames(n.lib.ProgramName)
	}
	hasName, hasUUID := n.lib.Has("nvmlDeviceGetName"), n.lib.Has("nvmlDeviceGetUUID")
	for i := range n.cards {
		known := n.cards[i]
		d, c := n.lib.Device(i)
		if c.ends() {
			return c
		}
		n.cards[i] = card{device: d, uuid: known.uuid, name: known.name, fault: c}
		if c != success {
			continue
		}
		if hasName {
			if name, c := d.Name(); c == success {
				n.cards[i].name = name
			}
		}
		if hasUUID {
			if uuid, c := d.UUID(); c == success {
				n.cards[i].uuid = uuid
			}
		}
	}
	n.asked = n.asked[:0]
	for _, v := range values {
		if n.lib.Has(v.function) {
			n.asked = append(n.asked, v)
		}
	}
	return success
}

func (n *nvidia) readAll(ctx context.Context) []Reading {
	if len(n.cards) == 0 {
		readings := unavailable(time.Now(), n.reason.String())
		readings[0].Lost = n.reason.bars()
		return readings
	}
	readings := make([]Reading, len(n.cards))
	told := make([]told, len(n.cards)) // one piece of memory for all values
	for i := range n.cards {
		c := &n.cards[i]
		r := &readings[i]
		*r = Reading{Index: i, UUID: c.uuid, Name: c.name, Driver: n.driver, Source: "NVML"}
		switch {
		case c.fault != success:
			r.Reason = c.fault.String()
		case ctx.Err() != nil:
			r.Reason = hung
		default:
			if ended := n.read(ctx, c, r, &told[i]); ended != success {
				n.end(ended)
				return n.readAll(ctx)
			}
		}
		r.At, r.Lost = time.Now(), c.fault.bars()
	}
	if n.names != nil {
		n.names.forget()
	}
	return readings
}

// read asks for everything that the library can tell of c. A GPU that tells
// nothing at all is not available. It returns a code other than success if the
// driver ended.
func (n *nvidia) read(ctx context.Context, c *card, r *Reading, to *told) code {
	n.join.reset()
	s := sheet{card: c, reading: r, told: to, join: &n.join}
	first := success // of the errors
	for _, v := range n.asked {
		if ctx.Err() != nil {
			r.clear(hung)
			return success
		}
		got := v.read(&s)
		switch {
		case got == success:
			r.Available = true
		case got.ends():
			return got
		case got.loses(), got == unknown && v.vital:
			c.fault = got
			r.clear(got.String())
			return success
		case first == success:
			first = got
		}
	}
	switch {
	case r.Available:
		n.join.fill(r, n.names)
	case first == unknown:
		c.fault = first
		r.clear(first.String())
	case first == success: // there was nothing to ask
		r.clear(functionNotFound.String())
	default:
		r.clear(first.String())
	}
	return success
}

// settle stops a driver that has no GPU left, and plans the next start.
func (n *nvidia) settle(now time.Time) {
	if !n.broken() {
		n.wait = 0
		return
	}
	if n.started && n.allLost() {
		n.reason = n.cards[0].fault
		n.stop()
	}
	if !now.Before(n.retry) {
		n.wait = min(max(2*n.wait, firstRetry), lastRetry)
		n.retry = now.Add(n.wait)
	}
}

func (n *nvidia) allLost() bool {
	for i := range n.cards {
		if n.cards[i].fault == success {
			return false
		}
	}
	return true
}

// end stops the driver for every GPU.
func (n *nvidia) end(why code) {
	n.stop()
	n.reason = why
	if why == libraryNotFound || why == notFound {
		n.cards = nil
	}
	for i := range n.cards {
		n.cards[i].fault = why
	}
}

func (n *nvidia) stop() code {
	if !n.started {
		return success
	}
	n.started = false
	return n.lib.Stop()
}

func (n *nvidia) Close() error {
	switch c := n.stop(); c {
	case success, uninitialized, driverNotLoaded, gpuLost, resetRequired, versionMismatch, unknown:
		return nil // it is gone already
	default:
		return fmt.Errorf("release GPU driver: %s", c)
	}
}

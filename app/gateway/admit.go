package gateway

import (
	"context"
	"time"

	"carpool/batching"
)

// admit waits for a lease.
func (c *call) admit() *fault {
	key := batching.Key{Engine: c.target.Name, Model: canonical(c.target, c.sketch.model)}
	if c.route.own && c.rec.Model == "" {
		c.rec.Model = key.Model // the one that the engine has
	}
	about, stop := c.supersedes(key)
	ctx, cancel := context.WithCancelCause(c.ctx)
	defer cancel(nil)
	stay := c.watchEngine(cancel)
	c.queue(key, cancel)
	lease, err := c.scheduler.Acquire(ctx, batching.Request{
		Key:          key,
		ID:           c.id,
		App:          c.rec.App,
		Priority:     c.rec.Priority,
		PromptTokens: int(c.sketch.prompt / bytesPerToken),
		PromptLeast:  c.promptLeast(),
		MaxTokens:    c.sketch.maxTokens,
		Prefix:       c.sketch.prefix,
		PrefixTokens: int(c.sketch.prefixBytes / bytesPerToken),
		Unlisted:     unlisted(c.target, key.Model),
		Streams:      c.sketch.stream,
		Withheld:     c.withheld(),
		Embedding:    c.route.embedding,
		Supersede:    about,
		Since:        c.queuedSince(),
		Merge:        c.mergeWord(key),
		Texts:        c.embed.count(),
	})
	stay()
	stop()
	c.rec.Queued = time.Since(c.arrived)
	if err != nil {
		c.wedged.exit(c)
		f := faultOfQueue(err)
		if f == nil {
			f = newFault(internalError, "the scheduler failed")
			c.log.Error("scheduler failed", "id", c.id, "error", err)
		}
		return c.orGone(f)
	}
	c.lease, c.admitted = lease, true
	lease.OnCancel(func() { c.cancel(batching.ErrCancelled) })
	c.away.enter(c)
	c.rec.Line = key
	c.wedged.enter(c)
	if c.leader != nil {
		c.leader.run.start(time.Now())
	}
	c.rec.Batch, c.rec.Queued = lease.Batch().ID, lease.Waited()
	c.rec.Observed, c.rec.Aboard = lease.Stream(), 1
	if ride, _ := lease.Ride(); ride != nil {
		c.rec.Aboard = ride.Requests()
	}
	return nil
}

// queuedSince is when the call was first queued, if that was for another engine: it
// keeps its place by age. Zero = it is queued for the first time.
func (c *call) queuedSince() time.Time {
	if c.moves == 0 {
		return time.Time{}
	}
	return c.arrived
}

const (
	bytesPerToken = 4 // a fair mean for text in many languages
	bytesAtMost   = 6 // more than the mean of any text but one that repeats itself
)

// promptLeast is what the prompt holds of the engine's cache for certain. The texts
// of an embedding are read one after the other.
func (c *call) promptLeast() int {
	if c.route.embedding {
		return 0
	}
	return int(c.sketch.prompt / bytesAtMost)
}

// muchElse is more of a body than what surrounds a prompt: images.
const muchElse = 32 << 10

// withheld reports whether the engine may be silent for long before the first token
// of a stream, or between two: it reads images, or holds a tool call back until it is
// whole.
func (c *call) withheld() bool {
	return c.sketch.tools || c.sketch.packed || int64(len(c.body))-c.sketch.prompt > muchElse
}

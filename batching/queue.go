package batching

import (
	"time"
)

// queue is the state of one key.
type queue struct {
	key     Key
	engine  *engine
	model   *model
	own     *Limits // nil = those of all
	line    line
	porch   porch
	pen     pen
	held    int       // in the pen
	running crowd     // released and still counted
	active  int       // batches with a counted place
	pool    *pool     // of places
	alone   pool      // that one, unless other keys share it
	self    [1]*queue // its queues
}

// topic is what Request.Supersede tells apart.
type topic struct {
	key        Key
	app, about string
}

func (c *Core) queueOf(k Key) *queue {
	q := c.queues[k]
	if q == nil {
		e := c.engine(k.Engine)
		q = &queue{key: k, engine: e, model: e.model(k.Model), line: newLine(c.settings.ShortestFirst), running: newCrowd()}
		q.model.queue = q
		if l, ok := c.own[k]; ok {
			q.own = &l
		}
		c.join(q)
		c.queues[k] = q
		c.order = append(c.order, q)
		e.queues = append(e.queues, q)
	}
	return q
}

// expire removes the tickets that waited longer than MaxWait. Within a class
// the first is the oldest.
func (c *Core) expire(q *queue, now time.Time, e *Effects) {
	if c.settings.MaxWait <= 0 {
		return
	}
	for len(q.porch) > 0 && !now.Before(q.porch[0].Queued.Add(c.settings.MaxWait)) {
		t := q.porch[0]
		c.Leave(t)
		e.Expired = append(e.Expired, t)
	}
	for i := range q.line.class {
		for _, all := range []*fifo{&q.line.class[i].all, &q.pen[i]} {
			for t := all.first; t != nil && !now.Before(t.Queued.Add(c.settings.MaxWait)); t = all.first {
				c.Leave(t)
				e.Expired = append(e.Expired, t)
			}
		}
	}
}

func (c *Core) unqueue(t *Ticket) {
	switch t.spot {
	case onPorch:
		c.offPorch(t)
	case inPen:
		c.offPen(t)
	default:
		t.queue.line.remove(t)
	}
	c.waiting--
	if r := &t.Request; r.Supersede != "" {
		if about := (topic{r.Key, r.App, r.Supersede}); c.topics[about] == t {
			delete(c.topics, about)
		}
	}
}

// next is any ticket that waits; nil if none does.
func (q *queue) next() *Ticket {
	if len(q.porch) > 0 {
		return q.porch[0]
	}
	if t := q.pen.first(); t != nil {
		return t
	}
	return q.line.head()
}

// depth is how many wait.
func (q *queue) depth() int { return q.line.depth + len(q.porch) + q.held }

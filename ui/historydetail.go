package ui

import (
	"context"
	"errors"
	"slices"
	"time"

	"carpool/app"
)

// open shows the details of a row of the table.
func (p *historyPage) open(i int) {
	if p.records.ofBatches() {
		p.openBatch(p.records.batches[i])
		return
	}
	p.openRequest(p.records.requests[i])
}

func (p *historyPage) openRequest(r app.RequestRow) {
	if p.inspector != nil {
		return
	}
	i := openInspector(p.w.canvas, tr("Request of %s", r.App), r.ID, requestDetails(r), func() { p.inspector = nil })
	p.inspector = i
	if r.Batch != nil {
		i.link(tr("Open its batch, %d", *r.Batch), func() { p.findBatch(r) })
	}
}

// findBatch opens the batch of a request: it was released when the request had
// waited.
func (p *historyPage) findBatch(r app.RequestRow) {
	const around = 2 * time.Second // by how much clocks and roundings may differ
	released := r.Started.Add(time.Duration(r.QueueMS * float64(time.Millisecond)))
	f := app.Filter{Query: app.Range{Since: released.Add(-around), Until: released.Add(around)}, Engine: r.Engine, Model: r.Model}
	p.w.errands.put(func(ctx context.Context) {
		rows, _, err := p.w.carpool.FindBatches(ctx, f)
		p.w.do(func() {
			at := slices.IndexFunc(rows, func(b app.BatchRow) bool { return b.ID == *r.Batch })
			switch {
			case at >= 0:
				p.openBatch(rows[at])
				return
			case err == nil:
				err = errors.New(tr("the batch has not ended yet, or is not kept any more"))
			}
			p.w.failed = failure{lead: tr("Nothing to show."), text: sentenceOf(err.Error()), order: order{deed: showWhy}, at: time.Now()}
			p.w.notice()
		})
	})
}

func (p *historyPage) openBatch(b app.BatchRow) {
	if p.inspector != nil {
		return
	}
	i := openInspector(p.w.canvas, tr("Batch %d", b.ID), tr("%s on %s", short(b.Model), b.Engine), batchDetails(b), func() { p.inspector = nil })
	p.inspector = i
	f := app.Filter{Batch: b.ID, Ascending: true}
	f.Limit = mostOfBatch
	p.w.errands.put(func(ctx context.Context) {
		requests, total, err := p.w.carpool.FindRequests(ctx, f)
		p.w.do(func() {
			if p.inspector == i {
				p.listRequests(i, requests, int(total), err)
			}
		})
	})
}

// mostOfBatch is how many requests of a batch are listed.
const mostOfBatch = 100

func (p *historyPage) listRequests(i *inspector, requests []app.RequestRow, total int, err error) {
	t := newTable(func(row int) {
		i.close.tap()
		p.openRequest(requests[row])
	})
	t.setColumns(requestColumns(), "", false)
	t.gained = func() { reveal(i.scroll, t) }
	rows := make([]tableRow, len(requests))
	for n, r := range requests {
		rows[n] = requestRow(r, p.w.last.At)
	}
	note := tr("Its requests have not ended yet, or are not kept any more.")
	if err != nil {
		note = tr("Not read: %s", sentenceOf(err.Error()))
	}
	t.show(rows, note)
	head := trn(total, "Its %d request", "Its %d requests")
	if total > len(requests) {
		head = tr("%d of its %d requests", len(requests), total)
	}
	i.list(head, t)
}

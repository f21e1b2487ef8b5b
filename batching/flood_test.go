package batching_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"carpool/batching"
)

// Test16_Flood lets 2,000 requests of three classes come within two seconds to four
// places and a queue of 512.
func Test16_Flood(t *testing.T) {
	for name, order := range map[string]batching.Order{"ByArrival": batching.Arrival, "Fair": batching.Fair} {
		t.Run(name, func(t *testing.T) {
			const arrivals, waiting, places, apps = 2000, 512, 4, 3
			const tick, service = time.Millisecond, 100 * time.Millisecond
			set := fixed(places)
			set.Order, set.MaxWaiting, set.ReservedOthers = order, waiting, 64
			c := batching.NewCore(set, batching.Options{})
			now := start
			type arrival struct {
				number int
				ahead  int // of its class or above, when it came
			}
			came := map[*batching.Ticket]arrival{}
			inQueue := map[batching.Priority]int{}
			last := map[string]int{} // the number released last of a class and app
			ends := map[*batching.Ticket]time.Time{}
			admitted, served, refused := 0, 0, 0
			for number := 0; number < arrivals || len(came)+len(ends) > 0; now = now.Add(tick) {
				if number < arrivals {
					r := batching.Request{Key: key, App: fmt.Sprint("app", number%apps), Priority: batching.Priority(number/apps%3) + batching.Background}
					ticket, err := c.Arrive(now, r)
					switch {
					case err == nil:
						ahead := 0
						for p, n := range inQueue {
							if p >= r.Priority {
								ahead += n
							}
						}
						came[ticket] = arrival{number, ahead}
						inQueue[r.Priority]++
						admitted++
					case errors.Is(err, batching.ErrQueueFull), errors.Is(err, batching.ErrAppQueueFull):
						refused++
					default:
						t.Fatal(err)
					}
					number++
				}
				for ticket, at := range ends {
					if !now.Before(at) {
						c.End(now, ticket, batching.Served, batching.Untold())
						delete(ends, ticket)
						served++
					}
				}
				for _, ticket := range c.Step(now).Released {
					r, a := ticket.Request, came[ticket]
					delete(came, ticket)
					inQueue[r.Priority]--
					ends[ticket] = now.Add(service)
					line := fmt.Sprint(r.Priority, r.App)
					if before, ok := last[line]; ok && before > a.number {
						t.Fatalf("%s: %d went after %d", line, a.number, before)
					}
					last[line] = a.number
					// Every second turn may be that of one who has waited for the guard.
					if most := time.Duration(2*(a.ahead/places+2)) * service; r.Priority == batching.Urgent && now.Sub(ticket.Queued) > most {
						t.Fatalf("an urgent one with %d ahead waited %v, more than %v", a.ahead, now.Sub(ticket.Queued), most)
					}
				}
				if depth := c.Totals().QueueDepth; depth > waiting {
					t.Fatalf("%d wait", depth)
				}
				if len(ends) > places {
					t.Fatalf("%d run", len(ends))
				}
				if now.Sub(start) > arrivals*service {
					t.Fatalf("%d never ended", len(came)+len(ends))
				}
			}
			if served != admitted || admitted+refused != arrivals || refused == 0 {
				t.Errorf("%d admitted, %d served, %d refused", admitted, served, refused)
			}
		})
	}
}

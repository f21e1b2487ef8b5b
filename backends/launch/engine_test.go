package launch

import (
	"slices"
	"sync"
	"testing"
)

func TestEngine_TellsItsStatesInTheirOrder(t *testing.T) {
	var told []int
	e := &engine{changed: func(s State) { told = append(told, s.Restarts) }}
	var both sync.WaitGroup
	for range 2 { // its run, and who reads its log
		both.Go(func() {
			for range 1000 {
				e.set(func(s *State) { s.Restarts++ })
			}
		})
	}
	both.Wait()
	if len(told) != 2000 || !slices.IsSorted(told) {
		t.Errorf("%d states, in their order: %v", len(told), slices.IsSorted(told))
	}
}

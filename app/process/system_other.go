//go:build !linux

package process

import "context"

// wholeTable asks for the whole list of connections each time.
type wholeTable struct{ names }

func openSystem() system { return wholeTable{newNames()} }

func (wholeTable) owners(ctx context.Context, wanted []Ends) map[Ends]int32 {
	return connections(ctx, wanted)
}

func (wholeTable) close() {}

func cgroup(int32) string { return "" }

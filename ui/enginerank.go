package ui

import (
	"cmp"
	"slices"

	"carpool/app"
)

// ranked are engines in the order in which the settings prefer them, by name or
// kind; the others follow.
func ranked(engines []app.EngineInfo, order []string) []app.EngineInfo {
	rank := func(e app.EngineInfo) int {
		for _, by := range []string{e.Name, string(e.Kind)} {
			if i := slices.Index(order, by); i >= 0 {
				return i
			}
		}
		return len(order)
	}
	all := slices.Clone(engines)
	slices.SortStableFunc(all, func(a, b app.EngineInfo) int { return cmp.Compare(rank(a), rank(b)) })
	return all
}

// rankable are the names of the engines that can be preferred.
func rankable(engines []app.EngineInfo) []string {
	var names []string
	for _, e := range engines {
		if !e.Simulated {
			names = append(names, e.Name)
		}
	}
	return names
}

// moved is the order of preference after an engine went by places up (-1) or down
// (1). What the order names beside the engines that are there stays behind them.
func moved(engines []app.EngineInfo, order []string, name string, by int) []string {
	names := rankable(ranked(engines, order))
	at := slices.Index(names, name)
	to := at + by
	if at < 0 || to < 0 || to >= len(names) {
		return order
	}
	names[at], names[to] = names[to], names[at]
	for _, other := range order {
		if !slices.Contains(names, other) {
			names = append(names, other)
		}
	}
	return names
}

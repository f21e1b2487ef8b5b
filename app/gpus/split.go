package gpus

import (
	"cmp"
	"maps"
	"slices"

	"carpool/gpu"
)

// blind is how much memory may be in use on a GPU without a program before a list
// of none is not believed: within a container a driver tells the memory of all but
// the processes of the container only. A driver and a firmware alone take less.
const blind = 1 << 30

// Split tells whose each GPU is. whose names the engine that a process belongs to.
//
// Ours is the memory of the engines' processes. Others' is all else that is used,
// so that both together are what is used: also what no process accounts for, since
// that may be a program that the driver does not show. It includes what the driver
// itself keeps: some 10 MiB for each process, and up to 600 MiB where the reading
// has no MemoryReserved. Both are not known where the driver does not tell the
// memory of an engine's process (Windows), or no processes.
//
// The GPU's time is split by the processes' own shares, made smaller together
// where they come to more than the GPU's. Where the driver tells no shares, it is
// known only if all processes are of one side, or nothing runs: which of two
// programs uses a GPU cannot be seen from what they hold.
func Split(readings []gpu.Reading, whose func(pid int) (engine string, ok bool)) []State {
	states := make([]State, len(readings))
	for i, r := range readings {
		states[i] = split(r, whose)
	}
	return states
}

func split(r gpu.Reading, whose func(pid int) (engine string, ok bool)) State {
	s := State{Reading: r}
	s.Processes = nil
	if r.Processes == nil {
		return s
	}
	s.Programs = make([]Program, len(r.Processes))
	engines := map[string]bool{}
	for i, p := range r.Processes {
		s.Programs[i].Process = p
		if engine, ok := whose(p.PID); ok {
			s.Programs[i].Engine = engine
			engines[engine] = true
		}
	}
	slices.SortStableFunc(s.Programs, bySize)
	s.Engines = slices.Sorted(maps.Keys(engines))
	if len(s.Programs) == 0 && r.MemoryUsed != nil && *r.MemoryUsed > blind {
		return s
	}
	s.Ours.Memory, s.Others.Memory = splitMemory(r.MemoryUsed, s.Programs)
	s.Ours.Utilization, s.Others.Utilization = splitTime(r.Utilization, s.Programs)
	return s
}

// bySize puts the largest first, and what is not known last.
func bySize(a, b Program) int {
	return cmp.Or(
		descending(a.Memory, b.Memory),
		descending(a.Utilization, b.Utilization),
		cmp.Compare(a.PID, b.PID))
}

func descending[T cmp.Ordered](a, b *T) int {
	switch {
	case a != nil && b != nil:
		return cmp.Compare(*b, *a)
	case a != nil:
		return -1
	case b != nil:
		return 1
	}
	return 0
}

func splitMemory(used *uint64, programs []Program) (ours, others *uint64) {
	var sum uint64
	for _, p := range programs {
		switch {
		case p.Engine == "":
		case p.Memory == nil:
			return nil, nil
		default:
			sum += *p.Memory
		}
	}
	if used == nil {
		return &sum, nil
	}
	rest := *used - min(sum, *used)
	return &sum, &rest
}

func splitTime(all *float64, programs []Program) (ours, others *float64) {
	var sums [2]float64
	var count [2]int
	told := false
	for _, p := range programs {
		side := 0
		if p.Engine == "" {
			side = 1
		}
		count[side]++
		if p.Utilization != nil {
			told = true
			sums[side] += *p.Utilization
		}
	}
	if told {
		most := 1.0
		if all != nil {
			most = *all
		}
		if both := sums[0] + sums[1]; both > most {
			sums[0], sums[1] = sums[0]*most/both, sums[1]*most/both
		}
		return &sums[0], &sums[1]
	}
	if all == nil || *all > 0 && count[0] > 0 && count[1] > 0 {
		return nil, nil
	}
	side := 1 // what no program accounts for
	if count[0] > 0 && count[1] == 0 {
		side = 0
	}
	sums[side] = *all
	return &sums[0], &sums[1]
}

package gpus

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"carpool/gpu"
)

func ptr[T any](v T) *T { return &v }

const gib = uint64(1) << 30

// process is one with memory in GiB and a share of time, each -1 = not told.
func process(pid int, memory int, use float64) gpu.Process {
	p := gpu.Process{PID: pid, Name: fmt.Sprint("p", pid)}
	if memory >= 0 {
		p.Memory = ptr(uint64(memory) * gib)
	}
	if use >= 0 {
		p.Utilization = &use
	}
	return p
}

// reading is one of a GPU of 24 GiB.
func reading(used int, use float64, processes ...gpu.Process) gpu.Reading {
	if processes == nil {
		processes = []gpu.Process{}
	}
	return gpu.Reading{Available: true, MemoryUsed: ptr(uint64(used) * gib), MemoryTotal: ptr(24 * gib), Utilization: &use, Processes: processes}
}

// whose: processes below 10 are Ollama's, those below 20 LM Studio's.
func whose(pid int) (string, bool) {
	switch {
	case pid < 10:
		return "ollama", true
	case pid < 20:
		return "lmstudio", true
	}
	return "", false
}

// part says a Part in GiB and per cent.
func part(p Part) string {
	memory, use := "?", "?"
	if p.Memory != nil {
		memory = fmt.Sprintf("%.1f", float64(*p.Memory)/float64(gib))
	}
	if p.Utilization != nil {
		use = fmt.Sprint(math.Round(*p.Utilization * 100))
	}
	return memory + " " + use
}

func TestSplit(t *testing.T) {
	untold := reading(6, 0.5)
	untold.Processes = nil
	noTotal := reading(0, 0, process(1, 4, 0.3), process(30, 1, 0.1))
	noTotal.MemoryUsed, noTotal.Utilization = nil, nil
	for name, tc := range map[string]struct {
		reading      gpu.Reading
		ours, others string
		engines      string
		order        []int
	}{
		"ByProcess":                         {reading(8, 0.9, process(30, 2, 0.3), process(1, 4, 0.5), process(11, 1, 0.1)), "5.0 60", "3.0 30", "lmstudio ollama", []int{1, 30, 11}},
		"WhatNoProcessAccountsForIsOthers":  {reading(8, 0.5, process(1, 3, 0.5)), "3.0 50", "5.0 0", "ollama", []int{1}},
		"NeverLessThanNothing":              {reading(4, 0.5, process(1, 5, 0.5)), "5.0 50", "0.0 0", "ollama", []int{1}},
		"SharesNeverAddUpToMoreThanTheGPUs": {reading(8, 0.5, process(1, 4, 0.9), process(30, 1, 0.1)), "4.0 45", "4.0 5", "ollama", []int{1, 30}},
		"SharesWithoutTheGPUs":              {noTotal, "4.0 30", "? 10", "ollama", []int{1, 30}},
		"AShareThatIsNotToldBesidesOthers":  {reading(8, 0.9, process(1, 4, -1), process(30, 1, 0.4)), "4.0 0", "4.0 40", "ollama", []int{1, 30}},
		"NoShares":                          {reading(8, 0.5, process(1, 4, -1), process(30, 1, -1)), "4.0 ?", "4.0 ?", "ollama", []int{1, 30}},
		"NoSharesAndNothingRuns":            {reading(8, 0, process(1, 4, -1), process(30, 1, -1)), "4.0 0", "4.0 0", "ollama", []int{1, 30}},
		"NoSharesAndOnlyEngines":            {reading(8, 0.5, process(1, 4, -1), process(11, 1, -1)), "5.0 50", "3.0 0", "lmstudio ollama", []int{1, 11}},
		"NoSharesAndOnlyOthers":             {reading(8, 0.5, process(31, -1, -1), process(30, 1, -1)), "0.0 0", "8.0 50", "", []int{30, 31}},
		"MemoryOfProcessesIsNotTold":        {reading(8, 0.5, process(30, -1, 0.1), process(1, -1, 0.4)), "? 40", "? 10", "ollama", []int{1, 30}},
		"OneEnginesMemoryIsNotTold":         {reading(8, 0.5, process(1, 4, 0.2), process(2, -1, 0.2)), "? 40", "? 0", "ollama", []int{1, 2}},
		"NoProcess":                         {reading(0, 0), "0.0 0", "0.0 0", "", []int{}},
		"NoProcessThoughMuchIsUsed":         {reading(8, 0.5), "? ?", "? ?", "", []int{}},
		"ProcessesAreNotTold":               {untold, "? ?", "? ?", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := Split([]gpu.Reading{tc.reading}, whose)[0]
			if got := part(s.Ours); got != tc.ours {
				t.Errorf("ours %s, want %s", got, tc.ours)
			}
			if got := part(s.Others); got != tc.others {
				t.Errorf("others' %s, want %s", got, tc.others)
			}
			if got := strings.Join(s.Engines, " "); got != tc.engines {
				t.Errorf("engines %q, want %q", got, tc.engines)
			}
			var order []int
			if s.Programs != nil {
				order = []int{}
			}
			for _, p := range s.Programs {
				order = append(order, p.PID)
				if want, _ := whose(p.PID); p.Engine != want {
					t.Errorf("%d is of %q", p.PID, p.Engine)
				}
			}
			if !slices.Equal(order, tc.order) || (order == nil) != (tc.order == nil) {
				t.Errorf("programs %v, want %v", order, tc.order)
			}
		})
	}

	t.Run("LeavesTheReadingAsItIs", func(t *testing.T) {
		r := []gpu.Reading{reading(8, 0.5, process(30, 1, 0.1), process(1, 4, 0.4))}
		Split(r, whose)
		if r[0].Processes[0].PID != 30 {
			t.Errorf("%+v", r[0].Processes)
		}
	})

	t.Run("NoProgramIsAnotherThanNotTold", func(t *testing.T) {
		for text, r := range map[string]gpu.Reading{"[]": reading(0, 0), "": untold} {
			encoded, err := json.Marshal(Split([]gpu.Reading{r}, whose)[0])
			if err != nil {
				t.Fatal(err)
			}
			var got struct{ Programs json.RawMessage }
			if err := json.Unmarshal(encoded, &got); err != nil || string(got.Programs) != text {
				t.Errorf("%s: %s, %v", encoded, got.Programs, err)
			}
		}
	})
}

func TestOf(t *testing.T) {
	small := State{Reading: gpu.Reading{Available: true, Index: 0, UUID: "GPU-aaaa", MemoryTotal: ptr(8 * gib)}, Engines: []string{"lmstudio", "ollama"},
		Programs: []Program{{process(1, 2, 0), "ollama"}, {process(11, 4, 0), "lmstudio"}}}
	large := State{Reading: gpu.Reading{Available: true, Index: 1, UUID: "GPU-bbbb", MemoryTotal: ptr(24 * gib)}}
	also := State{Reading: gpu.Reading{Available: true, Index: 2, UUID: "GPU-cccc", MemoryTotal: ptr(16 * gib)}, Engines: []string{"ollama"},
		Programs: []Program{{process(1, 3, 0), "ollama"}}}
	gone := State{Reading: gpu.Reading{Index: 3, Reason: "GPU is lost", MemoryTotal: ptr(80 * gib)}}
	untold := State{Reading: gpu.Reading{Available: true, Index: 4, UUID: "GPU-dddd"}}
	all := []State{small, large, also, gone, untold}
	for name, tc := range map[string]struct {
		states         []State
		engine, device string
		want           int
	}{
		"TheOneThatIsSetByNumber":         {all, "ollama", "1", 1},
		"TheOneThatIsSetByUUID":           {all, "ollama", "gpu-BBBB", 1},
		"TheOneThatIsSetByTheBeginOfUUID": {all, "ollama", "GPU-b", 1},
		"OneThatIsSetButGone":             {all, "ollama", "3", 2},
		"WhereTheEngineHoldsMost":         {all, "ollama", "", 2},
		"WhereTheEngineIs":                {all, "lmstudio", "", 0},
		"TheLargestForOneThatIsOnNone":    {all, "llamacpp", "", 1},
		"TheLargestForNobody":             {all, "", "", 1},
		"OneThatCanBeRead":                {[]State{gone, untold}, "", "", 4},
		"AnyIfNoneCan":                    {[]State{gone}, "ollama", "7", 3},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Of(tc.states, tc.engine, tc.device); got.Index != tc.want {
				t.Errorf("%d, want %d", got.Index, tc.want)
			}
		})
	}
}

func TestLost(t *testing.T) {
	well := State{Reading: gpu.Reading{Available: true, Index: 0, UUID: "GPU-aaaa"}, Engines: []string{"ollama"}}
	gone := State{Reading: gpu.Reading{Index: 1, UUID: "GPU-bbbb", Name: "Card", Reason: "GPU lost", Lost: true}}
	silent := State{Reading: gpu.Reading{Index: 2, Reason: "GPU driver does not answer"}}
	for name, tc := range map[string]struct {
		states         []State
		engine, device string
		want           string
	}{
		"TheOnlyOne":                {[]State{gone}, "ollama", "", "Card: GPU lost"},
		"OneOfSeveral":              {[]State{well, gone}, "lmstudio", "", "Card: GPU lost"},
		"TheOneThatIsSet":           {[]State{well, gone}, "lmstudio", "1", "Card: GPU lost"},
		"TheOneThatIsSetByUUID":     {[]State{well, gone}, "lmstudio", "gpu-b", "Card: GPU lost"},
		"NotTheOneThatIsSet":        {[]State{well, gone}, "lmstudio", "0", ""},
		"NotWhereTheEngineRuns":     {[]State{well, gone}, "ollama", "", ""},
		"OneThatOnlyCannotBeRead":   {[]State{silent}, "ollama", "", ""},
		"OneOfWhichNoNameWasTold":   {[]State{{Reading: gpu.Reading{Reason: "driver was updated", Lost: true}}}, "ollama", "", "driver was updated"},
		"NoneOnAMachineWithoutGPUs": {[]State{{Reading: gpu.Reading{Reason: "no NVIDIA GPU"}}}, "ollama", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Lost(tc.states, tc.engine, tc.device); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

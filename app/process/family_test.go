package process

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// kinfolk is a machine's processes as a test tells them.
type kinfolk struct {
	processes map[int32]fakeProcess
	listeners map[uint16]int32
	searches  int // for who listens
}

type fakeProcess struct {
	start  int64
	parent int32
	facts
}

func (k *kinfolk) born(pid int32) (int64, bool) {
	p, ok := k.processes[pid]
	return p.start, ok
}
func (k *kinfolk) parent(pid int32) int32                     { return k.processes[pid].parent }
func (k *kinfolk) facts(_ context.Context, pid int32) facts   { return k.processes[pid].facts }
func (k *kinfolk) listener(_ context.Context, p uint16) int32 { k.searches++; return k.listeners[p] }
func (k *kinfolk) close()                                     {}

func program(exe string, args ...string) facts { return facts{exe: exe, args: args} }

// machine has a shell (10) with Ollama (20) and its runner (21), which runs
// another (22); a game (30); and an Ollama of another user (40) with a runner (41).
func machine() *kinfolk {
	return &kinfolk{
		listeners: map[uint16]int32{11434: 20},
		processes: map[int32]fakeProcess{
			1:  {1, 0, program("/sbin/init")},
			10: {10, 1, program("/bin/bash")},
			20: {20, 10, program("/usr/bin/ollama")},
			21: {21, 20, program("/usr/bin/ollama", "ollama", "runner")},
			22: {22, 21, program("/usr/lib/x")},
			30: {30, 10, program("/usr/games/game")},
			40: {40, 1, facts{name: "ollama"}},
			41: {41, 40, facts{name: "llama-server"}},
		},
	}
}

var ollama = Engine{Name: "ollama", Kind: "ollama", URL: "http://127.0.0.1:11434"}

func TestFamily(t *testing.T) {
	for name, tc := range map[string]struct {
		change  func(*kinfolk)
		engines []Engine
		want    map[int]string
	}{
		"BelongsToWhoListens": {nil, []Engine{ollama},
			map[int]string{20: "ollama", 21: "ollama", 22: "ollama", 10: "", 30: "", 99: ""}},
		"TheListenerSaysMoreThanAName": {nil, []Engine{ollama}, map[int]string{40: "", 41: ""}},
		"ByNameWhereNobodyIsSeenToListen": {func(k *kinfolk) { k.listeners = nil }, []Engine{ollama},
			map[int]string{40: "ollama", 41: "ollama", 21: "ollama", 30: ""}},
		"TheUppermostNameCounts": {func(k *kinfolk) { k.listeners = nil },
			[]Engine{{Name: "llamacpp", Kind: "llamacpp", URL: "http://127.0.0.1:8080"}, ollama}, map[int]string{41: "ollama"}},
		"ByNameToTheFirstThatIsNotSeen": {nil, []Engine{ollama, {Name: "second", Kind: "ollama", URL: "http://127.0.0.1:11500"}},
			map[int]string{21: "ollama", 41: "second"}},
		"ToWhatCarpoolStarted": {func(k *kinfolk) { k.listeners = nil },
			[]Engine{{Name: "started", Kind: "openai", URL: "http://localhost:9000", PID: 30}}, map[int]string{30: "started", 40: ""}},
		"OfAContainer": {func(k *kinfolk) {
			k.listeners[11434] = 50
			k.processes[50] = fakeProcess{50, 1, program("/usr/bin/docker-proxy")}
		}, []Engine{ollama}, map[int]string{41: "ollama", 50: ""}},
		"NothingToAnEngineElsewhere": {func(k *kinfolk) { k.listeners[11434] = 30 },
			[]Engine{{Name: "ollama", Kind: "ollama", URL: "http://192.168.1.5:11434"}}, map[int]string{30: "", 40: "", 20: ""}},
		"NothingToAParentThatOnlyHasAnOldId": {func(k *kinfolk) {
			p := k.processes[20]
			p.start = 500 // the engine that 21 was started by has ended
			k.processes[20] = p
			k.processes[22] = fakeProcess{22, 20, program("/usr/lib/x")}
		}, []Engine{ollama}, map[int]string{20: "ollama", 22: ""}},
	} {
		t.Run(name, func(t *testing.T) {
			k := machine()
			if tc.change != nil {
				tc.change(k)
			}
			f := newFamily(k)
			f.Look(t.Context(), tc.engines)
			for pid, want := range tc.want {
				if got, ok := f.Engine(pid); got != want || ok != (want != "") {
					t.Errorf("%d: %q, %v, want %q", pid, got, ok, want)
				}
			}
		})
	}

	t.Run("ForgetsAProcessWhoseIdIsUsedAgain", func(t *testing.T) {
		k := machine()
		f := newFamily(k)
		f.Look(t.Context(), []Engine{ollama})
		if got, _ := f.Engine(22); got != "ollama" || f.Program(22) != "x" {
			t.Fatalf("%q, %q", got, f.Program(22))
		}
		k.processes[22] = fakeProcess{300, 10, program("/usr/games/other")}
		f.Look(t.Context(), []Engine{ollama})
		if got, ok := f.Engine(22); ok || f.Program(22) != "other" {
			t.Errorf("%q, %q", got, f.Program(22))
		}
	})

	t.Run("ForgetsWhatIsNotAskedForAnyMore", func(t *testing.T) {
		f := newFamily(machine())
		for range 3 {
			f.Look(t.Context(), []Engine{ollama})
			f.Engine(21)
		}
		f.Look(t.Context(), []Engine{ollama})
		if len(f.known) != 1 {
			t.Fatalf("%d known", len(f.known))
		}
		f.Look(t.Context(), []Engine{ollama})
		if len(f.known) != 0 {
			t.Errorf("%d known", len(f.known))
		}
	})

	t.Run("TakesAnEngineThatComesLater", func(t *testing.T) {
		f := newFamily(machine())
		f.Look(t.Context(), nil)
		if got, ok := f.Engine(21); ok {
			t.Fatalf("%q", got)
		}
		f.Look(t.Context(), []Engine{ollama})
		if got, _ := f.Engine(21); got != "ollama" {
			t.Errorf("%q", got)
		}
	})

	t.Run("LooksAgainWhenTheListenerEnds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			k := machine()
			f := newFamily(k)
			for range 5 {
				f.Look(t.Context(), []Engine{ollama})
				time.Sleep(2 * listenerPause)
			}
			if k.searches != 1 {
				t.Errorf("%d searches for a listener that lives", k.searches)
			}
			f.Engine(21)
			f.Engine(60)
			delete(k.processes, 20)
			k.processes[60] = fakeProcess{600, 10, program("/opt/own")}
			k.listeners[11434] = 60
			f.Look(t.Context(), []Engine{ollama})
			if got, _ := f.Engine(60); got != "ollama" {
				t.Errorf("the new one is of %q", got)
			}
		})
	})

	t.Run("RestsBetweenLooksInVain", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			k := machine()
			k.listeners = nil
			f := newFamily(k)
			for range 10 {
				f.Look(t.Context(), []Engine{ollama})
				time.Sleep(listenerPause / 5)
			}
			if k.searches != 2 {
				t.Errorf("%d searches", k.searches)
			}
		})
	})
}

func TestKinds(t *testing.T) {
	for want, all := range map[string][]facts{
		"ollama":   {program("/usr/local/bin/ollama"), program(`C:\Users\a\AppData\Local\Programs\Ollama\ollama app.exe`), {name: "ollama"}},
		"lmstudio": {program("/Applications/LM Studio.app/Contents/MacOS/LM Studio"), program("/home/a/.lmstudio/.internal/utils/node", "node", "x.js"), program("/opt/lm-studio")},
		"llamacpp": {program(`C:\llama\llama-server.exe`), {name: "llama-server"}},
		"openai": {{exe: "/usr/bin/python3.12", name: "VLLM::EngineCor"}, program("/usr/bin/python3", "python3", "-m", "vllm.entrypoints.openai.api_server"),
			program("/venv/bin/python3", "python3", "/venv/bin/vllm", "serve", "m")},
		"koboldcpp": {program("/home/u/koboldcpp-linux-x64"), program(`C:\Users\u\koboldcpp-nocuda.exe`), program("/usr/bin/python3", "python3", "koboldcpp.py", "--model", "m.gguf")},
		"":          {program("/usr/bin/python3", "python3", "train.py"), program("/opt/server"), program("/usr/bin/tail", "tail", "-m", "vllm"), {}},
	} {
		for _, f := range all {
			if got := kindOf(f); got != want {
				t.Errorf("%+v: %q, want %q", f, got, want)
			}
		}
	}
}

func TestLocalPort(t *testing.T) {
	for address, want := range map[string]uint16{
		"http://127.0.0.1:11434": 11434, "http://localhost:8080/v1": 8080, "http://[::1]:1234": 1234, "https://127.0.0.1": 443,
		"http://gpu:8000": 0, "http://10.0.0.2:11434": 0, "": 0, "http://127.0.0.1:70000": 0,
	} {
		if got := localPort(address); got != want {
			t.Errorf("%s: %d, want %d", address, got, want)
		}
	}
}

package app

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"carpool/app/process"
	"carpool/backends"
	"carpool/backends/launch"
	"carpool/gpu"
	"carpool/gpu/gputest"
)

// occupied is a reading of a GPU with this process on it.
func occupied(name string) gpu.Reading {
	r := gputest.Busy(6<<30, 24<<30, 0.5)
	memory := uint64(4 << 30)
	r.Processes = []gpu.Process{{PID: os.Getpid(), Name: name, Memory: &memory}}
	return r
}

func TestOwned(t *testing.T) {
	mine := func() []process.Engine {
		return []process.Engine{{Name: "mine", Kind: "openai", URL: "http://127.0.0.1:9", PID: os.Getpid()}}
	}
	t.Run("TellsWhoseEachReadingIs", func(t *testing.T) {
		o := newOwned(gputest.NewReader(occupied("/usr/bin/x --key secret")), process.NewFamily(), mine)
		defer func() { _ = o.Close() }()
		s := o.of(o.Read(t.Context()))[0]
		if len(s.Programs) != 1 || s.Programs[0].Engine != "mine" || !slices.Equal(s.Engines, []string{"mine"}) || *s.Ours.Memory != 4<<30 || *s.Others.Memory != 2<<30 {
			t.Errorf("%+v", s)
		}
		if got := s.Programs[0].Name; got != "app.test" {
			t.Errorf("called %q", got)
		}
	})

	t.Run("ANewerReadingIsNotTakenForNobodys", func(t *testing.T) {
		o := newOwned(gputest.NewReader(occupied("x")), process.NewFamily(), mine)
		defer func() { _ = o.Close() }()
		before := o.Read(t.Context())
		o.Read(t.Context())
		if s := o.of(before)[0]; s.Ours.Memory == nil || *s.Ours.Memory != 4<<30 {
			t.Errorf("%+v", s.Ours)
		}
	})

	t.Run("ADriverThatHangsHasNoOldState", func(t *testing.T) {
		reader := gputest.NewReader(occupied("x"))
		o := newOwned(reader, process.NewFamily(), mine)
		sampler := gpu.NewSampler(o, 100*time.Millisecond)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- sampler.Run(ctx) }()
		eventually(t, func() bool { return o.of(sampler.Last())[0].Ours.Memory != nil })
		release := reader.Hang()
		eventually(t, func() bool {
			s := o.of(sampler.Last())[0]
			return !s.Available && s.Ours.Memory == nil && s.Reason != ""
		})
		release()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come about")
		}
	}
}

func TestProgramName(t *testing.T) {
	for _, tt := range []struct{ known, told, want string }{
		{"VS Code", "/usr/share/code/code", "VS Code"},
		{"", "/usr/lib/xorg/Xorg", "Xorg"},
		{"", "/opt/chrome/chrome --type=gpu-process --key=a/b", "chrome"},
		{"", `C:\Games\My Game\game.exe`, "game.exe"},
		{"", "", ""},
	} {
		if got := programName(tt.known, tt.told); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.told, got, tt.want)
		}
	}
}

func TestFamiliesAreTheEnginesOfThisMachine(t *testing.T) {
	got := familiesOf([]backends.Info{
		{Name: "ollama", Kind: backends.KindOllama, URL: "http://127.0.0.1:11434", Health: backends.Down},
		{Name: "llamacpp", Kind: backends.KindLlamaCPP, URL: "http://127.0.0.1:8080"},
		{Name: "cluster", Kind: backends.KindOpenAI, URL: "http://gpu:8000"},
		{Name: "demo", Kind: backends.KindDemo},
	}, []launch.State{
		{URL: "http://127.0.0.1:8080", PID: 7, Status: launch.Running},
		{URL: "http://127.0.0.1:11434", PID: 9, Status: launch.Stopped},
	})
	want := []process.Engine{
		{Name: "ollama", Kind: "ollama", URL: "http://127.0.0.1:11434"},
		{Name: "llamacpp", Kind: "llamacpp", URL: "http://127.0.0.1:8080", PID: 7},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

//go:build desktop && linux && !headless

package desktop_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// together sends eight requests and says how many of them the engine had at
// once.
func together(c *carpool, engine *backendstest.Engine) int {
	c.t.Helper()
	engine.ResetPeak()
	engine.Hold()
	wait := c.ask(8)
	for i := range 8 {
		held := engine.Next()
		if i == 0 {
			c.eventually("all are in the engine or wait", func() bool {
				now := c.now().Batching
				return now.InFlight+now.QueueDepth == 8 && engine.Running() == now.InFlight
			})
			time.Sleep(200 * time.Millisecond) // for one that should not come
		}
		held.Release()
	}
	wait()
	engine.Release()
	return engine.Peak()
}

func TestTray_TogglesWhatTheEngineSees(t *testing.T) {
	s := newSession(t)
	engine := backendstest.New(t)
	engine.SetModels("test")
	w := s.newPanel()
	c := s.open(engine.URL)
	c.cli("set", "batching.mode=fixed")
	p := s.icon(w)
	on := p.picture()

	if !p.line("Batching").checked {
		t.Fatal("batching is on, but not checked")
	}
	if got := together(c, engine); got != 8 {
		t.Fatalf("with batching, %d requests were in the engine at once, want 8", got)
	}

	p.click("Batching")
	s.eventually("batching is off", func() bool { return !c.now().Config.Batching.Enabled })
	s.eventually("the check mark goes", func() bool { return !p.line("Batching").checked })
	if got := together(c, engine); got != 1 {
		t.Errorf("without batching, %d requests were in the engine at once, want 1", got)
	}
	s.eventually("the icon shows it", func() bool { return p.picture() != on })

	p.click("Batching")
	s.eventually("the check mark comes back", func() bool { return p.line("Batching").checked })
	if got := together(c, engine); got != 8 {
		t.Errorf("with batching again, %d requests were in the engine at once, want 8", got)
	}
	s.eventually("the icon is the one from the start", func() bool { return p.picture() == on })
}

func TestTray_FollowsCommandLineAndWindow(t *testing.T) {
	s := newSession(t)
	engine := backendstest.New(t)
	w := s.newPanel()
	c := s.open(engine.URL)
	p := s.icon(w)
	checked := func(want bool) func() bool {
		return func() bool { return p.line("Batching").checked == want }
	}
	c.cli("off")
	s.eventually("carpool off takes the check mark away", checked(false))
	c.cli("on")
	s.eventually("carpool on brings it back", checked(true))

	win := c.window()
	win.activate()
	win.key("ctrl+b")
	s.eventually("the window's key takes it away", checked(false))
	win.clickUntil("the window's toggle brings it back", toggleX, toggleY, checked(true))
}

func TestTray_SaysWhatGoesOn(t *testing.T) {
	s := newSession(t)
	engine := backendstest.New(t)
	engine.SetModels("test")
	w := s.newPanel()
	c := s.open(engine.URL)
	p := s.icon(w)

	endpoint := "Copy " + c.now().Endpoint
	if l := p.line(endpoint); l.disabled {
		t.Errorf("%q cannot be chosen", endpoint)
	}
	if l := p.lines()[4]; !l.disabled || !strings.Contains(l.label, "Ollama") {
		t.Errorf("the status line is %+v", l)
	}
	idle := p.picture()
	engine.Hold()
	wait := c.ask(3)
	s.eventually("the tooltip tells it", func() bool { return strings.Contains(p.tooltip(), "3 running") })
	s.eventually("the icon tells it", func() bool { return p.picture() != idle })
	engine.Release()
	wait()
	s.eventually("the icon is idle again", func() bool { return p.picture() == idle })

	engine.Stop()
	s.eventually("trouble shows", func() bool { return p.picture() != idle && !strings.Contains(p.lines()[4].label, "Ollama 0") })
}

func TestTray_GivesTheGPUAway(t *testing.T) {
	s := newSession(t)
	engine := backendstest.New(t)
	engine.SetModels("test")
	w := s.newPanel()
	c := s.open(engine.URL)
	p := s.icon(w)
	idle := p.picture()
	status := func() string { return p.lines()[4].label }

	p.click("Give me my GPU now")
	s.eventually("it is given away", func() bool { return c.now().Yield.Manual })
	s.eventually("the icon shows it", func() bool { return p.picture() != idle })
	s.eventually("the menu says it", func() bool { return strings.Contains(status(), "given away") })
	wait := c.ask(1)
	s.eventually("a request waits", func() bool { return c.now().Batching.QueueDepth == 1 })
	if n := c.now().Batching.InFlight; n != 0 {
		t.Errorf("%d requests run on a GPU that was given away", n)
	}

	p.click("Let Carpool use the GPU again")
	wait()
	s.eventually("the icon is the one from the start", func() bool { return p.picture() == idle })
	p.line("Give me my GPU now")
}

func TestTray_KeepsTheProgramWhenTheWindowCloses(t *testing.T) {
	s := newSession(t)
	engine := backendstest.New(t)
	engine.SetModels("test")
	w := s.newPanel()
	c := s.open(engine.URL)
	p := s.icon(w)
	win := c.window()
	hidden := func() bool { return !c.visible() }

	win.close(hidden)
	p.tap()
	s.eventually("a click on the icon shows it", c.visible)
	win.close(hidden)
	p.click("Open Carpool")
	s.eventually("the menu shows it", c.visible)
	win.close(hidden)
	c.cli() // a second start
	s.eventually("a second start shows it", c.visible)

	engine.Hold()
	wait := c.ask(1)
	s.eventually("the window hears that it runs", func() bool { return strings.Contains(p.tooltip(), "1 running") })
	p.click("Quit")
	time.Sleep(3 * time.Second) // it must not end now
	if _, err := c.status(); err != nil {
		t.Fatal("quits with work running, without a question")
	}
	win.key("Return") // the button that has the focus keeps it running
	engine.Release()
	wait()
	s.eventually("the window hears that nothing runs", func() bool { return strings.Contains(p.tooltip(), "nothing is running") })
	p.click("Quit")
	c.mustEnd()
}

func TestTray_EveryItemDoesItsThing(t *testing.T) {
	s := newSession(t)
	engine := backendstest.New(t)
	w := s.newPanel()
	c := s.open(engine.URL)
	p := s.icon(w)
	for _, mode := range []string{"Static", "Fixed", "Adaptive"} {
		p.click("Mode", mode)
		s.eventually(mode+" is in force", func() bool { return c.now().Config.Batching.Mode == strings.ToLower(mode) })
		s.eventually(mode+" is checked", func() bool { return p.line("Mode", mode).checked })
	}
	win := c.window()
	for _, label := range []string{"Benchmark", "Open Carpool"} {
		win.close(func() bool { return !c.visible() })
		p.click(label)
		s.eventually(label+" shows the window", c.visible)
	}
	p.click("Copy " + c.now().Endpoint)
	p.click("Quit")
	c.mustEnd()
}

func TestTray_HasAnIconForEachState(t *testing.T) {
	s := newSession(t)
	engine := backendstest.New(t)
	engine.SetModels("test")
	w := s.newPanel()
	c := s.open(engine.URL)
	p := s.icon(w)
	seen := map[string]string{p.picture(): "on"}
	shows := func(state string) {
		t.Helper()
		s.eventually("an icon for "+state, func() bool {
			picture := p.picture()
			if seen[picture] == "" {
				seen[picture] = state
			}
			return seen[picture] == state
		})
	}
	c.cli("off")
	shows("off")
	c.cli("on")
	shows("on")
	engine.Hold()
	wait := c.ask(1)
	shows("busy")
	engine.Release()
	wait()
	shows("on")
	p.click("Give me my GPU now")
	shows("yielding")
	p.click("Let Carpool use the GPU again")
	shows("on")
	engine.Stop()
	shows("trouble")
}

// The state changes ten times a second, by settings that stand in the menu.
func TestTray_LosesNoClick(t *testing.T) {
	const clicks = 200
	s := newSession(t)
	engine := backendstest.New(t)
	w := s.newPanel()
	c := s.open(engine.URL)
	p := s.icon(w)
	client := c.client()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	var changing sync.WaitGroup
	changing.Go(func() {
		modes := []string{"adaptive", "fixed", "static"}
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := client.Set(ctx, "batching.mode", modes[i%len(modes)]); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	})
	defer changing.Wait()
	defer cancel()
	enabled := func() bool {
		var now status
		if err := client.Snapshot(ctx, &now); err != nil {
			t.Fatal(err)
		}
		return now.Config.Batching.Enabled
	}
	for i := range clicks {
		p.click("Batching")
		want := i%2 == 1
		s.eventually(fmt.Sprintf("click %d is heard", i+1), func() bool { return enabled() == want })
	}
	cancel()
	changing.Wait()
	s.eventually("the menu shows the last state", func() bool {
		mode := c.now().Config.Batching.Mode
		return p.line("Mode", strings.ToUpper(mode[:1])+mode[1:]).checked
	})
}

func TestTray_BeginsHiddenThere(t *testing.T) {
	s := newSession(t)
	s.more = []string{"--hidden"}
	w := s.newPanel()
	c := s.open(backendstest.New(t).URL)
	p := s.icon(w)
	// A click shows it, so the desktop has drawn by then what it would have drawn before.
	if c.visible() {
		t.Error("the window is open")
	}
	c.cli("--hidden") // a second login, say
	if c.visible() {
		t.Error("a second start that is hidden opened the window")
	}
	p.tap()
	s.eventually("a click on the icon shows it", c.visible)
	p.click("Quit")
	c.mustEnd()
}

func TestTray_ShowsAHiddenWindowWhereThereIsNone(t *testing.T) {
	s := newSession(t) // a session bus, but no panel on it
	s.more = []string{"--hidden"}
	c := s.open(backendstest.New(t).URL)
	s.eventually("the window is open, since nothing else would open it", c.visible)
}

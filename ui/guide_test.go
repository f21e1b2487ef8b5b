package ui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

func TestGuide_CopiesEachCommandAsItIs(t *testing.T) {
	w, _, fw := open(t, several(), "dark", 900, 600)
	w.guideTo("ollama", checked())
	want := checked()[0].Guide.Steps
	for i, c := range w.guide.pages[w.guide.ways.chosen].commands {
		test.Tap(c.copy)
		if got := fyne.CurrentApp().Clipboard().Content(); got != want[i].Command {
			t.Errorf("step %d copies %q", i+1, got)
		}
		if c.copy.label.value != "Copied" {
			t.Errorf("step %d does not say that it was copied", i+1)
		}
	}
	w.guide.settle(time.Now().Add(copied))
	if markup := test.RenderToMarkup(fw.Canvas()); strings.Contains(markup, "Copied") {
		t.Error("it says so for ever")
	}
}

func TestGuide_BeginsWithTheServiceThatWasFoundAndHasTheOthers(t *testing.T) {
	w, _, fw := open(t, several(), "dark", 1280, 800)
	w.guideTo("ollama", checked())
	if w.guide.title.value != "Let Ollama run 4 requests at once (systemd service)" {
		t.Errorf("begins with %q", w.guide.title.value)
	}
	height := w.guide.scroll.Size().Height
	w.guide.ways.TypedKey(&fyne.KeyEvent{Name: fyne.KeyRight})
	if w.guide.title.value != "Let Ollama run 4 requests at once (docker)" {
		t.Errorf("the next is %q", w.guide.title.value)
	}
	if !strings.Contains(test.RenderToMarkup(fw.Canvas()), "docker ps") {
		t.Error("its steps are not shown")
	}
	if w.guide.scroll.Size().Height != height {
		t.Error("the dialog changes its size")
	}
}

func TestGuide_TabReachesEveryCommandAndShowsIt(t *testing.T) {
	w, _, fw := open(t, several(), "dark", 900, 600)
	w.guideTo("ollama", checked())
	want := []fyne.Focusable{w.guide.ways}
	for _, c := range w.guide.pages[0].commands {
		want = append(want, c.copy)
	}
	want = append(want, w.guide.close)
	for i, control := range want {
		fw.Canvas().FocusNext()
		if fw.Canvas().Focused() != control {
			t.Fatalf("tab %d reaches %T, want %T", i+1, fw.Canvas().Focused(), control)
		}
		if i := slices.IndexFunc(w.guide.pages[0].commands, func(c *command) bool { return c.copy == control }); i >= 0 {
			c := w.guide.pages[0].commands[i]
			top := c.Position().Y - w.guide.scroll.Offset.Y
			if top < 0 || top+c.Size().Height > w.guide.scroll.Size().Height {
				t.Errorf("the command of step %d is out of sight", i+1)
			}
		}
	}
}

func TestGuide_FitsTheWindow(t *testing.T) {
	for _, size := range []fyne.Size{{Width: minWidth, Height: minHeight}, {Width: 1280, Height: 800}, {Width: 2560, Height: 1440}} {
		w, _, fw := open(t, several(), "dark", size.Width, size.Height)
		w.guideTo("ollama", checked())
		dialog := w.guide.MinSize(nil)
		if dialog.Width > fw.Canvas().Size().Width-2*gapLarge || dialog.Height > fw.Canvas().Size().Height-2*gapLarge {
			t.Errorf("%v: the dialog has %v", size, dialog)
		}
	}
}

func TestWrapCommand(t *testing.T) {
	for _, tt := range []struct {
		name, command string
		columns       int
		want          []string
	}{
		{"Short", "ollama ps", 20, []string{"ollama ps"}},
		{"ItsOwnLines", "a\n    b", 20, []string{"a", "    b"}},
		{"BetweenWords", "docker run -d --name ollama", 14, []string{"docker run -d", "  --name", "  ollama"}},
		{"JustFits", "12345 7890", 10, []string{"12345 7890"}},
		{"ALongWord", "abcdefghijklmnop", 8, []string{"abcdefgh", "  ijklmn", "  op"}},
		{"KeepsItsIndent", "    environment: something", 18, []string{"    environment:", "  something"}},
		{"NoRoom", "abcdef", -3, []string{"abcd", "  ef"}},
		{"Empty", "", 10, []string{""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := wrapCommand(tt.command, tt.columns); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

package ui

import (
	"errors"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2/test"

	"carpool/app"
)

func TestLend_SaysWhoHasTheGPU(t *testing.T) {
	forever := lent(0)
	forever.Yield.Until = time.Time{}
	for name, tt := range map[string]struct {
		snapshot app.Snapshot
		want     notice
	}{
		"making way": {yielding(), notice{lead: "Making way.", body: "cs2 uses 62 % of the GPU. At most 1 request runs at once until it is free."}},
		"given away": {lent(0), notice{lead: "The GPU is yours.", body: "Requests wait until 15:30.", action: action{takeGPU, "Take it back"}}},
		"for ever":   {forever, notice{lead: "The GPU is yours.", body: "Requests wait until you let Carpool use it again.", action: action{takeGPU, "Take it back"}}},
		"ending":     {lent(1), notice{lead: "The GPU is yours.", body: "Requests wait until 15:30. 1 is still ending.", action: action{endRuns, "Stop now"}}},
	} {
		if got := noticeOf(tt.snapshot, failure{}, pageNow); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
	if got := noticeOf(busy(), failure{}, pageNow); strings.Contains(got.lead, "GPU") {
		t.Errorf("while Carpool has the GPU: %+v", got)
	}
}

func TestLend_ClicksReachCarpool(t *testing.T) {
	w, fake, _ := open(t, busy(), "dark", 1280, 800)
	live(t, w)
	give := w.now.gpuAside.button
	if give.label.value != "Give me my GPU" || give.off {
		t.Fatalf("the button says %q, off %v", give.label.value, give.off)
	}
	click := func(b *button, done string) {
		t.Helper()
		test.Tap(b)
		fake.eventually(t, done, func() bool { did := fake.did(); return len(did) > 0 && did[len(did)-1] == done && len(w.doing) == 0 })
	}
	click(give, "yield, stop false")
	w.show(themed(lent(1)))
	click(w.frame.strip.button, "yield, stop true")
	if give.label.value != "Take it back" {
		t.Errorf("given away, the button says %q", give.label.value)
	}
	click(give, "resume")
}

func TestLend_SaysWhyNot(t *testing.T) {
	w, fake, _ := open(t, busy(), "dark", 1280, 800)
	fake.fail = errors.New("quitting")
	live(t, w)
	w.GiveGPU()
	fake.eventually(t, "the reason is shown", func() bool {
		return w.frame.strip.lead.value == "Not given away." && w.frame.strip.body.value == "Quitting."
	})
	w.TakeGPU()
	fake.eventually(t, "the reason is shown", func() bool { return w.frame.strip.lead.value == "Not taken back." })
}

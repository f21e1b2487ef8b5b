package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestOrders(t *testing.T) {
	i := newInstance(t)
	f := &fake{snapshot: busy()}
	i.serve(f)
	for _, tt := range []struct{ args, asked, out string }{
		{"cancel 41", "cancel 41", "Cancelled.\n"},
		{"front 42", "front 42", "It goes next.\n"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			status, out, notes := i.carpool(strings.Fields(tt.args)...)
			if status != 0 || out != tt.out || notes != "" || !slices.Contains(f.asked, tt.asked) {
				t.Errorf("status %d, %q, %q, asked %v", status, out, notes, f.asked)
			}
		})
	}
	for args, want := range map[string]string{
		"cancel 99":  "there is no such request any more",
		"cancel all": `"all" is no ticket: "carpool status" shows the tickets`,
		"front -1":   "-1",
		"front":      "accepts 1 arg",
	} {
		t.Run("Refuses "+args, func(t *testing.T) {
			if status, out, notes := i.carpool(strings.Fields(args)...); status != 1 || out != "" || !strings.Contains(notes, want) {
				t.Errorf("status %d, %q, %q", status, out, notes)
			}
		})
	}
}

package assets

import (
	"bytes"
	"image/png"
	"testing"
)

func TestIcon(t *testing.T) {
	img, err := png.Decode(bytes.NewReader(Icon))
	if err != nil {
		t.Fatal(err)
	}
	if got := img.Bounds().Size(); got.X != 256 || got.Y != 256 {
		t.Errorf("icon is %v, want 256 by 256", got)
	}
}

func TestTray(t *testing.T) {
	seen := map[string]Sign{}
	signs := []Sign{On, Off, Yielding, Trouble, Busy(1), Busy(5), Busy(9), Busy(10), Busy(64)}
	for _, dark := range []bool{true, false} {
		for _, sign := range signs {
			b := Tray(sign, dark)
			img, err := png.Decode(bytes.NewReader(b))
			if err != nil {
				t.Fatalf("%s: %v", TrayName(sign, dark), err)
			}
			if got := img.Bounds().Size(); got.X != 44 || got.Y != 44 {
				t.Errorf("%s is %v, want 44 by 44", TrayName(sign, dark), got)
			}
			if other, ok := seen[string(b)]; ok && other != sign {
				t.Errorf("%s looks like %s", TrayName(sign, dark), other)
			}
			seen[string(b)] = sign
		}
	}
	if Busy(0) != On {
		t.Errorf("a busy sign with nothing running is %q, want %q", Busy(0), On)
	}
}

package top

import (
	"slices"
	"strings"
	"testing"
)

func TestScreenDrawsOnlyWhatChanged(t *testing.T) {
	var b strings.Builder
	s, err := NewScreen(&b)
	if err != nil {
		t.Fatal(err)
	}
	draw := func(width, height int, lines ...Line) string {
		t.Helper()
		b.Reset()
		if err := s.Draw(lines, width, height); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	one, two := Line{Text: "one"}, Line{Text: "two"}
	if got := draw(20, 3, one, two); !strings.HasPrefix(got, clear) || !strings.Contains(got, "one") || !strings.Contains(got, "two") {
		t.Errorf("first: %q", got)
	}
	if got := draw(20, 3, one, two); got != "" {
		t.Errorf("the same again: %q", got)
	}
	if got := draw(20, 3, one, Line{Text: "TWO"}); got != "\x1b[2;1HTWO"+endLine {
		t.Errorf("one line: %q", got)
	}
	if got := draw(20, 3, Line{Text: "one", Mark: true}, Line{Text: "TWO"}); got != "\x1b[1;1H"+reverse+"one"+plain+endLine {
		t.Errorf("marked: %q", got)
	}
	if got := draw(20, 3, one); got != "\x1b[1;1Hone"+endLine+"\x1b[2;1H"+endLine {
		t.Errorf("one line less: %q", got)
	}
	if got := draw(20, 2, one, two, Line{Text: "three"}); !strings.HasPrefix(got, clear) || strings.Contains(got, "three") {
		t.Errorf("a lower terminal: %q", got)
	}
	if got := draw(2, 2, one, two); !strings.Contains(got, "o…") || strings.Contains(got, "one") {
		t.Errorf("a narrow terminal: %q", got)
	}
	b.Reset()
	if err := s.Close(); err != nil || b.String() != plain+leave {
		t.Errorf("closed: %q, %v", b.String(), err)
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		text  string
		width int
		want  string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"编辑器", 5, "编辑…"}, {"abc", 0, ""}, {"abc", -1, ""}} {
		if got := Cut(tt.text, tt.width); got != tt.want {
			t.Errorf("%q in %d: got %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

func TestKeys(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []Key
	}{
		{"qx", []Key{'q', 'x'}},
		{"\x1b[A\x1b[B", []Key{Up, Down}},
		{"\x1bOAj", []Key{Up, 'j'}},
		{"\x03", []Key{Interrupt}},
		{"\x1b", []Key{Escape}},
		{"\x1b[1;5Cq", []Key{'q'}}, // Ctrl and right: nobody's key, and no letters either
		{"é", []Key{'é'}},
	} {
		var got []Key
		Keys(strings.NewReader(tt.in), func(k Key) { got = append(got, k) })
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %v, want %v", tt.in, got, tt.want)
		}
	}
}

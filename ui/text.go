package ui

import (
	"sort"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
	"github.com/go-text/typesetting/segmenter"
)

// text is a text of one size, weight and colour. It is cut with an ellipsis
// where there is no room, or broken into lines if wrap is set.
type text struct {
	widget.BaseWidget
	value string
	size  float32
	bold  bool
	color fyne.ThemeColorName
	align fyne.TextAlign
	wrap  bool
	most  int // lines, the last cut with an ellipsis; 0 = as many as there are

	lines []*canvas.Text
}

func newText(value string, size float32, color fyne.ThemeColorName) *text {
	t := &text{value: value, size: size, color: color}
	t.ExtendBaseWidget(t)
	return t
}

func newBold(value string, size float32, color fyne.ThemeColorName) *text {
	t := newText(value, size, color)
	t.bold = true
	return t
}

// newFigure is a number: at the right edge of its column.
func newFigure(color fyne.ThemeColorName) *text {
	t := newText("", textBody, color)
	t.align = fyne.TextAlignTrailing
	return t
}

func newParagraph(value string, color fyne.ThemeColorName) *text {
	t := newText(value, textBody, color)
	t.wrap = true
	return t
}

// set changes the text.
func (t *text) set(value string) { t.setColored(value, t.color) }

func (t *text) setColored(value string, color fyne.ThemeColorName) {
	if t.value == value && t.color == color {
		return
	}
	t.value, t.color = value, color
	t.Refresh()
}

// width is the width of the whole text on one line.
func (t *text) width() float32 { return t.measure(t.value) }

// heightFor is the height at a width.
func (t *text) heightFor(width float32) float32 {
	return float32(len(t.broken(width))) * lineHeight(t.size)
}

func (t *text) measure(s string) float32 {
	return fyne.MeasureText(s, t.size, fyne.TextStyle{Bold: t.bold}).Width
}

// broken is the text as lines that fit.
func (t *text) broken(width float32) []string {
	if !t.wrap {
		return []string{t.cut(t.value, width)}
	}
	var lines []string
	line := ""
	for _, piece := range pieces(t.value) {
		for word := strings.TrimRight(piece, " "); t.most == 0 && t.measure(word) > width; word = strings.TrimRight(piece, " ") {
			head := t.fitting(word, width) // a path, or another word wider than the line
			if head == "" || head == word {
				break
			}
			if line != "" {
				lines = append(lines, strings.TrimRight(line, " "))
				line = ""
			}
			lines = append(lines, head)
			piece = piece[len(head):]
		}
		longer := line + piece
		if line != "" && t.measure(strings.TrimRight(longer, " ")) > width && (t.most == 0 || len(lines) < t.most-1) {
			lines = append(lines, strings.TrimRight(line, " "))
			longer = piece
		}
		line = longer
	}
	return append(lines, t.cut(strings.TrimRight(line, " "), width))
}

// pieces are the parts of a text between which a line may end: words with the space
// behind them, and in scripts without spaces whatever UAX 14 keeps together.
func pieces(s string) []string {
	s = strings.Join(strings.Fields(s), " ")
	if !strings.ContainsFunc(s, func(r rune) bool { return r >= firstCJK }) {
		return strings.SplitAfter(s, " ")
	}
	var all []string
	var breaks segmenter.Segmenter
	breaks.Init([]rune(s))
	for lines := breaks.LineIterator(); lines.Next(); {
		all = append(all, string(lines.Line().Text))
	}
	return all
}

const firstCJK = 0x2E80 // of the scripts that are written without spaces

// fitting is the longest beginning of s that is no wider than width.
func (t *text) fitting(s string, width float32) string {
	runes := []rune(s)
	n := sort.Search(len(runes), func(i int) bool { return t.measure(string(runes[:i+1])) > width })
	return string(runes[:n])
}

// cut ends s with an ellipsis if it is wider than width.
func (t *text) cut(s string, width float32) string {
	// Half a pixel, because a width that came from this text was rounded.
	if s == "" || t.measure(s) <= width+0.5 {
		return s
	}
	runes := []rune(s)
	low, high := 0, len(runes)
	for low < high { // the longest start that fits
		middle := (low + high + 1) / 2
		if t.measure(strings.TrimRight(string(runes[:middle]), " ")+"…") <= width {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return strings.TrimRight(string(runes[:low]), " ") + "…"
}

// CreateRenderer implements fyne.Widget.
func (t *text) CreateRenderer() fyne.WidgetRenderer {
	t.ExtendBaseWidget(t)
	r := &renderer{widget: t, paint: func() {}}
	r.min = func() fyne.Size { return fyne.NewSize(t.measure("…"), lineHeight(t.size)) }
	r.layout = func(size fyne.Size) {
		t.fill(size)
		r.objects = r.objects[:0]
		for _, line := range t.lines {
			r.objects = append(r.objects, line)
		}
	}
	return r.start()
}

func (t *text) fill(size fyne.Size) {
	lines := t.broken(size.Width)
	for len(t.lines) < len(lines) {
		t.lines = append(t.lines, canvas.NewText("", nil))
	}
	t.lines = t.lines[:len(lines)]
	height := lineHeight(t.size)
	for i, s := range lines {
		line := t.lines[i]
		line.Text, line.TextSize, line.TextStyle.Bold = s, t.size, t.bold
		line.Color, line.Alignment = theme.Color(t.color), t.align
		natural := line.MinSize().Height
		top := float32(i) * height
		if !t.wrap {
			top = (size.Height - height) / 2
		}
		put(line, 0, top+(height-natural)/2, size.Width, natural)
		line.Refresh()
	}
}

package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

// notice is what the strip says.
type notice struct {
	lead, body string
	trouble    bool
}

// noticeOf is the one thing that the user should know about s; the zero value
// = nothing. failed is why the last setting was not taken.
func noticeOf(s app.Snapshot, failed string) notice {
	switch {
	case failed != "":
		return notice{"Not set.", failed, true}
	case len(s.Problems) > 0:
		n := notice{"Needs attention.", sentenceOf(s.Problems[0]), true}
		if more := len(s.Problems) - 1; more > 0 {
			n.body += " " + sentenceOf(s.Problems[1])
			if more > 1 {
				n.body += " And " + plural(more-1, "problem", "problems") + " more: see carpool status."
			}
		}
		return n
	case s.Draining:
		return notice{"Quitting.", "Requests that run may end; new ones are refused.", true}
	case s.Simulated && (s.Config.Engine.URL == "demo" || s.Config.Engine.Demo == "always"):
		return notice{"Simulated.", "Answers come from the demo engine, as the settings say.", false}
	case s.Simulated:
		return notice{"Simulated.", "No engine found, so answers come from the demo engine. Start Ollama, and Carpool takes it at once.", false}
	}
	for _, t := range s.Tuning {
		if t.Advice != "" {
			return notice{"Tip.", sentenceOf(t.Advice), false}
		}
	}
	return notice{}
}

// sentenceOf writes a problem as a sentence.
func sentenceOf(problem string) string {
	runes := []rune(problem)
	if len(runes) == 0 {
		return ""
	}
	if runes[0] >= 'a' && runes[0] <= 'z' {
		runes[0] -= 'a' - 'A'
	}
	if last := runes[len(runes)-1]; last != '.' && last != '!' && last != '?' {
		runes = append(runes, '.')
	}
	return string(runes)
}

// strip is one piece of advice across the page; hidden while there is none.
type strip struct {
	widget.BaseWidget
	lead, body *text
	trouble    bool
}

func newStrip() *strip {
	s := &strip{lead: newBold("", textBody, colorAccentText), body: newParagraph("", colorText)}
	s.ExtendBaseWidget(s)
	s.Hide()
	return s
}

func (s *strip) set(n notice) {
	lead := colorAccentText
	if n.trouble {
		lead = colorVermilion
	}
	if s.lead.value == n.lead && s.body.value == n.body && s.trouble == n.trouble {
		return
	}
	s.trouble = n.trouble
	s.lead.setColored(n.lead, lead)
	s.body.set(n.body)
	s.Hidden = n == notice{}
	s.Refresh()
}

const stripPad = 10

func (s *strip) heightFor(width float32) float32 {
	return 2*stripPad + s.body.heightFor(s.bodyWidth(width))
}

func (s *strip) bodyWidth(width float32) float32 {
	return width - 3*gap - s.lead.width()
}

// CreateRenderer implements fyne.Widget.
func (s *strip) CreateRenderer() fyne.WidgetRenderer {
	s.ExtendBaseWidget(s)
	ground := canvas.NewRectangle(nil)
	ground.CornerRadius, ground.StrokeWidth = cornerCard, 1
	r := &renderer{widget: s, objects: []fyne.CanvasObject{ground, s.lead, s.body}}
	r.min = func() fyne.Size { return fyne.NewSize(240, s.heightFor(max(240, s.Size().Width))) }
	r.layout = func(size fyne.Size) {
		put(ground, 0, 0, size.Width, size.Height)
		put(s.lead, gap, stripPad, s.lead.width()+1, lineHeight(textBody))
		put(s.body, 2*gap+s.lead.width()-gapTiny, stripPad, s.bodyWidth(size.Width), size.Height-2*stripPad)
	}
	r.paint = func() {
		ground.FillColor, ground.StrokeColor = theme.Color(colorAccentGround), theme.Color(colorAccentGround)
		if s.trouble {
			ground.FillColor, ground.StrokeColor = theme.Color(colorSurface), theme.Color(colorVermilion)
		}
	}
	return r.start()
}

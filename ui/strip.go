package ui

import (
	"strings"

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
	action     action
}

// noticeOf is the one thing that the user should know about s on a page; the zero
// value = nothing. failed is why what the user did last came to nothing. What is no
// trouble is told of on the page Now alone.
func noticeOf(s app.Snapshot, failed failure, on pageName) notice {
	n := whatMatters(s, failed)
	if on != pageNow && !n.trouble {
		return notice{}
	}
	return n
}

func whatMatters(s app.Snapshot, failed failure) notice {
	var offer action
	if offers := startActions(s); len(offers) > 0 {
		offer = offers[0]
	}
	switch label := comingUp(s); {
	case failed.text != "":
		return notice{failed.lead, failed.text, true, offer}
	case label != "":
		return notice{tr("Starting."), tr("%s runs, and takes requests in a moment.", label), false, action{}}
	case offer != action{} && onlyMissing(s):
		n := notice{tr("%s is installed and does not run.", offer.label), tr("Requests are refused until an engine runs."), false, offer}
		if s.Simulated {
			n.body = tr("Until an engine runs, the demo engine answers.")
		}
		return n
	case len(s.Problems) > 0:
		n := notice{tr("Needs attention."), sentenceOf(s.Problems[0]), true, offer}
		if more := len(s.Problems) - 1; more > 0 {
			n.body += " " + sentenceOf(s.Problems[1])
			if more > 1 {
				n.body += " " + trn(more-1, "And %d problem more: see carpool status.", "And %d problems more: see carpool status.")
			}
		}
		return n
	case s.Draining:
		return notice{tr("Quitting."), tr("Requests that run may end; new ones are refused."), true, action{}}
	case s.Yield.On:
		return lendNotice(s)
	case choseDemo(s):
		return notice{tr("Simulated."), tr("Answers come from the demo engine, as the settings say."), false, action{}}
	case s.Simulated:
		return notice{tr("Simulated."), tr("No engine found, so answers come from the demo engine. Start Ollama, and Carpool takes it at once."), false, offer}
	}
	if advice := adviceOf(s); advice != (notice{}) || !s.LAN.Listening {
		return advice
	}
	return notice{tr("Open to the network."), tr("Other computers that have the token reach Carpool at %s.", s.LAN.Address), false, action{}}
}

// choseDemo reports whether the demo engine serves because the settings say so.
func choseDemo(s app.Snapshot) bool {
	return s.Simulated && (s.Config.Engine.URL == "demo" || s.Config.Engine.Demo == "always")
}

// adviceOf is the first piece of advice if the user can follow it with a click;
// what nothing can be done about is told on the page Tune.
func adviceOf(s app.Snapshot) notice {
	if len(s.Advice) == 0 {
		return notice{}
	}
	a := s.Advice[0]
	n := notice{lead: sentenceOf(a.Title), body: a.Text}
	switch {
	case a.Key != "":
		n.action = action{order{deed: changeSetting, name: a.Key, value: a.Value}, a.Button}
	case a.Engine != "":
		n.action = action{order{deed: showGuide, name: a.Engine, label: labelOf(s, a.Engine)}, a.Button}
	default:
		return notice{}
	}
	return n
}

// labelOf names an engine for people.
func labelOf(s app.Snapshot, engine string) string {
	for _, e := range s.Engines {
		if e.Name == engine {
			return e.Label
		}
	}
	return engine
}

// sentenceOf writes a problem as a sentence. A first word that is a name, such as
// llama.cpp, stays as it is.
func sentenceOf(problem string) string {
	runes := []rune(problem)
	if len(runes) == 0 {
		return ""
	}
	first, _, _ := strings.Cut(problem, " ")
	if strings.Trim(strings.TrimRight(first, ":,.!"), "abcdefghijklmnopqrstuvwxyz") == "" && runes[0] >= 'a' {
		runes[0] -= 'a' - 'A'
	}
	if last := runes[len(runes)-1]; last != '.' && last != '!' && last != '?' && last != '。' {
		runes = append(runes, '.')
	}
	return string(runes)
}

// strip is one piece of advice across the page, with a button where Carpool can
// do something about it; hidden while there is none.
type strip struct {
	widget.BaseWidget
	lead, body *text
	button     *button
	notice     notice
}

func newStrip(obey func(order)) *strip {
	s := &strip{lead: newBold("", textBody, colorAccentText), body: newParagraph("", colorText)}
	s.button = newStrongButton("", func() { obey(s.notice.action.order) })
	s.ExtendBaseWidget(s)
	s.Hide()
	return s
}

func (s *strip) set(n notice, doing map[order]bool) {
	s.button.set(n.action.button(doing))
	if s.notice == n {
		return
	}
	s.notice = n
	lead := colorAccentText
	if n.trouble {
		lead = colorVermilion
	}
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
	width -= 3*gap + s.lead.width()
	if s.notice.action.deed != nothing {
		width -= gap + s.button.width()
	}
	return width
}

// CreateRenderer implements fyne.Widget.
func (s *strip) CreateRenderer() fyne.WidgetRenderer {
	s.ExtendBaseWidget(s)
	ground := canvas.NewRectangle(nil)
	ground.CornerRadius, ground.StrokeWidth = cornerCard, 1
	r := &renderer{widget: s, objects: []fyne.CanvasObject{ground, s.lead, s.body, s.button}}
	r.min = func() fyne.Size { return fyne.NewSize(240, s.heightFor(max(240, s.Size().Width))) }
	r.layout = func(size fyne.Size) {
		put(ground, 0, 0, size.Width, size.Height)
		put(s.lead, gap, stripPad, s.lead.width()+1, lineHeight(textBody))
		put(s.body, 2*gap+s.lead.width()-gapTiny, stripPad, s.bodyWidth(size.Width), size.Height-2*stripPad)
		button := s.button.width()
		put(s.button, size.Width-button-(gap-gapSmall), (size.Height-buttonHeight)/2, button, buttonHeight)
	}
	r.paint = func() {
		s.button.Hidden = s.notice.action.deed == nothing
		ground.FillColor, ground.StrokeColor = theme.Color(colorAccentGround), theme.Color(colorAccentGround)
		if s.notice.trouble {
			ground.FillColor, ground.StrokeColor = theme.Color(colorSurface), theme.Color(colorVermilion)
		}
	}
	return r.start()
}

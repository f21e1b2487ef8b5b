package ui

import (
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

const (
	controlWidth  = 280
	controlNarrow = 208 // where a row is narrower than narrowRow
	narrowRow     = 640
	numberField   = 96
	unitRoom      = 76
	mostSegments  = 4
)

// settingRow is one setting: its name, what it does, its range and default, and
// the control for it. It calls change for what the user does.
type settingRow struct {
	widget.BaseWidget
	setting app.Setting
	change  func(key, value string)
	value   string // in force, as far as the row was told
	failed  string // why what stands in the control was not taken; "" = it was
	sent    string // what was typed and is being set, or was set last
	taken   bool   // it was set, and the control does not show yet what that came to

	name, help, note, unit *text
	reset                  *button

	// One of them is the control.
	onOff  *toggle
	few    *segments
	many   *drop
	typing *field
}

func newSettingRow(s app.Setting, change func(key, value string)) *settingRow {
	r := &settingRow{setting: s, change: change,
		name: newBold(tr(settingNames[s.Key]), textBody, colorText), help: newParagraph(tr(s.Help), colorMuted),
		note: newText("", textSmall, colorMuted), unit: newText(tr(s.Unit), textBody, colorMuted)}
	r.note.wrap = true
	r.reset = newLink(tr("Default"), r.toDefault)
	switch {
	case isSwitch(s):
		r.onOff = newToggle("", func(on bool) { r.change(s.Key, strconv.FormatBool(on)) })
	case len(s.Values) > mostSegments:
		r.many = newDrop(choiceNames(s.Values))
		r.many.OnChanged = func(string) { r.pick(r.many.SelectedIndex()) }
	case s.Values != nil:
		r.few = newSegments(choiceNames(s.Values), r.pick)
	default:
		r.typing = newField("", r.entered)
	}
	r.ExtendBaseWidget(r)
	return r
}

func isSwitch(s app.Setting) bool {
	return s.Values == nil && (s.Default == "true" || s.Default == "false")
}

func isNumber(s app.Setting) bool { return s.Values == nil && s.Max > 0 }

func choiceNames(values []string) []string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = valueName(v)
	}
	return names
}

// onGained has the row say when its control or its link gets the focus.
func (r *settingRow) onGained(f func()) {
	r.reset.gained = f
	switch {
	case r.onOff != nil:
		r.onOff.gained = f
	case r.few != nil:
		r.few.gained = f
	case r.many != nil:
		r.many.gained = f
	case r.typing != nil:
		r.typing.gained = f
	}
}

func (r *settingRow) pick(i int) {
	if i >= 0 && (r.setting.Values[i] != r.value || r.failed != "") {
		r.change(r.setting.Key, r.setting.Values[i])
	}
}

// entered takes what was typed, unless it is what there is.
func (r *settingRow) entered() {
	typed := r.typed()
	if typed == r.stands() {
		r.failed = ""
		r.describe()
		return
	}
	r.sent = typed
	r.change(r.setting.Key, typed)
}

func (r *settingRow) typed() string { return strings.TrimSpace(r.typing.Text) }

// stands is the text of the field for the value in force. Secrets are not shown, so
// what is typed stands for all of them.
func (r *settingRow) stands() string {
	if r.setting.Secret {
		return ""
	}
	return r.value
}

func (r *settingRow) toDefault() {
	r.failed = ""
	r.change(r.setting.Key, r.setting.Default)
	r.put(r.setting.Default)
	r.describe()
}

// call names the row, with its group where rows of several stand together.
func (r *settingRow) call(group string) {
	name := tr(settingNames[r.setting.Key])
	if group != "" {
		name = group + " · " + name
	}
	r.name.set(name)
}

// set shows the value in force. What is being typed, or was not taken, stays.
func (r *settingRow) set(value string) {
	if value == r.value && r.note.value != "" && !r.taken {
		return
	}
	kept := r.typing != nil && (r.failed != "" || r.typing.focused && r.typed() != r.stands())
	if r.taken && r.typing != nil && r.typed() == r.sent {
		kept = false // settings may write it otherwise, and do not tell secrets
	}
	r.value, r.taken = value, false
	if !kept {
		r.put(value)
	}
	r.describe()
}

// put has the control show a value.
func (r *settingRow) put(value string) {
	switch {
	case r.onOff != nil:
		r.onOff.set(value == "true")
	case r.few != nil:
		r.few.set(slices.Index(r.setting.Values, value))
	case r.many != nil:
		// Not SetSelectedIndex, which is a choice of the user's.
		r.many.Selected = valueName(value)
		r.many.Refresh()
	case r.setting.Secret:
		r.typing.SetPlaceHolder(value)
		r.typing.SetText("")
	default:
		r.typing.SetText(value)
	}
}

// tell says why what stands in the control was not taken; "" = it was.
func (r *settingRow) tell(failed string) {
	r.taken = failed == ""
	if r.failed != failed {
		r.failed = failed
		r.describe()
	}
}

// describe writes the line below the help.
func (r *settingRow) describe() {
	if r.failed != "" {
		r.note.setColored(sentenceOf(strings.TrimPrefix(r.failed, r.setting.Key+": ")), colorVermilion)
		r.Refresh()
		return
	}
	s := r.setting
	var parts []string
	switch {
	case isNumber(s):
		parts = append(parts, strings.TrimSpace(s.Range+" "+tr(s.Unit)))
	case r.typing != nil:
		parts = append(parts, tr(s.Range))
	}
	if s.Secret && r.value != "" {
		parts = append(parts, tr("what you enter replaces all of it"))
	}
	if s.Restart {
		parts = append(parts, tr("takes effect at the next start"))
	}
	r.note.setColored(strings.Join(append(parts, tr("default: %s", r.said(s.Default))), " · "), colorMuted)
	r.Refresh()
}

// said is a value in words.
func (r *settingRow) said(value string) string {
	switch value {
	case "":
		return tr("none")
	case "true":
		return tr("on")
	case "false":
		return tr("off")
	}
	return valueName(value)
}

func (r *settingRow) changed() bool { return r.value != r.setting.Default || r.failed != "" }

func (r *settingRow) control() fyne.CanvasObject {
	switch {
	case r.onOff != nil:
		return r.onOff
	case r.few != nil:
		return r.few
	case r.many != nil:
		return r.many
	}
	return r.typing
}

func controlRoom(width float32) float32 {
	if width < narrowRow {
		return controlNarrow
	}
	return controlWidth
}

func (r *settingRow) heightFor(width float32) float32 {
	inside := width - controlRoom(width) - gapLarge
	says := lineHeight(textBody) + r.help.heightFor(inside) + r.note.heightFor(inside)
	return max(says, fieldHeight+gapTiny+linkHeight)
}

// CreateRenderer implements fyne.Widget.
func (r *settingRow) CreateRenderer() fyne.WidgetRenderer {
	r.ExtendBaseWidget(r)
	control := r.control()
	s := &renderer{widget: r, objects: []fyne.CanvasObject{r.name, r.help, r.note, control, r.unit, r.reset}}
	s.min = func() fyne.Size { return fyne.NewSize(400, r.heightFor(max(400, r.Size().Width))) }
	s.layout = func(size fyne.Size) {
		room := controlRoom(size.Width)
		inside, x := size.Width-room-gapLarge, size.Width-room
		help := r.help.heightFor(inside)
		put(r.name, 0, 0, inside, lineHeight(textBody))
		put(r.help, 0, lineHeight(textBody), inside, help)
		put(r.note, 0, lineHeight(textBody)+help, inside, r.note.heightFor(inside))
		width := room
		switch {
		case r.onOff != nil:
			width = r.onOff.MinSize().Width
		case isNumber(r.setting):
			width = numberField
			put(r.unit, x+room-unitRoom+gapSmall, 0, unitRoom-gapSmall, fieldHeight)
		}
		left := x + room - width
		if isNumber(r.setting) {
			left -= unitRoom
		}
		put(control, left, 0, width, fieldHeight)
		put(r.reset, x+room-r.reset.width()+linkPad, fieldHeight+gapTiny, r.reset.width(), linkHeight)
	}
	s.paint = func() { r.reset.Hidden = !r.changed() }
	return s.start()
}

package ui

import (
	"encoding/json"
	"fmt"
	"sync/atomic"

	"fyne.io/fyne/v2/lang"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"carpool/assets"
)

// spoken translates into the language in force; nil = it is English.
var spoken atomic.Pointer[translator]

type translator struct {
	*i18n.Localizer
	language string // one of assets.Languages
}

// Speak puts a value of window.language in force for what is built after it: a
// language, or "auto" for the desktop's, English where there is no file of it. It
// reports whether that changes anything.
func Speak(value string) (changed bool) {
	if value == "auto" {
		value = closest(lang.SystemLocale().LanguageString())
	}
	if value == inForce() {
		return false
	}
	spoken.Store(newTranslator(value))
	return true
}

// closest is the language to speak to someone who prefers a tag of BCP 47.
func closest(preferred string) string {
	known := []language.Tag{language.English}
	for _, l := range assets.Languages() {
		known = append(known, language.Make(l))
	}
	_, i, sure := language.NewMatcher(known).Match(language.Make(preferred))
	if i == 0 || sure == language.No {
		return "en"
	}
	return assets.Languages()[i-1]
}

// inForce is the language that is spoken.
func inForce() string {
	if t := spoken.Load(); t != nil {
		return t.language
	}
	return "en"
}

// newTranslator returns nil for English.
func newTranslator(to string) *translator {
	if to == "en" {
		return nil
	}
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	bundle.MustParseMessageFileBytes(assets.Translation(to), to+".json") // a test reads them all
	return &translator{i18n.NewLocalizer(bundle, to), to}
}

// say is a message in the translator's language, or else in English.
func (t *translator) say(c i18n.LocalizeConfig, english string) string {
	if t == nil {
		return english
	}
	s, err := t.Localize(&c)
	if err != nil {
		return english
	}
	return s
}

// tr is a text in the language of the window. The text itself is the key, with
// verbs as of fmt.Sprintf where args are given.
func tr(text string, args ...any) string {
	text = spoken.Load().say(i18n.LocalizeConfig{MessageID: text}, text)
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// trn is a count of something in the language of the window: one and many have a
// %d each. many is the key of all its forms.
func trn(n int, one, many string) string {
	text := many
	if n == 1 {
		text = one
	}
	return fmt.Sprintf(spoken.Load().say(i18n.LocalizeConfig{MessageID: many, PluralCount: n}, text), n)
}

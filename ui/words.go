package ui

import "fmt"

// tr is a text in the language of the window. The text itself is the key, with
// verbs as of fmt.Sprintf where args are given.
func tr(text string, args ...any) string {
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// trn is a count of something in the language of the window: one and many have a
// %d each.
func trn(n int, one, many string) string {
	if n == 1 {
		return fmt.Sprintf(one, n)
	}
	return fmt.Sprintf(many, n)
}

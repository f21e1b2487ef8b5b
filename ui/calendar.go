package ui

import (
	"strings"
	"time"

	"carpool/ui/chart"
)

// calendar writes dates in the language of the window.
func calendar() chart.Calendar {
	c := chart.Calendar{Day: tr("Mon 2"), Date: tr("2 Jan"), Moment: tr("Mon 2 Jan, 15:04:05")}
	copy(c.Days[:], strings.Fields(tr("Sun Mon Tue Wed Thu Fri Sat")))
	copy(c.Months[:], strings.Fields(tr("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec")))
	return c
}

// dateOf says when something was, in local time and without its year.
func dateOf(t time.Time) string { return calendar().In(t.Local(), tr("2 Jan 15:04")) }

package chart

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// Calendar has the names of days and months in a language, and in which order it
// writes them: layouts as of package time, in which Mon and Jan stand for the
// names. The zero value is English.
type Calendar struct {
	Days   [7]string  // from Sunday on, short: "Sun"
	Months [12]string // short: "Jan"
	Day    string     // "" = "Mon 2"
	Date   string     // "" = "2 Jan"
	Moment string     // "" = "Mon 2 Jan, 15:04:05"
}

// Room that a label takes at least, in pixels at scale 1.
const (
	timeRoom = 72
)

// clockSteps are the distances of ticks below a day that divide a day.
var clockSteps = [...]time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// Unix is where a moment lies on a time axis.
func Unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// Ticks labels the time axis from one moment to another, whose x is Unix seconds
// (Unix), in from's time zone, for a plot of about width pixels. They stand at round local
// times: of the clock up to half days, then at midnights, then at firsts of a
// month. Midnight is named by its day, a January by its year.
func (c Calendar) Ticks(from, to time.Time, width float32) []Tick {
	span := to.Sub(from)
	if span <= 0 {
		return nil
	}
	least := time.Duration(float64(span) * min(1, timeRoom/float64(max(1, width))))
	for _, step := range clockSteps {
		if step >= least {
			return c.clock(from, to, step)
		}
	}
	const day = 24 * time.Hour
	for _, days := range [...]int{1, 2, 7, 14} {
		if time.Duration(days)*day >= least {
			return c.days(from, to, days)
		}
	}
	for _, months := range [...]int{1, 3, 6} {
		if time.Duration(months)*30*day >= least {
			return c.months(from, to, months)
		}
	}
	return c.months(from, to, 12*(1+int(least/(366*day))))
}

// clock has ticks at each multiple of step since local midnight.
func (c Calendar) clock(from, to time.Time, step time.Duration) []Tick {
	var ticks []Tick
	first := (time.Duration(from.Hour())*time.Hour + time.Duration(from.Minute())*time.Minute).Truncate(step)
	for day := midnight(from, 0); !day.After(to); day, first = midnight(day, 1), 0 {
		for since := first; since < 24*time.Hour; since += step {
			// By the clock, so that a day of 23 or 25 hours has round times too.
			h, m, s := int(since/time.Hour), int(since/time.Minute)%60, int(since/time.Second)%60
			at := time.Date(day.Year(), day.Month(), day.Day(), h, m, s, 0, from.Location())
			if at.After(to) {
				break
			}
			if at.Before(from) || at.Hour() != h { // the hour that is skipped in spring
				continue
			}
			label := at.Format("15:04")
			switch {
			case since == 0:
				label = c.day(at)
			case step < time.Minute:
				label = at.Format("15:04:05")
			}
			ticks = append(ticks, Tick{Unix(at), label})
		}
	}
	return ticks
}

// days has ticks at midnights, counted from a Monday so that they stay while the
// range moves.
func (c Calendar) days(from, to time.Time, every int) []Tick {
	var ticks []Tick
	for at := midnight(from, 0); !at.After(to); at = midnight(at, 1) {
		if at.Before(from) || number(at)%every != 0 {
			continue
		}
		label := c.day(at)
		if every > 1 {
			label = c.In(at, cmp.Or(c.Date, "2 Jan"))
		}
		ticks = append(ticks, Tick{Unix(at), label})
	}
	return ticks
}

func (c Calendar) months(from, to time.Time, every int) []Tick {
	var ticks []Tick
	for at := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, from.Location()); !at.After(to); at = at.AddDate(0, 1, 0) {
		if at.Before(from) || (at.Year()*12+int(at.Month())-1)%every != 0 {
			continue
		}
		label := c.month(at)
		if at.Month() == time.January {
			label = strconv.Itoa(at.Year())
		}
		ticks = append(ticks, Tick{Unix(at), label})
	}
	return ticks
}

// Format names a moment in Unix seconds, in local time, to the second: "Mon 24
// Nov, 14:05:07".
func (c Calendar) Format(x float64) string {
	return c.In(time.UnixMilli(int64(x*1000)), cmp.Or(c.Moment, "Mon 2 Jan, 15:04:05"))
}

// In writes a time in a layout of package time, with the calendar's names for Mon
// and Jan.
func (c Calendar) In(t time.Time, layout string) string {
	names := strings.NewReplacer(t.Format("Mon"), c.weekday(t), t.Format("Jan"), c.month(t))
	return names.Replace(t.Format(layout))
}

func (c Calendar) day(t time.Time) string { return c.In(t, cmp.Or(c.Day, "Mon 2")) }

func (c Calendar) weekday(t time.Time) string { return cmp.Or(c.Days[t.Weekday()], t.Format("Mon")) }

func (c Calendar) month(t time.Time) string { return cmp.Or(c.Months[t.Month()-1], t.Format("Jan")) }

// midnight begins the day that is so many days after t's, where a day begins.
func midnight(t time.Time, days int) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, 0, 0, t.Location())
}

// number counts days since a Monday.
func number(t time.Time) int {
	return int(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix()/(24*3600)) + 3
}

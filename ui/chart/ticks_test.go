package chart

import (
	"fmt"
	"strings"
	"testing"
	"time"

	_ "time/tzdata" // the zones, wherever this runs

	"pgregory.net/rapid"
)

func zone(t rapid.TB, name string) *time.Location {
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func texts(ticks []Tick) string {
	var all []string
	for _, tick := range ticks {
		all = append(all, tick.Label)
	}
	return strings.Join(all, " · ")
}

func TestCalendar_Ticks(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	at := func(month time.Month, day, hour, minute int) time.Time {
		return time.Date(2026, month, day, hour, minute, 0, 0, berlin)
	}
	tests := []struct {
		name     string
		from, to time.Time
		width    float32
		want     string
	}{
		{"a minute", at(11, 24, 14, 5), at(11, 24, 14, 6), 500, "14:05:00 · 14:05:10 · 14:05:20 · 14:05:30 · 14:05:40 · 14:05:50 · 14:06:00"},
		{"a quarter of an hour", at(11, 24, 14, 7), at(11, 24, 14, 22), 300, "14:10 · 14:15 · 14:20"},
		{"an hour, narrow", at(11, 24, 14, 5), at(11, 24, 15, 5), 160, "14:30 · 15:00"},
		{"over midnight", at(11, 23, 21, 0), at(11, 24, 3, 0), 500, "21:00 · 22:00 · 23:00 · Tue 24 · 01:00 · 02:00 · 03:00"},
		{"a day", at(11, 23, 15, 0), at(11, 24, 15, 0), 600, "15:00 · 18:00 · 21:00 · Tue 24 · 03:00 · 06:00 · 09:00 · 12:00 · 15:00"},
		{"a week", at(11, 17, 15, 0), at(11, 24, 15, 0), 600, "Wed 18 · Thu 19 · Fri 20 · Sat 21 · Sun 22 · Mon 23 · Tue 24"},
		{"a quarter", at(9, 1, 0, 0), at(11, 30, 0, 0), 600, "7 Sep · 21 Sep · 5 Oct · 19 Oct · 2 Nov · 16 Nov · 30 Nov"},
		{"a year", at(3, 3, 0, 0), at(3, 3, 0, 0).AddDate(1, 0, 0), 400, "Apr · Jul · Oct · 2027"},
		{"the hour that spring skips", at(3, 29, 0, 0), at(3, 29, 5, 0), 500, "Sun 29 · 01:00 · 03:00 · 04:00 · 05:00"},
		{"the day that autumn lengthens", at(10, 25, 0, 0), at(10, 26, 0, 0), 620, "Sun 25 · 03:00 · 06:00 · 09:00 · 12:00 · 15:00 · 18:00 · 21:00 · Mon 26"},
		{"nothing", at(11, 24, 14, 5), at(11, 24, 14, 5), 500, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := texts(Calendar{}.Ticks(tt.from, tt.to, tt.width)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestCalendar_SpeaksALanguage(t *testing.T) {
	c := Calendar{Days: [7]string{"So", "Mo", "Di", "Mi", "Do", "Fr", "Sa"},
		Months: [12]string{"Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"}}
	from := time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC)
	if got, want := texts(c.Ticks(from, from.AddDate(0, 0, 2), 200)), "Di 20 · Mi 21 · Do 22"; got != want {
		t.Errorf("days read %q, want %q", got, want)
	}
	noon := time.Date(2026, 10, 20, 12, 0, 7, 0, time.Local)
	if got, want := c.Format(Unix(noon)), "Di 20 Okt, 12:00:07"; got != want {
		t.Errorf("a moment reads %q, want %q", got, want)
	}
}

// A language may write the month first, and letters around its numbers.
func TestCalendar_HasAnOrder(t *testing.T) {
	c := Calendar{Days: [7]string{"周日", "周一", "周二", "周三", "周四", "周五", "周六"},
		Months: [12]string{"1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"},
		Day:    "2日 Mon", Date: "Jan2日", Moment: "Jan2日 Mon 15:04:05"}
	from := time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC)
	if got, want := texts(c.Ticks(from, from.AddDate(0, 0, 2), 200)), "20日 周二 · 21日 周三 · 22日 周四"; got != want {
		t.Errorf("days read %q, want %q", got, want)
	}
	if got, want := texts(c.Ticks(from, from.AddDate(0, 0, 21), 300)), "10月26日 · 11月2日 · 11月9日"; got != want {
		t.Errorf("weeks read %q, want %q", got, want)
	}
	noon := time.Date(2026, 10, 20, 12, 0, 7, 0, time.Local)
	if got, want := c.Format(Unix(noon)), "10月20日 周二 12:00:07"; got != want {
		t.Errorf("a moment reads %q, want %q", got, want)
	}
}

func TestCalendar_Ticks_StandInRangeRisingAndApart(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo"}
	rapid.Check(t, func(t *rapid.T) {
		from := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "from"), 0).In(zone(t, rapid.SampledFrom(zones).Draw(t, "zone")))
		span := time.Duration(rapid.Int64Range(1, 10*365*24*3600).Draw(t, "seconds")) * time.Second
		if rapid.Bool().Draw(t, "short") {
			span %= 24 * time.Hour
		}
		width := rapid.Float32Range(0, 3000).Draw(t, "width")
		ticks := Calendar{}.Ticks(from, from.Add(span), width)
		last := 0.0
		for i, tick := range ticks {
			if tick.At < Unix(from) || tick.At > Unix(from.Add(span)) {
				t.Fatalf("%q is outside", tick.Label)
			}
			if i > 0 && tick.At <= last {
				t.Fatalf("%q does not rise", tick.Label)
			}
			last = tick.At
		}
		if most := int(width/timeRoom*1.25) + 3; len(ticks) > most {
			t.Fatalf("%d labels in %v pixels: %s", len(ticks), width, texts(ticks))
		}
	})
}

func ExampleCalendar_Ticks() {
	from := time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)
	for _, tick := range (Calendar{}).Ticks(from, from.Add(4*time.Hour), 400) {
		fmt.Println(tick.Label)
	}
	// Output:
	// 22:00
	// 23:00
	// Tue 24
	// 01:00
	// 02:00
}

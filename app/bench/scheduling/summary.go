package scheduling

import (
	"slices"
	"time"
)

// summarize joins the results of several runs of one scenario.
func summarize(runs []Result) Result {
	n := len(runs)
	var s Result
	for _, r := range runs {
		s.Tokens += r.Tokens / float64(n)
		s.Gap95 += r.Gap95 / time.Duration(n)
		s.Limit += r.Limit / float64(n)
		s.LimitChanges += r.LimitChanges / float64(n)
		s.LimitEarly += r.LimitEarly / float64(n)
		s.LimitMax = max(s.LimitMax, r.LimitMax)
		s.Swaps += r.Swaps / float64(n)
		s.Evictions += r.Evictions
		s.Spilled += r.Spilled / time.Duration(n)
		s.Offered += r.Offered / float64(n)
		s.Served += r.Served / float64(n)
		s.Attained += r.Attained / float64(n)
		s.Saved += r.Saved / float64(n)
		s.Requests += r.Requests
		if r.Refused > 0 && (s.Refused == 0 || r.Least < s.Least) {
			s.Least = r.Least
		}
		s.Refused += r.Refused
		s.Largest = max(s.Largest, r.Largest)
		s.Peak = max(s.Peak, r.Peak)
	}
	for _, app := range runs[0].Apps {
		s.Apps = append(s.Apps, summarizeApp(app.App, runs))
	}
	return s
}

func summarizeApp(name string, runs []Result) AppResult {
	s := AppResult{App: name}
	n := time.Duration(len(runs))
	for _, r := range runs {
		a := r.App(name)
		s.Requests += a.Requests
		s.Last = max(s.Last, a.Last)
		s.First50 += a.First50 / n
		s.First95 += a.First95 / n
		s.Longest = max(s.Longest, a.Longest)
		s.Latency += a.Latency / n
		s.Short95 += a.Short95 / n
		s.Long95 += a.Long95 / n
	}
	return s
}

// App returns what one app saw, nothing if it sent nothing.
func (r Result) App(name string) AppResult {
	if i := slices.IndexFunc(r.Apps, func(a AppResult) bool { return a.App == name }); i >= 0 {
		return r.Apps[i]
	}
	return AppResult{App: name}
}

package gateway

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"carpool/batching"
)

// ReloadStats are the reloads of the last hour and what can be done about them.
type ReloadStats struct {
	Last   []Reload       `json:"last"` // newest first, at most 5
	Advice []ReloadAdvice `json:"advice"`
}

// ReloadAdvice says what would end the reloads of one model.
type ReloadAdvice struct {
	batching.Key
	Parameter string   `json:"parameter"`
	Apps      []string `json:"apps"`  // that do not agree, sorted
	Times     int      `json:"times"` // in the last hour
	Text      string   `json:"text"`
	Command   string   `json:"command,omitempty"` // that ends it; "" = it is to be set in the apps
}

const (
	// adviceWindow is how far back reloads count, and adviceAfter how many are too
	// many.
	adviceWindow = time.Hour
	adviceAfter  = 3
	// mostRecent bounds the reloads that are remembered, shownReloads those shown.
	mostRecent   = 512
	shownReloads = 5
)

// Reloads returns the reloads of the last hour, and what can be done about them.
func (g *Gateway) Reloads() ReloadStats {
	now := time.Now()
	s := ReloadStats{Last: []Reload{}, Advice: g.reloads.advice(now, g.policy.Load().NumCtx)}
	for _, r := range slices.Backward(g.reloads.since(now)) {
		if len(s.Last) < shownReloads {
			s.Last = append(s.Last, r)
		}
	}
	return s
}

// since is a copy of the reloads that count at now, oldest first.
func (d *detective) since(now time.Time) []Reload {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(d.recent), func(r Reload) bool { return now.Sub(r.At) > adviceWindow })
}

// advice is what can be done about a model that was loaded again too often for
// the same reason, by the same apps. set are the sizes of context in force.
func (d *detective) advice(now time.Time, set map[string]int) []ReloadAdvice {
	all := []ReloadAdvice{}
	for _, group := range alike(d.since(now)) {
		if len(group) < adviceAfter {
			continue
		}
		last := group[len(group)-1]
		a := ReloadAdvice{Key: last.Key, Parameter: last.Parameter, Apps: last.apps(), Times: len(group)}
		often := fmt.Sprintf("%s was loaded again %d times in an hour", shortName(a.Model), a.Times)
		switch a.Parameter {
		case runnerOptions[numCtx]:
			tokens, found := commonCtx(group)
			if in, ruled := set[modelKey(a.Model)]; ruled && (tokens != 0 || in == 0) {
				continue
			}
			a.Text = fmt.Sprintf("%s because %s for different num_ctx", often, asking(a.Apps))
			if !found {
				a.Text += ", one of them by a route that has none"
			}
			a.Command = "carpool set models.num_ctx=" + ctxList(set, a.Model, tokens)
		case "keep_alive":
			a.Text = fmt.Sprintf("%s because %s sets keep_alive %s: set a longer one there", often, orSomeApp(last.Blame), last.From)
			if last.Blame == "" {
				a.Text = often + " because its keep_alive was over: set a longer one in the apps, or OLLAMA_KEEP_ALIVE"
			}
		default:
			a.Text = fmt.Sprintf("%s because %s for different %s: make it always the same", often, asking(a.Apps), a.Parameter)
		}
		all = append(all, a)
	}
	return all
}

// alike are the reloads that one parameter is to blame for, those of the same
// model and apps together, in the order of each group's first.
func alike(reloads []Reload) (groups [][]Reload) {
	type group struct {
		batching.Key
		parameter, apps string
	}
	places := map[group]int{}
	for _, r := range reloads {
		if r.Parameter == "" {
			continue
		}
		k := group{r.Key, r.Parameter, strings.Join(r.apps(), "\x00")}
		i, known := places[k]
		if !known {
			i = len(groups)
			places[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], r)
	}
	return groups
}

// apps are those that do not agree, sorted.
func (r Reload) apps() []string {
	apps := []string{orSomeApp(r.App)}
	if r.Blame != "" {
		apps = append(apps, r.Blame)
	}
	slices.Sort(apps)
	return slices.Compact(apps)
}

func asking(apps []string) string {
	if len(apps) == 1 {
		return apps[0] + " asks"
	}
	return strings.Join(apps, " and ") + " ask"
}

// commonCtx is the size of context that would do for all: the largest asked for.
// Where one of them cannot ask it is 0, the model's own, and found is false.
func commonCtx(group []Reload) (tokens int, found bool) {
	for _, r := range group {
		if r.unsaid {
			return 0, false
		}
		for _, text := range []string{r.From, r.To} {
			n, _ := strconv.Atoi(text) // "default" asks for none
			tokens = max(tokens, n)
		}
	}
	return tokens, true
}

// ctxList is the value of models.num_ctx with one model more.
func ctxList(set map[string]int, model string, tokens int) string {
	next := map[string]int{shortName(model): tokens}
	for name, n := range set {
		if name != modelKey(model) {
			next[name] = n
		}
	}
	items := make([]string, 0, len(next))
	for name, n := range next {
		items = append(items, name+"="+ctxText(n))
	}
	slices.Sort(items)
	return strings.Join(items, ",")
}

// sentence says why the model was loaded again, after so long without a request.
// rival is the model that was loaded meanwhile.
func (r Reload) sentence(rival string, idle time.Duration) string {
	app, blame, model := orSomeApp(r.App), orSomeApp(r.Blame), shortName(r.Model)
	again := fmt.Sprintf("%s was loaded again (%.1f s)", model, r.Took.Seconds())
	forApp := fmt.Sprintf("%s was loaded again for %s (%.1f s)", model, app, r.Took.Seconds())
	switch {
	case r.Cause == ByRestart:
		return "the engine came up again: " + forApp
	case r.Cause == ByKeepAlive && r.Blame == "":
		return fmt.Sprintf("nobody asked for %s for %s, and no request set its keep_alive, which is %s unless OLLAMA_KEEP_ALIVE says more: %s",
			model, span(idle.Round(time.Second)), span(usualKeepAlive), forApp)
	case r.Cause == ByKeepAlive && r.From == "0":
		return fmt.Sprintf("%s had %s unloaded with keep_alive 0: %s; give it a longer one", blame, model, forApp)
	case r.Cause == ByKeepAlive:
		return fmt.Sprintf("%s set keep_alive %s and nobody asked for %s for %s: %s; give it a longer one", blame, r.From, model,
			span(idle.Round(time.Second)), forApp)
	case r.Cause == ByEviction:
		return fmt.Sprintf("%s, which %s asked for, had taken its place: %s", shortName(rival), blame, forApp)
	case r.Cause == ByOptions:
		had := fmt.Sprintf("where %s had %s", blame, ownOr(r.From))
		if r.App == r.Blame {
			had = fmt.Sprintf("where it had %s before", ownOr(r.From))
		}
		remedy := "give both the same"
		if r.Parameter == runnerOptions[numCtx] {
			remedy += ", or set models.num_ctx"
		}
		return fmt.Sprintf("%s asked for %s %s %s: %s; %s", app, r.Parameter, ownOr(r.To), had, again, remedy)
	}
	return forApp + ", and nothing that came through Carpool explains it"
}

// ownOr says a value for people.
func ownOr(value string) string {
	if value == "default" {
		return "the model's own"
	}
	return value
}

func orSomeApp(name string) string {
	if name == "" {
		return "an app"
	}
	return name
}

// shortName is a model's name without what goes without saying.
func shortName(model string) string { return strings.TrimSuffix(model, ":latest") }

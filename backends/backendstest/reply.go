package backendstest

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
)

// reply is what an engine that reads its requests has to say. A token is a word
// with the space behind it, or a piece of a longer one.
type reply struct {
	thought []string // tokens
	text    []string // tokens
	calls   []call
	finish  string // "stop", "length" or "tool_calls"
	word    string // that it stopped at; "" = none
	prompt  int    // tokens
}

type call struct {
	id        string
	name      string
	arguments []string // tokens
}

// tokens is how many it has.
func (r reply) tokens() int {
	n := len(r.thought) + len(r.text)
	for _, c := range r.calls {
		n += len(c.arguments)
	}
	return n
}

func (r reply) content() string { return strings.Join(r.text, "") }

// vocabulary is what answers are made of.
var vocabulary = strings.Fields("a the sea sun moon wind rain snow tree leaf bird fish stone river cloud light calm deep old new cold warm red blue green grey soft loud slow quick and or but then here there now once")

// called finds a tool that the prompt asks for, by its name and, if they follow
// at once, its arguments: call:get_weather{"city":"Rome"}.
var called = regexp.MustCompile(`call:([A-Za-z0-9_.-]+)`)

// answer is the reply to a request, the same each time.
func answer(q Request, s Script, a wish) reply {
	r := reply{finish: "stop", prompt: words(a.text)}
	if s.Tokens > 0 {
		r.text = slices.Repeat([]string{q.word()}, s.Tokens)
		return r
	}
	if a.thinking && strings.Contains(a.user, "think") {
		r.thought = split("let me see what is asked here ")
	}
	switch calls := a.calls(q); {
	case len(calls) > 0:
		r.calls, r.finish = calls, "tool_calls"
	case a.schema != nil:
		r.text = split(marshal(document(a.schema, a.schema, 0)))
	case a.json:
		r.text = split(`{"answer":` + quote(strings.TrimSpace(strings.Join(story(a.text), ""))) + `}`)
	case a.result != "":
		r.text = split("the tool says: " + a.result)
	case q.Nonce != "":
		r.text = slices.Repeat([]string{q.word()}, 8)
	case len(a.images) > 0:
		var seen []string
		for _, size := range a.images {
			seen = append(seen, fmt.Sprintf("image of %d bytes", size))
		}
		r.text = split(strings.Join(seen, " and "))
	default:
		r.text = story(a.text)
	}
	r.cut(a)
	return r
}

// story is a few words that belong to a text.
func story(text string) []string {
	seed := hash(text)
	said := make([]string, 6+seed%18)
	for i := range said {
		seed = seed*6364136223846793005 + 1442695040888963407
		said[i] = vocabulary[seed>>33%uint64(len(vocabulary))] + " "
	}
	return said
}

// calls are the tools to call; none if the last message is not the user's.
func (a wish) calls(q Request) []call {
	if a.user == "" || a.choice == "none" {
		return nil
	}
	var calls []call
	add := func(t tool, arguments string) {
		id := fmt.Sprintf("%09d", (hash(string(q.Body))+uint64(len(calls)))%1_000_000_000)
		calls = append(calls, call{id: id, name: t.name, arguments: split(arguments)})
	}
	for _, found := range called.FindAllStringSubmatchIndex(a.user, -1) {
		name := a.user[found[2]:found[3]]
		i := slices.IndexFunc(a.tools, func(t tool) bool { return t.name == name })
		if i < 0 {
			continue
		}
		arguments := marshal(document(a.tools[i].schema, a.tools[i].schema, 0))
		var given json.RawMessage
		if rest := a.user[found[1]:]; strings.HasPrefix(rest, "{") && json.NewDecoder(strings.NewReader(rest)).Decode(&given) == nil {
			arguments = string(given)
		}
		add(a.tools[i], arguments)
	}
	if len(calls) > 0 {
		return calls
	}
	for _, t := range a.tools {
		if a.choice == "required" || a.choice == t.name {
			add(t, marshal(document(t.schema, t.schema, 0)))
			break
		}
	}
	return calls
}

// cut ends the reply at its stop words and its limit. The arguments of a call
// are never cut.
func (r *reply) cut(a wish) {
	text := r.content()
	for _, word := range a.stop {
		if before, _, found := strings.Cut(text, word); found {
			text, r.word = before, word
		}
	}
	if r.word != "" {
		r.text = split(text)
	}
	if a.limit == 0 || len(r.thought)+len(r.text) <= a.limit {
		return
	}
	r.finish, r.word = "length", ""
	r.thought = r.thought[:min(a.limit, len(r.thought))]
	r.text = r.text[:a.limit-len(r.thought)]
}

// split makes tokens of a text: words with the space behind them, cut after six
// characters.
func split(text string) []string {
	var tokens []string
	for word := range strings.SplitAfterSeq(text, " ") {
		for letters := []rune(word); len(letters) > 0; {
			n := min(6, len(letters))
			tokens = append(tokens, string(letters[:n]))
			letters = letters[n:]
		}
	}
	return tokens
}

func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // a hash never fails
	return h.Sum64()
}

func marshal(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // made of maps, slices and plain values
	}
	return string(b)
}

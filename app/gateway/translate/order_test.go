package translate

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"
)

// checkAnswer reads a streamed answer as a strict client would: right order, every
// block opened, grown and shut, what came bit by bit told again at the end.
func checkAnswer(t *testing.T, dialect, answer string) {
	t.Helper()
	switch dialect {
	case "messages":
		checkMessages(t, answer)
	case "responses":
		checkResponses(t, answer)
	default:
		checkNative(t, answer)
	}
}

func checkNative(t *testing.T, answer string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(answer, "\n"), "\n")
	for i, line := range lines {
		var r api.ChatResponse
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if r.Done != (i == len(lines)-1) || r.Done && (r.TotalDuration <= 0 || r.EvalDuration <= 0 || r.DoneReason == "") {
			t.Errorf("line %d of %d: %s", i, len(lines), line)
		}
	}
}

// sentEvent is a server-sent event with all fields that checks look at.
type sentEvent struct {
	Type     string `json:"type"`
	Sequence *int   `json:"sequence_number"`
	Index    int    `json:"index"`
	Output   int    `json:"output_index"`
	Delta    any    `json:"delta"`
	Text     string `json:"text"`
	Args     string `json:"arguments"`
	Item     struct{ ID, Type, Name, Arguments string }
	ItemID   string                `json:"item_id"`
	Block    struct{ Type string } `json:"content_block"`
	Response struct {
		Status string
		Output []json.RawMessage
		Usage  *struct{}
	}
}

func sentEvents(t *testing.T, answer string) []sentEvent {
	t.Helper()
	var list []sentEvent
	for text := range strings.SplitSeq(strings.TrimSuffix(answer, "\n\n"), "\n\n") {
		name, data, ok := strings.Cut(strings.TrimPrefix(text, "event: "), "\ndata: ")
		var e sentEvent
		if err := json.Unmarshal([]byte(data), &e); err != nil || !ok || e.Type != name {
			t.Fatalf("event %q: %v", text, err)
		}
		list = append(list, e)
	}
	return list
}

func checkMessages(t *testing.T, answer string) {
	t.Helper()
	var order []string
	open, next := false, 0
	for _, e := range sentEvents(t, answer) {
		block := true
		switch e.Type {
		case "content_block_start":
			if open || e.Index != next {
				t.Errorf("block %d starts while %d", e.Index, next)
			}
			open = true
		case "content_block_delta":
			if !open || e.Index != next {
				t.Errorf("block %d grows while %d", e.Index, next)
			}
		case "content_block_stop":
			if !open || e.Index != next {
				t.Errorf("block %d stops while %d", e.Index, next)
			}
			open, next = false, next+1
		default:
			if block = false; open {
				t.Errorf("%s within a block", e.Type)
			}
		}
		if !block {
			order = append(order, e.Type)
		}
	}
	if !slices.Equal(order, []string{"message_start", "message_delta", "message_stop"}) {
		t.Errorf("order is %v", order)
	}
}

func checkResponses(t *testing.T, answer string) {
	t.Helper()
	events := sentEvents(t, answer)
	grown, id, open, items := "", "", false, 0
	for i, e := range events {
		if e.Sequence == nil || *e.Sequence != i {
			t.Errorf("event %d has the number %v", i, e.Sequence)
		}
		switch e.Type {
		case "response.output_item.added":
			if open || e.Output != items {
				t.Errorf("item %d is added while %d", e.Output, items)
			}
			open, grown, id = true, "", e.Item.ID
		case "response.output_item.done":
			if !open || e.Output != items || e.Item.ID != id || e.Item.Arguments != "" && e.Item.Arguments != grown {
				t.Errorf("item %d is done while %d: %+v", e.Output, items, e.Item)
			}
			open, items = false, items+1
		case "response.output_text.delta", "response.function_call_arguments.delta", "response.reasoning_summary_text.delta":
			if !open || e.Output != items || e.ItemID != id {
				t.Errorf("item %d grows while %d", e.Output, items)
			}
			grown += e.Delta.(string)
		case "response.output_text.done", "response.reasoning_summary_text.done":
			if e.Text != grown {
				t.Errorf("done with %q, grown to %q", e.Text, grown)
			}
		case "response.function_call_arguments.done":
			if e.Args != grown {
				t.Errorf("done with %q, grown to %q", e.Args, grown)
			}
		}
	}
	last := events[len(events)-1]
	if events[0].Type != "response.created" || events[1].Type != "response.in_progress" ||
		last.Type != "response."+last.Response.Status || len(last.Response.Output) != items || last.Response.Usage == nil {
		t.Errorf("begins with %s, %s and ends with %+v", events[0].Type, events[1].Type, last)
	}
}

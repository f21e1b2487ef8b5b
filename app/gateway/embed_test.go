package gateway

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestReadEmbedAnswer(t *testing.T) {
	texts := [][]byte{[]byte(`"a"`), []byte(`"bb bb bb"`), []byte(`"c"`)}
	t.Run("PutsItemsInTheOrderOfTheirIndex", func(t *testing.T) {
		a, err := readEmbedAnswer(openaiVectors, texts, []byte(`{"id":"x","data":[
			{"index":2,"embedding":[3],"extra":{"z":1}},{"index":0,"embedding":[1]},{"index":1,"embedding":[2]}],
			"model":"served","usage":{"prompt_tokens":10,"total_tokens":10,"prompt_tokens_details":null}}`))
		if err != nil {
			t.Fatal(err)
		}
		got := string(a.write("m", "n", a.vectors[1:]))
		const want = `{"id":"x","data":[{"index":0,"embedding":[2]},{"index":1,"embedding":[3],"extra":{"z":1}}],` +
			`"model":"served","usage":{"prompt_tokens":8,"total_tokens":8,"prompt_tokens_details":null}}`
		if got != want {
			t.Errorf("wrote %s", got)
		}
	})
	t.Run("PassesNumbersAndBase64AsTheyAre", func(t *testing.T) {
		for _, raw := range []string{`[1.0,-0,1e-7,0.1000000000000000055511151231257827]`, `"AACAPwAAAEA="`} {
			a, err := readEmbedAnswer(openaiVectors, texts[:1], []byte(`{"data":[{"embedding":`+raw+`,"index":0}]}`))
			if err != nil || string(a.vectors[0].raw) != raw {
				t.Errorf("%s: %v", raw, err)
			}
		}
		if a, err := readEmbedAnswer(nativeVectors, texts[:1], []byte(`{"embeddings":["AACAPwAAAEA="]}`)); err == nil {
			t.Errorf("took %+v", a)
		}
	})
	bad := []string{
		``, `[]`, `{}`, `{"data":[]}`, `{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]},{"index":1,"embedding":[1]}]}`,
		`{"data":[{"index":1,"embedding":[1]},{"index":2,"embedding":[1]},{"index":3,"embedding":[1]}]}`,
		`{"data":[{"index":0},{"index":1,"embedding":[1]},{"index":2,"embedding":[1]}]}`,
		`{"data":[{"embedding":[]},{"embedding":[1]},{"embedding":[1]}]}`,
		`{"data":[{"embedding":null},{"embedding":[1]},{"embedding":[1]}]}`,
		`{"data":[{"embedding":[1]},{"embedding":[1]},{"embedding":[1]},{"embedding":[1]}]}`,
		`{"data":[{"embedding":[1]},{"embedding":[1]},{"embedding":[1]}],"data":[]}`,
		`{"data":[{"embedding":[1]},{"embedding":[1]},{"embedding":[1]}]} {}`,
	}
	for _, answer := range bad {
		if a, err := readEmbedAnswer(openaiVectors, texts, []byte(answer)); err == nil {
			t.Errorf("took %s for %+v", answer, a)
		}
	}
	t.Run("SharesTokensByLength", func(t *testing.T) {
		for tokens, want := range map[string][]int{"0": {0, 0, 0}, "2": {0, 1, 1}, "3": {1, 1, 1}, "19": {4, 11, 4}} {
			a, err := readEmbedAnswer(nativeVectors, texts, []byte(`{"embeddings":[[1],[2],[3]],"prompt_eval_count":`+tokens+`}`))
			if err != nil {
				t.Fatal(err)
			}
			got := []int{a.vectors[0].tokens, a.vectors[1].tokens, a.vectors[2].tokens}
			if !slices.Equal(got, want) {
				t.Errorf("%s tokens are shared as %v", tokens, got)
			}
		}
	})
	t.Run("KnowsAVectorInAnyWriting", func(t *testing.T) {
		same := [][2]string{{`[1,2]`, `"AACAPwAAAEA="`}, {`[1,2]`, `[1.00001,2]`}, {`"x"`, `"x"`}}
		for _, pair := range same {
			if !sameDirection([]byte(pair[0]), []byte(pair[1])) {
				t.Errorf("%s and %s differ", pair[0], pair[1])
			}
		}
		other := [][2]string{{`[1,2]`, `[2,1]`}, {`[1,2]`, `[1,2,3]`}, {`"x"`, `"y"`}, {`[1]`, `"x"`}}
		for _, pair := range other {
			if sameDirection([]byte(pair[0]), []byte(pair[1])) {
				t.Errorf("%s and %s are the same", pair[0], pair[1])
			}
		}
	})
}

// FuzzEmbedCall holds what is read of a call against what encoding/json reads,
// and against what an engine would read of two such calls made one.
func FuzzEmbedCall(f *testing.F) {
	for _, seed := range []string{
		`{"model":"m","input":"a"}`, `{"model":"m","input":["a","b\u0000\"\\"],"options":{"b":1,"a":[ ]}}`,
		`{"model":"m","Input":"a"}`, `{"model":"m","input":["a",""]}`, `{"model":"m","input":["a",1]}`,
		`{"model":"m","prompt":"a","dimenſions":1}`, `{"model":"m","input":"a","input":"b"}`, `{"m\u006fdel":"m","input":"a"}`,
	} {
		f.Add([]byte(seed), 1)
	}
	f.Fuzz(func(t *testing.T, body []byte, form int) {
		shape := nativeVectors
		if form%2 == 0 {
			shape = openaiVectors
		}
		if _, fault := peek(body, Ollama, route{embedding: true}); fault != nil {
			return
		}
		e, ok := readEmbedCall(shape, body)
		if !ok {
			return
		}
		read := func(body []byte) (model string, texts []string, rest map[string]any) {
			var all map[string]any
			if err := json.Unmarshal(body, &all); err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			model, _ = all["model"].(string)
			switch input := all["input"].(type) {
			case string:
				texts = []string{input}
			case []any:
				for _, v := range input {
					texts = append(texts, v.(string))
				}
			}
			delete(all, "model")
			delete(all, "input")
			return model, texts, all
		}
		model, texts, rest := read(body)
		if model != e.model || len(texts) != len(e.texts) || slices.Contains(texts, "") {
			t.Fatalf("%s read as %q %q", body, e.model, e.texts)
		}
		merged := mergedBody([]*embedCall{e, e})
		model2, texts2, rest2 := read(merged)
		a, _ := json.Marshal(rest)
		b, _ := json.Marshal(rest2)
		if model2 != model || !slices.Equal(texts2, append(texts, texts...)) || !bytes.Equal(a, b) {
			t.Fatalf("%s became %s", body, merged)
		}
		if again, ok := readEmbedCall(shape, merged); !ok || wordOf(again, nil) != wordOf(e, nil) {
			t.Fatalf("%s has another word than %s", merged, body)
		}
	})
}

// FuzzEmbedAnswer cuts answers up and puts them together again.
func FuzzEmbedAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"model":"m","embeddings":[[1,2.5],[3,-4e9]],"total_duration":1,"prompt_eval_count":7}`,
		`{"object":"list","data":[{"object":"embedding","index":1,"embedding":[1]},{"index":0,"embedding":[2]}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}`,
		`{"data":[{"embedding":"AAAA"},{"embedding":"AAAB"}]}`, `{"embedding":[1]}`,
	} {
		f.Add([]byte(seed), 1)
		f.Add([]byte(seed), 2)
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, answer []byte, form int) {
		shape := embedForm(1 + uint(form)%3)
		texts := [][]byte{[]byte(`"one"`), []byte(`"another"`)}
		if shape == legacyVector {
			texts = texts[:1]
		}
		a, err := readEmbedAnswer(shape, texts, answer)
		if err != nil {
			return
		}
		if !json.Valid(answer) {
			t.Fatalf("took %q", answer)
		}
		whole := a.write("m", "m", a.vectors)
		again, err := readEmbedAnswer(shape, texts, whole)
		if err != nil {
			t.Fatalf("%s became %s: %v", answer, whole, err)
		}
		sum := 0
		for i, v := range again.vectors {
			if !bytes.Equal(v.raw, a.vectors[i].raw) {
				t.Fatalf("%s became %s", answer, whole)
			}
			part, err := readEmbedAnswer(shape, texts[i:i+1], a.write("m", "m", a.vectors[i:i+1]))
			if err != nil || !bytes.Equal(part.vectors[0].raw, v.raw) {
				t.Fatalf("part %d of %s: %v", i, answer, err)
			}
			sum += part.prompt
		}
		if a.prompt >= 0 && shape != legacyVector && sum != a.prompt {
			t.Fatalf("%s: the parts have %d tokens, the whole %d", strings.TrimSpace(string(answer)), sum, a.prompt)
		}
	})
}

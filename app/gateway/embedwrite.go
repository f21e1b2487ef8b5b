package gateway

import "strconv"

// write is the answer to a client that asked for these of the vectors. The engine
// was asked under the model's first name; one that echoes it shall seem to echo
// this client's.
func (a *embedAnswer) write(asked, model string, vectors []vector) []byte {
	size := 256
	for _, v := range vectors {
		size += len(v.raw) + 64
	}
	tokens := 0
	for _, v := range vectors {
		tokens += v.tokens
	}
	if a.prompt < 0 {
		tokens = -1
	}
	b := append(make([]byte, 0, size), '{')
	for i, m := range a.members {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendName(b, m.name)
		switch name := string(m.name); {
		case name == "embeddings" && a.form == nativeVectors:
			b = append(b, '[')
			for i, v := range vectors {
				if i > 0 {
					b = append(b, ',')
				}
				b = append(b, v.raw...)
			}
			b = append(b, ']')
		case name == "data" && a.form == openaiVectors:
			b = appendItems(b, vectors)
		case name == "embedding" && a.form == legacyVector:
			b = append(b, vectors[0].raw...)
		case name == "model" && a.echoes(m.value, asked):
			b = append(b, mustJSON(model)...)
		case name == "prompt_eval_count" && a.form == nativeVectors && tokens >= 0:
			b = strconv.AppendInt(b, int64(tokens), 10)
		case name == "usage" && a.form == openaiVectors && tokens >= 0:
			b = appendUsage(b, m.value, tokens)
		default:
			b = append(b, m.value...)
		}
	}
	return append(append(b, '}'), a.tail...)
}

func (a *embedAnswer) echoes(value []byte, asked string) bool {
	c := cursor{text: value}
	name, err := c.str()
	return err == nil && a.form != legacyVector && unquote(name) == asked
}

func appendName(b, name []byte) []byte { return append(append(b, mustJSON(string(name))...), ':') }

func appendItems(b []byte, vectors []vector) []byte {
	b = append(b, '[')
	for i, v := range vectors {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		for j, m := range v.members {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendName(b, m.name)
			switch string(m.name) {
			case "embedding":
				b = append(b, v.raw...)
			case "index":
				b = strconv.AppendInt(b, int64(i), 10)
			default:
				b = append(b, m.value...)
			}
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendUsage writes usage with other counts of tokens; embeddings have no
// output, so the total is the prompt's.
func appendUsage(b, usage []byte, tokens int) []byte {
	c := cursor{text: usage}
	members, err := readMembers(&c)
	if err != nil {
		return append(b, usage...) // never: its count was read
	}
	b = append(b, '{')
	for i, m := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendName(b, m.name)
		switch string(m.name) {
		case "prompt_tokens", "total_tokens":
			b = strconv.AppendInt(b, int64(tokens), 10)
		default:
			b = append(b, m.value...)
		}
	}
	return append(b, '}')
}

package gateway

import "strconv"

// vector is what an engine gave for one text.
type vector struct {
	raw     []byte   // numbers in brackets, or base64 in quotes
	members []member // of its item, where the form has items
	tokens  int      // its share of the prompt's; -1 = not told
	exact   bool     // it was told for this text alone
	size    int      // numbers in it; in base64, characters
}

func (a *embedAnswer) readList(value []byte) error {
	c := cursor{text: value}
	err := c.array(func() error {
		c.next()
		start := c.at
		if err := c.skip(); err != nil {
			return err
		}
		v, err := readVector(a.form, value[start:c.at])
		a.vectors = append(a.vectors, v)
		return err
	})
	if err != nil {
		return errNotVectors
	}
	return nil
}

// readItems reads vectors that tell for which text they are, and puts them in
// the order of the texts.
func (a *embedAnswer) readItems(value []byte) error {
	c := cursor{text: value}
	places := map[int]vector{}
	n := 0
	err := c.array(func() error {
		members, err := readMembers(&c)
		if err != nil {
			return err
		}
		place := n
		n++
		v := vector{}
		for _, m := range members {
			switch string(m.name) {
			case "embedding":
				if v, err = readVector(a.form, m.value); err != nil {
					return err
				}
			case "index":
				if place, err = strconv.Atoi(string(m.value)); err != nil {
					return err
				}
			}
		}
		if _, taken := places[place]; taken || v.raw == nil {
			return errNotVectors
		}
		v.members = members
		places[place] = v
		return nil
	})
	if err != nil {
		return errNotVectors
	}
	for i := range n {
		v, ok := places[i]
		if !ok {
			return errNotVectors
		}
		a.vectors = append(a.vectors, v)
	}
	return nil
}

func readVector(form embedForm, value []byte) (vector, error) {
	c := cursor{text: value}
	v := vector{raw: value, tokens: -1}
	if form == openaiVectors && c.next() == '"' {
		text, err := c.str()
		if v.size = len(text); err != nil || v.size == 0 {
			return vector{}, errNotVectors
		}
		return v, nil
	}
	err := c.array(func() error {
		v.size++
		_, err := c.number()
		return err
	})
	if err != nil || v.size == 0 {
		return vector{}, errNotVectors
	}
	return v, nil
}

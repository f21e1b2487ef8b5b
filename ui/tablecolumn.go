package ui

// tableColumn is a column of a table.
type tableColumn struct {
	title  string
	sort   string  // what the rows are sorted by for a click on its head; "" = they are not
	width  float32 // at least
	grows  bool    // it shares what is left
	number bool    // at the right edge, and the most first
	rank   int     // where the room is short, those with the highest go first; 0 = it stays
}

// columnWidths are the widths of columns in a width; 0 = there is no room for it.
func columnWidths(columns []tableColumn, width float32) []float32 {
	widths := make([]float32, len(columns))
	out := 0 // ranks above are left out; those from 1 on
	for _, c := range columns {
		out = max(out, c.rank)
	}
	for {
		need, grow := -float32(columnGap), 0
		for i, c := range columns {
			widths[i] = 0
			if c.rank > out {
				continue
			}
			widths[i] = c.width
			if c.grows {
				widths[i] = max(c.width, leastGrown)
				grow++
			}
			need += widths[i] + columnGap
		}
		if need > width && out > 0 {
			out--
			continue
		}
		if grow > 0 && width > need {
			for i, c := range columns {
				if c.grows && c.rank <= out {
					widths[i] += (width - need) / float32(grow)
				}
			}
		}
		return widths
	}
}

package fit

// Table is what a model takes now, and what it would take with other numbers of
// slots of the same context.
type Table struct {
	Engine  string `json:"engine"`
	Model   string `json:"model"`
	Now     Fit    `json:"now"`
	Rows    []Fit  `json:"rows"`    // by slots
	Largest int    `json:"largest"` // of Rows, the most slots that fit; 0 = none does, or it is not known
}

// NewTable looks at 1, 2, 4, 8 and 16 slots, of which the engine runs at most so
// many of the model at once (0 = no bound).
func NewTable(now Fit, m Model, free Free, most int) Table {
	t := Table{Engine: now.Engine, Model: now.Model, Now: now, Rows: []Fit{}}
	if !now.Known {
		return t
	}
	for slots := 1; slots <= 16; slots *= 2 {
		if most > 0 && slots > most {
			break
		}
		f := Judge(m, NewNeed(m, slots, now.Context), free)
		f.Engine, f.Model = now.Engine, now.Model
		t.Rows = append(t.Rows, f)
		if f.Judged && f.Fits {
			t.Largest = slots
		}
	}
	return t
}

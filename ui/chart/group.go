package chart

// Group is charts with a common cross-hair: what the pointer or a key does in
// one shows the values at the same x in all. It belongs to Fyne's goroutine.
type Group struct{ charts []*Chart }

// NewGroup returns a group without charts.
func NewGroup() *Group { return &Group{} }

// Add makes a chart a member. A chart is in one group at the most.
func (g *Group) Add(charts ...*Chart) {
	for _, c := range charts {
		c.group = g
		g.charts = append(g.charts, c)
	}
}

// show has all but the one that asks show their values at x.
func (g *Group) show(by *Chart, x float64) {
	if g == nil {
		return
	}
	for _, c := range g.charts {
		if c != by {
			c.cross.join(c, x)
		}
	}
}

// hide ends what show began.
func (g *Group) hide(by *Chart) {
	if g == nil {
		return
	}
	for _, c := range g.charts {
		if c != by {
			c.cross.by = nobody
			c.cross.hide()
		}
	}
}

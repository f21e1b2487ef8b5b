// Package advice says in a sentence with figures what would make better use of the
// GPU, and which one setting does it. It is pure: figures in, advice out.
package advice

// Advice is one card.
type Advice struct {
	Kind  string `json:"kind"`  // slots, queue, small, slow, …: one of each at the most
	Title string `json:"title"` // "Queue is deep: 12 on average"
	Text  string `json:"text"`  // with the figures that it comes from

	// What the button does: set Key to Value, or show how to change Engine; both
	// empty = there is nothing to do.
	Button string `json:"button"` // "Apply 6"
	Key    string `json:"key"`
	Value  string `json:"value"`
	Engine string `json:"engine"`
}

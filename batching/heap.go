package batching

// heap is a binary heap with the least item first. Unlike container/heap it can
// be copied and taken apart without its items noticing, which is how a forecast
// looks ahead.
type heap[T any] struct {
	items []T
	less  func(a, b T) bool
	moved func(item T, to int) // hears of an item's new place; nil = nobody does
}

func (h *heap[T]) push(x T) {
	h.items = append(h.items, x)
	h.up(len(h.items) - 1)
}

// remove takes out the item at i.
func (h *heap[T]) remove(i int) T {
	last := len(h.items) - 1
	h.items[i], h.items[last] = h.items[last], h.items[i]
	out := h.items[last]
	var none T
	h.items[last] = none
	h.items = h.items[:last]
	if i < last {
		h.fix(i)
	}
	return out
}

// fix puts the item at i where its changed value belongs.
func (h *heap[T]) fix(i int) {
	if !h.down(i) {
		h.up(i)
	}
}

func (h *heap[T]) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.less(h.items[i], h.items[parent]) {
			break
		}
		h.swap(i, parent)
		i = parent
	}
	h.tell(i)
}

// down tells whether the item moved.
func (h *heap[T]) down(i int) bool {
	from := i
	for {
		least := 2*i + 1
		if least >= len(h.items) {
			break
		}
		if right := least + 1; right < len(h.items) && h.less(h.items[right], h.items[least]) {
			least = right
		}
		if !h.less(h.items[least], h.items[i]) {
			break
		}
		h.swap(i, least)
		i = least
	}
	h.tell(i)
	return i != from
}

func (h *heap[T]) swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	h.tell(i)
	h.tell(j)
}

func (h *heap[T]) tell(i int) {
	if h.moved != nil {
		h.moved(h.items[i], i)
	}
}

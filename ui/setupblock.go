package ui

import (
	"slices"

	"fyne.io/fyne/v2"
)

// setupBlock is a control with what it is and what it does.
type setupBlock struct {
	name    *text
	control fyne.CanvasObject
	height  float32
	help    *text // nil = none
}

func (b setupBlock) heightFor(width float32) float32 {
	h := setupLabel + b.height
	if b.help != nil {
		h += gapTiny + b.help.heightFor(width)
	}
	return h
}

// setupRows divides the blocks into lines for a width.
func setupRows(blocks []setupBlock, width float32) (rows [][]setupBlock, each float32) {
	columns := 1
	if width >= setupTwo {
		columns = 2
	}
	return slices.Collect(slices.Chunk(blocks, columns)), (width - float32(columns-1)*gapLarge) / float32(columns)
}

func rowOf(blocks []setupBlock, width float32) (height float32) {
	for _, b := range blocks {
		height = max(height, b.heightFor(width))
	}
	return height
}

package ui

import (
	"slices"
	"strings"
)

// fit leaves out lines until all fit in room: first models that are not loaded,
// then all but the beginning of remarks, what models take if they fit the GPU,
// loaded models, remarks that tell of no trouble, what models take, remarks that
// tell of trouble, and engines; of each the last ones first. A remark with a button
// stays with its engine, and one engine stays.
func fit(blocks []engineBlock, room float32, height func(engineLine) float32) []engineLine {
	blocks = slices.Clone(blocks)
	var out leftOut
	for i := range blocks {
		if b := &blocks[i]; len(b.models) > maxModels {
			out.models += len(b.models) - (maxModels - 1)
			b.models = b.models[:maxModels-1]
		}
	}
	for {
		lines, total := joined(blocks, out), float32(0)
		for _, l := range lines {
			total += height(l)
		}
		if total <= room || !out.shorten(&blocks) {
			return lines
		}
	}
}

// leftOut counts what fit has left out.
type leftOut struct{ engines, models int }

// shorten leaves out the next line; it reports whether there was one.
func (o *leftOut) shorten(blocks *[]engineBlock) bool {
	all := *blocks
	last := func(may func(engineBlock) bool) *engineBlock {
		for i := range slices.Backward(all) {
			if may(all[i]) {
				return &all[i]
			}
		}
		return nil
	}
	if b := last(func(b engineBlock) bool { return len(b.models) > b.loaded }); b != nil {
		o.cutModel(b)
		return true
	}
	if b := last(func(b engineBlock) bool { return b.detail.name != "" && !b.detail.short }); b != nil {
		b.detail.short = true
		return true
	}
	if b := last(func(b engineBlock) bool { return b.memory.name != "" && !b.memory.short }); b != nil {
		b.memory.short = true
		return true
	}
	if b := last(func(b engineBlock) bool { return b.memory.name != "" && !b.memory.warns }); b != nil {
		b.memory.name = ""
		return true
	}
	if b := last(func(b engineBlock) bool { return len(b.models) > 0 }); b != nil {
		o.cutModel(b)
		return true
	}
	for _, keep := range []bool{false, true} {
		if b := last(func(b engineBlock) bool { return keep && b.memory.name != "" }); b != nil {
			b.memory.name = ""
			return true
		}
		idle := func(b engineBlock) bool { return b.detail.name != "" && b.detail.action == action{} && b.keep == keep }
		if b := last(idle); b != nil {
			b.detail.name = ""
			return true
		}
	}
	if len(all) < 2 {
		return false
	}
	o.engines++
	*blocks = all[:len(all)-1]
	return true
}

func (o *leftOut) cutModel(b *engineBlock) {
	last := len(b.models) - 1
	if b.models[last].kind == ofModel { // and not a word on why there is none
		o.models++
	}
	b.models = b.models[:last]
}

// joined are the lines of the blocks, and one for what was left out.
func joined(blocks []engineBlock, out leftOut) []engineLine {
	var lines []engineLine
	for _, b := range blocks {
		lines = append(lines, b.head)
		if b.detail.name != "" {
			lines = append(lines, b.detail)
		}
		lines = append(lines, b.models...)
		if b.memory.name != "" {
			lines = append(lines, b.memory)
		}
	}
	var more []string
	if out.engines > 0 {
		more = append(more, plural(out.engines, "more engine", "more engines"))
	}
	if out.models > 0 {
		more = append(more, plural(out.models, "more model", "more models"))
	}
	if len(more) > 0 {
		lines = append(lines, engineLine{kind: ofRest, id: "rest", name: "and " + strings.Join(more, ", ")})
	}
	if len(lines) == 0 {
		lines = []engineLine{{kind: ofRest, id: "rest", name: "No engine yet. Start Ollama, and it appears here."}}
	}
	return lines
}

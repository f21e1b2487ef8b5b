package backends

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
)

// ReadModelFile reads what the head of a GGUF file tells of a model. It is own
// code, because readers that are kept take as much memory as a broken file asks
// for, or pull in an engine.
func ReadModelFile(path string) (ModelMemory, error) {
	f, err := os.Open(path) //nolint:gosec // the file that a local engine has loaded
	if err != nil {
		return ModelMemory{}, fmt.Errorf("model file: %w", err)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return ModelMemory{}, fmt.Errorf("model file: %s is none", path)
	}
	kv, tensors, err := readGGUF(f)
	if err != nil {
		return ModelMemory{}, fmt.Errorf("model file %s: %w", path, err)
	}
	return newModelMemory(kv, tensors), nil
}

// Bounds of a head that is believed.
const (
	mostPairs   = 1 << 16
	mostTensors = 1 << 20
	mostText    = 1 << 10 // bytes of a text that is kept; longer ones are passed over
	mostList    = 1 << 12 // items of a list that is kept, the same
	mostDims    = 8
)

var errNoGGUF = errors.New("not a GGUF file that can be read")

// readGGUF reads the pairs and the shapes of tensors at the head of a file, but
// for long texts and lists, such as the vocabulary.
func readGGUF(r io.Reader) (metadata, []tensor, error) {
	g := ggufReader{r: bufio.NewReaderSize(r, 1<<16)}
	magic, version := g.number(4), g.number(4)
	count, pairs := g.number(8), g.number(8)
	const littleEndian = 0x46554747 // "GGUF"
	if g.err == nil && (magic != littleEndian || version < 2 || version > 3 || count > mostTensors || pairs > mostPairs) {
		g.err = errNoGGUF
	}
	kv := metadata{}
	for ; pairs > 0 && g.err == nil; pairs-- {
		key := g.text()
		kv[key] = g.value(g.number(4))
	}
	var tensors []tensor
	for ; count > 0 && g.err == nil; count-- {
		t := tensor{name: g.text()}
		dims := g.number(4)
		if dims > mostDims {
			g.err = errNoGGUF
		}
		for ; dims > 0 && g.err == nil; dims-- {
			t.shape = append(t.shape, g.number(8))
		}
		g.skip(4 + 8) // type and offset
		tensors = append(tensors, t)
	}
	return kv, tensors, g.err
}

// ggufReader reads little-endian values and remembers the first error.
type ggufReader struct {
	r   *bufio.Reader
	err error
}

// number reads an unsigned one of so many bytes, 8 at the most.
func (g *ggufReader) number(size int) uint64 {
	var b [8]byte
	if g.err == nil {
		_, g.err = io.ReadFull(g.r, b[:size])
	}
	if g.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b[:])
}

func (g *ggufReader) skip(n uint64) {
	if g.err == nil && n > math.MaxInt32 {
		g.err = errNoGGUF
	}
	if g.err == nil {
		_, g.err = g.r.Discard(int(n))
	}
}

// text reads one; of a long one nothing is kept.
func (g *ggufReader) text() string {
	n := g.number(8)
	if n > mostText {
		g.skip(n)
		return ""
	}
	var b strings.Builder
	if g.err == nil {
		_, g.err = io.CopyN(&b, g.r, int64(n))
	}
	return b.String()
}

// Types of values.
const (
	ggufInt8, ggufInt16, ggufInt32, ggufInt64 = 1, 3, 5, 11
	ggufFloat32, ggufFloat64                  = 6, 12
	ggufBool, ggufText, ggufList              = 7, 8, 9
)

// ggufSizes are the bytes of a value of each type; 0 = they differ.
var ggufSizes = [...]int{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}

// value reads one of a type as JSON would have it, but for integers.
func (g *ggufReader) value(kind uint64) any {
	switch kind {
	case ggufText:
		return g.text()
	case ggufList:
		return g.list(g.number(4), g.number(8))
	}
	if kind >= uint64(len(ggufSizes)) {
		g.err = errNoGGUF
		return nil
	}
	v := g.number(ggufSizes[kind])
	switch kind {
	case ggufBool:
		return v != 0
	case ggufFloat32:
		return float64(math.Float32frombits(uint32(v)))
	case ggufFloat64:
		return math.Float64frombits(v)
	case ggufInt8:
		return float64(int8(v))
	case ggufInt16:
		return float64(int16(v))
	case ggufInt32:
		return float64(int32(v))
	case ggufInt64:
		return float64(int64(v))
	}
	return v
}

// list reads one; of a long one, and of one of lists, nothing is kept.
func (g *ggufReader) list(kind, n uint64) any {
	switch {
	case g.err != nil:
	case kind >= uint64(len(ggufSizes)) || kind == ggufList || n > math.MaxInt32:
		g.err = errNoGGUF
	case n <= mostList:
		list := []any{}
		for ; n > 0 && g.err == nil; n-- {
			list = append(list, g.value(kind))
		}
		return list
	case kind == ggufText:
		for ; n > 0 && g.err == nil; n-- {
			g.skip(g.number(8))
		}
	default:
		g.skip(n * uint64(ggufSizes[kind]))
	}
	return nil
}

package gguf

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math"
	"math/rand/v2"
)

// Type is how a tensor's numbers are stored.
type Type uint32

// The types that this package writes.
const (
	F32 Type = 0 // 4 bytes each
	F16 Type = 1 // 2 bytes each
	Q80 Type = 8 // blocks of 32 that share a scale, 34 bytes each
)

const blockLen = 32 // numbers in a block of Q80

// Tensor is described by the distribution of its numbers: even over
// Mean ± √3·Std, unless Ones says what they are.
type Tensor struct {
	Name  string
	Type  Type
	Shape []int // Shape[0] is the length of a row
	Mean  float32
	Std   float32
	Blank int     // this many rows at the start are zero
	Ones  [][]int // of each row, the columns that are one; the others are zero. nil = drawn
}

func (t Tensor) size() (uint64, error) {
	if len(t.Shape) == 0 {
		return 0, errors.New("no shape")
	}
	n := uint64(1)
	for _, d := range t.Shape {
		if d < 1 {
			return 0, errors.New("empty shape")
		}
		n *= uint64(d)
	}
	switch t.Type {
	case F32:
		return n * 4, nil
	case F16:
		return n * 2, nil
	case Q80:
		if t.Shape[0]%blockLen != 0 {
			return 0, errors.New("row is not a multiple of 32")
		}
		return n / blockLen * (2 + blockLen), nil
	}
	return 0, errors.New("unknown type")
}

// write draws and encodes one row at a time, so that a model need not fit in
// memory. Each tensor has its own stream of random numbers: changing one leaves
// the others as they are.
func (t Tensor) write(e *encoder, seed uint64) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.Name))
	r := rand.New(rand.NewPCG(seed, h.Sum64()))
	rows := 1
	for _, d := range t.Shape[1:] {
		rows *= d
	}
	row := make([]float32, t.Shape[0])
	var b []byte
	for i := range rows {
		switch {
		case t.Ones != nil:
			clear(row)
			for _, column := range t.Ones[i] {
				row[column] = 1
			}
		case i < t.Blank:
			clear(row)
		default:
			t.draw(row, r)
		}
		b = encodeRow(b[:0], t.Type, row)
		e.bytes(b)
	}
}

func (t Tensor) draw(row []float32, r *rand.Rand) {
	step := t.Std * float32(math.Sqrt(3)) / (1 << 15)
	for i := 0; i < len(row); i += 4 {
		bits := r.Uint64()
		for j := i; j < min(i+4, len(row)); j++ {
			row[j] = t.Mean + step*float32(int16(bits))
			bits >>= 16
		}
	}
}

func encodeRow(b []byte, t Type, row []float32) []byte {
	switch t {
	case F16:
		for _, x := range row {
			b = binary.LittleEndian.AppendUint16(b, half(x))
		}
	case Q80:
		for ; len(row) > 0; row = row[blockLen:] {
			b = encodeBlock(b, row[:blockLen])
		}
	default:
		for _, x := range row {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
	}
	return b
}

func encodeBlock(b []byte, block []float32) []byte {
	var top float32
	for _, x := range block {
		top = max(top, x, -x)
	}
	scale := top / 127
	b = binary.LittleEndian.AppendUint16(b, half(scale))
	for _, x := range block {
		var q int8
		if scale > 0 {
			q = int8(math.Round(float64(x / scale)))
		}
		b = append(b, byte(q))
	}
	return b
}

// half converts to IEEE 754 half precision, rounding half up. What is too small
// for a normal number becomes zero, what is too large infinite.
func half(x float32) uint16 {
	bits := math.Float32bits(x)
	sign := uint16(bits>>16) & 0x8000
	bits = bits&0x7fffffff + 0x1000 // half of the last place that is kept
	switch {
	case bits < (127-14)<<23:
		return sign
	case bits >= (127+16)<<23:
		return sign | 0x7c00
	}
	return sign | uint16((bits-(127-15)<<23)>>13)
}

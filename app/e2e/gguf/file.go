// Package gguf writes small language models with seeded random weights in the
// GGUF v3 format, so that tests can run a real engine without a download. The
// same description always gives the same bytes. What such a model says is
// noise; how the engine loads, runs and streams it is real.
package gguf

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	magic     = "GGUF"
	version   = 3
	alignment = 32 // bytes; the format's default for tensor data
)

// File is a model: what the engine must know about it, and its tensors.
type File struct {
	Seed    uint64 // of all random weights
	Pairs   []Pair
	Tensors []Tensor
}

// Pair is one entry of the metadata. Value is a string, bool, uint32, float32,
// []string, []float32 or []int32.
type Pair struct {
	Key   string
	Value any
}

// valueType is how the format tags a metadata value.
type valueType uint32

const (
	typeUint32  valueType = 4
	typeInt32   valueType = 5
	typeFloat32 valueType = 6
	typeBool    valueType = 7
	typeString  valueType = 8
	typeArray   valueType = 9
)

// WriteTo implements io.WriterTo.
func (f File) WriteTo(w io.Writer) (int64, error) {
	e := &encoder{w: bufio.NewWriterSize(w, 1<<20)}
	e.bytes([]byte(magic))
	e.number(uint32(version))
	e.number(uint64(len(f.Tensors)))
	e.number(uint64(len(f.Pairs)))
	for _, p := range f.Pairs {
		e.text(p.Key)
		e.value(p.Value)
	}
	var offset uint64
	for _, t := range f.Tensors {
		size, err := t.size()
		if err != nil {
			return e.n, fmt.Errorf("tensor %s: %w", t.Name, err)
		}
		e.text(t.Name)
		e.number(uint32(len(t.Shape)))
		for _, n := range t.Shape {
			e.number(uint64(n))
		}
		e.number(uint32(t.Type))
		e.number(offset)
		offset += aligned(size)
	}
	for _, t := range f.Tensors {
		e.pad()
		t.write(e, f.Seed)
	}
	e.pad()
	if e.err == nil {
		e.err = e.w.Flush()
	}
	return e.n, e.err
}

func aligned(n uint64) uint64 { return (n + alignment - 1) / alignment * alignment }

// encoder writes little-endian values and remembers the first error.
type encoder struct {
	w   *bufio.Writer
	n   int64
	err error
}

func (e *encoder) bytes(b []byte) {
	if e.err != nil {
		return
	}
	n, err := e.w.Write(b)
	e.n += int64(n)
	e.err = err
}

// number writes a value of fixed size.
func (e *encoder) number(v any) {
	if e.err != nil {
		return
	}
	b, err := binary.Append(nil, binary.LittleEndian, v)
	if err != nil {
		e.err = err
		return
	}
	e.bytes(b)
}

func (e *encoder) text(s string) {
	e.number(uint64(len(s)))
	e.bytes([]byte(s))
}

func (e *encoder) pad() {
	e.bytes(make([]byte, aligned(uint64(e.n))-uint64(e.n)))
}

func (e *encoder) value(v any) {
	switch v := v.(type) {
	case uint32:
		e.number(typeUint32)
		e.number(v)
	case float32:
		e.number(typeFloat32)
		e.number(v)
	case bool:
		e.number(typeBool)
		e.number(v)
	case string:
		e.number(typeString)
		e.text(v)
	case []string:
		e.array(typeString, len(v))
		for _, s := range v {
			e.text(s)
		}
	case []float32:
		e.array(typeFloat32, len(v))
		e.number(v)
	case []int32:
		e.array(typeInt32, len(v))
		e.number(v)
	default:
		if e.err == nil {
			e.err = fmt.Errorf("metadata of type %T", v)
		}
	}
}

func (e *encoder) array(t valueType, n int) {
	e.number(typeArray)
	e.number(t)
	e.number(uint64(n))
}

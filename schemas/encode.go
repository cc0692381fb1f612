package schemas

import (
	"encoding/binary"
	"math"
)

// Value is a pointer to a generated type.
type Value interface {
	// AppendAvro appends the Avro binary encoding, without a schema id, to dst.
	// It is deterministic: map keys are sorted.
	AppendAvro(dst []byte) []byte
}

func appendDouble(dst []byte, x float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
}

func appendBool(dst []byte, x bool) []byte {
	if x {
		return append(dst, 1)
	}
	return append(dst, 0)
}

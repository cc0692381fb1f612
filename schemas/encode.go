package schemas

import (
	"encoding/binary"
	"math"
	"time"
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

func appendText(dst []byte, x string) []byte {
	return append(binary.AppendVarint(dst, int64(len(x))), x...)
}

// appendOptionalString appends null for "".
func appendOptionalString(dst []byte, x string) []byte {
	if x == "" {
		return append(dst, 0)
	}
	return appendText(append(dst, 2), x)
}

// appendOptionalTime appends null for the zero time.
func appendOptionalTime(dst []byte, x time.Time) []byte {
	if x.IsZero() {
		return append(dst, 0)
	}
	return binary.AppendVarint(append(dst, 2), x.UnixMilli())
}

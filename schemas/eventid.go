package schemas

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// EventID returns an id of 32 hexadecimal digits for what parts identify: the
// same parts give the same id for ever, and other parts another one. Name the
// kind of thing first, and where the parts come from: what is unique in one
// cluster, topic or account only needs its name.
func EventID(parts ...string) string {
	content := make([]byte, 0, 256) // on the stack, where that is enough
	for _, part := range parts {    // with lengths, so that no two lists read the same
		content = strconv.AppendInt(content, int64(len(part)), 10)
		content = append(append(content, ':'), part...)
	}
	return ContentID(content)
}

// ContentID returns an id of 32 hexadecimal digits for content: half of its SHA-256.
func ContentID(content []byte) string {
	sum := sha256.Sum256(content)
	var id [32]byte
	hex.Encode(id[:], sum[:len(id)/2])
	return string(id[:])
}

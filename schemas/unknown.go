package schemas

import "errors"

// ErrUnknownKind says that a value is of a kind that this version does not have where it
// stands: a later version wrote it. An entry of the state is then left as it is
// (docs/ARCHITECTURE.md, "Versions that run together"); any other record is a dead letter.
var ErrUnknownKind = errors.New("this version does not know the kind: a later one wrote it")

package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/sellerstream/sellerstream/schemas"
)

// Keys of the runtime in a state topic, for who carries a state elsewhere.
const (
	ReservedKey    = reservedKey // begins all of them
	ClaimKey       = claimKey
	PositionPrefix = positionPrefix // before the logical name of the input
	// ImportedKey holds a schemas.Imported where the state was carried here.
	ImportedKey = "@imported"
)

// takeImported takes what an import says of the state: a half is not begun with, and the
// ids of events go on as where the state comes from.
func (s *session) takeImported(ctx context.Context, entry stateEntry) error {
	value, err := s.decodeState(ctx, ImportedKey, entry.value)
	imported, ok := value.(*schemas.Imported)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return s.unreadable(ImportedKey, err)
	case !ok:
		return s.unreadable(ImportedKey, fmt.Errorf("it is a %T", value))
	case !imported.Finished:
		return stopf(StateUnreadable, s.opts.Remedies.Import, "%w", errors.New("the state was imported in part only"))
	}
	s.namespace = imported.Namespace
	return nil
}

package stream

import (
	"hash/maphash"

	"github.com/sellerstream/sellerstream/schemas"
)

// maxCarried is how many entries of its state a unit carries along that this version does
// not know. Only their keys' hashes are held, so that many take about 25 MB.
const maxCarried = 1 << 20

// carried are the entries of a unit's state that this version does not know. They stay in
// the topic as their version wrote them: what nobody writes anew, compaction keeps. The
// keys are remembered, so that nothing is written over them (9).
type carried struct {
	seed  maphash.Seed
	keys  map[uint64]struct{}
	first error // what is said of one of them
	key   string
}

// add notes an entry, and reports whether there was room.
func (c *carried) add(key string, why error) bool {
	if c.keys == nil {
		*c = carried{seed: maphash.MakeSeed(), keys: make(map[uint64]struct{}), first: why, key: key}
	}
	if len(c.keys) >= maxCarried {
		return false
	}
	c.keys[maphash.String(c.seed, key)] = struct{}{}
	return true
}

// has reports whether an entry of that key is carried along.
func (c *carried) has(key string) bool {
	if len(c.keys) == 0 {
		return false
	}
	_, ok := c.keys[maphash.String(c.seed, key)]
	return ok
}

// tell shows how many there are.
func (c *carried) tell(s *session) {
	s.u.carried.Store(int64(len(c.keys)))
	if len(c.keys) > 0 {
		s.log.Warn("the state has entries of a later version: they are left as they are, for the version that knows them",
			"entries", len(c.keys), "one_of_them", schemas.Brief(c.key), "because", c.first)
	}
}

const runLater = "run the version that wrote the state, or a later one; UPGRADING.md says how versions go together"

func (s *session) tooManyCarried() error {
	return stopf(StateUnreadable, runLater, "state topic %s, partition %d has more than %d entries that this version does not know, such as %s: %w",
		s.opts.topic(s.opts.State), s.u.partition, maxCarried, schemas.Brief(s.carried.key), s.carried.first)
}

// overwrites stops the unit before it writes over an entry that it does not know. Its
// calls for that work start only after what they intend is written (5), so none is made.
func (s *session) overwrites(key string) error {
	logical, key := s.opts.stateTopic(key)
	return stopf(StateUnreadable, runLater, "state topic %s, partition %d: a later version has written key %s, and what it says is not known here, so that nothing may be written over it",
		s.opts.topic(logical), s.u.partition, schemas.Brief(key))
}

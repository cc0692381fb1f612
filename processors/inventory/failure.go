package inventory

import (
	"time"
	"unique"

	"github.com/sellerstream/sellerstream/schemas"
)

// failure is why the newest update of a SKU ended FAILED: what `accounts` and
// `doctor` show until it is sent again or a newer one comes (containment rule 5).
type failure struct {
	time          millis
	code, message string
	partition     int32
	offset        int64 // below 0 where no record of this log did it
}

// failed notes that u was given up. One that is not the newest, because Amazon has
// rejected the newest meanwhile, cannot be sent again.
func (s *sku) failed(now time.Time, u *update, why verdict) {
	if u.stamp != s.newest {
		return
	}
	s.failure = &failure{millisOf(now), shared(schemas.Brief(why.code)), shared(schemas.Brief(why.message)), u.partition, u.offset}
}

// shared is the one copy of a text: a feed that fails does so for thousands of SKUs
// with the same words.
func shared(text string) string { return unique.Make(text).Value() }

func (f *failure) state() *schemas.Failure {
	if f == nil {
		return nil
	}
	return schemas.FailureOf(f.time.time(), f.code, f.message, f.partition, f.offset)
}

func restoredFailure(s *schemas.Failure) *failure {
	if s == nil {
		return nil
	}
	f := &failure{time: millisOf(s.Time), code: shared(s.Code), message: shared(s.Message), offset: -1}
	if s.SourcePartition != nil && s.SourceOffset != nil {
		f.partition, f.offset = *s.SourcePartition, *s.SourceOffset
	}
	return f
}

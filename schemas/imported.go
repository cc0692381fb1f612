package schemas

import "time"

// An imported state names offsets of the log that it comes from, and an offset of the
// present log must never be taken for one of those: it decides which of two updates with
// equal times is the newer. So the import sets them below all that a log has.
const importedBelow = 1 << 48

// ImportedOffset is what stands for an offset once the state is imported. It keeps their
// order, over several imports too.
func ImportedOffset(offset int64) int64 { return offset - importedBelow }

// SourceOffset is the offset that a record had in its own log, whether its state was
// imported or not: what outcomes say.
func SourceOffset(offset int64) int64 { return offset & (importedBelow - 1) }

// FailureOf is work that was given up. It names its record where that is in the log that
// is read now, from which it can be replayed.
func FailureOf(when time.Time, code, message string, partition int32, offset int64) *Failure {
	f := &Failure{Time: when, Code: code, Message: message}
	if offset >= 0 {
		f.SourcePartition, f.SourceOffset = &partition, &offset
	}
	return f
}

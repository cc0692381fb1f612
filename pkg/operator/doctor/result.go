package doctor

import (
	"fmt"
	"time"
)

// Status is how a check ended.
type Status string

// The statuses, from good to bad.
const (
	OK      Status = "ok"
	Skipped Status = "skipped" // could not be looked at, see Found
	Warning Status = "warning" // works, or may work, but see Cause and Fix
	Failed  Status = "failed"  // does not work until the Fix is made
)

// Finding is what a check found.
type Finding struct {
	Status Status `json:"status"`
	Found  string `json:"found,omitempty"` // what is there
	Cause  string `json:"cause,omitempty"` // why it is wrong
	Fix    string `json:"fix,omitempty"`   // what to do about it
	Key    string `json:"key,omitempty"`   // where in the configuration to do it
}

// Result is one check of one part.
type Result struct {
	Part  string `json:"part"`           // such as "queue"
	Name  string `json:"name,omitempty"` // which one, where there are several
	Check string `json:"check"`
	Finding
}

// Report is everything that was examined, in the order in which it is shown.
type Report struct {
	Results []Result
	Took    time.Duration
}

// Count is how many checks ended with a status.
func (r Report) Count(s Status) int {
	n := 0
	for i := range r.Results {
		if r.Results[i].Status == s {
			n++
		}
	}
	return n
}

// Healthy reports whether nothing failed.
func (r Report) Healthy() bool { return r.Count(Failed) == 0 }

// Parts, as results name them.
const (
	partConfiguration = "configuration"
	partKafka         = "kafka"
	partRegistry      = "registry"
	partAWS           = "aws"
	partClocks        = "clocks"
	partQueue         = "queue"
	partEvents        = "events"
	partRole          = "role"
	partApplication   = "application"
	partAccount       = "account"
)

func good(format string, args ...any) Finding {
	return Finding{Status: OK, Found: fmt.Sprintf(format, args...)}
}

func skip(format string, args ...any) Finding {
	return Finding{Status: Skipped, Found: fmt.Sprintf(format, args...)}
}

func fail(found, cause, fix string) Finding {
	return Finding{Status: Failed, Found: found, Cause: cause, Fix: fix}
}

func warn(found, cause, fix string) Finding {
	return Finding{Status: Warning, Found: found, Cause: cause, Fix: fix}
}

// at returns where in the configuration the fix is made.
func (f Finding) at(format string, args ...any) Finding {
	if f.Status == Failed || f.Status == Warning {
		f.Key = fmt.Sprintf(format, args...)
	}
	return f
}

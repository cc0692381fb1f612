package config

import (
	"fmt"
	"sort"
	"strings"
)

// Fault is one thing that is wrong, where it stands, and what to write instead.
type Fault struct {
	Line    int    // 1 is the first line; 0 when the key is missing altogether
	Path    string // such as "accounts[2].region"
	Message string
}

// Faults is everything that is wrong with a file. It is the error of Load.
type Faults struct {
	File  string
	Found []Fault
}

// Error lists the faults, one a line, in the form that editors can jump to.
func (f *Faults) Error() string {
	var b strings.Builder
	for i, fault := range f.Found {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.File)
		if fault.Line > 0 {
			fmt.Fprintf(&b, ":%d", fault.Line)
		}
		b.WriteString(": ")
		if fault.Path != "" {
			b.WriteString(fault.Path + ": ")
		}
		b.WriteString(fault.Message)
	}
	return b.String()
}

// maxFaults is how many are worth reading.
const maxFaults = 200

func (f *Faults) add(line int, path, format string, args ...any) {
	if len(f.Found) >= maxFaults {
		return
	}
	f.Found = append(f.Found, Fault{Line: line, Path: path, Message: fmt.Sprintf(format, args...)})
}

// orNil is f as an error, sorted by line, or nil when nothing is wrong.
func (f *Faults) orNil() error {
	if len(f.Found) == 0 {
		return nil
	}
	sort.SliceStable(f.Found, func(i, j int) bool { return f.Found[i].Line < f.Found[j].Line })
	return f
}

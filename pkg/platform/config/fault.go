package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong, where it stands, and what to write instead.
type Fault struct {
	File    string `json:"file"` // "" for the file that Faults names
	Line    int    `json:"line"` // 1 is the first line; 0 when the key is missing altogether
	Path    string `json:"path"` // such as "accounts[2].region"
	Message string `json:"message"`
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
		b.WriteString(cmp.Or(fault.File, f.File))
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

// place is where something stands in a file.
type place struct {
	file string
	line int
	path string
}

// at adds what is wrong with a key of what stands at a place; "" for itself.
func (f *Faults) at(p place, key, format string, args ...any) {
	if len(f.Found) < maxFaults {
		f.Found = append(f.Found, Fault{File: p.file, Line: p.line, Path: join(p.path, key), Message: fmt.Sprintf(format, args...)})
	}
}

// once is at, unless something is known to be wrong there.
func (f *Faults) once(p place, key, says string) {
	for _, fault := range f.Found {
		if cmp.Or(fault.File, f.File) == p.file && fault.Path == join(p.path, key) {
			return
		}
	}
	f.at(p, key, "%s", says)
}

// take adds what is wrong with another file.
func (f *Faults) take(other *Faults) {
	for _, fault := range other.Found {
		if len(f.Found) >= maxFaults {
			return
		}
		fault.File = cmp.Or(fault.File, other.File)
		f.Found = append(f.Found, fault)
	}
}

// orNil is f as an error, sorted by file and line, or nil when nothing is wrong.
func (f *Faults) orNil() error {
	if len(f.Found) == 0 {
		return nil
	}
	slices.SortStableFunc(f.Found, func(a, b Fault) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return f
}

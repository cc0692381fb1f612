package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// container is a cgroup with a limit of memory, as a container has one: version 2 where
// the machine has it, else version 1.
type container struct {
	dir   string
	limit int64 // bytes
	names names
}

// names are the files of a version.
type names struct{ limit, most, kills string }

var versions = map[string]names{
	"/sys/fs/cgroup":        {"memory.max", "memory.peak", "memory.events"},
	"/sys/fs/cgroup/memory": {"memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control"},
}

// newContainer makes a cgroup. It needs root.
func newContainer(limit int64) (*container, error) {
	var faults []error
	for root, names := range versions {
		c := &container{dir: filepath.Join(root, "sellerstream-"+strconv.Itoa(os.Getpid())), limit: limit, names: names}
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
			faults = append(faults, err)
			continue
		}
		if err := os.Mkdir(c.dir, 0o755); err != nil {
			faults = append(faults, err)
			continue
		}
		err := os.WriteFile(filepath.Join(c.dir, names.limit), strconv.AppendInt(nil, limit, 10), 0o600)
		if err == nil {
			return c, nil
		}
		faults = append(faults, err, c.remove())
	}
	return nil, fmt.Errorf("a cgroup with a limit of memory cannot be made, which root may: %w", errors.Join(faults...))
}

// add moves a process that has just begun into the cgroup.
func (c *container) add(pid int) error {
	return os.WriteFile(filepath.Join(c.dir, "cgroup.procs"), strconv.AppendInt(nil, int64(pid), 10), 0o600)
}

// most is the most memory that it had, what the kernel keeps of files for it included.
func (c *container) most() (int64, error) {
	text, err := os.ReadFile(filepath.Join(c.dir, c.names.most))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

// kills is how many processes the kernel has ended there since memory was short.
func (c *container) kills() (int, error) {
	text, err := os.ReadFile(filepath.Join(c.dir, c.names.kills))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return strconv.Atoi(strings.TrimSpace(n))
		}
	}
	return 0, fmt.Errorf("%s does not tell kills", c.names.kills)
}

func (c *container) remove() error { return os.Remove(c.dir) }

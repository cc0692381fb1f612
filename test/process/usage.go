package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of times in /proc/PID/stat (sysconf(_SC_CLK_TCK)), 100 a
// second on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// Usage is what a process has cost so far.
type Usage struct {
	RSS    int64         // resident memory now, in bytes
	MaxRSS int64         // the most that it was
	CPU    time.Duration // user and system time since its start
}

// Usage is UsageOf the process.
func (p *Process) Usage() (Usage, error) { return UsageOf(p.cmd.Process.Pid) }

// UsageOf reads what a process has cost from /proc, which only Linux has.
func UsageOf(pid int) (Usage, error) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	stat, err1 := os.ReadFile(dir + "stat")
	status, err2 := os.ReadFile(dir + "status")
	if err := errors.Join(err1, err2); err != nil {
		return Usage{}, fmt.Errorf("read what the process costs: %w", err)
	}
	// Fields 14 and 15; the second, a name in parentheses, may hold spaces.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	_, rss, found := strings.Cut(string(status), "VmRSS:")
	_, most, peak := strings.Cut(string(status), "VmHWM:")
	if len(fields) < 13 || !found || !peak {
		return Usage{}, errors.New("/proc does not say what the process costs")
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	kilobytes, err3 := strconv.ParseInt(strings.Fields(rss)[0], 10, 64)
	peaked, err4 := strconv.ParseInt(strings.Fields(most)[0], 10, 64)
	return Usage{RSS: kilobytes << 10, MaxRSS: peaked << 10, CPU: time.Duration(user+system) * clockTick}, errors.Join(err1, err2, err3, err4)
}

package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/sellerstream/sellerstream/test/process"
)

// Child is this program once more, in a process of its own, with a task that its flag
// -child gets as JSON. What it prints on its standard error is printed.
func Child(ctx context.Context, task any) (*exec.Cmd, error) {
	text, err := json.Marshal(task)
	if err != nil {
		return nil, err
	}
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary, "-child", string(text))
	cmd.Stderr = os.Stderr
	return cmd, nil
}

// Remote is a child that is called by net/rpc, over its standard input and output.
type Remote struct {
	*rpc.Client
	cmd *exec.Cmd
}

// Call starts a child that answers calls with Answer.
func Call(ctx context.Context, task any) (*Remote, error) {
	cmd, err := Child(ctx, task)
	if err != nil {
		return nil, err
	}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &Remote{rpc.NewClient(pipes{out, in}), cmd}, nil
}

// Answer serves calls of a value's methods until the process that started this one ends
// them or itself.
func Answer(value any) error {
	server := rpc.NewServer()
	if err := server.Register(value); err != nil {
		return err
	}
	server.ServeConn(pipes{os.Stdin, os.Stdout})
	return nil
}

// Usage is what the child has cost.
func (r *Remote) Usage() (process.Usage, error) { return process.UsageOf(r.cmd.Process.Pid) }

// Close ends the child.
func (r *Remote) Close() error { return errors.Join(r.Client.Close(), r.cmd.Wait()) }

// Side is a measured process. Its methods are called by Measure.
type Side struct {
	prepare func(context.Context) (work func(context.Context) error, err error)
	work    func(context.Context) error
	running context.Context //nolint:containedctx // of Run, which Stop ends
	stop    context.CancelFunc
}

// AnswerMeasure makes this process a side: prepare makes it ready to work at once.
func AnswerMeasure(prepare func(context.Context) (work func(context.Context) error, err error)) error {
	return Answer(&Side{prepare: prepare})
}

// Prepare makes it ready to run.
func (s *Side) Prepare(int, *int) (err error) {
	s.running, s.stop = context.WithCancel(context.Background())
	s.work, err = s.prepare(s.running)
	return err
}

// Run works until Stop.
func (s *Side) Run(int, *int) error { return s.work(s.running) }

// Stop ends Run.
func (s *Side) Stop(int, *int) error {
	s.stop()
	return nil
}

// Measure has a child work, which answers with AnswerMeasure, while look looks at it.
func Measure(ctx context.Context, task any, look func(*Remote) error) (err error) {
	remote, err := Call(ctx, task)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remote.Close()) }()
	if err := remote.Call("Side.Prepare", 0, new(int)); err != nil {
		return err
	}
	work := remote.Go("Side.Run", 0, new(int), nil)
	if err := look(remote); err != nil {
		return err
	}
	if err := remote.Call("Side.Stop", 0, new(int)); err != nil {
		return err
	}
	return (<-work.Done).Error
}

type pipes struct {
	io.Reader
	io.WriteCloser
}

// OwnCPU is what this process has used so far.
func OwnCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // it cannot fail for the process itself
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// Machine is how much CPU time all of the machine has used, and how much it had, so far.
func Machine() (used, had time.Duration, err error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	var user, nice, system, idle, wait, irq, softirq, steal int64 // in ticks of 10 ms, of all cores
	if _, err := fmt.Sscanf(string(stat), "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &wait, &irq, &softirq, &steal); err != nil {
		return 0, 0, fmt.Errorf("read /proc/stat: %w", err)
	}
	const tick = 10 * time.Millisecond
	busy := user + nice + system + irq + softirq + steal
	return time.Duration(busy) * tick, time.Duration(busy+idle+wait) * tick, nil
}

// Package process runs the built sellerstream as a process of its own, as tests
// and benchmarks need it that kill it or read its cost.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Build builds sellerstream into a folder and returns the binary's path. flags
// are go build's, such as -race: a race makes the process end with another
// status than 0.
func Build(ctx context.Context, dir string, flags ...string) (string, error) {
	binary := filepath.Join(dir, "sellerstream")
	arguments := append(append([]string{"build"}, flags...), "-o", binary, "github.com/sellerstream/sellerstream/cmd/sellerstream")
	if out, err := exec.CommandContext(ctx, "go", arguments...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build sellerstream: %w\n%s", err, out)
	}
	return binary, nil
}

// Process is a running sellerstream, mostly `sellerstream run`.
type Process struct {
	Exited <-chan struct{} // closed when it is gone

	cmd *exec.Cmd
	log string
	err error // how it ended, once Exited is closed
}

// Start runs a pipeline, with all of its roles unless flags say otherwise. What it
// prints goes to a new file in dir.
func Start(binary, config, dir string, flags ...string) (*Process, error) {
	return Command(dir, binary, append([]string{"run", "--config", config}, flags...)...)
}

// Command runs another command of the binary. What it prints goes to a new file in dir.
func Command(dir, binary string, args ...string) (*Process, error) {
	log, err := os.CreateTemp(dir, "log")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, args...)
	cmd.Env = Environment()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	exited := make(chan struct{})
	p := &Process{Exited: exited, cmd: cmd, log: log.Name()}
	go func() {
		p.err = errors.Join(cmd.Wait(), log.Close())
		close(exited)
	}()
	return p, nil
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Environment is what a process needs that uses such a configuration.
func Environment() []string { return append(os.Environ(), awsSecretVariable+"="+awsKey) }

// Kill stops the process at once, as kill -9 does, and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails only when it is gone already
	<-p.Exited
}

// Stop asks the process to stop in order and waits for it, at most so long. The
// error says that it took longer, or how it failed.
func (p *Process) Stop(patience time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("the pipeline ended by itself: %w", errors.Join(err, p.err))
	}
	select {
	case <-p.Exited:
		return p.err
	case <-time.After(patience):
		return fmt.Errorf("the pipeline did not stop within %v of SIGTERM", patience)
	}
}

// Wait waits until the process has ended by itself; its error is how.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.Exited:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("the process does not end: %w", context.Cause(ctx))
	}
}

// Watch is ctx, ended early if the process ends by itself.
func (p *Process) Watch(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-p.Exited:
			cancel(errors.New("the pipeline ended by itself"))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// Log is the end of what the process has printed.
func (p *Process) Log() string {
	const most = 16 << 10
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

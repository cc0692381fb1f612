//go:build linux

package spapi

import (
	"errors"
	"fmt"
	"net/http/httptrace"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	stoppedLease = 2 * time.Second
	stoppedAPI   = "SELLERSTREAM_TEST_STOPPED_API"
	stoppedLWA   = "SELLERSTREAM_TEST_STOPPED_LWA"
)

// TestAStoppedProcessSendsNothing stops a real one (SIGSTOP) when it is about to
// write createFeed, and lets it go on when its lease is over.
func TestAStoppedProcessSendsNothing(t *testing.T) {
	t.Parallel()
	amazon := newCleaver(t, accept)
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), executable, "-test.run=^TestStoppedChild$", "-test.v")
	child.Env = append(os.Environ(), stoppedAPI+"="+amazon.url, stoppedLWA+"="+newFake(t).URL)
	var out strings.Builder
	child.Stdout, child.Stderr = &out, &out
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(child.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("the child was not stopped: %v %v\n%s", status, err, &out)
	}
	time.Sleep(stoppedLease) // which began before it was stopped
	if err := child.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil || !strings.Contains(out.String(), "class unavailable, not sent true") {
		t.Errorf("%v\n%s", err, &out)
	}
	if amazon.wait(); amazon.accepted.Load() != 1 || amazon.bytes.Load() != 0 {
		t.Errorf("%d connections with %d bytes came", amazon.accepted.Load(), amazon.bytes.Load())
	}
}

// TestStoppedChild is the process that is stopped.
func TestStoppedChild(t *testing.T) {
	if os.Getenv(stoppedAPI) == "" {
		return // it is no child process
	}
	client, err := New(Config{
		LWAEndpoint: os.Getenv(stoppedLWA), Endpoints: map[model.Region]string{model.Europe: os.Getenv(stoppedAPI)},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	cfg := testSeller("acme-eu")
	cfg.RefreshToken = secrets.Literal(secrets.New("r"))
	seller, err := client.Seller(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx := StartBy(t.Context(), time.Now().Add(stoppedLease))
	err = createFeed(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if !strings.HasSuffix(os.Getenv(stoppedAPI), info.Conn.RemoteAddr().String()) {
			return // to LWA
		}
		// This thread, so that the signal has come when the call returns.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGSTOP)
	}}), seller)
	var refusal *model.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("%v is no *model.Error", err)
	}
	fmt.Printf("class %s, not sent %v\n", refusal.Class, refusal.NotSent)
}

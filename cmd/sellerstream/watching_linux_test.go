package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
)

// openTerminal makes a terminal of a size: what is written into it is read from screen.
func openTerminal(t *testing.T, columns, rows uint16) (screen, terminal *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("this machine has no terminals: ", err)
	}
	t.Cleanup(func() { screen.Close() })
	fd := int(screen.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		t.Fatal(err)
	}
	return screen, terminal
}

// A terminal is drawn over, not scrolled: what has no room is counted.
func TestWatchOnATerminal(t *testing.T) {
	t.Parallel()
	screen, terminal := openTerminal(t, 80, 6)
	s := &frames{to: terminal, every: defaultWatch}
	if err := s.draw(func(w io.Writer) error {
		_, err := fmt.Fprint(w, strings.Repeat("line\n", 9))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := screen.Read(buf)
	if got := string(buf[:n]); err != nil || !strings.HasPrefix(got, "\x1b[Hline\x1b[K") || strings.Count(got, "line") != 3 || !strings.Contains(got, "… 6 more") || !strings.Contains(got, "each 5s") {
		t.Errorf("%v: %q", err, got)
	}
}

func TestATerminalHasAWidth(t *testing.T) {
	_, terminal := openTerminal(t, 72, 20)
	for term, colour := range map[string]bool{"xterm": true, "dumb": false} {
		t.Setenv("TERM", term)
		t.Setenv("NO_COLOR", "")
		t.Setenv("CLICOLOR_FORCE", "")
		if got := columns.ScreenOf(terminal); got != (columns.Screen{Width: 72, Colour: colour}) {
			t.Errorf("TERM=%s: %+v", term, got)
		}
	}
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sellerstream/sellerstream/pkg/operator/replays"
)

// isTerminal reports whether somebody sits at what is read or written.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// confirm asks on the terminal whether to do what question says, which --yes has
// answered. It fails where the answer is no, or nobody is there to give one.
func confirm(cmd *cobra.Command, question string, yes bool) error {
	if yes {
		return nil
	}
	if !isTerminal(cmd.InOrStdin()) {
		return usageError{fmt.Errorf("%s Nobody is at the terminal to say yes: --yes says so", question)}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	switch {
	case err != nil:
		return fmt.Errorf("no answer: %w", err)
	case !strings.EqualFold(strings.TrimSpace(answer), "y") && !strings.EqualFold(strings.TrimSpace(answer), "yes"):
		return errors.New("nothing was done")
	}
	return nil
}

// forPeople is where a command tells people what it does: with --json stdout holds the
// result alone.
func forPeople(cmd *cobra.Command, asJSON bool) io.Writer {
	if asJSON {
		return cmd.ErrOrStderr()
	}
	return cmd.OutOrStdout()
}

// watch shows how far something has come until the function that it returns is
// called: each second on a terminal, else each ten.
func watch(ctx context.Context, w io.Writer, done, things string, progress func() (done, all int64)) (stop func()) {
	every, ending, last := 10*time.Second, "\n", ""
	if isTerminal(w) {
		every, ending, last = time.Second, "\r", "\n"
	}
	began := time.Now()
	first, _ := progress()
	ctx, cancel := context.WithCancel(ctx)
	var shown sync.WaitGroup
	shown.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for n := 0; ; n++ {
			select {
			case <-ticker.C:
				so, all := progress()
				fmt.Fprintf(w, "%-78s%s", replays.Progress(done, things, first, so, all, time.Since(began)), ending)
			case <-ctx.Done():
				if n > 0 {
					fmt.Fprint(w, last)
				}
				return
			}
		}
	})
	return func() {
		cancel()
		shown.Wait()
	}
}

// progressOn shows on a terminal how far a long read has come.
func progressOn(w io.Writer) func(done, of int) {
	if !isTerminal(w) {
		return func(int, int) {}
	}
	return func(done, of int) {
		fmt.Fprintf(w, "\rreading the state: %d of %d partitions\033[K", done, of)
		if done == of {
			fmt.Fprint(w, "\r\033[K")
		}
	}
}

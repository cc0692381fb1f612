package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"
)

// watchedFor65s runs a command that shows how often it has, with flags, for 65 seconds.
func watchedFor65s(t *testing.T, to io.Writer, lines int, flags ...string) error {
	t.Helper()
	var w watching
	shown := 0
	cmd := &cobra.Command{Use: "state", RunE: func(cmd *cobra.Command, _ []string) error {
		return w.do(cmd, func(out io.Writer) error {
			shown++
			_, err := fmt.Fprintf(out, "shown %d times\n%s", shown, strings.Repeat("more\n", lines-1))
			return err
		})
	}}
	w.add(cmd)
	cmd.SetArgs(flags)
	cmd.SetOut(to)
	cmd.SetErr(io.Discard)
	ctx, cancel := context.WithTimeout(t.Context(), 65*time.Second)
	defer cancel()
	return cmd.ExecuteContext(ctx)
}

// Into a file each state is written below the one before.
func TestWatchIntoAFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for flag, times := range map[string]int{"--watch": 14, "--watch=30s": 3} {
			var out strings.Builder
			if err := watchedFor65s(t, &out, 1, flag); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); !strings.HasPrefix(got, "shown 1 times\n\nshown 2 times\n") || strings.Count(got, "shown") != times || strings.Contains(got, "\x1b") {
				t.Errorf("%s: want %d times:\n%s", flag, times, got)
			}
		}
	})
	var once strings.Builder
	if err := watchedFor65s(t, &once, 1); err != nil || once.String() != "shown 1 times\n" {
		t.Errorf("without --watch: %v, %s", err, &once)
	}
	if err := watchedFor65s(t, io.Discard, 1, "--watch=1ms"); err == nil || !strings.Contains(err.Error(), "1s or more") {
		t.Errorf("too often: %v", err)
	}
}

// What fails once it has been seen is tried again: it may be the outage that is watched.
func TestWatchGoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w watching
		shown := 0
		cmd := &cobra.Command{Use: "state", RunE: func(cmd *cobra.Command, _ []string) error {
			return w.do(cmd, func(io.Writer) error {
				if shown++; shown == 2 {
					return errors.New("Kafka is away")
				}
				return nil
			})
		}}
		w.add(cmd)
		cmd.SetArgs([]string{"--watch"})
		var failures strings.Builder
		cmd.SetOut(io.Discard)
		cmd.SetErr(&failures)
		ctx, cancel := context.WithTimeout(t.Context(), 14*time.Second)
		defer cancel()
		if err := cmd.ExecuteContext(ctx); err != nil || shown != 3 || !strings.Contains(failures.String(), "Kafka is away; trying again in 5s") {
			t.Errorf("shown %d times, %v: %s", shown, err, &failures)
		}
	})
}

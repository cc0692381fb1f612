package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Bounds of --watch: each time a command reads anew what it shows.
const (
	defaultWatch = 5 * time.Second
	minWatch     = time.Second
)

// watching is the flag --watch of a command that shows how something stands.
type watching struct{ every time.Duration }

func (w *watching) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&w.every, "watch", 0, "show it again and again, each 5s or, as --watch=30s, each so long")
	cmd.Flags().Lookup("watch").NoOptDefVal = defaultWatch.String()
}

// do has show write what it shows: with --watch again and again, until the command is
// told to stop.
func (w *watching) do(cmd *cobra.Command, show func(io.Writer) error) error {
	if !cmd.Flags().Changed("watch") {
		return show(cmd.OutOrStdout())
	}
	if w.every < minWatch {
		return usageError{fmt.Errorf("--watch=%v: write %v or more", w.every, minWatch)}
	}
	drawn := &frames{to: cmd.OutOrStdout(), every: w.every}
	for again := false; ; again = true {
		if err := drawn.draw(show); err != nil {
			if cmd.Context().Err() != nil {
				return nil //nolint:nilerr // told to stop
			}
			if !again {
				return err
			}
			// What is watched may be an outage, which would end the watching, too.
			fmt.Fprintf(cmd.ErrOrStderr(), "\nsellerstream: %v; trying again in %v\n", err, w.every)
		}
		select {
		case <-cmd.Context().Done():
			return nil
		case <-time.After(w.every):
		}
	}
}

// frames are what watched output goes to: a terminal, which is drawn over, or a file,
// which grows.
type frames struct {
	to    io.Writer
	every time.Duration
	drawn bool
}

// draw writes what show shows. It keeps what a terminal shows until all of the next is
// there.
func (s *frames) draw(show func(io.Writer) error) error {
	file, ok := s.to.(interface{ Fd() uintptr })
	if !ok || !isTerminal(s.to) {
		if s.drawn {
			fmt.Fprintln(s.to)
		}
		s.drawn = true
		return show(s.to)
	}
	frame := &onTerminal{terminal: file}
	if err := show(frame); err != nil {
		return err
	}
	_, height, err := term.GetSize(int(file.Fd()))
	if err != nil {
		height = 24
	}
	lines := strings.Split(strings.TrimRight(frame.String(), "\n"), "\n")
	if room := max(height-2, 1); len(lines) > room {
		lines = append(lines[:room-1], fmt.Sprintf("… %d more", len(lines)-room+1))
	}
	_, err = fmt.Fprintf(s.to, "\x1b[H%s\x1b[K\n\x1b[Jeach %v; Ctrl-C ends it", strings.Join(lines, "\x1b[K\n"), s.every)
	return err
}

// onTerminal is text that will be shown on a terminal, and so has its width and colours.
type onTerminal struct {
	bytes.Buffer
	terminal interface{ Fd() uintptr }
}

func (t *onTerminal) Fd() uintptr { return t.terminal.Fd() }

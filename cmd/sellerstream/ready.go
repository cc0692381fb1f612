package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// readyTimeout is shorter than the 5 s that most health checks wait.
const readyTimeout = 4 * time.Second

// maxReadyAnswer bounds what is shown of an answer; ours has a line for each role.
const maxReadyAnswer = 64 << 10

func newReadyCommand() *cobra.Command {
	var admin string
	cmd := &cobra.Command{
		Use:   "ready",
		Short: "Ask a pipeline on this machine whether it is ready, for health checks",
		Long: `Ready asks /readyz at the admin port of a running pipeline, prints the answer, and
ends with 0 if it is ready, else with 1. It is for where nothing else can ask:
the image has no shell and no curl.`,
		Example: `  sellerstream ready
  sellerstream ready --admin 127.0.0.1:9401`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return ready(cmd.Context(), cmd.OutOrStdout(), admin) },
	}
	cmd.Flags().StringVar(&admin, "admin", "127.0.0.1:9400", "where the pipeline serves health and metrics: admin.listen of its configuration")
	return cmd
}

func ready(ctx context.Context, out io.Writer, admin string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/readyz", nil)
	if err != nil {
		return usageError{fmt.Errorf("--admin %s: write a host and a port, such as 127.0.0.1:9400", admin)}
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no pipeline answers at %s: %w\nadmin.listen of its configuration, or --admin of its run, says where it would", admin, errors.Unwrap(err))
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxReadyAnswer))
	if err != nil {
		return fmt.Errorf("read what %s answers: %w", admin, err)
	}
	if _, err := fmt.Fprintln(out, strings.TrimSpace(string(text))); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return errors.New("it is not ready")
	}
	return nil
}

package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// commit is the checked-out one; "unknown" outside of a repository.
func commit(ctx context.Context) string {
	head, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(head))
	if changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--", "*.go").Output(); err != nil || len(changed) > 0 {
		name += "+"
	}
	return name
}

// after returns the rest of the line of a file that follows a word.
func after(file, word string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	_, rest, found := strings.Cut(string(text), word)
	if !found {
		return "", fmt.Errorf("%s has no %q", file, word)
	}
	rest, _, _ = strings.Cut(rest, "\n")
	return strings.TrimSpace(rest), nil
}

// kafkaVersion guesses the brokers' version by the protocols that they know.
func kafkaVersion(ctx context.Context, brokers []string) (string, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return "", err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	versions, err := kadm.NewClient(client).ApiVersions(ctx)
	if err != nil {
		return "", err
	}
	for _, broker := range versions.Sorted() {
		if broker.Err == nil {
			return broker.VersionGuess(), nil
		}
		err = errors.Join(err, broker.Err)
	}
	return "", fmt.Errorf("no broker tells its version: %w", err)
}

// Median is the middle of the values, or the mean of the two in the middle.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// Percentile is the smallest time, in milliseconds, that p percent of the times do not
// exceed.
func Percentile(times []time.Duration, p int) float64 {
	sorted := slices.Sorted(slices.Values(times))
	return float64(sorted[max(0, (len(sorted)*p+99)/100-1)].Microseconds()) / 1000
}

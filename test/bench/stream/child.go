package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
)

// runChild runs one side, or the broker, and prints what it measured.
func runChild(ctx context.Context, text string) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	if j.Profile != "" {
		file, err := os.Create(j.Profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var result outcome
	var err error
	switch j.Side {
	case "broker":
		return serveBroker(ctx)
	case "bare":
		result, err = bare(ctx, j)
	case "stateless", "stateful":
		result, err = ours(ctx, j, j.Side == "stateful")
	case "restore":
		result, err = restore(ctx, j)
	default:
		err = fmt.Errorf("unknown side %q", j.Side)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// runSide runs a side in a process of its own and returns what it measured.
func runSide(ctx context.Context, j job) (outcome, error) {
	cmd, err := stage.Child(ctx, j)
	if err != nil {
		return outcome{}, err
	}
	printed, err := cmd.Output()
	if err != nil {
		return outcome{}, fmt.Errorf("side %s: %w", j.Side, err)
	}
	var result outcome
	return result, json.NewDecoder(bytes.NewReader(printed)).Decode(&result)
}

// startBroker starts an embedded broker in a process of its own.
func startBroker(ctx context.Context) (brokers []string, stop func(), err error) {
	cmd, err := stage.Child(ctx, job{Side: "broker"})
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // fails only when it is gone
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("the embedded broker did not start: %w", err)
	}
	return strings.Split(strings.TrimSpace(line), ","), stop, nil
}

// serveBroker prints the embedded broker's address and serves until it is told
// to stop.
func serveBroker(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bench-kafka-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(dir))
	if err != nil {
		return err
	}
	defer cluster.Close()
	fmt.Println(strings.Join(cluster.ListenAddrs(), ","))
	<-ctx.Done()
	return nil
}

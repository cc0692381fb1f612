package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/simulated"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator"
)

type simulateFlags struct {
	accounts int
	speed    float64
	host     string
	port     int
	kafka    []string
	registry string
	lenient  bool
	tls      string
	tlsCA    string
}

// lastPort is the highest first port.
const lastPort = 65535 - simulated.Ports + 1

func newSimulateCommand() *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Stand in for Amazon: SP-API, LWA, SQS, EventBridge and S3",
		Long: `Simulate serves Amazon's side on loopback ports until it is stopped, and prints
a configuration for ` + "`sellerstream run`" + ` that fits it:

  sellerstream simulate > simulated.yaml &
  sellerstream run --config simulated.yaml
  curl -X POST 127.0.0.1:8090/_simulator/scenario -d '{"orders": 100}'

Each seller lists 2,000 products, SKU-00001 and so on.

` + simulator.Guide("127.0.0.1:8090"),
		Args: cobra.NoArgs,
		RunE: untilStopped(func(cmd *cobra.Command, _ []string) error {
			return simulate(cmd.Context(), cmd, f)
		}),
	}
	cmd.Flags().IntVar(&f.accounts, "accounts", 3, "seller accounts to simulate")
	cmd.Flags().Float64Var(&f.speed, "speed", 1, "how many times as fast as real Amazon's quotas refill and its tokens age")
	cmd.Flags().StringVar(&f.host, "host", "127.0.0.1", "address to listen on")
	cmd.Flags().IntVar(&f.port, "port", 8090, "first of eight ports in a row; 0 takes free ones")
	cmd.Flags().StringSliceVar(&f.kafka, "kafka", []string{"127.0.0.1:9092"}, "brokers to write into the printed configuration")
	cmd.Flags().StringVar(&f.registry, "registry", "http://127.0.0.1:8081", "schema registry to write into the printed configuration")
	cmd.Flags().BoolVar(&f.lenient, "lenient", false, "ignore parameters that an SP-API operation does not have, as Amazon does")
	cmd.Flags().StringVar(&f.tls, "tls", "", "address such as 127.0.0.1:8443 on which to stand for Amazon's hosts with TLS too, for clients in which these are fixed")
	cmd.Flags().StringVar(&f.tlsCA, "tls-ca", "simulated-ca.pem", "with --tls, the file to write the certificate into that clients have to trust")
	return cmd
}

func simulate(ctx context.Context, cmd *cobra.Command, f simulateFlags) error {
	if f.speed <= 0 || f.accounts < 1 {
		return usageError{fmt.Errorf("--speed must be above 0 and --accounts at least 1")}
	}
	if f.port < 0 || f.port > lastPort {
		return usageError{fmt.Errorf("--port %d: write the first of eight ports in a row, 1 to %d, or 0 for free ones", f.port, lastPort)}
	}
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	epoch := time.Now().UTC()
	sim, err := simulated.New(f.accounts, clock.NewScaled(epoch, f.speed), log, func(c *simulator.Config) { c.Lenient = f.lenient })
	if err != nil {
		return err
	}
	urls, err := sim.Start(simulated.Addresses(f.host, f.port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w\nchoose another with --port, or 0 for free ones", err)
	}
	if err != nil {
		return err
	}
	defer sim.Close() //nolint:errcheck // the process ends here
	if f.tls != "" {
		if err := simulateHosts(sim, f, log); err != nil {
			return err
		}
	}
	text, err := simulated.Configuration(sim, urls, simulated.Surroundings{
		Brokers: f.kafka, Registry: f.registry, Speed: f.speed, Epoch: epoch,
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprint(cmd.OutOrStdout(), text); err != nil {
		return err
	}
	log.Info("simulating Amazon until interrupted", "admin", urls.Admin+"/_simulator/", "accounts", f.accounts, "speed", f.speed)
	<-ctx.Done()
	return nil
}

// simulateHosts serves Amazon's hosts, and writes down what clients have to trust.
func simulateHosts(sim *simulator.Simulator, f simulateFlags, log *slog.Logger) error {
	url, certificate, err := sim.StartHosts(f.tls)
	if err != nil {
		return err
	}
	path, err := filepath.Abs(f.tlsCA)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, certificate, 0o644); err != nil {
		return fmt.Errorf("--tls-ca: %w", err)
	}
	log.Info("standing for Amazon's hosts; lead them here and trust the certificate", "url", url, "certificate", path)
	return nil
}

// Command sellerstream runs Amazon's Selling Partner API for many seller
// accounts as a Kafka pipeline. One binary holds the pipeline's roles, the
// simulator and the operator's tools; `sellerstream help` lists them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
)

func main() {
	// Libraries that log by themselves do so as `run` and the commands do: as slog, no
	// chatter below a warning.
	slog.SetLogLoggerLevel(slog.LevelWarn)
	slog.SetDefault(config.Log{Level: "warn"}.New(os.Stderr))
	os.Exit(runCommandLine(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// runCommandLine is main without the process: it owns signals and maps errors to exit codes.
func runCommandLine(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return runCommandLineIn(context.Background(), args, stdin, stdout, stderr)
}

// runCommandLineIn is runCommandLine for who does not wait for ever.
func runCommandLineIn(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		// The first signal asks for an orderly stop, the second does not ask.
		<-ctx.Done()
		stop()
	}()

	root := newRootCommand()
	understood := false // whether the command line was: before that, every error is about it
	preRun := root.PersistentPreRunE
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		understood = true
		return preRun(cmd, args)
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := unknownSubcommand(root, args)
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	var usage usageError
	var differs differsError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &differs):
		fmt.Fprintln(stderr, "sellerstream:", err)
		return exitDiffers
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, err)
		return exitUsage
	case !understood:
		fmt.Fprintf(stderr, "%v\nSee `sellerstream --help`\n", err)
		return exitUsage
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(stderr, "sellerstream: interrupted")
		return exitInterrupted
	default:
		fmt.Fprintln(stderr, "sellerstream:", err)
		return exitFailed
	}
}

// unknownSubcommand refuses a word behind a command that only groups others: cobra would
// show the command's help and report success.
func unknownSubcommand(root *cobra.Command, args []string) error {
	group, rest, _ := root.Find(args)
	if !group.HasParent() || group.Runnable() || len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
		return nil // cobra knows what to say
	}
	return usageError{fmt.Errorf("unknown command %q for %q\nSee `%s --help`", rest[0], group.CommandPath(), group.CommandPath())}
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "sellerstream",
		Short: "Amazon's Selling Partner API for many seller accounts, as a Kafka pipeline",
		Long: `Sellerstream carries Amazon's notifications from SQS into Kafka, enriches them
under each account's quota, and sends normalized events to EventBridge.

Start here:
  sellerstream demo                       see it work, with nothing installed
  sellerstream config example > my.yaml   then write your accounts into it
  sellerstream doctor --config my.yaml    see what is still wrong, and the fix
  sellerstream run --config my.yaml       run it against real parts`,
		Version:           builtFrom().String(),
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return fillConfig(cmd) },
		SilenceUsage:      true,
		SilenceErrors:     true,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w\nSee `%s --help`", err, cmd.CommandPath())}
	})
	root.AddCommand(
		newDemoCommand(), newRunCommand(), newSimulateCommand(), newConfigCommand(), newDoctorCommand(), newSubscriptionsCommand(),
		newReadyCommand(), newBuyerKeyCommand(), newCarriersCommand(), newVersionCommand(), newManCommand(),
	)
	root.AddCommand(withAnswers(
		newTopicsCommand(), newAccountsCommand(), newDeadLettersCommand(), newReplayCommand(), newBackfillCommand(),
		newPauseCommand(), newResumeCommand(), newSwitchesCommand(), newStateCommand(), newUpgradeCommand(), newDecodeCommand(), newEncodeCommand(),
		newTailCommand(), newAlertsCommand(), newLagCommand(),
	)...)
	root.InitDefaultCompletionCmd()                                                         // cobra would only when it runs, after what follows
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp) // few arguments are files
	completeFlags(root)
	refuseRepeats(root)
	return root
}

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// confirm asks on the terminal whether to do what question says, which --yes has
// answered. It fails where the answer is no, or nobody is there to give one.
func confirm(cmd *cobra.Command, question string, yes bool) error {
	if yes {
		return nil
	}
	if input, ok := cmd.InOrStdin().(*os.File); !ok || !term.IsTerminal(int(input.Fd())) {
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

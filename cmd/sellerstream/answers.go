package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
)

// answersFlag is how long an operator's command waits for what it needs.
const answersFlag = "connect-timeout"

// withAnswers gives operators' commands the flag. Each stands for those below it.
func withAnswers(commands ...*cobra.Command) []*cobra.Command {
	for _, cmd := range commands {
		cmd.PersistentFlags().Duration(answersFlag, pipeline.Answers, "how long to wait in all until Kafka and the schema registry answer")
	}
	return commands
}

// answers reads the flag.
func answers(cmd *cobra.Command) (time.Duration, error) {
	wait, err := cmd.Flags().GetDuration(answersFlag)
	if err != nil || wait <= 0 {
		return 0, usageError{errors.New("--" + answersFlag + " must be more than 0, such as 10s")}
	}
	return wait, nil
}

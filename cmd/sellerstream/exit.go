package main

// Exit codes: 0 done, 1 failed, 2 the command line or the configuration is
// wrong, 3 something differs that was only to be compared, 130 interrupted
// before it was done. A command that runs until it is told to stop ends with 0
// when it is, whether or not it was up; see untilStopped.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitDiffers     = 3
	exitInterrupted = 130
)

// usageError is a fault of the command line or a file that the user wrote.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// differsError is the finding of a comparison.
type differsError struct{ error }

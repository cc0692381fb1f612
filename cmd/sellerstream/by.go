package main

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

const (
	// byVariable names who gives commands where --by does not, such as in a container,
	// whose user has no name.
	byVariable = "SELLERSTREAM_BY"
	// maxBy bounds it: it stands in every log line about a paused call.
	maxBy = 100
)

// byFlag is who does what a command does, for those who ask later.
type byFlag struct{ name string }

func (f *byFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "by", "", "who does it, for those who ask later; default "+byVariable+", or this machine's user")
}

// who is the name given with the flag or the variable, else the user and the machine.
func (f *byFlag) who() (string, error) {
	name := cmp.Or(f.name, os.Getenv(byVariable))
	if name == "" {
		return thisUser(), nil
	}
	if len(name) > maxBy || !utf8.ValidString(name) || containsControl(name) {
		return "", usageError{fmt.Errorf("--by and %s: write a name of at most %d bytes on one line", byVariable, maxBy)}
	}
	return name, nil
}

func containsControl(text string) bool {
	for _, r := range text {
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}

// thisUser is the operating system's user, by number where it has no name.
func thisUser() string {
	name := "uid " + strconv.Itoa(os.Getuid())
	if known, err := user.Current(); err == nil && known.Username != "" {
		name = known.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configVariable is the environment variable that stands in for --config.
const configVariable = "SELLERSTREAM_CONFIG"

// configUsage is the help of --config where a command needs a configuration.
const configUsage = "configuration file; without it $" + configVariable + " or, else, the first of " +
	"./sellerstream.yaml, sellerstream/sellerstream.yaml in the user's configuration folder, and /etc/sellerstream/sellerstream.yaml"

// explicitConfig marks a --config that only counts when it is given.
const explicitConfig = "sellerstream_explicit"

// addConfig gives a command the flag --config.
func addConfig(flags *pflag.FlagSet, file *string) {
	flags.StringVar(file, "config", "", configUsage)
}

// fillConfig has --config name the file that findConfig finds, where the command has
// that flag and nobody gave it.
func fillConfig(cmd *cobra.Command) error {
	flag := cmd.Flag("config")
	switch {
	case flag == nil || flag.Value.String() != "" || flag.Annotations[explicitConfig] != nil:
		return nil
	case flag.Changed: // such as by a variable of a shell that is not set
		return usageError{errors.New("--config is empty: name a file, or leave the flag out")}
	}
	found, err := findConfig()
	if err != nil || found == "" {
		return err
	}
	if found != os.Getenv(configVariable) {
		// Whoever stands in the folder of another pipeline should see which one is meant.
		fmt.Fprintf(cmd.ErrOrStderr(), "sellerstream: the configuration is %s\n", found)
	}
	return flag.Value.Set(found)
}

// findConfig returns the file that the environment names or, else, the first of
// configPlaces that there is; "" for none. One that cannot be looked at may be the one that
// is meant.
func findConfig() (string, error) {
	if named := os.Getenv(configVariable); named != "" {
		return named, nil
	}
	for _, place := range configPlaces() {
		info, err := os.Stat(place)
		if err == nil && !info.IsDir() {
			return place, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return "", usageError{fmt.Errorf("is there a configuration? %w; name it by --config", err)}
		}
	}
	return "", nil
}

// configPlaces are where a configuration is looked for that nobody names. The last is
// where the chart and compose put it.
func configPlaces() []string {
	const name = "sellerstream.yaml"
	places := []string{"./" + name}
	if folder, err := os.UserConfigDir(); err == nil { // HOME may be missing
		places = append(places, filepath.Join(folder, "sellerstream", name))
	}
	return append(places, filepath.Join("/etc/sellerstream", name))
}

func errNoConfig() error {
	return usageError{errors.New("there is no configuration file: neither --config nor " + configVariable + " names one, and there is none at " +
		strings.Join(configPlaces(), ", ") + "; `sellerstream config example` prints a file to begin with")}
}

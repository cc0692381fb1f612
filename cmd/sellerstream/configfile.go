package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

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
	if flag == nil || flag.Value.String() != "" || flag.Annotations[explicitConfig] != nil {
		return nil
	}
	if found := findConfig(); found != "" {
		return flag.Value.Set(found)
	}
	return nil
}

// findConfig returns the file that the environment names or, else, the first of
// configPlaces that there is; "" for none.
func findConfig() string {
	if named := os.Getenv(configVariable); named != "" {
		return named
	}
	for _, place := range configPlaces() {
		if info, err := os.Stat(place); err == nil && !info.IsDir() {
			return place
		}
	}
	return ""
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

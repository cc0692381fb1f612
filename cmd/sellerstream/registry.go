package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/sr"
)

// registryPassword is the environment variable that goes with --registry-user:
// what stands on a command line is seen by every user of the machine.
const registryPassword = "SELLERSTREAM_REGISTRY_PASSWORD" //nolint:gosec // the name, not the password

// registryFlags are where the schema registry is.
type registryFlags struct {
	url  string
	user string
}

func (f *registryFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.url, "registry", "http://127.0.0.1:8081", "the schema registry's URL")
	cmd.Flags().StringVar(&f.user, "registry-user", "", "user at the registry; the password comes from "+registryPassword)
}

// client turns the flags into the registry client's options.
func (f *registryFlags) client() ([]sr.ClientOpt, error) {
	opts := []sr.ClientOpt{sr.URLs(f.url)}
	if f.user == "" {
		return opts, nil
	}
	password := os.Getenv(registryPassword)
	if password == "" {
		return nil, usageError{errors.New("--registry-user needs the password in " + registryPassword)}
	}
	return append(opts, sr.BasicAuth(f.user, password)), nil
}

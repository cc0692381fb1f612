package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/operator/keyfile"
)

func newBuyerKeyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "buyer-key",
		Short: "Make the keys that buyer data is encrypted with",
		Long: `A key file (buyer_data.keys in the configuration) has a key on each line. The
first one wraps the keys of new orders; all of them unwrap. Whoever has the file
and can read Kafka reads the buyer data of all orders whose keys are not deleted
yet; without it nobody does, you included. Keep a copy, and keep it secret.`,
	}
	cmd.AddCommand(&cobra.Command{
		Use:               "generate FILE",
		Short:             "Make a new key file",
		ValidArgsFunction: files,
		Args:              cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := keyfile.New(args[0]); err != nil {
				if errors.Is(err, fs.ErrExist) {
					return usageError{fmt.Errorf("%s is there already, and orders may need its keys: `sellerstream buyer-key rotate %s` adds one", args[0], args[0])}
				}
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: one key. Name it under buyer_data.keys, and keep a copy: what it encrypts cannot be read without it.\n", args[0])
			return err
		},
	}, &cobra.Command{
		Use:   "rotate FILE",
		Short: "Put a new key in front of those of a file",
		Long: `Rotate adds a key that wraps from the next start on. Give the new file to all
processes, and to what decrypts, before you start any of them again. A key behind
it can go when no order is left that it wrapped: after the time from an order's
placing to its delivery, and buyer_data.retention.`,
		ValidArgsFunction: files,
		Args:              cobra.ExactArgs(1),
		RunE:              func(cmd *cobra.Command, args []string) error { return rotateKeyFile(cmd, args[0]) },
	})
	return cmd
}

func rotateKeyFile(cmd *cobra.Command, name string) error {
	switch err := keyfile.Rotate(name); {
	case errors.Is(err, keyfile.ErrUnusable):
		return usageError{err}
	case err != nil:
		return err
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: a new key is the first. It wraps after the next start of all processes.\n", filepath.Base(name))
	return err
}

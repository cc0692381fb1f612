package main

import (
	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/kcat"
	"github.com/sellerstream/sellerstream/pkg/registry"
)

func newDecodeCommand() *cobra.Command {
	var flags registryFlags
	raw := false
	cmd := &cobra.Command{
		Use:   "decode",
		Short: "Show values from Kafka as JSON, one a line",
		Long: `Decode reads what kcat writes with the format '%R%s' (each value's length and
bytes) and prints each value as a line of JSON, in the order of the input:

  kcat -b 127.0.0.1:9092 -C -t sellerstream.orders -o -10 -e -q -f '%R%s' | sellerstream decode

Values of any Avro schema in the registry are shown, our own or not. A value
that cannot be decoded becomes a line with error and value (base64), and the
exit status is 1. A null value (a deleted state entry) is null.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := flags.client()
			if err != nil {
				return err
			}
			decoder, err := registry.NewDecoder(client...)
			if err != nil {
				return usageError{err}
			}
			if raw {
				return kcat.DecodeOne(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), decoder)
			}
			return kcat.Decode(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), decoder)
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&raw, "raw", false, "the input is one value, without its length")
	return cmd
}

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kcat"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
)

func newDecodeCommand() *cobra.Command {
	var flags registryFlags
	var file string
	raw := false
	cmd := &cobra.Command{
		Use:   "decode",
		Short: "Show values from Kafka as JSON, one a line",
		Long: `Decode reads what kcat writes with the format '%R%s' (each value's length and
bytes) and prints each value as a line of JSON, in the order of the input:

  kcat -b 127.0.0.1:9092 -C -t sellerstream.orders -o -10 -e -q -f '%R%s' | sellerstream decode

Values of any Avro schema in the registry are shown, our own or not. A value
that cannot be decoded becomes a line with error and value (base64), and the
exit status is 1. A null value (a deleted state entry) is null.

Buyer data of orders is shown as it is, encrypted. With --config FILE, a file that
names Kafka, the registry and buyer_data.keys or buyer_data.kms, it is decrypted:

  kcat … -f '%R%s' | sellerstream decode --config sellerstream.yaml | jq .buyerData

An order whose key was deleted has "deleted": true there.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			decoder, closeDecoder, err := openDecoder(cmd, flags, file)
			if err != nil {
				return err
			}
			defer closeDecoder()
			if raw {
				return kcat.DecodeOne(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), decoder)
			}
			return kcat.Decode(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), decoder)
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&file, "config", "", "configuration file, to show buyer data of orders; it says where the registry is too")
	cmd.Flags().Lookup("config").Annotations = map[string][]string{explicitConfig: {}}
	cmd.Flags().BoolVar(&raw, "raw", false, "the input is one value, without its length")
	return cmd
}

// openDecoder makes the decoder: with a configuration, one that shows buyer data.
func openDecoder(cmd *cobra.Command, flags registryFlags, file string) (kcat.Decoder, func(), error) {
	if file == "" {
		client, err := flags.client()
		if err != nil {
			return nil, nil, err
		}
		decoder, err := registry.NewDecoder(client...)
		if err != nil {
			return nil, nil, usageError{err}
		}
		return decoder, func() {}, nil
	}
	if cmd.Flags().Changed("registry") || cmd.Flags().Changed("registry-user") {
		return nil, nil, usageError{errors.New("--config says where the registry is: leave out --registry and --registry-user")}
	}
	settings, err := openSettings(cmd, file)
	if err != nil {
		return nil, nil, err
	}
	if !settings.Config.BuyerData.Given() {
		return nil, nil, usageError{errors.New(file + " has neither buyer_data.keys nor buyer_data.kms, and without a key no buyer data is shown; without --config, orders are shown with it encrypted")}
	}
	return pipeline.OpenBuyerView(cmd.Context(), settings)
}

package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kcat"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

type encodeFlags struct {
	registry  registryFlags
	topic     string
	record    string
	prefix    string
	delimiter string
	raw       bool
	schema    bool
}

func newEncodeCommand() *cobra.Command {
	var f encodeFlags
	cmd := &cobra.Command{
		Use:   "encode --topic TOPIC",
		Short: "Turn JSON into values for Kafka",
		Long: `Encode reads JSON, one record a line, in the form that decode prints, and writes
what kcat -P takes: for each record its key (the account), a colon, the value
and a delimiter.

  sellerstream encode --topic inventory-updates < updates.jsonl |
    kcat -b 127.0.0.1:9092 -P -t sellerstream.inventory-updates -K : -D '` + kcat.DefaultDelimiter + `' -X partitioner=murmur2_random

Fields with a default may be missing; see schemas/README.md. The partitioner
matters: librdkafka's own default puts an account on another partition than its
owner's. With --raw it writes one bare value, which kcat takes as a file (not
through a pipe, where kcat would send nothing):

  sellerstream encode --topic shipments --raw < shipment.json > value
  kcat -b 127.0.0.1:9092 -P -t sellerstream.shipments -k seller-1-de -X partitioner=murmur2_random value`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return encode(cmd, f) },
	}
	f.registry.add(cmd)
	cmd.Flags().StringVar(&f.topic, "topic", "", "the topic's name without its prefix, such as inventory-updates")
	cmd.Flags().StringVar(&f.record, "record", "", "the kind of record, where the topic holds several")
	cmd.Flags().StringVar(&f.prefix, "prefix", schemas.DefaultPrefix, "prefix of the topics' names")
	cmd.Flags().StringVar(&f.delimiter, "delimiter", kcat.DefaultDelimiter, "what stands after each value")
	cmd.Flags().BoolVar(&f.raw, "raw", false, "write one value, without key and delimiter")
	cmd.Flags().BoolVar(&f.schema, "schema", false, "print the schema of the topic's records as it is registered, and encode nothing")
	return cmd
}

func encode(cmd *cobra.Command, f encodeFlags) error {
	record, err := f.kind()
	if err != nil {
		return usageError{err}
	}
	if f.schema {
		_, err := fmt.Fprint(cmd.OutOrStdout(), record.Schema())
		return err
	}
	client, err := f.registry.client()
	if err != nil {
		return err
	}
	wait, err := answers(cmd)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(cmd.Context(), wait, fmt.Errorf("no answer within %v", wait))
	defer cancel()
	codec, err := registry.New(ctx, registry.Config{
		Client: client, Prefix: f.prefix, Topics: []string{f.topic},
		Logger: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)),
	})
	if err != nil {
		return err
	}
	encoding := kcat.Encoding{Topic: f.topic, Record: record, Delimiter: f.delimiter}
	if f.raw {
		encoding.Delimiter = ""
	}
	return kcat.Encode(cmd.InOrStdin(), cmd.OutOrStdout(), codec, encoding)
}

// kind finds the record that the input holds.
func (f encodeFlags) kind() (schemas.Record, error) {
	topic, ok := schemas.TopicOf(f.topic)
	if !ok {
		var names []string
		for _, t := range schemas.Topics() {
			names = append(names, t.Name)
		}
		return schemas.Record{}, fmt.Errorf("--topic %q is not one of %s", f.topic, strings.Join(names, ", "))
	}
	if f.delimiter == "" && !f.raw {
		return schemas.Record{}, fmt.Errorf("--delimiter is empty: write --raw for one bare value")
	}
	name := f.record
	if name == "" && len(topic.Records) == 1 {
		name = topic.Records[0]
	}
	if record, ok := schemas.Of(name); ok && slices.Contains(topic.Records, name) {
		return record, nil
	}
	return schemas.Record{}, fmt.Errorf("--record %q is not one of %s, which are what stands on %s", f.record, strings.Join(topic.Records, ", "), f.topic)
}

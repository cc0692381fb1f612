package statemove

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/operator/statefile"
	"github.com/sellerstream/sellerstream/pkg/platform/pause"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

// switches reads those that are there: an operator may have paused calls before the import.
func (i *importer) switches(ctx context.Context) error {
	if !i.topics[schemas.Switches] {
		return nil
	}
	ends, err := i.reader().Ends(ctx, i.Prefix+schemas.Switches)
	if err != nil {
		return err
	}
	for partition, end := range ends {
		entries, err := i.reader().Newest(ctx, i.Prefix+schemas.Switches, partition, end)
		if err != nil {
			return err
		}
		for key, value := range entries {
			i.turned[key] = i.read(ctx, value)
		}
	}
	return nil
}

// read is a switch. One that cannot be read counts as paused, as it does for processes.
func (i *importer) read(ctx context.Context, value []byte) schemas.Switch {
	if turned, plain, err := pause.DecodePlain(value); plain && err == nil {
		return *turned
	}
	if value, err := i.Codec.Decode(ctx, schemas.Switches, value); err == nil {
		if turned, ok := value.(*schemas.Switch); ok {
			return *turned
		}
	}
	return schemas.Switch{Paused: true}
}

// turn is a switch of the file as it is to stand here; nil where what stands here holds: a
// pause is kept, and a level is not lowered. Where a batch of switches could not be read
// all writing calls are paused here by the switch that stands for all of them.
func (i *importer) turn(ctx context.Context, entry *statefile.Entry) (*kgo.Record, error) {
	key := string(entry.Key)
	if strings.HasPrefix(key, schemas.AllWrites+"/") {
		key = schemas.AllWrites
	}
	value := entry.Value
	if id, ok := registry.SchemaID(value); ok {
		text, known := i.schemas[id]
		if !known {
			return nil, fmt.Errorf("its schema %d is not in the file", id)
		}
		now, err := i.Texts.ID(ctx, entry.Topic, text)
		if err != nil {
			return nil, err
		}
		value = registry.WithSchemaID(value, now)
	}
	is, here := i.read(ctx, value), i.turned[key]
	if here.Paused && !is.Paused || key == schemas.FeatureLevel && !is.Paused && is.Level <= here.Level {
		return nil, nil
	}
	i.turned[key] = is
	return &kgo.Record{Topic: i.Prefix + entry.Topic, Key: []byte(key), Value: value}, nil
}

package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/operator/buyerview"
	"github.com/sellerstream/sellerstream/pkg/platform/commands"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata/kmskey"
)

// OpenBuyerKeys reads the keys that a configuration names for buyer data. KMS is
// asked for nothing.
func OpenBuyerKeys(ctx context.Context, cfg config.Config, store *secrets.Store) (buyerdata.Keys, error) {
	var wrappers []buyerdata.Wrapper
	given := cfg.BuyerData
	if given.Keys.Given() {
		text, err := given.Keys.Source(store).Secret(ctx)
		if err != nil {
			return buyerdata.Keys{}, fmt.Errorf("buyer_data.keys: %w", err)
		}
		file, err := buyerdata.ParseKeyFile(text.Reveal(), commands.MakeBuyerKeys)
		if err != nil {
			return buyerdata.Keys{}, fmt.Errorf("buyer_data.keys: %w", err)
		}
		wrappers = append(wrappers, file)
	}
	if given.KMS == "" && len(given.KMSEarlier) == 0 {
		return buyerdata.NewKeys(wrappers...), nil
	}
	loaded, err := openAWS(ctx, cfg.AWS)
	if err != nil {
		return buyerdata.Keys{}, err
	}
	client := kms.NewFromConfig(loaded, func(o *kms.Options) { o.BaseEndpoint = endpoint(cfg.AWS.KMSEndpoint) })
	wrapper := kmskey.New(client, given.KMS, given.KMSEarlier...)
	if given.KMS != "" { // it wraps in place of the file
		return buyerdata.NewKeys(slices.Insert(wrappers, 0, buyerdata.Wrapper(wrapper))...), nil
	}
	return buyerdata.NewKeys(append(wrappers, wrapper)...), nil
}

// OpenBuyerView makes a decoder that shows buyer data, by the same ways as a run.
// close ends it.
func OpenBuyerView(ctx context.Context, s Settings) (view *buyerview.Decoder, closeView func(), err error) {
	keys, err := OpenBuyerKeys(ctx, s.Config, s.Secrets)
	if err != nil {
		return nil, nil, err
	}
	options, err := registryOptions(ctx, s.Config, s.Secrets)
	if err != nil {
		return nil, nil, err
	}
	codec, err := registry.NewDecoder(options...)
	if err != nil {
		return nil, nil, err
	}
	client, err := OpenKafka(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	reader := topicread.Reader{Admin: kadm.NewClient(client), Client: kafkaOptions(s.Config, s.Secrets)}
	return buyerview.New(codec, keys, reader, s.Config.Prefix), client.Close, nil
}

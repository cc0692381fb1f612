package pipeline

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/cmd/sellerstream/internal/buyerview"
	"github.com/sellerstream/sellerstream/pkg/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/buyerdata/kmskey"
	"github.com/sellerstream/sellerstream/pkg/config"
	"github.com/sellerstream/sellerstream/pkg/registry"
	"github.com/sellerstream/sellerstream/pkg/scan"
	"github.com/sellerstream/sellerstream/pkg/secrets"
)

// OpenBuyerKeys reads the keys that a configuration names for buyer data. KMS is
// asked for nothing.
func OpenBuyerKeys(ctx context.Context, cfg config.Config, store *secrets.Store) (buyerdata.Keys, error) {
	var wrappers []buyerdata.Wrapper
	if cfg.BuyerData.KMS != "" {
		loaded, err := openAWS(ctx, cfg.AWS)
		if err != nil {
			return buyerdata.Keys{}, err
		}
		client := kms.NewFromConfig(loaded, func(o *kms.Options) { o.BaseEndpoint = endpoint(cfg.AWS.KMSEndpoint) })
		wrappers = append(wrappers, kmskey.New(client, cfg.BuyerData.KMS))
	}
	if cfg.BuyerData.Keys.Given() {
		text, err := cfg.BuyerData.Keys.Source(store).Secret(ctx)
		if err != nil {
			return buyerdata.Keys{}, fmt.Errorf("buyer_data.keys: %w", err)
		}
		file, err := buyerdata.ParseKeyFile(text.Reveal())
		if err != nil {
			return buyerdata.Keys{}, fmt.Errorf("buyer_data.keys: %w", err)
		}
		wrappers = append(wrappers, file)
	}
	return buyerdata.NewKeys(wrappers...), nil
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
	kafka := kafkaOptions(s.Config, s.Secrets)
	client, err := kgo.NewClient(kafka...)
	if err != nil {
		return nil, nil, fmt.Errorf("Kafka client: %w", err)
	}
	reader := scan.Reader{Admin: kadm.NewClient(client), Client: kafka}
	return buyerview.New(codec, keys, reader, s.Config.Prefix), client.Close, nil
}

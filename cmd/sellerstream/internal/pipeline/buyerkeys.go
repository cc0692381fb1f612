package pipeline

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/sellerstream/sellerstream/pkg/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/buyerdata/kmskey"
	"github.com/sellerstream/sellerstream/pkg/config"
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

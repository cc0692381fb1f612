package config

import (
	"regexp"
	"time"
)

// BuyerData is how buyer data is encrypted, for the accounts that have it on.
type BuyerData struct {
	// Keys is a file of keys as `sellerstream buyer-key generate` makes it: the
	// first wraps the orders' keys, all unwrap them.
	Keys Secret `yaml:"keys"`
	// KMS is the ARN of a key of AWS KMS that wraps in place of Keys, which then
	// only unwrap.
	KMS string `yaml:"kms"`
	// Retention is how long after its delivery an order's key is kept.
	Retention time.Duration `yaml:"retention"`
}

// Given says whether there is a key to encrypt with.
func (b BuyerData) Given() bool { return b.KMS != "" || b.Keys.Given() }

// ARNs of keys of AWS KMS and of their aliases, in any of AWS's partitions.
var kmsKeyText = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[A-Za-z0-9/_-]+$`)

func (v *validator) buyerData() {
	b := v.cfg.BuyerData
	v.source("buyer_data.keys", b.Keys)
	if b.KMS != "" && !kmsKeyText.MatchString(b.KMS) {
		v.fault("buyer_data.kms", "%q is not the ARN of a KMS key, such as arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", b.KMS)
	}
	v.duration("buyer_data.retention", b.Retention, time.Hour, 10*365*24*time.Hour)
}

// withdrawn says what to write in place of a key that an earlier version had.
func withdrawn(key string) (advice string, ok bool) {
	if key == "keep_buyer_data" {
		return "it is buyer_data now: with true, orders carry buyer and recipient, encrypted with the key under buyer_data; the notification's postal code is always left out", true
	}
	return "", false
}

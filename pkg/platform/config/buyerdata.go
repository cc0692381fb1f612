package config

import (
	"fmt"
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
	// KMSEarlier are the ARNs of keys that wrapped before KMS did, or before its
	// alias moved. They only unwrap; no key that is not named unwraps anything.
	KMSEarlier []string `yaml:"kms_earlier"`
	// Retention is how long after its delivery an order's key is kept.
	Retention time.Duration `yaml:"retention"`
}

// Given reports whether there is a key to encrypt with.
func (b BuyerData) Given() bool { return b.KMS != "" || b.Keys.Given() }

// ARNs of keys of AWS KMS and of their aliases, in any of AWS's partitions.
var kmsKeyText = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[A-Za-z0-9/_-]+$`)

func (v *validator) buyerData() {
	b := v.cfg.BuyerData
	v.source("buyer_data.keys", b.Keys)
	if b.KMS != "" {
		v.kmsKey("buyer_data.kms", b.KMS)
	}
	for i, arn := range b.KMSEarlier {
		v.kmsKey(fmt.Sprintf("buyer_data.kms_earlier[%d]", i), arn)
	}
	v.duration("buyer_data.retention", b.Retention, time.Hour, 10*365*24*time.Hour)
}

func (v *validator) kmsKey(path, arn string) {
	if !kmsKeyText.MatchString(arn) {
		v.fault(path, "%q is not the ARN of a KMS key, such as arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", arn)
	}
}

// withdrawn returns what to write in place of a key that an earlier version had.
func withdrawn(key string) (advice string, ok bool) {
	if key == "keep_buyer_data" {
		return "it is buyer_data now: with true, orders carry buyer and recipient, encrypted with the key under buyer_data; the notification's postal code is always left out", true
	}
	return "", false
}

package stock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

// Patches of fulfillment_availability, which a feed's message and
// patchListingsItem have in common. How Amazon words a refusal is taken from
// the reports and answers that sellers have published; the comments name them.

// Patch is one JSON Patch operation on a listing.
type Patch struct {
	Op    string            `json:"op"`
	Path  string            `json:"path"`
	Value []json.RawMessage `json:"value"`
}

const availabilityPath = "/attributes/fulfillment_availability"

// MerchantChannel is the channel of what the merchant ships itself.
const MerchantChannel = "DEFAULT"

// availability is what a submission changes about one SKU.
type availability struct {
	given    bool // whether it sets the quantity that the merchant ships itself
	merge    bool // whether what it does not name stays
	remove   bool // whether it deletes the listing
	quantity int
	leadTime int
}

// channel is one entry of fulfillment_availability.
type channel struct {
	Code        *string `json:"fulfillment_channel_code"`
	Quantity    *int    `json:"quantity"`
	LeadTime    *int    `json:"lead_time_to_ship_max_days"`
	RestockDate *string `json:"restock_date"`
	Inventory   *bool   `json:"is_inventory_available"`
	Marketplace *string `json:"marketplace_id"`
}

// Issue is one thing that is wrong with a submission for a SKU. As an error it is
// why the submission is refused.
type Issue struct {
	Code, Severity, Message string
	Attribute, Category     string
}

func (i *Issue) Error() string { return i.Code + ": " + i.Message }

func refuse(code, message, attribute, category string) error {
	return &Issue{code, "ERROR", message, attribute, category}
}

// IssueOf is the issue that an error says.
func IssueOf(err error) Issue {
	var refusal *Issue
	if errors.As(err, &refusal) {
		return *refusal
	}
	return Issue{Code: "BAD_REQUEST", Severity: "ERROR", Message: err.Error()}
}

// Check refuses what the schemas of both APIs forbid.
func (p *Patch) Check() error {
	switch p.Op {
	case "add", "replace", "merge":
		if len(p.Value) == 0 {
			return errors.New("the operation has no value")
		}
	case "delete":
	default:
		return fmt.Errorf("the operation %q is not add, replace, merge or delete", p.Op)
	}
	if p.Path == "" {
		return errors.New("the operation has no path")
	}
	for _, v := range p.Value {
		if trimmed := bytes.TrimSpace(v); len(trimmed) == 0 || trimmed[0] != '{' {
			return errors.New("a value is no object")
		}
	}
	return nil
}

// readPatches reads what checked patches change. Attributes other than
// fulfillment_availability are taken without a look.
func readPatches(patches []Patch) (availability, error) {
	var change availability
	for i := range patches {
		p := &patches[i]
		name, top := strings.CutPrefix(p.Path, "/attributes/")
		if !top || name == "" || strings.Contains(name, "/") || strings.ToLower(name) != name {
			// What "fulfillmentAvailability" gets (jlevers/selling-partner-api#861);
			// only top-level attributes can be patched.
			return availability{}, refuse("90000900", "The attributes are invalid.", name, "INVALID_ATTRIBUTE")
		}
		if p.Path != availabilityPath || p.Op == "delete" {
			continue
		}
		for _, v := range p.Value {
			if err := change.read(v); err != nil {
				return availability{}, err
			}
		}
		change.merge = p.Op == "merge"
	}
	return change, nil
}

// read takes one entry of fulfillment_availability over.
func (c *availability) read(value json.RawMessage) error {
	const attribute = "fulfillment_availability"
	var entry channel
	if err := wire.DecodeOnly(value, &entry); err != nil || entry.Quantity != nil && (*entry.Quantity < 0 || *entry.Quantity > math.MaxInt32) {
		// The wording of selling-partner-api-models#3987.
		return refuse("8015", "The data you provided for an attribute is invalid. Please refer the data definitions and resubmit with a valid value.", attribute, "INVALID_ATTRIBUTE")
	}
	switch {
	case entry.Code == nil || *entry.Code == "":
		// The wording of jlevers/selling-partner-api#493, the code of Amazon's example report.
		return refuse("99022", "The field 'fulfillment_channel_code' for the attribute 'fulfillment_availability' does not have enough values. The required minimum is '1' value(s).", attribute, "MISSING_ATTRIBUTE")
	case *entry.Code != MerchantChannel && !strings.HasPrefix(*entry.Code, "AMAZON_"):
		// selling-partner-api-docs#2158.
		return refuse("90000900", "Invalid enumerated value '"+*entry.Code+"' for attribute 'fulfillment_availability'.", attribute, "INVALID_ATTRIBUTE")
	case *entry.Code != MerchantChannel || entry.Quantity == nil:
		return nil // what Amazon ships has no quantity of the merchant's
	}
	c.given, c.quantity = true, *entry.Quantity
	if entry.LeadTime != nil {
		c.leadTime = *entry.LeadTime
	}
	return nil
}

// unknownSKU is what a message of a SKU that does not exist, or is not listed
// in the feed's marketplace, gets: Seller Central's error 13013. In 2024 Amazon
// was seen to accept such messages, and to apply nothing (selling-partner-api-models#4402,
// #2797); see Config.AcceptUnknown.
func unknownSKU() error {
	return refuse("13013", "This SKU does not exist in your Amazon inventory so we could not process this record.", "", "")
}

package stock

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

// The document of a JSON_LISTINGS_FEED, read as Amazon's listings-feed-schema-v2
// defines it.

// ListingsFeed is the type of feeds of listings.
const ListingsFeed = "JSON_LISTINGS_FEED"

const (
	feedVersion  = "2.0"
	mostMessages = 25_000 // in one feed, since 2025-05-06
)

// feedContent is what an uploaded document says.
type feedContent struct {
	sha256   string
	seller   string
	shows    bool // its report shows quantities
	messages []feedMessage
	orders   []orderMessage // in place of them, in a feed about orders
	broken   *Issue         // why none of its messages can be read; nil if they can
}

// feedMessage is one message: a change of a SKU, or why there is none.
type feedMessage struct {
	id     int
	sku    string
	change availability
	fault  error // nil or an *Issue
}

// readFeed reads a document. It never fails: what is wrong with it is in the
// feed's report later.
func readFeed(document []byte) *feedContent { return readContent(document, (*feedContent).read) }

func readContent(document []byte, read func(c *feedContent, document []byte) error) *feedContent {
	sum := sha256.Sum256(document)
	content := &feedContent{sha256: hex.EncodeToString(sum[:])}
	if err := read(content, document); err != nil {
		if !errors.As(err, &content.broken) {
			// The wording of selling-partner-api-docs#2201.
			content.broken = &Issue{Code: "4002001", Severity: "ERROR", Message: "Item 'Feed' cannot be parsed."}
		}
		content.messages, content.orders = nil, nil
	}
	return content
}

func (c *feedContent) read(document []byte) error {
	var feed struct {
		Header   *feedHeader       `json:"header"`
		Messages []json.RawMessage `json:"messages"`
	}
	if err := wire.DecodeOnly(document, &feed); err != nil {
		return err
	}
	switch {
	case feed.Header == nil || feed.Header.Version != feedVersion:
		return errors.New("the header is missing or of another version")
	case feed.Header.SellerID == "":
		// The wording of selling-partner-api-models#4636.
		return refuse("4002005", "Attribute 'Merchant' is required, but not present.", "", "")
	case len(feed.Messages) == 0 || len(feed.Messages) > mostMessages:
		return fmt.Errorf("the feed has %d messages", len(feed.Messages))
	}
	c.seller = feed.Header.SellerID
	c.shows = slices.Contains(feed.Header.Report.IncludedData, "fulfillmentAvailability")
	c.messages = make([]feedMessage, len(feed.Messages))
	seen := make(map[int]bool, len(feed.Messages))
	for i, text := range feed.Messages {
		m := readMessage(text)
		if m.id > 0 && seen[m.id] {
			m.fault = schemaFault()
		}
		seen[m.id] = true
		c.messages[i] = m
	}
	return nil
}

type feedHeader struct {
	SellerID    string `json:"sellerId"`
	Version     string `json:"version"`
	IssueLocale string `json:"issueLocale"`
	Report      struct {
		IncludedData []string `json:"includedData"`
		APIVersion   string   `json:"apiVersion"`
	} `json:"report"`
}

// rawMessage is a message before it is checked.
type rawMessage struct {
	ID           int             `json:"messageId"`
	SKU          string          `json:"sku"`
	Operation    string          `json:"operationType"`
	ProductType  *string         `json:"productType"`
	Requirements json.RawMessage `json:"requirements"`
	Attributes   attributes      `json:"attributes"`
	Patches      []Patch         `json:"patches"`
}

// attributes are what UPDATE and PARTIAL_UPDATE set, by name.
type attributes map[string]json.RawMessage

// schemaFault is what a message that breaks the schema gets. The wording is
// that of selling-partner-api-docs#1098.
func schemaFault() error {
	return refuse("4002008", "The provided message did not meet the schema validation requirements for a feed message.", "", "")
}

func readMessage(text json.RawMessage) feedMessage {
	var raw rawMessage
	if err := wire.DecodeOnly(text, &raw); err != nil {
		// The report names the message as far as it can be read.
		var named struct {
			ID  int    `json:"messageId"`
			SKU string `json:"sku"`
		}
		_ = json.Unmarshal(text, &named) // leaves what it cannot read empty
		return feedMessage{id: max(named.ID, 0), sku: named.SKU, fault: schemaFault()}
	}
	m := feedMessage{id: max(raw.ID, 0), sku: raw.SKU}
	if !raw.fits() {
		m.fault = schemaFault()
		return m
	}
	switch raw.Operation {
	case "DELETE":
		m.change.remove = true
		return m
	case "PATCH":
		m.change, m.fault = readPatches(raw.Patches)
	default:
		m.change, m.fault = raw.Attributes.read()
	}
	if m.fault != nil {
		m.fault = asFeedFault(m.fault)
	}
	return m
}

// asFeedFault words a refusal as a feed's report does: where patchListingsItem
// says that the channel is missing, a feed says less (selling-partner-api-models#4554).
func asFeedFault(err error) error {
	if IssueOf(err).Code == "99022" {
		return refuse("BAD_REQUEST", "Invalid parameters provided.", "", "")
	}
	return err
}

// fits reports whether a message has what its operation requires, and nothing
// that its operation forbids.
func (m *rawMessage) fits() bool {
	if m.ID < 1 || m.ID > math.MaxInt32 || m.SKU == "" {
		return false
	}
	typed := m.ProductType != nil && *m.ProductType != ""
	switch m.Operation {
	case "UPDATE":
		return typed && len(m.Attributes) > 0 && m.Patches == nil
	case "PARTIAL_UPDATE":
		return typed && len(m.Attributes) > 0 && m.Patches == nil && m.Requirements == nil
	case "DELETE":
		return m.ProductType == nil && m.Attributes == nil && m.Patches == nil && m.Requirements == nil
	case "PATCH":
		if !typed || len(m.Patches) == 0 || m.Attributes != nil || m.Requirements != nil {
			return false
		}
		return !slices.ContainsFunc(m.Patches, func(p Patch) bool { return p.Check() != nil })
	}
	return false
}

// read reads what attributes change: the same as patches that replace them.
func (a attributes) read() (availability, error) {
	value, given := a["fulfillment_availability"]
	if !given {
		return availability{}, nil
	}
	replace := Patch{Op: "replace", Path: availabilityPath}
	if err := json.Unmarshal(bytes.TrimSpace(value), &replace.Value); err != nil || replace.Check() != nil {
		return availability{}, schemaFault()
	}
	return readPatches([]Patch{replace})
}

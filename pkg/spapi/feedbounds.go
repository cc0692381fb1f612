package spapi

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Bounds of what the Feeds API answers, in bytes (containment rule 1): what
// passes here becomes state, records and alerts. Amazon's feed ids have about 11
// bytes, its document ids about 90, its presigned URLs below 3,000.
const (
	maxFeedID     = 100
	maxDocumentID = 500
	maxURL        = 8 << 10
	maxPageToken  = 8 << 10
	maxFeedWord   = 100 // a status, a type or a marketplace id
	maxFeedPlaces = 25  // marketplaces of a feed
)

// identifier reports whether id can be one of Amazon's: printable ASCII without
// spaces, 1 to limit bytes.
func identifier(id string, limit int) bool {
	return id != "" && len(id) <= limit && strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// boundFeed bounds what Amazon shows of a feed. An id that cannot be Amazon's gets
// a name made of its hash: the feed is counted, and asking for it finds nothing.
// A result document with such an id is dropped.
func boundFeed(f *model.Feed) {
	if !identifier(f.FeedID, maxFeedID) {
		sum := sha256.Sum256([]byte(f.FeedID))
		f.FeedID = "unreadable-" + hex.EncodeToString(sum[:8])
	}
	if !identifier(f.ResultFeedDocumentID, maxDocumentID) {
		f.ResultFeedDocumentID = ""
	}
	f.FeedType, f.ProcessingStatus = shorten(f.FeedType, maxFeedWord), shorten(f.ProcessingStatus, maxFeedWord)
	f.MarketplaceIDs = f.MarketplaceIDs[:min(len(f.MarketplaceIDs), maxFeedPlaces)]
	for i, marketplace := range f.MarketplaceIDs {
		f.MarketplaceIDs[i] = shorten(marketplace, maxFeedWord)
	}
}

// check refuses a document's id or URL that cannot be one.
func (d *feedDocument) check() error {
	switch {
	case d.URL == "" || len(d.URL) > maxURL:
		return errors.New("the answer's field url is missing or too long")
	case len(d.CompressionAlgorithm) > maxFeedWord:
		d.CompressionAlgorithm = shorten(d.CompressionAlgorithm, maxFeedWord)
	}
	return nil
}

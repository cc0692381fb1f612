package model

import "strings"

// This file owns the names of what several roles share: operations of the Feeds API, whose
// limit Amazon counts for an account and not for a feed type. The role that sends listings has
// the operation's own name, each other role a share that is named with its feed type, such as
// createFeed/POST_ORDER_ACKNOWLEDGEMENT_DATA.

const (
	// ShareParts is how many shares an operation's limit has. Each role about orders has
	// one of them.
	ShareParts = 8
	// ShareBurst is the burst of a share. One token of it stays unspent, as of any burst.
	ShareBurst = 2
)

// ShareOf is the name of what a role that sends feeds of a type may spend of an operation.
func ShareOf(operation, feedType string) string {
	if feedType == JSONListingsFeed {
		return operation
	}
	return operation + "/" + feedType
}

// SharedOperations are those whose limit roles share.
func SharedOperations() []string {
	return []string{CreateFeedDocument, CreateFeed, GetFeeds, CancelFeed}
}

// Shares are all shares of a feed type.
func Shares(feedType string) []string {
	shares := SharedOperations()
	for i, operation := range shares {
		shares[i] = ShareOf(operation, feedType)
	}
	return shares
}

// SharingFeeds are the feed types that have shares.
func SharingFeeds() []string { return []string{OrderAcknowledgementFeed, OrderFulfillmentFeed} }

// IsShare reports whether a name is that of a share, and returns the name of its operation.
func IsShare(name string) (operation string, ok bool) {
	operation, feedType, _ := strings.Cut(name, "/")
	switch operation {
	case CreateFeedDocument, CreateFeed, GetFeeds, CancelFeed:
		return operation, feedType == OrderAcknowledgementFeed || feedType == OrderFulfillmentFeed
	}
	return operation, false
}

// Covers reports whether a role whose operations and shares are listed may call an operation.
func Covers(listed []string, operation string) bool {
	for _, name := range listed {
		if of, share := IsShare(name); name == operation || share && of == operation {
			return true
		}
	}
	return false
}

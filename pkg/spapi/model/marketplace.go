package model

// Region is one of Amazon's three selling regions. Each has a host, an AWS
// region and seller tokens of its own.
type Region string

// The regions.
const (
	NorthAmerica Region = "na"
	Europe       Region = "eu"
	FarEast      Region = "fe"
)

// Valid reports whether r is one of Amazon's regions.
func (r Region) Valid() bool { return r == NorthAmerica || r == Europe || r == FarEast }

// AWSRegion is the AWS region in which the region's endpoint runs, or "".
func (r Region) AWSRegion() string {
	switch r {
	case NorthAmerica:
		return "us-east-1"
	case Europe:
		return "eu-west-1"
	case FarEast:
		return "us-west-2"
	}
	return ""
}

// Endpoint is the region's production URL, or "".
func (r Region) Endpoint() string {
	if !r.Valid() {
		return ""
	}
	return "https://sellingpartnerapi-" + string(r) + ".amazon.com"
}

// RegionOf is the region of a marketplace id, or "" for an id that Amazon's
// list (developer pages, as of 2026-08) does not have.
func RegionOf(marketplaceID string) Region {
	switch marketplaceID {
	case "A2EUQ1WTGCTBG2", "ATVPDKIKX0DER", "A1AM78C64UM0Y8", "A2Q3Y263D00KWC":
		return NorthAmerica
	case "A28R8C7NBKEWEA", "A1RKKUPIHCS9HS", "A1F83G8C2ARO7P", "A13V1IB3VIYZZH",
		"AMEN7PMS3EDWL", "A1805IZSGTT6HS", "A1PA6795UKMFR9", "APJ6JRA9NG5V4",
		"A2NODRKZP88ZB9", "AE08WJ6YKNBMC", "A1C3SOZRARQ6R3", "ARBP9OOSHTCHU",
		"A33AVAJ2PDY3EV", "A17E79C6D8DWNP", "A2VIGQ35RCS4UG", "A21TJRUUN4KGV":
		return Europe
	case "A19VAU5U5O7RUS", "A39IBJ37TRP1C6", "A1VC38T7YXB528":
		return FarEast
	}
	return ""
}

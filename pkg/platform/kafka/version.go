package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
)

// metadataVersion is the feature whose level tells a cluster's version, and
// metadata40 its level in Kafka 4.0 (Kafka's MetadataVersion, 4.0-IV3). Kafka
// sends no version, and what its API versions tell is a guess.
const (
	metadataVersion = "metadata.version"
	metadata40      = 25
)

// Versions is what the brokers of a cluster say of theirs: Kafka 4.0 or later is needed.
type Versions struct {
	Brokers int
	Old     []string // brokers before 4.0, each with the version that it seems to be of
	Silent  []string // those that did not answer, and why
	// Finalized is the cluster's metadata.version, as far as it is below 4.0's; else that.
	Finalized int
}

// Unfinished reports whether an upgrade of the cluster to 4.0 was not finished.
func (v Versions) Unfinished() bool { return v.Finalized < metadata40 }

// AskVersions asks every broker.
func AskVersions(ctx context.Context, admin *kadm.Client) (Versions, error) {
	brokers, err := admin.ApiVersions(ctx)
	if err != nil {
		return Versions{}, err
	}
	v := Versions{Brokers: len(brokers), Finalized: metadata40}
	for _, b := range brokers.Sorted() {
		switch {
		case b.Err != nil:
			v.Silent = append(v.Silent, fmt.Sprintf("%d (%v)", b.NodeID, b.Err))
			continue
		case supported(b) < metadata40:
			v.Old = append(v.Old, fmt.Sprintf("%d (%s)", b.NodeID, b.VersionGuess()))
		}
		for _, f := range b.Raw().FinalizedFeatures {
			if f.Name == metadataVersion {
				v.Finalized = min(v.Finalized, int(f.MaxVersionLevel))
			}
		}
	}
	return v, nil
}

// supported is the highest metadata.version of a broker; 0 where it has none, as
// before KRaft.
func supported(b kadm.BrokerApiVersions) int {
	for _, f := range b.Raw().SupportedFeatures {
		if f.Name == metadataVersion {
			return int(f.MaxVersion)
		}
	}
	return 0
}

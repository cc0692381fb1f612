package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/sellerstream/sellerstream/pkg/operator/accountstatus"
	"github.com/sellerstream/sellerstream/pkg/operator/positions"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
)

// stopped wants no unit to stand still. Their processes report it in the group's
// offsets, so this needs none of them.
func (d *doctor) stopped(ctx context.Context, admin *kadm.Client) (all []stream.Stopped, found Finding) {
	var causes, remedies []string
	for _, role := range accountstatus.Roles() {
		if !slices.Contains(d.Enabled, role) {
			continue
		}
		group := d.Config.Prefix + role
		units, err := stream.ReadStopped(ctx, admin, group)
		if errors.Is(err, kerr.GroupAuthorizationFailed) {
			return nil, warn(oneLine(err.Error()), "Kafka's ACLs do not let us see whether units are stopped", "allow Describe on groups with the prefix "+d.Config.Prefix)
		}
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return nil, fail(oneLine(err.Error()), "the group's coordinator does not answer", "check the brokers that hold __consumer_offsets")
		}
		all = append(all, units...)
		for _, u := range units {
			causes = append(causes, fmt.Sprintf("role %s, partition %d, since %s: %s", u.Role, u.Partition, u.Since.UTC().Format(time.RFC3339), oneLine(u.Cause)))
			if remedy := oneLine(u.Remedy); !slices.Contains(remedies, remedy) {
				remedies = append(remedies, remedy)
			}
		}
	}
	if len(causes) > 0 {
		return all, fail(few(causes), "units stand still with the accounts of their partitions; all others go on", strings.Join(remedies, "; "))
	}
	return nil, good("none is stopped")
}

// positions wants each enabled role's place in a topic to be in the log, whether the role
// runs or not. Units that stand still because of that are the check of units'.
func (d *doctor) positions(ctx context.Context, admin *kadm.Client, stopped []stream.Stopped) Finding {
	all, err := positions.Compare(ctx, topicread.Reader{Admin: admin, Client: d.Parts.Kafka}, d.Config.Prefix, d.Enabled)
	switch {
	case errors.Is(err, kerr.GroupAuthorizationFailed), errors.Is(err, kerr.TopicAuthorizationFailed):
		return warn(oneLine(err.Error()), "Kafka's ACLs do not let us see where the roles stand", "allow Describe on topics and groups with the prefix "+d.Config.Prefix)
	case err != nil:
		return fail(oneLine(err.Error()), "Kafka does not say where the roles stand", "see to the brokers")
	}
	var lost, remedies, skipping []string
	for _, p := range all {
		known := func(u stream.Stopped) bool {
			return u.Reason == stream.PositionLost && u.Role == p.Role && u.Partition == p.Partition
		}
		switch remedy := p.Remedy(); {
		case !p.Outside || slices.ContainsFunc(stopped, known):
		case remedy == "":
			skipping = append(skipping, p.String())
		default:
			lost, remedies = append(lost, p.String()), append(remedies, "`"+remedy+"`")
		}
	}
	const removed = "records were removed before they were read: retention is too short, the topic was made anew, or data was lost"
	switch {
	case len(lost) > 0:
		return fail(few(lost), removed+"; these units stop when they run",
			"look which records are missing, then skip them with "+few(remedies)+"; `sellerstream lag` lists all")
	case len(skipping) > 0:
		return warn(few(skipping), removed, "nothing: the role goes on at the log's start by itself")
	}
	return good("in the log")
}

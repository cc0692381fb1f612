package acls

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Missing finds out which permissions the client's user does not have. It
// changes nothing, and says nothing of topics that do not exist yet, nor where
// Kafka does not tell. Permissions on what begins with a name are tried on one
// such resource.
func Missing(ctx context.Context, client *kgo.Client, needed []ACL) ([]ACL, error) {
	var names []string
	for _, a := range needed {
		if a.Resource == Topic && a.Pattern == Literal && !slices.Contains(names, a.Name) {
			names = append(names, a.Name)
		}
	}
	topics, err := describe(ctx, client, names)
	if err != nil {
		return nil, fmt.Errorf("ask Kafka for our permissions: %w", err)
	}
	var missing []ACL
	for _, a := range needed {
		refused := false
		switch a.Resource {
		case Topic:
			refused = a.Pattern == Literal && refusesTopic(topics[a.Name], a.Operation)
		case Group:
			refused = refusesGroup(ctx, client, a)
		case TransactionalID:
			refused = refusesTransactions(ctx, client, a)
		}
		if refused {
			missing = append(missing, a)
		}
	}
	return missing, ctx.Err()
}

// describe asks for topics with what we may do to each.
func describe(ctx context.Context, client *kgo.Client, names []string) (map[string]kmsg.MetadataResponseTopic, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	req.Topics = []kmsg.MetadataRequestTopic{} // none; nil would be all
	for _, name := range names {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, topic)
	}
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	topics := make(map[string]kmsg.MetadataResponseTopic, len(resp.Topics))
	for _, topic := range resp.Topics {
		if topic.Topic != nil {
			topics[*topic.Topic] = topic
		}
	}
	return topics, nil
}

// one is the name of one resource that the permission is for.
func (a ACL) one() string {
	if a.Pattern == Prefixed {
		return a.Name + "0"
	}
	return a.Name
}

func refusesTopic(topic kmsg.MetadataResponseTopic, o Operation) bool {
	err := kerr.ErrorForCode(topic.ErrorCode)
	allowed := kadm.DecodeACLOperations(topic.AuthorizedOperations)
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return true
	case err != nil || len(allowed) == 0:
		return false
	}
	return !slices.Contains(allowed, o.Code())
}

// refusesGroup describes a group or, to find out whether it may be read, sends a
// heartbeat of nobody: Kafka asks who we are before it asks whether there is such
// a member.
func refusesGroup(ctx context.Context, client *kgo.Client, a ACL) bool {
	name := a.one()
	if a.Operation == Describe {
		described, err := kadm.NewClient(client).DescribeGroups(ctx, name)
		if err == nil {
			err = described[name].Err
		}
		return errors.Is(err, kerr.GroupAuthorizationFailed)
	}
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.Generation = name, -1
	resp, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	return errors.Is(err, kerr.GroupAuthorizationFailed)
}

// refusesTransactions asks after a transaction, or ends one of no producer, which
// Kafka refuses in any case, but to who may not write as having no permission.
func refusesTransactions(ctx context.Context, client *kgo.Client, a ACL) bool {
	id := a.one()
	var err error
	if a.Operation == Write {
		req := kmsg.NewPtrEndTxnRequest()
		req.TransactionalID, req.ProducerID, req.ProducerEpoch = id, -1, -1
		var resp *kmsg.EndTxnResponse
		if resp, err = req.RequestWith(ctx, client); err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
	} else {
		var described kadm.DescribedTransactions
		if described, err = kadm.NewClient(client).DescribeTransactions(ctx, id); err == nil {
			err = described[id].Err
		}
	}
	return errors.Is(err, kerr.TransactionalIDAuthorizationFailed)
}

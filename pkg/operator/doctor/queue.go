package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/sellerstream/sellerstream/pkg/operator/doctor/policy"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
)

// QueueClient is what is used of *sqs.Client.
type QueueClient interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

const (
	checkAddress    = "address"
	checkKind       = "kind"
	checkARN        = "arn"
	checkPolicy     = "policy"
	checkEncryption = "encryption"
	checkRedrive    = "redrive"
	checkBacklog    = "backlog"
)

// queue examines one queue of the bridge.
func (d *doctor) queue(ctx context.Context, parts AWS, who string, index int) *exam {
	q := d.Config.Bridge.Queues[index]
	e := &exam{part: partQueue, name: queueName(q)}
	key := func(name string) string { return fmt.Sprintf("bridge.queues[%d].%s", index, name) }
	e.check(ctx, checkAddress, nil, func(context.Context) Finding { return d.queueAddress(q).at("%s", key("url")) })
	if !e.usable(parts) {
		return e
	}
	var has map[string]string
	e.check(ctx, checkReachable, []string{checkAddress}, func(ctx context.Context) (found Finding) {
		has, found = attributes(ctx, parts.Queues, q, who)
		return found.at("%s", key("url"))
	})
	then := func(name string, do func(context.Context) Finding) {
		e.check(ctx, name, []string{checkReachable}, do)
	}
	arn := has[string(types.QueueAttributeNameQueueArn)]
	then(checkKind, func(context.Context) Finding { return queueKind(has).at("%s", key("url")) })
	then(checkARN, func(context.Context) Finding { return queueARN(q.ARN, arn).at("%s", key("arn")) })
	then(checkPolicy, func(context.Context) Finding {
		return policyFinding(has[string(types.QueueAttributeNamePolicy)], arn, "queue", "sqs:SendMessage", "sqs:GetQueueAttributes")
	})
	then(checkEncryption, func(ctx context.Context) Finding { return encryption(ctx, parts.Keys, has) })
	then(checkRedrive, func(context.Context) Finding { return redrive(has) })
	then(checkBacklog, func(context.Context) Finding { return backlog(has) })
	return e
}

func queueName(q config.Queue) string { return q.URL[strings.LastIndexByte(q.URL, '/')+1:] }

// queueAddress compares regions where the address tells: requests are signed for
// aws.region and sent there, whatever the URL says.
func (d *doctor) queueAddress(q config.Queue) Finding {
	region := d.Config.AWS.Region
	if at, err := url.Parse(q.URL); err == nil {
		labels := strings.Split(at.Hostname(), ".")
		if len(labels) >= 4 && labels[0] == "sqs" && strings.HasPrefix(labels[2], "amazonaws") && labels[1] != region {
			return fail("the queue is in "+labels[1]+", aws.region is "+region, "the queue is in another AWS region than the one that we call",
				fmt.Sprintf("set aws.region to %s, or use a queue in %s", labels[1], region))
		}
	}
	if parts := strings.Split(q.ARN, ":"); len(parts) == 6 && parts[3] != region && d.Config.AWS.SQSEndpoint == "" {
		return fail("the arn is in "+parts[3]+", aws.region is "+region, "the queue that accounts are subscribed to is in another AWS region than the one that we call",
			fmt.Sprintf("set aws.region to %s, or use a queue in %s", parts[3], region))
	}
	return good("%s", q.URL)
}

// attributes asks for everything that there is to know about the queue.
func attributes(ctx context.Context, client QueueClient, q config.Queue, who string) (map[string]string, Finding) {
	got, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(q.URL), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	var missing *types.QueueDoesNotExist
	switch {
	case errors.As(err, &missing):
		return nil, fail(refusalText(err), "there is no such queue in that AWS account and region",
			"create the standard queue "+queueName(q)+", or correct the URL; the number in it is the AWS account")
	case err != nil:
		return nil, awsFault(err, "sqs:GetQueueAttributes, sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility", "the queue "+queueName(q))
	}
	if who == "" {
		who = "we"
	}
	return got.Attributes, good("%s may read its attributes; whether it may sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility is not tried", who)
}

func queueKind(has map[string]string) Finding {
	if has[string(types.QueueAttributeNameFifoQueue)] == "true" {
		return fail("a FIFO queue", "Amazon delivers notifications to standard queues only", "create a standard queue, with its policy, and configure that one")
	}
	return good("a standard queue")
}

func queueARN(configured, is string) Finding {
	switch {
	case configured == "":
		return good("%s; none is configured, so accounts are not subscribed to it by us", is)
	case configured != is:
		return fail("the queue's ARN is "+is+", configured is "+configured,
			"accounts would be subscribed to another queue than the one that is read", "write the arn "+is)
	}
	return good("%s", is)
}

// policyFinding is good if a resource's policy lets Amazon do all of actions.
func policyFinding(text, arn, what string, actions ...string) Finding {
	fix := fmt.Sprintf(`let a statement of the %s's policy allow %s to the principal {"AWS": "%s"}`, what, strings.Join(actions, " and "), amazonAccount)
	if text == "" {
		return fail("the "+what+" has no policy", "Amazon's account "+amazonAccount+" may not use the "+what+", so no notification arrives", fix)
	}
	parsed, err := policy.Parse(text)
	if err != nil {
		return warn("", err.Error(), "check the policy by hand: "+fix)
	}
	var unsure *Finding
	for _, action := range actions {
		decision := parsed.Decide(amazonAccount, action, arn)
		switch decision.Verdict {
		case policy.Allowed:
		case policy.Denied:
			return fail("statement "+decision.Statement+" denies it", "the "+what+"'s policy denies "+action+" to Amazon's account "+amazonAccount,
				"take Amazon's account out of that statement, or remove it")
		case policy.Missing:
			found := "nobody is allowed " + action
			if others := parsed.Grantees(action, arn); len(others) > 0 {
				found = action + " is allowed to " + few(others)
			}
			return fail(found, "the "+what+"'s policy does not allow "+action+" to Amazon's account "+amazonAccount+", so no notification arrives", fix)
		case policy.Conditional:
			f := warn("statement "+decision.Statement+" asks for "+strings.Join(decision.Keys, ", "),
				"whether Amazon's requests fulfil the condition of "+action+" cannot be told from here",
				"if no notification arrives, remove the condition: Amazon documents none")
			unsure = &f
		}
	}
	if unsure != nil {
		return *unsure
	}
	return good("allows %s to Amazon's account %s", strings.Join(actions, " and "), amazonAccount)
}

// lowReceives is how often a message should be received before SQS takes it
// away: while Kafka is down the bridge gives messages back.
const lowReceives = 100

// redrive looks at a dead-letter queue of SQS's own.
func redrive(has map[string]string) Finding {
	text := has[string(types.QueueAttributeNameRedrivePolicy)]
	if text == "" {
		return good("no dead-letter queue, and none is needed: what cannot be processed goes to the topic dead-letters")
	}
	var p struct {
		Target string `json:"deadLetterTargetArn"`
		Most   any    `json:"maxReceiveCount"` // AWS writes a number, or one as text
	}
	most, err := 0, json.Unmarshal([]byte(text), &p)
	if err == nil {
		most, err = strconv.Atoi(fmt.Sprint(p.Most))
	}
	if err != nil {
		return warn("", "the queue's redrive policy cannot be read", "check it in the SQS console")
	}
	found := fmt.Sprintf("after %d receives a message goes to %s", most, oneLine(p.Target))
	if most < lowReceives {
		return warn(found, "while Kafka or the bridge is down, good notifications are received again and again, and would end there unread",
			fmt.Sprintf("raise maxReceiveCount to %d or more, or remove the redrive policy: what cannot be processed goes to the topic dead-letters", lowReceives))
	}
	return good("%s", found)
}

// shortRetention is for how long a queue should keep messages at least.
const shortRetention = 24 * time.Hour

func backlog(has map[string]string) Finding {
	number := func(name types.QueueAttributeName) int {
		n, _ := strconv.Atoi(has[string(name)]) // information only
		return n
	}
	found := fmt.Sprintf("%d messages wait, %d are being processed", number(types.QueueAttributeNameApproximateNumberOfMessages),
		number(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible))
	retention := time.Duration(number(types.QueueAttributeNameMessageRetentionPeriod)) * time.Second
	if retention > 0 && retention < shortRetention {
		return warn(found, fmt.Sprintf("the queue forgets messages after %s, so a longer outage loses notifications", retention),
			"set the queue's MessageRetentionPeriod to at least a day; SQS keeps up to 14")
	}
	return good("%s", found)
}

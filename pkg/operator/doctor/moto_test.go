package doctor_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/sellerstream/sellerstream/pkg/operator/doctor"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/test/parts"
)

// motoPolicy allows actions to Amazon.
func motoPolicy(actions string) string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"amazon","Effect":"Allow","Principal":{"AWS":"437568002678"},"Action":[` + actions + `],"Resource":"*"}]}`
}

// TestDoctorOnMoto holds what we read of queues, keys, roles and buses against
// answers that are not our own.
func TestDoctorOnMoto(t *testing.T) {
	t.Parallel()
	endpoint := parts.AWS(t)
	given := aws.Config{Region: "eu-west-1", Credentials: awscredentials.NewStaticCredentialsProvider("test", "test", "")}
	queues := sqs.NewFromConfig(given, func(o *sqs.Options) { o.BaseEndpoint = &endpoint })
	keys := kms.NewFromConfig(given, func(o *kms.Options) { o.BaseEndpoint = &endpoint })
	buses := eventbridge.NewFromConfig(given, func(o *eventbridge.Options) { o.BaseEndpoint = &endpoint })
	name := fmt.Sprintf("doctor-%d", time.Now().UnixNano())

	key := func(actions string) string {
		made, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{Policy: aws.String(motoPolicy(actions))})
		if err != nil {
			t.Fatal(err)
		}
		return *made.KeyMetadata.KeyId
	}
	const send = `"sqs:SendMessage","sqs:GetQueueAttributes"`
	var urls []config.Queue
	for i, attributes := range []map[string]string{
		{"Policy": motoPolicy(send), "KmsMasterKeyId": key(`"kms:Decrypt","kms:GenerateDataKey"`), "MessageRetentionPeriod": "3600"},
		{"Policy": motoPolicy(send), "KmsMasterKeyId": key(`"kms:Decrypt"`)},
		{"Policy": motoPolicy(`"sqs:SendMessage"`), "KmsMasterKeyId": "alias/aws/sqs"},
		{},
	} {
		made, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(fmt.Sprintf("%s-%d", name, i)), Attributes: attributes})
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, config.Queue{URL: *made.QueueUrl})
	}
	parts.CreateBus(t, buses, name)

	w := newWorld(t)
	urls[0].ARN = "arn:aws:sqs:eu-west-1:123456789012:" + name + "-0"
	w.config.Bridge.Queues, w.config.Events.Bus = append(urls, config.Queue{URL: urls[0].URL + "-none"}), name
	a := &w.config.AWS
	a.SQSEndpoint, a.EventBridgeEndpoint, a.STSEndpoint, a.KMSEndpoint = endpoint, endpoint, endpoint, endpoint
	w.config.Accounts[0].Role = "arn:aws:iam::123456789012:role/sp-api"
	report := w.examine(t)

	for _, want := range []struct {
		part, name, check string
		status            doctor.Status
		says              string
	}{
		{"aws", "", "credentials", doctor.OK, "123456789012"},
		{"queue", name + "-0", "arn", doctor.OK, urls[0].ARN},
		{"queue", name + "-0", "policy", doctor.OK, "437568002678"},
		{"queue", name + "-0", "encryption", doctor.OK, "kms:GenerateDataKey and kms:Decrypt"},
		{"queue", name + "-0", "backlog", doctor.Warning, "forgets messages after 1h0m0s"},
		{"queue", name + "-1", "encryption", doctor.Failed, "the key's policy does not allow kms:GenerateDataKey"},
		{"queue", name + "-2", "policy", doctor.Failed, "does not allow sqs:GetQueueAttributes"},
		{"queue", name + "-2", "encryption", doctor.Failed, "its policy cannot be changed"},
		{"queue", name + "-3", "policy", doctor.Failed, "the queue has no policy"},
		{"queue", name + "-0-none", "reachable", doctor.Failed, "no such queue"},
		{"events", name, "bus", doctor.OK, "event-bus/" + name},
		{"role", w.config.Accounts[0].Role, "assume", doctor.OK, "its credentials are given"},
	} {
		found := false
		for _, r := range report.Results {
			if r.Part != want.part || r.Name != want.name || r.Check != want.check {
				continue
			}
			found = true
			if r.Status != want.status || !strings.Contains(r.Found+r.Cause, want.says) {
				t.Errorf("got %+v, want %s with %q", r, want.status, want.says)
			}
		}
		if !found {
			t.Errorf("%s %s was not checked for its %s", want.part, want.name, want.check)
		}
	}
}

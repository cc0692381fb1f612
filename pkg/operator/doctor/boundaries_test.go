package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

// judged is a finding and what it should be.
type judged struct {
	got  Finding
	want Status
	says string
}

func check(t *testing.T, cases map[string]judged) {
	t.Helper()
	for name, c := range cases {
		if c.got.Status != c.want || !strings.Contains(c.got.Found+c.got.Cause+c.got.Fix, c.says) {
			t.Errorf("%s: %+v, want %s with %q", name, c.got, c.want, c.says)
		}
	}
}

// A queue is judged on both sides of each of its bounds.
func TestQueuesAtTheirBounds(t *testing.T) {
	t.Parallel()
	of := func(region, endpoint string) *doctor {
		return &doctor{Options: Options{Config: config.Config{AWS: config.AWS{Region: region, SQSEndpoint: endpoint}}}}
	}
	has := func(name, value string) map[string]string { return map[string]string{name: value} }
	receives := func(n string) map[string]string {
		return has("RedrivePolicy", `{"deadLetterTargetArn":"arn:aws:sqs:e:1:dlq","maxReceiveCount":`+n+`}`)
	}
	queue := config.Queue{URL: "https://sqs.eu-west-1.amazonaws.com/1/q", ARN: "arn:aws:sqs:eu-west-1:1:q"}
	local := config.Queue{URL: "http://127.0.0.1:9324/1/q", ARN: queue.ARN}
	check(t, map[string]judged{
		"a standard queue":               {queueKind(has("FifoQueue", "false")), OK, "standard"},
		"a FIFO queue":                   {queueKind(has("FifoQueue", "true")), Failed, "FIFO"},
		"its own ARN":                    {queueARN("arn:1", "arn:1"), OK, "arn:1"},
		"another ARN":                    {queueARN("arn:2", "arn:1"), Failed, "write the arn arn:1"},
		"no ARN":                         {queueARN("", "arn:1"), OK, "not subscribed"},
		"its region":                     {of("eu-west-1", "").queueAddress(queue), OK, queue.URL},
		"another region by the URL":      {of("us-east-1", "").queueAddress(config.Queue{URL: queue.URL}), Failed, "eu-west-1"},
		"another region by the ARN":      {of("us-east-1", "").queueAddress(local), Failed, "eu-west-1"},
		"another region, by an endpoint": {of("us-east-1", "http://127.0.0.1:9324").queueAddress(local), OK, local.URL},
		"99 receives":                    {redrive(receives("99")), Warning, "raise maxReceiveCount"},
		"100 receives":                   {redrive(receives("100")), OK, "after 100 receives"},
		"100 receives as text":           {redrive(receives(`"100"`)), OK, "after 100 receives"},
		"receives that are no number":    {redrive(receives("[]")), Warning, "cannot be read"},
		"a policy that is none":          {redrive(has("RedrivePolicy", "{")), Warning, "cannot be read"},
		"no policy":                      {redrive(nil), OK, "none is needed"},
		"a day":                          {backlog(has("MessageRetentionPeriod", "86400")), OK, "0 messages wait"},
		"less than a day":                {backlog(has("MessageRetentionPeriod", "86399")), Warning, "forgets messages"},
		"nobody knows how long":          {backlog(nil), OK, "0 messages wait"},
	})
}

// bus answers as told.
type bus struct {
	BusClient
	describe error
	put      *eventbridge.PutEventsOutput
	err      error
}

func (b bus) DescribeEventBus(context.Context, *eventbridge.DescribeEventBusInput, ...func(*eventbridge.Options)) (*eventbridge.DescribeEventBusOutput, error) {
	if b.describe != nil {
		return nil, b.describe
	}
	return &eventbridge.DescribeEventBusOutput{Arn: aws.String("arn:bus")}, nil
}

func (b bus) PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	return b.put, b.err
}

// The trial event shows what its refusal says, and that nothing refused it.
func TestTheTrialEvent(t *testing.T) {
	t.Parallel()
	try := func(failed int32, codes ...string) Finding {
		out := &eventbridge.PutEventsOutput{FailedEntryCount: failed}
		for _, code := range codes {
			out.Entries = append(out.Entries, types.PutEventsResultEntry{ErrorCode: aws.String(code)})
		}
		return tryEvents(t.Context(), bus{put: out}, "b", "arn:bus", "shop")
	}
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}
	check(t, map[string]judged{
		"refused for its detail": {try(1, "MalformedDetail"), OK, "is allowed"},
		"the source may not":     {try(1, "NotAuthorizedForSourceException"), Failed, "events of source shop"},
		"the type may not":       {try(1, "NotAuthorizedForDetailTypeException"), Failed, "events of source shop"},
		"for another reason":     {try(1, "ThrottlingException"), Warning, "another reason"},
		"taken":                  {try(0, ""), Warning, "took an entry"},
		"no answer for it":       {try(1), Warning, "took an entry"},
		"not let in":             {tryEvents(t.Context(), bus{err: denied}, "b", "arn:bus", "shop"), Failed, "allow events:PutEvents on arn:bus"},
		"no answer":              {tryEvents(t.Context(), bus{err: errors.New("cut")}, "b", "arn:bus", "shop"), Failed, "AWS did not answer"},
	})
}

// A bus that is not there fails; one that may not be looked at may do.
func TestTheBus(t *testing.T) {
	t.Parallel()
	look := func(err error) Finding {
		d := &doctor{Options: Options{Config: config.Config{AWS: config.AWS{Region: "eu-west-1"}, Events: config.Events{Bus: "b"}}}}
		e := d.events(t.Context(), AWS{Credentials: aws.AnonymousCredentials{}, Buses: bus{describe: err}})
		return e.results[0].Finding
	}
	check(t, map[string]judged{
		"there":                {look(nil), OK, "arn:bus"},
		"not there":            {look(&types.ResourceNotFoundException{}), Failed, "create the bus"},
		"not to be looked at":  {look(&smithy.GenericAPIError{Code: "AccessDeniedException"}), Warning, "cannot be seen"},
		"with unknown secrets": {look(&smithy.GenericAPIError{Code: "InvalidClientTokenId"}), Failed, "does not know our key"},
		"without an answer":    {look(errors.New("cut")), Failed, "did not answer"},
	})
}

// Topics that all have another number than is configured are the configuration's
// fault; unequal ones are a fault of the cluster, also when one only is off.
func TestNumbersOfPartitions(t *testing.T) {
	t.Parallel()
	report := func(have ...string) topics.Report {
		var r topics.Report
		for i, number := range have {
			r.Differences = append(r.Differences, topics.Difference{Topic: fmt.Sprint("t", i), Setting: topics.Partitions, Have: number, Want: "12"})
		}
		return r
	}
	all := len(schemas.Topics())
	missing := report(slices.Repeat([]string{"6"}, all-1)...)
	missing.Missing = []string{"gone"}
	check(t, map[string]judged{
		"as configured":                {partitions(report()), OK, "the same number"},
		"all another":                  {partitions(report(slices.Repeat([]string{"6"}, all)...)), Warning, "kafka.partitions: 6"},
		"all that are there":           {partitions(missing), Warning, "kafka.partitions: 6"},
		"one is off":                   {partitions(report("6")), Failed, "t0 have 6, the others have 12"},
		"all but one are off":          {partitions(report(slices.Repeat([]string{"6"}, all-1)...)), Failed, "the others have 12"},
		"all are off, in several ways": {partitions(report(append(slices.Repeat([]string{"6"}, all-1), "24")...)), Failed, "unequal"},
	})
}

// Only a level that protects readers is good, and one that is not known is not.
func TestCompatibilityLevels(t *testing.T) {
	t.Parallel()
	level := func(text string) Finding { return levelsOf([]registry.Compatibility{{Subject: "s", Level: text}}) }
	cases := map[string]judged{
		"unknown": {levelsOf([]registry.Compatibility{{Subject: "s", Level: "FULL", Err: errors.New("40408")}}), Warning, "s (40408)"},
		"none":    {levelsOf(nil), OK, "0 subjects"},
	}
	for text, want := range map[string]Status{
		"FULL": OK, "FULL_TRANSITIVE": OK, "FORWARD": OK, "FORWARD_TRANSITIVE": OK, "BACKWARD": Warning, "NONE": Warning, "": Warning,
	} {
		cases[text] = judged{level(text), want, ""}
	}
	check(t, cases)
}

// A clock that is off by more than a minute is worth a word, by 5 minutes a failure,
// whichever way.
func TestClocksAtTheirBounds(t *testing.T) {
	t.Parallel()
	off := func(skew time.Duration) Finding {
		d := &doctor{dates: newDates()}
		d.dates.skews["h"] = skew
		return d.clocks(t.Context()).results[0].Finding
	}
	check(t, map[string]judged{
		"a minute":              {off(time.Minute), OK, "less than a minute"},
		"more":                  {off(-time.Minute - time.Second), Warning, "differ by 1m1s"},
		"just under 5 minutes":  {off(5*time.Minute - time.Second), Warning, "from 5 minutes on"},
		"5 minutes":             {off(5 * time.Minute), Failed, "AWS refuses"},
		"5 minutes, we are off": {off(-5 * time.Minute), Failed, "AWS refuses"},
	})
}

// Words of AWS are shown except for those about signatures, which repeat our headers.
func TestWordsOfAWS(t *testing.T) {
	t.Parallel()
	for code, shown := range map[string]bool{"AccessDenied": true, "InvalidSignatureException": false, "SignatureDoesNotMatch": false} {
		text := refusalText(&smithy.GenericAPIError{Code: code, Message: "x-amz-security-token"})
		if strings.Contains(text, "token") != shown || !strings.Contains(text, code) {
			t.Errorf("%s: %s", code, text)
		}
	}
}

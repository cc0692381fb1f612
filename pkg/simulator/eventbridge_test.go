package simulator_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/sellerstream/sellerstream/pkg/simulator"
)

func (a *amazon) eventsClient() *eventbridge.Client {
	return eventbridge.New(eventbridge.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(a.urls.EventBridge),
		HTTPClient:   a.client,
		Credentials:  credentials.NewStaticCredentialsProvider("id", "secret", ""),
		Retryer:      aws.NopRetryer{},
	})
}

func entry(detail string) types.PutEventsRequestEntry {
	return types.PutEventsRequestEntry{
		Source: aws.String("sellerstream"), DetailType: aws.String("Order"), Detail: aws.String(detail),
		Resources: []string{"order/1"}, EventBusName: aws.String("orders"),
	}
}

func (a *amazon) put(entries ...types.PutEventsRequestEntry) (*eventbridge.PutEventsOutput, error) {
	return a.eventsClient().PutEvents(a.t.Context(), &eventbridge.PutEventsInput{Entries: entries})
}

func withBus(c *simulator.Config) { c.EventBuses = []string{"orders"} }

func TestPutEventsKeepsTheBytes(t *testing.T) {
	t.Parallel()
	a := start(t, withBus)
	detail := "{ \"id\" : \"1\",\t\"text\":\"<é> \\u00e9\" }"
	out, err := a.put(entry(detail), entry(`{"id":"2"}`))
	if err != nil || out.FailedEntryCount != 0 || len(out.Entries) != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	events, dropped := a.Events(0)
	if len(events) != 2 || dropped != 0 || events[0].Detail != detail || events[0].EventID != *out.Entries[0].EventId {
		t.Fatalf("%+v", events)
	}
	if e := events[0]; e.Bus != "orders" || e.Source != "sellerstream" || e.DetailType != "Order" || len(e.Resources) != 1 || !e.Answered {
		t.Errorf("%+v", e)
	}
	if later, _ := a.Events(1); len(later) != 1 || later[0].Sequence != 2 {
		t.Errorf("after the first: %+v", later)
	}
}

func TestPutEventsFailsEntries(t *testing.T) {
	t.Parallel()
	a := start(t, withBus)
	bad := map[string]types.PutEventsRequestEntry{
		"MalformedDetail":                 entry(`{"id":`),
		"InvalidArgument":                 entry(`{}`),
		"NotAuthorizedForSourceException": entry(`{}`),
	}
	noBus := bad["InvalidArgument"]
	noBus.EventBusName = aws.String("elsewhere")
	bad["InvalidArgument"] = noBus
	amazonSource := bad["NotAuthorizedForSourceException"]
	amazonSource.Source = aws.String("aws.ec2")
	bad["NotAuthorizedForSourceException"] = amazonSource
	for code, e := range bad {
		out, err := a.put(e, entry(`{}`))
		if err != nil || out.FailedEntryCount != 1 || aws.ToString(out.Entries[0].ErrorCode) != code || out.Entries[1].EventId == nil {
			t.Errorf("%s: %+v, %v", code, out, err)
		}
	}
	incomplete := entry(`{}`)
	incomplete.Source = nil
	if out, err := a.put(incomplete, entry(`{}`)); err != nil || aws.ToString(out.Entries[0].ErrorCode) != "InvalidArgument" {
		t.Errorf("no source: %+v, %v", out, err)
	}
	if events, _ := a.Events(0); len(events) != 4 {
		t.Errorf("%d events were accepted", len(events))
	}
}

func TestPutEventsFailsRequests(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *simulator.Config) { withBus(c); c.PutEventsLimit = 1000 })
	incomplete := entry(`{}`)
	incomplete.DetailType = nil
	big := entry(`{"x":"` + strings.Repeat("x", 990) + `"}`)
	many := make([]types.PutEventsRequestEntry, 11)
	for i := range many {
		many[i] = entry(`{}`)
	}
	for name, entries := range map[string][]types.PutEventsRequestEntry{
		"none": {}, "eleven": many, "too big": {big}, "none complete": {incomplete},
	} {
		_, err := a.put(entries...)
		var known smithy.APIError
		if !errors.As(err, &known) || known.ErrorCode() != "ValidationException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if events, _ := a.Events(0); len(events) != 0 {
		t.Errorf("accepted %+v", events)
	}
}

func TestDescribeEventBus(t *testing.T) {
	t.Parallel()
	a := start(t, withBus)
	client := a.eventsClient()
	const arn = "arn:aws:events:eu-west-1:000000000000:event-bus/orders"
	for _, name := range []string{"orders", arn} {
		got, err := client.DescribeEventBus(t.Context(), &eventbridge.DescribeEventBusInput{Name: &name})
		if err != nil || aws.ToString(got.Arn) != arn || aws.ToString(got.Name) != "orders" {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	if got, err := client.DescribeEventBus(t.Context(), &eventbridge.DescribeEventBusInput{}); err != nil || aws.ToString(got.Name) != "default" {
		t.Errorf("without a name: got %+v, %v", got, err)
	}
	var missing *types.ResourceNotFoundException
	if _, err := client.DescribeEventBus(t.Context(), &eventbridge.DescribeEventBusInput{Name: aws.String("none")}); !errors.As(err, &missing) {
		t.Errorf("got %v", err)
	}
}

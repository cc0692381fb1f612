package eventbridge_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
)

func TestMain(m *testing.M) { simulatortest.Main(m) }

func TestPutEventsKeepsTheBytes(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	detail := "{ \"id\" : \"1\",\t\"text\":\"<é> \\u00e9\" }"
	out, err := a.Put(simulatortest.Entry(detail), simulatortest.Entry(`{"id":"2"}`))
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
	a := simulatortest.Start(t, nil)
	bad := map[string]types.PutEventsRequestEntry{
		"MalformedDetail":                 simulatortest.Entry(`{"id":`),
		"InvalidArgument":                 simulatortest.Entry(`{}`),
		"NotAuthorizedForSourceException": simulatortest.Entry(`{}`),
	}
	noBus := bad["InvalidArgument"]
	noBus.EventBusName = aws.String("elsewhere")
	bad["InvalidArgument"] = noBus
	amazonSource := bad["NotAuthorizedForSourceException"]
	amazonSource.Source = aws.String("aws.ec2")
	bad["NotAuthorizedForSourceException"] = amazonSource
	for code, e := range bad {
		out, err := a.Put(e, simulatortest.Entry(`{}`))
		if err != nil || out.FailedEntryCount != 1 || aws.ToString(out.Entries[0].ErrorCode) != code || out.Entries[1].EventId == nil {
			t.Errorf("%s: %+v, %v", code, out, err)
		}
	}
	incomplete := simulatortest.Entry(`{}`)
	incomplete.Source = nil
	if out, err := a.Put(incomplete, simulatortest.Entry(`{}`)); err != nil || aws.ToString(out.Entries[0].ErrorCode) != "InvalidArgument" {
		t.Errorf("no source: %+v, %v", out, err)
	}
	if events, _ := a.Events(0); len(events) != 4 {
		t.Errorf("%d events were accepted", len(events))
	}
}

func TestPutEventsFailsRequests(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, func(c *simulator.Config) { c.PutEventsLimit = 1000 })
	incomplete := simulatortest.Entry(`{}`)
	incomplete.DetailType = nil
	big := simulatortest.Entry(`{"x":"` + strings.Repeat("x", 990) + `"}`)
	many := make([]types.PutEventsRequestEntry, 11)
	for i := range many {
		many[i] = simulatortest.Entry(`{}`)
	}
	for name, entries := range map[string][]types.PutEventsRequestEntry{
		"none": {}, "eleven": many, "too big": {big}, "none complete": {incomplete},
	} {
		_, err := a.Put(entries...)
		var known smithy.APIError
		if !errors.As(err, &known) || known.ErrorCode() != "ValidationException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if events, _ := a.Events(0); len(events) != 0 {
		t.Errorf("accepted %+v", events)
	}
}

func TestListEventBuses(t *testing.T) {
	t.Parallel()
	client := simulatortest.Start(t, nil).EventsClient()
	var names []string
	for token, pages := (*string)(nil), 0; pages == 0 || token != nil; pages++ {
		got, err := client.ListEventBuses(t.Context(), &eventbridge.ListEventBusesInput{Limit: aws.Int32(1), NextToken: token})
		if err != nil || len(got.EventBuses) != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		names, token = append(names, *got.EventBuses[0].Name), got.NextToken
	}
	if !slices.Equal(names, []string{"default", "orders"}) {
		t.Errorf("the buses %v", names)
	}
	if got, err := client.ListEventBuses(t.Context(), &eventbridge.ListEventBusesInput{NamePrefix: aws.String("x")}); err != nil || len(got.EventBuses) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDescribeEventBus(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	client := a.EventsClient()
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

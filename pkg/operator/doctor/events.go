package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// BusClient is what is used of *eventbridge.Client.
type BusClient interface {
	DescribeEventBus(context.Context, *eventbridge.DescribeEventBusInput, ...func(*eventbridge.Options)) (*eventbridge.DescribeEventBusOutput, error)
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

const (
	checkBus        = "bus"
	checkPermission = "permission"
)

// events examines the bus.
func (d *doctor) events(ctx context.Context, parts AWS) *exam {
	bus := d.Config.Events.Bus
	e := &exam{part: partEvents, name: bus}
	if !e.usable(parts) {
		return e
	}
	arn := bus
	e.check(ctx, checkBus, nil, func(ctx context.Context) Finding {
		got, err := parts.Buses.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: &bus})
		var missing *types.ResourceNotFoundException
		switch {
		case errors.As(err, &missing):
			return fail(refusalText(err), "there is no such bus in region "+d.Config.AWS.Region, "create the bus there, or write another name or ARN").at("events.bus")
		case denied(err):
			// The pipeline does not need it: only PutEvents is needed.
			return warn(refusalText(err), "whether the bus exists cannot be seen", "allow events:DescribeEventBus on "+bus+" to have it checked")
		case err != nil:
			return awsFault(err, "events:DescribeEventBus", bus).at("events.bus")
		}
		arn = aws.ToString(got.Arn)
		return good("%s", arn)
	})
	e.check(ctx, checkPermission, []string{checkBus}, func(ctx context.Context) Finding {
		if !d.TryEvents {
			return skip("AWS has no call that only asks: our credentials need events:PutEvents on %s; --try-events sends an event that EventBridge must refuse", arn)
		}
		return tryEvents(ctx, parts.Buses, bus, arn, d.Config.Events.Source)
	})
	return e
}

// tryEvents sends an entry whose detail is no JSON. EventBridge refuses it as
// MalformedDetail after it has let us in (EventBridge, "PutEvents", errors), so it
// can never become an event.
func tryEvents(ctx context.Context, client BusClient, bus, arn, source string) Finding {
	answer, err := client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		EventBusName: &bus, Source: &source, DetailType: aws.String("Doctor"), Detail: aws.String("no JSON"),
	}}})
	if err != nil {
		return awsFault(err, "events:PutEvents", arn)
	}
	if answer.FailedEntryCount != 1 || len(answer.Entries) != 1 {
		return warn("", "EventBridge took an entry that it should have refused", "look on the bus for an event of type Doctor, and report this")
	}
	switch code := aws.ToString(answer.Entries[0].ErrorCode); code {
	case "MalformedDetail":
		return good("events:PutEvents is allowed: EventBridge refused the trial entry for its malformed detail")
	case "NotAuthorizedForSourceException", "NotAuthorizedForDetailTypeException":
		return fail(code, "events of source "+source+" may not be sent to the bus", "write another events.source, or allow it in the bus's policy").at("events.source")
	default:
		return warn(oneLine(fmt.Sprintf("%s: %s", code, aws.ToString(answer.Entries[0].ErrorMessage))),
			"EventBridge refused the trial entry for another reason than its detail", "see what EventBridge says")
	}
}

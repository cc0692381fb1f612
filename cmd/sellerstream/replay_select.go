package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/schemas"
)

// selection is which records of a range are meant; none of a kind means all.
type selection struct{ accounts, types, orders []string }

func (s selection) empty() bool { return len(s.accounts)+len(s.types)+len(s.orders) == 0 }

// check refuses what a topic's records cannot be selected by.
func (s selection) check(topic string, w way) error {
	var faults []error
	if len(s.types) > 0 && w == writes {
		faults = append(faults, fmt.Errorf("--type: the records of %s are all of one type", topic))
	}
	known := detailTypes(topic)
	for _, kind := range s.types {
		if len(known) > 0 && !slices.Contains(known, kind) {
			faults = append(faults, fmt.Errorf("--type %q is not one of %s", kind, strings.Join(known, ", ")))
		}
	}
	hasOrders := []string{schemas.Orders, schemas.OrderChanges, schemas.Shipments, schemas.ShipmentConfirmations}
	if len(s.orders) > 0 && !slices.Contains(hasOrders, topic) {
		faults = append(faults, fmt.Errorf("--order: the records of %s name no order; those of %s do", topic, strings.Join(hasOrders, ", ")))
	}
	return errors.Join(faults...)
}

// detailTypes are those of a topic's events; none where they are not a fixed set.
func detailTypes(topic string) (types []string) {
	for _, e := range schemas.Events() {
		switch {
		case e.Topic != topic:
		case e.DetailType == "":
			return nil
		default:
			types = append(types, e.DetailType)
		}
	}
	return types
}

// wants reports whether a record is meant. kind is its detail-type or changeType.
func (s selection) wants(account, kind string, value any) bool {
	return s.wantsAccount(account) &&
		(len(s.types) == 0 || slices.Contains(s.types, kind)) &&
		(len(s.orders) == 0 || slices.Contains(s.orders, orderOf(value)))
}

func (s selection) wantsAccount(account string) bool {
	return len(s.accounts) == 0 || slices.Contains(s.accounts, account)
}

// orderOf is the order that a record is about.
func orderOf(value any) string {
	switch v := value.(type) {
	case *schemas.Order:
		return v.OrderID
	case *schemas.OrderChange:
		return v.OrderID
	case *schemas.Shipment:
		return v.OrderID
	case *schemas.ShipmentConfirmation:
		return v.OrderID
	}
	return ""
}

// subjectOf is what the processing of a record makes at most one call for.
func subjectOf(value any) string {
	switch v := value.(type) {
	case *schemas.InventoryUpdate:
		return v.MarketplaceID + "/" + v.SKU
	case *schemas.Shipment:
		return v.OrderID + "/" + v.PackageID
	}
	return orderOf(value)
}

// parseBound reads a time or offsets.
func parseBound(name, at, offsets string, now time.Time) (replay.Bound, error) {
	if at != "" && offsets != "" {
		return replay.Bound{}, fmt.Errorf("--%s and --%[1]s-offset say the same: leave one out", name)
	}
	if offsets != "" {
		parsed, err := parseOffsets(offsets)
		if err != nil {
			return replay.Bound{}, fmt.Errorf("--%s-offset: %w", name, err)
		}
		return replay.Bound{Offsets: parsed}, nil
	}
	if at == "" {
		return replay.Bound{}, nil
	}
	t, err := parseTime(at, now)
	if err != nil {
		return replay.Bound{}, fmt.Errorf("--%s: %w", name, err)
	}
	return replay.Bound{Time: t}, nil
}

// relativeTime reports whether a time is said as how long ago.
func relativeTime(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return text != "" && err != nil
}

func parseTime(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 10_000 {
			return now.Add(-time.Duration(n) * 24 * time.Hour), nil
		}
	}
	ago, err := time.ParseDuration(text)
	if err != nil || ago < 0 {
		return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-11-23T18:00:00Z nor how long ago, such as 90m, 2h or 3d", text)
	}
	return now.Add(-ago), nil
}

func parseOffsets(text string) (map[int32]int64, error) {
	offsets := make(map[int32]int64)
	for pair := range strings.SplitSeq(text, ",") {
		left, right, ok := strings.Cut(strings.TrimSpace(pair), ":")
		partition, err1 := strconv.ParseInt(left, 10, 32)
		offset, err2 := strconv.ParseInt(right, 10, 64)
		if !ok || err1 != nil || err2 != nil || partition < 0 || offset < 0 {
			return nil, fmt.Errorf("%q is not PARTITION:OFFSET, such as 3:1500", pair)
		}
		if _, twice := offsets[int32(partition)]; twice {
			return nil, fmt.Errorf("partition %d is named twice", partition)
		}
		offsets[int32(partition)] = offset
	}
	return offsets, nil
}

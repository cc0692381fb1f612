package shipments

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// timeSlack is by how much a ship time may be ahead of our clock and is sent at once:
	// the warehouse's clock is another one.
	timeSlack = 5 * time.Minute
	// mostAhead is by how much a ship time may be ahead: many producers know the day, or
	// when the carrier is to come. Such a shipment waits for it.
	mostAhead = 24 * time.Hour
	// mostBefore is by how much a ship time may be before its order, likewise: the day of
	// an order begins before it, in whatever time zone.
	mostBefore = 24 * time.Hour
)

// planned is the ship time that a shipment waits for; zero for none. What a version before
// took in with a time that is too far ahead does not wait.
func planned(s *schemas.PendingShipment) time.Time {
	if ahead := s.ShipTime.Sub(s.ReceivedTime); ahead <= timeSlack || ahead > mostAhead {
		return time.Time{}
	}
	return s.ShipTime
}

// early reports whether a package's shipment waits for its ship time.
func (o *order) early(p *schemas.PackageState) bool {
	return p.Wanted != nil && p.Sent == nil && planned(p.Wanted).After(o.decided)
}

// aside reports whether others of the order go on while a package's shipment waits for its
// ship time. They do not behind a correction, as they may need the units that it frees.
func (o *order) aside(p *schemas.PackageState) bool { return !p.Confirmed && o.early(p) }

// shipDate is the ship time that Amazon is told: none is before its order.
func (o *order) shipDate(s *schemas.PendingShipment) time.Time {
	return machine.Latest(s.ShipTime, o.PlacedTime)
}

// plannedTime is the first ship time that shipments of the order wait for; zero for none.
func (o *order) plannedTime() (first time.Time) {
	for i := range o.Packages {
		if p := &o.Packages[i]; o.early(p) {
			first = machine.Earliest(first, planned(p.Wanted))
		}
	}
	return first
}

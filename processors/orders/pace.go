package orders

import (
	"math"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// How often an account's notifications come is learned for each hour of the
// week, so that nights and weekends are quiet by themselves. What is counted is
// minutes with a notification: a burst of them about one order is no more than one.

const (
	week     = 7 * 24 * time.Hour
	weekHour = int(week / time.Hour)

	// newest is the least weight of the newest week in what is usual.
	newest = 1.0 / 4
	// hundredths is what schemas.NotificationPace.Usual counts in.
	hundredths = 100

	// learning is how long nothing is said about silence, and forgetful after how
	// long without a notification all is learned anew.
	learning  = 3 * week
	forgetful = 4 * week
	// halfLife is when half of the longest quiet time is forgotten, and margin by
	// how much a silence must exceed it.
	halfLife = 4 * week
	margin   = 2
	// recently is when half of what came recently is forgotten, and doubt how many
	// minutes it takes to believe that these days are not as usual.
	recently = 24 * time.Hour
	doubt    = 5
)

// hear takes a notification at a time and reports whether it ended a silence.
func hear(p *schemas.NotificationPace, at time.Time) (ended bool) {
	if !at.After(p.LastTime) {
		return false // it overtook others
	}
	ended = silent(p)
	switch {
	case ended:
		p.EndedTime, p.Minutes = at, 0
	case at.Sub(p.LastTime) > forgetful:
		*p = schemas.NotificationPace{Account: p.Account, StartedTime: at, AlertedTime: p.AlertedTime, EndedTime: p.EndedTime}
	default:
		learn(p, at)
	}
	if p.Minutes == 0 || !sameMinute(at, p.LastTime) {
		p.Minutes++
	}
	p.LastTime, p.NewOrders, p.NewSince = at, 0, time.Time{}
	return ended
}

// silent reports whether there is a silence that was reported.
func silent(p *schemas.NotificationPace) bool { return !p.AlertedTime.IsZero() && p.EndedTime.IsZero() }

// learn takes the time from the last notification to this one.
func learn(p *schemas.NotificationPace, at time.Time) {
	quiet, came := expected(p, p.LastTime, at), 0.0
	if !sameMinute(p.LastTime, at) {
		came = 1
	}
	p.Longest = max(p.Longest*half(p, at, halfLife), quiet*calm(p))
	fade := half(p, at, recently)
	p.Recent, p.RecentExpected = p.Recent*fade+came, p.RecentExpected*fade+quiet
	if len(p.Usual) != weekHour {
		p.Usual = make([]int32, weekHour)
	}
	end := at.Truncate(time.Hour)
	for hour := p.LastTime.Truncate(time.Hour); hour.Before(end); hour = hour.Add(time.Hour) {
		weeks := math.Floor(max(0, hour.Sub(p.StartedTime).Hours()) / week.Hours())
		usual, weight := &p.Usual[hourOfWeek(hour)], max(1/(weeks+1), newest)
		*usual += int32(math.Round(weight * (float64(p.Minutes)*hundredths - float64(*usual))))
		p.Minutes = 0
	}
}

// half returns the factor by which a value with half-life life has decayed at a time.
func half(p *schemas.NotificationPace, at time.Time, life time.Duration) float64 {
	return math.Exp2(-at.Sub(p.LastTime).Hours() / life.Hours())
}

// calm is the share of what is usual that came recently, at most all of it.
func calm(p *schemas.NotificationPace) float64 {
	return min(1, (p.Recent+doubt)/(p.RecentExpected+doubt))
}

func sameMinute(a, b time.Time) bool { return a.Truncate(time.Minute).Equal(b.Truncate(time.Minute)) }

// expected is how many minutes with a notification usually are between two times.
func expected(p *schemas.NotificationPace, from, to time.Time) (minutes float64) {
	if len(p.Usual) != weekHour {
		return 0
	}
	for from.Before(to) {
		hour := from.Truncate(time.Hour)
		end := hour.Add(time.Hour)
		if end.After(to) {
			end = to
		}
		minutes += float64(p.Usual[hourOfWeek(hour)]) / hundredths * end.Sub(from).Hours()
		from = end
	}
	return minutes
}

// improbable is when the silence since the last notification will have lasted so
// long that enough was to be expected, and more than in any quiet time of the
// past; not before that can be told. It is not ok for an account that has too
// few notifications for that.
func improbable(p *schemas.NotificationPace, enough float64) (at time.Time, ok bool) {
	limit, sum := max(enough, p.Longest*margin)/calm(p), 0.0
	for from := p.LastTime; from.Sub(p.LastTime) < forgetful; {
		end := from.Truncate(time.Hour).Add(time.Hour)
		more := expected(p, from, end)
		if sum+more >= limit {
			at = from.Add(time.Duration((limit - sum) / more * float64(end.Sub(from)))).Add(time.Second)
			return machine.Latest(at, p.StartedTime.Add(learning)), true
		}
		sum, from = sum+more, end
	}
	return time.Time{}, false
}

// hourOfWeek counts from Monday 0:00 UTC.
func hourOfWeek(t time.Time) int {
	t = t.UTC()
	return (int(t.Weekday())+6)%7*24 + t.Hour()
}

package sqs

import (
	"container/heap"
	"container/list"
	"context"
	"crypto/md5" //nolint:gosec // SQS's own checksum, not a security measure
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

// queue is one standard SQS queue. Its times are real, not the simulator's: a
// visibility timeout bounds how long real work may take.
type queue struct {
	name       string
	visibility time.Duration
	identity   string // makes receipt handles of this queue its own

	mu       sync.Mutex
	visible  list.List          // of messages that can be received, oldest first
	messages map[int64]*message // all that are not deleted, by sequence
	hidden   deadlines          // those in flight or delayed, by when they become visible
	inFlight int
	delayed  int
	sequence int64
	waiters  []chan struct{} // long polls that wait for a message, oldest first
	stats    Stats
}

// Stats describes what a queue holds and what it has done.
type Stats struct {
	Visible     int `json:"visible"`
	InFlight    int `json:"inFlight"`
	Delayed     int `json:"delayed"`
	Sent        int `json:"sent"`
	Received    int `json:"received"`    // deliveries, redeliveries included
	Redelivered int `json:"redelivered"` // deliveries of a message that had been delivered before
	Deleted     int `json:"deleted"`
}

// message is a message in a queue. What every delivery repeats is encoded once.
type message struct {
	sequence int64
	id       string
	sum      string // hex MD5 of the body
	encoded  []byte // `"MessageId":…,"MD5OfBody":…,"Body":…`
	sent     time.Time
	first    time.Time     // of its first delivery
	count    int           // deliveries
	due      time.Time     // when it becomes visible, if it is hidden
	index    int           // in the heap of deadlines, -1 if it is visible
	place    *list.Element // among the visible, if it is
}

func newQueue(name string, visibility time.Duration) *queue {
	return &queue{
		name: name, visibility: visibility, identity: uuid.NewString()[:8],
		messages: make(map[int64]*message),
	}
}

// send adds a message that becomes visible after a delay.
func (q *queue) send(body string, delay time.Duration) *message {
	sum := md5.Sum([]byte(body))
	m := &message{id: uuid.NewString(), sum: hex.EncodeToString(sum[:]), sent: time.Now(), index: -1}
	m.encoded = fmt.Appendf(nil, `"MessageId":%q,"MD5OfBody":%q,"Body":%s`, m.id, m.sum, wire.JSON(body))
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sequence++
	m.sequence = q.sequence
	q.messages[m.sequence] = m
	q.stats.Sent++
	if delay > 0 {
		q.delayed++
		m.due = m.sent.Add(delay)
		heap.Push(&q.hidden, m)
		q.wake() // a waiting poll must learn of the new deadline
		return m
	}
	m.place = q.visible.PushBack(m)
	q.wake()
	return m
}

// wake lets one waiting poll look again.
func (q *queue) wake() {
	if len(q.waiters) > 0 {
		close(q.waiters[0])
		q.waiters = q.waiters[1:]
	}
}

// delivery is a message as one receiver got it.
type delivery struct {
	message *message
	handle  string
	count   int
	first   time.Time
}

// receive takes up to most messages, and waits for the first one.
func (q *queue) receive(ctx context.Context, most int, visibility, wait time.Duration) []delivery {
	end := time.Now().Add(wait)
	for {
		now := time.Now()
		taken, signal, next := q.take(now, most, visibility, now.Before(end))
		if len(taken) > 0 || signal == nil {
			return taken
		}
		until := end
		if !next.IsZero() && next.Before(end) {
			until = next
		}
		timer := time.NewTimer(time.Until(until))
		select {
		case <-signal:
		case <-timer.C:
			q.unwait(signal)
		case <-ctx.Done():
			timer.Stop()
			q.unwait(signal)
			return nil
		}
		timer.Stop()
	}
}

// take takes what is visible. If that is nothing and the caller waits, it gets
// a signal for the next message and the time of the next deadline.
func (q *queue) take(now time.Time, most int, visibility time.Duration, waits bool) ([]delivery, chan struct{}, time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reveal(now)
	var taken []delivery
	for len(taken) < most && q.visible.Len() > 0 {
		m := q.visible.Remove(q.visible.Front()).(*message)
		taken = append(taken, q.deliver(m, now, visibility))
	}
	if len(taken) > 0 || !waits {
		return taken, nil, time.Time{}
	}
	signal := make(chan struct{})
	q.waiters = append(q.waiters, signal)
	var next time.Time
	if len(q.hidden) > 0 {
		next = q.hidden[0].due
	}
	return nil, signal, next
}

func (q *queue) deliver(m *message, now time.Time, visibility time.Duration) delivery {
	m.count++
	q.stats.Received++
	if m.count == 1 {
		m.first = now
	} else {
		q.stats.Redelivered++
	}
	q.inFlight++
	m.due = now.Add(visibility)
	heap.Push(&q.hidden, m)
	return delivery{message: m, handle: q.handle(m), count: m.count, first: m.first}
}

// unwait takes a poll that gave up out of the waiters. If it was woken at the
// same moment, the next one is woken in its place.
func (q *queue) unwait(signal chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiters, signal); i >= 0 {
		q.waiters = slices.Delete(q.waiters, i, i+1)
		return
	}
	q.wake()
}

// reveal makes messages visible whose time has come.
func (q *queue) reveal(now time.Time) {
	for len(q.hidden) > 0 && !q.hidden[0].due.After(now) {
		m := heap.Pop(&q.hidden).(*message)
		q.unhide(m)
		m.place = q.visible.PushBack(m)
		q.wake()
	}
}

// unhide counts a message out of the hidden ones.
func (q *queue) unhide(m *message) {
	if m.count == 0 {
		q.delayed--
	} else {
		q.inFlight--
	}
}

// handle is the receipt handle of a message's latest delivery.
func (q *queue) handle(m *message) string {
	return q.identity + "-" + strconv.FormatInt(m.sequence, 36) + "-" + strconv.Itoa(m.count)
}

var errHandle = errors.New("the input receipt handle is invalid")

// resolve finds the message of a handle; nil if it is deleted or was delivered
// again since.
func (q *queue) resolve(handle string) (*message, error) {
	parts := strings.Split(handle, "-")
	if len(parts) != 3 || parts[0] != q.identity {
		return nil, errHandle
	}
	sequence, err := strconv.ParseInt(parts[1], 36, 64)
	if err != nil {
		return nil, errHandle
	}
	count, err := strconv.Atoi(parts[2])
	if err != nil {
		return nil, errHandle
	}
	m := q.messages[sequence]
	if m == nil || m.count != count {
		return nil, nil
	}
	return m, nil
}

// delete removes a message by its latest handle. An older handle is accepted
// and does nothing, which is what Amazon documents.
func (q *queue) delete(handle string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	m, err := q.resolve(handle)
	if err != nil || m == nil {
		return err
	}
	delete(q.messages, m.sequence)
	q.stats.Deleted++
	if m.index >= 0 {
		heap.Remove(&q.hidden, m.index)
		q.inFlight--
		return nil
	}
	// It became visible again, but nobody has received it since.
	q.visible.Remove(m.place)
	return nil
}

var errNotInFlight = errors.New("the message is not in flight")

// changeVisibility hides a message in flight for a time from now on.
func (q *queue) changeVisibility(handle string, visibility time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.reveal(now)
	m, err := q.resolve(handle)
	if err != nil {
		return err
	}
	if m == nil || m.index < 0 {
		return errNotInFlight
	}
	m.due = now.Add(visibility)
	heap.Fix(&q.hidden, m.index)
	q.reveal(now)
	q.wake() // the next deadline may have changed
	return nil
}

// purge deletes all messages.
func (q *queue) purge() {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.messages)
	q.visible.Init()
	q.hidden = nil
	q.inFlight, q.delayed = 0, 0
}

func (q *queue) snapshot() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reveal(time.Now())
	stats := q.stats
	stats.Visible, stats.InFlight, stats.Delayed = q.visible.Len(), q.inFlight, q.delayed
	return stats
}

// deadlines is a heap of hidden messages by when they become visible.
type deadlines []*message

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].due.Before(d[j].due) }
func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}
func (d *deadlines) Push(x any) {
	m := x.(*message)
	m.index = len(*d)
	*d = append(*d, m)
}
func (d *deadlines) Pop() any {
	m := (*d)[len(*d)-1]
	(*d)[len(*d)-1] = nil
	*d = (*d)[:len(*d)-1]
	m.index = -1
	return m
}

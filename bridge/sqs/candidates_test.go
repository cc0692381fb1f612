package sqs_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/bridge/sqs"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

func feedFinished(feed string) string {
	return fmt.Sprintf(`{"notificationVersion":"2020-09-04","notificationType":"FEED_PROCESSING_FINISHED","payloadVersion":"2020-09-04",
		"eventTime":"2026-11-23T10:00:00.123Z","payload":{"feedProcessingFinishedNotification":{"sellerId":"ATWO","feedId":%q,
		"feedType":"JSON_LISTINGS_FEED","processingStatus":"DONE","resultFeedDocumentId":"d"}},
		"notificationMetadata":{"applicationId":"app","subscriptionId":"sub","publishTime":"2026-11-23T10:00:01Z","notificationId":"n-%s"}}`, feed, feed)
}

// twoRegions are the accounts of a seller in two regions, and one that has but one.
func twoRegions(t *testing.T) *account.Directory {
	t.Helper()
	accounts, err := account.NewDirectory([]account.Account{
		{ID: "two-na", SellerID: "ATWO", Region: model.NorthAmerica},
		{ID: "two-eu", SellerID: "ATWO", Region: model.Europe},
		{ID: "one-eu", SellerID: "AONE", Region: model.Europe},
	})
	if err != nil {
		t.Fatal(err)
	}
	return accounts
}

// feeds lists the records on feed-notifications: account, feed, and a * where the
// account is one of several.
func (w *world) feeds() (feeds []string) {
	for _, value := range w.values(schemas.FeedNotifications) {
		note, mark := value.(*schemas.FeedNotification), ""
		if note.Candidate {
			mark = "*"
		}
		feeds = append(feeds, note.Account+" "+note.FeedID+mark)
	}
	slices.Sort(feeds)
	return feeds
}

// A feed's end names no region: each account of its seller hears of it.
func TestAFeedsEndGoesToEachAccountOfItsSeller(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		accounts := twoRegions(t)
		opts := w.options()
		opts.Directory = func() *account.Directory { return accounts }
		opts.Region = model.Europe
		b, _ := w.run(opts)
		w.put(feedFinished("1"))
		w.put(strings.ReplaceAll(feedFinished("2"), "ATWO", "AONE"))
		time.Sleep(time.Second)
		if got, want := w.feeds(), []string{"one-eu 2", "two-eu 1*", "two-na 1*"}; !slices.Equal(got, want) {
			t.Errorf("records %v, want %v", got, want)
		}
		for _, rec := range w.kafka.on(prefix + schemas.FeedNotifications) {
			value, err := w.codec.Decode(t.Context(), schemas.FeedNotifications, rec.Value)
			if err != nil || string(rec.Key) != value.(*schemas.FeedNotification).Account {
				t.Errorf("key %s of %+v, %v", rec.Key, value, err)
			}
		}
		w.checkEmpty(2)
		if s := b.Stats(); s.Received != 2 || s.Produced != 3 || s.Forwarded != 2 || s.Deleted != 2 {
			t.Errorf("stats %+v", s)
		}
	})
}

// A message with two records is deleted when Kafka has both. What it took is not
// written twice because it refused the other for a while.
func TestAMessageWithTwoRecordsNeedsBoth(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		accounts := twoRegions(t)
		opts := w.options()
		opts.Directory = func() *account.Directory { return accounts }
		var well atomic.Bool
		w.kafka.refuse = func(rec *kgo.Record) error {
			if string(rec.Key) == "two-eu" && !well.Load() {
				return errors.New("no leader")
			}
			return nil
		}
		w.run(opts)
		w.put(feedFinished("1"))
		time.Sleep(time.Minute)
		if q := w.queue(); q.Deleted != 0 || q.Redelivered != 0 {
			t.Errorf("queue %+v, want the message hidden and not deleted", q)
		}
		well.Store(true)
		time.Sleep(10 * time.Second)
		if got, want := w.feeds(), []string{"two-eu 1*", "two-na 1*"}; !slices.Equal(got, want) {
			t.Errorf("records %v, want each once", got)
		}
		w.checkEmpty(1)
	})
}

// A message is one letter when Kafka will never take one of its records.
func TestAMessageWithARefusedRecordIsOneLetter(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		accounts := twoRegions(t)
		opts := w.options()
		opts.Directory = func() *account.Directory { return accounts }
		w.kafka.refuse = func(rec *kgo.Record) error {
			if string(rec.Key) == "two-eu" {
				return kerr.MessageTooLarge
			}
			return nil
		}
		w.run(opts)
		w.put(feedFinished("1"))
		time.Sleep(10 * time.Second)
		letters := w.values(schemas.DeadLetters)
		if len(letters) != 1 || letters[0].(*schemas.DeadLetter).Reason != sqs.ReasonKafkaRefused {
			t.Errorf("letters %+v", letters)
		}
		w.checkEmpty(1)
	})
}

// What a letter leaves out of a body is not held against the bytes in flight for
// ever: after many letters the bridge still receives.
func TestLettersLeaveNoBytesInFlight(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		opts := w.options()
		opts.MaxInFlightBytes = 20_000
		w.run(opts)
		for i := range 100 {
			w.put(fmt.Sprintf(`{"NotificationType":"OTHER %d","DestinationPostalCode":"%s"}`, i, strings.Repeat("4", 2000)))
		}
		time.Sleep(30 * time.Second)
		w.checkEmpty(100)
	})
}

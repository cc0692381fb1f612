package sqs_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
)

// BenchmarkSQS empties a queue of 2 KB messages with 32 loops of Amazon's SDK
// in the same process. It shows that the simulator is not what a bridge's
// benchmark measures.
func BenchmarkSQS(b *testing.B) {
	s, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{simulatortest.Application()}, Accounts: simulator.Sellers(1, "shop"),
	})
	if err != nil {
		b.Fatal(err)
	}
	urls, err := s.Start(simulator.Addresses{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	body := `{"x":"` + strings.Repeat("x", 2040) + `"}`
	for range b.N {
		if err := s.Send(simulator.DefaultQueue, body); err != nil {
			b.Fatal(err)
		}
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	client := sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(urls.SQS), HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})
	url := aws.String(urls.QueueURL(simulator.DefaultQueue))
	b.ReportAllocs()
	b.ResetTimer()
	var loops sync.WaitGroup
	for range 32 {
		loops.Go(func() { empty(b, client, url) })
	}
	loops.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	if q, err := s.Queue(simulator.DefaultQueue); err != nil || q.Deleted != b.N || q.Redelivered != 0 {
		b.Errorf("%+v, %v", q, err)
	}
}

// empty receives and deletes until there is nothing left.
func empty(b *testing.B, client *sqs.Client, url *string) {
	for {
		got, err := client.ReceiveMessage(b.Context(), &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, VisibilityTimeout: 300})
		if err != nil {
			b.Error(err)
			return
		}
		if len(got.Messages) == 0 {
			return
		}
		entries := make([]types.DeleteMessageBatchRequestEntry, len(got.Messages))
		for i, m := range got.Messages {
			entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle}
		}
		if _, err := client.DeleteMessageBatch(b.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: url, Entries: entries}); err != nil {
			b.Error(err)
			return
		}
	}
}

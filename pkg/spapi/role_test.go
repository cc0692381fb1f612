package spapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/parts"
)

const roleARN = "arn:aws:iam::123456789012:role/sp-api"

// fakeSTS gives credentials for as long as it is asked to.
type fakeSTS struct {
	mu       sync.Mutex
	err      error
	requests []*sts.AssumeRoleInput
	answer   chan struct{} // if not nil, closed to let requests end
}

func (f *fakeSTS) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput, _ ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	f.mu.Lock()
	f.requests = append(f.requests, in)
	err, answer := f.err, f.answer
	f.mu.Unlock()
	if answer != nil {
		select {
		case <-answer:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleOutput{Credentials: &types.Credentials{
		AccessKeyId: aws.String("ASIA"), SecretAccessKey: aws.String("canary-secret"), SessionToken: aws.String("canary-session"),
		Expiration: aws.Time(time.Now().Add(time.Duration(*in.DurationSeconds) * time.Second)),
	}}, nil
}

// Without it, whoever else the role trusts could be talked into assuming it.
func TestTheExternalIDIsSent(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "sellerstream-4711"} {
		f := &fakeSTS{}
		if _, err := AssumeRole(f, Role{ARN: roleARN, ExternalID: id}).Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := f.requests[0]
		if aws.ToString(got.ExternalId) != id || (got.ExternalId == nil) != (id == "") || *got.RoleArn != roleARN {
			t.Errorf("%q: asked STS for %+v", id, got)
		}
	}
}

func TestARoleIsAssumedAgainBeforeItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSTS{}
		provider := AssumeRole(f, Role{ARN: roleARN})
		down := errors.New("no route to host")
		for i, step := range []struct {
			after    time.Duration
			err      error
			works    bool
			requests int
		}{
			{0, nil, true, 1},
			{54 * time.Minute, nil, true, 1},
			{time.Minute, nil, true, 2},       // 5 minutes before its end
			{56 * time.Minute, down, true, 3}, // STS is down, but the old ones are good for 4 minutes
			{5 * time.Second, down, true, 3},  // and STS is not asked by each call
			{5 * time.Second, down, true, 4},  //
			{4*time.Minute - 11*time.Second, down, true, 5},
			{2 * time.Second, down, false, 6}, // past their end
			{time.Second, nil, true, 7},
		} {
			time.Sleep(step.after)
			f.err = step.err
			got, err := provider.Retrieve(t.Context())
			if (err == nil) != step.works || err == nil && got.SessionToken != "canary-session" || len(f.requests) != step.requests {
				t.Errorf("step %d: %v after %d requests, want %d", i, err, len(f.requests), step.requests)
			}
			var refusal *model.Error
			if err != nil && (!errors.As(err, &refusal) || refusal.Class != model.Unavailable || !refusal.TokenMissing) {
				t.Errorf("step %d: %v", i, err)
			}
		}
		if first := f.requests[0]; *first.RoleArn != roleARN || *first.DurationSeconds != 3600 || *first.RoleSessionName != "sellerstream" {
			t.Errorf("asked for %+v", first)
		}
	})
}

func TestManyCallsAssumeARoleOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSTS{answer: make(chan struct{})}
		provider := AssumeRole(f, Role{ARN: roleARN})
		var callers sync.WaitGroup
		for range 1000 {
			callers.Go(func() {
				if _, err := provider.Retrieve(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(f.answer)
		callers.Wait()
		if len(f.requests) != 1 {
			t.Errorf("%d requests", len(f.requests))
		}
	})
}

func TestAnSTSThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, err := AssumeRole(&fakeSTS{answer: make(chan struct{})}, Role{ARN: roleARN}).Retrieve(t.Context())
		if err == nil || time.Since(begin) != roleTimeout {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

func TestErrorsOfSTS(t *testing.T) {
	t.Parallel()
	answer := func(status int, code string) error {
		return &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: &awshttp.ResponseError{
			ResponseError: &smithyhttp.ResponseError{
				Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
				Err:      &smithy.GenericAPIError{Code: code, Message: "not today"},
			},
		}}
	}
	for _, test := range []struct {
		err   error
		class model.Class
		says  string
	}{
		{answer(403, "AccessDenied"), model.Unauthorized, "trust policy"},
		{answer(403, "AccessDenied"), model.Unauthorized, "(403): AccessDenied;"},
		{answer(400, "ValidationError"), model.Unauthorized, roleARN},
		{answer(400, "Throttling"), model.Unavailable, "Throttling"},
		{answer(429, "SlowDown"), model.Unavailable, "429"},
		{answer(503, "ServiceUnavailable"), model.Unavailable, "503"},
		{errors.New("connection refused"), model.Unavailable, "connection refused"},
	} {
		_, err := AssumeRole(&fakeSTS{err: test.err}, Role{ARN: roleARN}).Retrieve(t.Context())
		var refusal *model.Error
		if !errors.As(err, &refusal) || refusal.Class != test.class || !refusal.TokenMissing || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v: got %v", test.err, err)
		}
	}
}

// TestARoleOfSTS assumes a role at an STS that is not ours, and asks it who we
// are then.
func TestARoleOfSTS(t *testing.T) {
	t.Parallel()
	endpoint := parts.AWS(t)
	config := aws.Config{
		Region: "eu-west-1", BaseEndpoint: &endpoint, HTTPClient: &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()},
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	t.Cleanup(config.HTTPClient.(*http.Client).CloseIdleConnections)
	config.Credentials = AssumeRole(sts.NewFromConfig(config), Role{ARN: roleARN})
	got, err := config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if life := time.Until(got.Expires); got.SessionToken == "" || life < 50*time.Minute || life > 56*time.Minute {
		t.Errorf("credentials of key %s, to be renewed in %v", got.AccessKeyID, life)
	}
	who, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != "arn:aws:sts::123456789012:assumed-role/sp-api/sellerstream" {
		t.Errorf("we are %v, %v", who, err)
	}

	f := newFake(t)
	var sent http.Header
	f.api = func(w http.ResponseWriter, r *http.Request) {
		sent = r.Header
		w.WriteHeader(http.StatusNotFound)
	}
	cfg := testSeller("acme-eu")
	cfg.Credentials = config.Credentials
	seller, err := f.client(t, nil).Seller(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := seller.GetOrder(t.Context(), model.GetOrderRequest{OrderID: "1"}); err == nil {
		t.Error("a 404 is no error")
	}
	if sent.Get("X-Amz-Security-Token") != got.SessionToken || !strings.Contains(sent.Get("Authorization"), "Credential="+got.AccessKeyID+"/") {
		t.Errorf("signed %s", sent.Get("Authorization"))
	}
}

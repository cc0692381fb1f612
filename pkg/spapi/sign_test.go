package spapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// All of AWS's vectors are signed with these.
const (
	vectorKey     = "AKIDEXAMPLE"
	vectorSecret  = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	vectorSession = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)

// TestAWSVectors signs requests of AWS's Signature Version 4 test suite, as
// awslabs/aws-c-auth publishes it (tests/aws-signing-test-suite/v4).
func TestAWSVectors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, method, target, body string
		header                     map[string]string
		session                    string
		signed, signature          string
	}{
		{
			name: "get-vanilla-query-order-key-case", method: "GET", target: "/?Param2=value2&Param1=value1",
			signed: "host;x-amz-date", signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
		},
		{
			name: "get-unreserved", method: "GET", target: "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
			signed: "host;x-amz-date", signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
		},
		{
			name: "get-header-value-trim", method: "GET", target: "/",
			header: map[string]string{"My-Header1": " value1", "My-Header2": ` "a   b   c"`},
			signed: "host;my-header1;my-header2;x-amz-date", signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
		},
		{
			name: "post-vanilla", method: "POST", target: "/",
			signed: "host;x-amz-date", signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
		},
		{
			name: "post-x-www-form-urlencoded", method: "POST", target: "/", body: "Param1=value1",
			header: map[string]string{
				"Content-Type":         "application/x-www-form-urlencoded",
				"X-Amz-Content-Sha256": "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
			},
			signed:    "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
			signature: "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
		},
		{
			name: "post-sts-header-before", method: "POST", target: "/", session: vectorSession,
			signed: "host;x-amz-date;x-amz-security-token", signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			req := newRequest(t, test.method, "https://example.amazonaws.com"+test.target, test.body)
			for name, value := range test.header {
				req.Header.Set(name, value)
			}
			var sent *http.Request
			s := vectorSignature(credentials.NewStaticCredentialsProvider(vectorKey, vectorSecret, test.session), &sent)
			s.service, s.region = "service", "us-east-1"
			if _, err := s.RoundTrip(req); err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20150830/us-east-1/service/aws4_request, SignedHeaders=%s, Signature=%s",
				vectorKey, test.signed, test.signature)
			if got := sent.Header.Get("Authorization"); got != want {
				t.Errorf("signed\n  %s\nwant\n  %s", got, want)
			}
			if sent.Header.Get("X-Amz-Date") != "20150830T123600Z" || sent.Header.Get("X-Amz-Security-Token") != test.session {
				t.Errorf("headers %v", sent.Header)
			}
			if body, err := io.ReadAll(sent.Body); err != nil || string(body) != test.body {
				t.Errorf("sent the body %q, %v", body, err)
			}
			if req.Header.Get("Authorization") != "" {
				t.Error("the caller's request was changed")
			}
		})
	}
}

func newRequest(t *testing.T, method, target, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// vectorSignature signs at the vectors' time and puts what it would send into sent.
func vectorSignature(provider aws.CredentialsProvider, sent **http.Request) signature {
	clk := simulatortest.NewClock()
	clk.Advance(time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC).Sub(clk.Now()))
	return newSignature(roundTrip(func(req *http.Request) (*http.Response, error) {
		*sent = req
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	}), provider, "eu-west-1", clk)
}

func TestASellerWithCredentialsSigns(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var got, token *http.Request
	f.api = func(w http.ResponseWriter, r *http.Request) {
		got = r
		fmt.Fprint(w, answeredOrder)
	}
	f.answerLWA(func(w http.ResponseWriter, r *http.Request) { token = r; f.giveToken(w, r) })
	client := f.client(t, nil)
	cfg := testSeller("acme-eu")
	cfg.Credentials = credentials.NewStaticCredentialsProvider(vectorKey, vectorSecret, "session")
	seller, err := client.Seller(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := seller.GetOrder(t.Context(), model.GetOrderRequest{OrderID: "1", IncludedData: []string{"FULFILLMENT", "TAX"}}); err != nil {
		t.Fatal(err)
	}
	const want = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260901/eu-west-1/execute-api/aws4_request, SignedHeaders=accept;host;x-amz-access-token;x-amz-date;x-amz-security-token, Signature="
	if authorization := got.Header.Get("Authorization"); !strings.HasPrefix(authorization, want) {
		t.Errorf("signed %s", authorization)
	}
	if got.Header.Get("x-amz-access-token") != canaryAccess || !strings.HasPrefix(got.UserAgent(), "Sellerstream/") ||
		got.URL.RawQuery != "includedData=FULFILLMENT%2CTAX" {
		t.Errorf("sent %s %v", got.URL, got.Header)
	}
	if token.Header.Get("Authorization") != "" {
		t.Error("LWA gets a signature")
	}
}

// TestAnAnswerThatRepeatsTheRequest has the shape of AWS's answer to a wrong
// signature, which quotes the headers that were signed.
func TestAnAnswerThatRepeatsTheRequest(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.api = func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"errors":[{"code":"InvalidSignature","message":"The Canonical String should have been x-amz-access-token:%s x-amz-security-token:%s"}]}`,
			r.Header.Get("x-amz-access-token"), r.Header.Get("X-Amz-Security-Token"))
	}
	cfg := testSeller("acme-eu")
	cfg.Credentials = credentials.NewStaticCredentialsProvider(vectorKey, "canary-aws-secret", "canary/session")
	seller, err := f.client(t, nil).Seller(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = seller.GetOrder(t.Context(), model.GetOrderRequest{OrderID: "1"})
	if err == nil || !strings.Contains(err.Error(), "x-amz-security-token:[secret]") {
		t.Errorf("%v", err)
	}
	noCanary(t, err)
}

func TestARequestThatCannotBeSignedIsNotSent(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.api = func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }
	cfg := testSeller("acme-eu")
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no credentials anywhere")
	})
	seller, err := f.client(t, nil).Seller(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, write := range []bool{false, true} { // a write that was not sent is not ambiguous
		_, err = seller.send(t.Context(), call{Operation: model.Operation{Name: "op", Method: http.MethodPost, Writes: write}, path: "p"}, nil)
		var refusal *model.Error
		if !errors.As(err, &refusal) || refusal.Class != model.Unavailable || !refusal.TokenMissing ||
			!strings.Contains(err.Error(), "op (AWS credentials) for account acme-eu") || !strings.Contains(err.Error(), "no credentials anywhere") {
			t.Errorf("%v", err)
		}
	}
}

func TestABodyThatCannotBeReadTwiceIsNotSigned(t *testing.T) {
	t.Parallel()
	var sent *http.Request
	req := newRequest(t, http.MethodPost, "https://example.amazonaws.com/", "x")
	req.GetBody = nil
	closed := false
	req.Body = closer{req.Body, &closed}
	_, err := vectorSignature(credentials.NewStaticCredentialsProvider("a", "b", ""), &sent).RoundTrip(req)
	if err == nil || sent != nil || !closed {
		t.Errorf("%v; sent %v, closed %t", err, sent, closed)
	}
}

type closer struct {
	io.Reader
	closed *bool
}

func (c closer) Close() error { *c.closed = true; return nil }

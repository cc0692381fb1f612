package simulator_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
)

// resolve leads all hosts to an address, and trusts one certificate.
func resolve(t *testing.T, address string, trusted []byte) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(trusted)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestHostsAreAmazons calls every part by the name that it has at Amazon.
func TestHostsAreAmazons(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	url, certificate, err := a.StartHosts("")
	if err != nil {
		t.Fatal(err)
	}
	a.Client = resolve(t, strings.TrimPrefix(url, "https://"), certificate)
	a.URLs.LWA = "https://api.amazon.com"
	token := a.Token(simulatortest.SellerToken(1))
	call := func(method, host, path, body string) simulatortest.Reply {
		t.Helper()
		r := a.Request(method, "https://"+host+path, body)
		r.Header.Set("x-amz-access-token", token)
		r.Header.Set("User-Agent", "Tests/1")
		r.Header.Set("Content-Type", "application/json")
		return a.Do(r)
	}
	for _, host := range []string{"sellingpartnerapi-eu.amazon.com", "sandbox.sellingpartnerapi-eu.amazon.com:443"} {
		got := call(http.MethodPost, host, simulatortest.DocumentsPath, `{"contentType":"application/json"}`)
		document := simulatortest.Read[struct{ URL string }](t, got, http.StatusCreated)
		if !strings.HasPrefix(document.URL, "https://tortuga-prod-eu.s3.eu-west-1.amazonaws.com") {
			t.Errorf("the document's URL is %s", document.URL)
		}
		put := a.Request(http.MethodPut, document.URL, "{}")
		put.Header.Set("Content-Type", "application/json")
		if got := a.Do(put); got.Status != http.StatusOK {
			t.Errorf("uploading to %s: %+v", document.URL, got)
		}
	}
	if got := call(http.MethodGet, "sellingpartnerapi-na.amazon.com", simulatortest.OrdersPath, ""); got.Status != http.StatusForbidden {
		t.Errorf("another region: %+v", got)
	}
	identity := credentials.NewStaticCredentialsProvider("id", "secret", "")
	queues, err := sqs.New(sqs.Options{Region: "eu-west-1", HTTPClient: a.Client, Credentials: identity}).ListQueues(t.Context(), nil)
	if err != nil || len(queues.QueueUrls) != 1 || !strings.HasPrefix(queues.QueueUrls[0], "https://sqs.eu-west-1.amazonaws.com/") {
		t.Errorf("%+v, %v", queues, err)
	}
	buses, err := eventbridge.New(eventbridge.Options{Region: "us-east-1", HTTPClient: a.Client, Credentials: identity}).ListEventBuses(t.Context(), &eventbridge.ListEventBusesInput{NamePrefix: aws.String("orders")})
	if err != nil || len(buses.EventBuses) != 1 {
		t.Errorf("%+v, %v", buses, err)
	}
	foreign := a.Request(http.MethodGet, "https://api.amazon.com/", "")
	foreign.Host = "example.com"
	if got := a.Do(foreign); got.Status != http.StatusMisdirectedRequest || !strings.Contains(got.Body, "sqs.REGION.amazonaws.com") {
		t.Errorf("a host that is not Amazon's: %+v", got)
	}
	if _, err := a.Try(a.Request(http.MethodGet, "https://example.com/", "")); err == nil {
		t.Error("there is a certificate of example.com")
	}
	a.Client = resolve(t, strings.TrimPrefix(url, "https://"), nil)
	var untrusted *tls.CertificateVerificationError
	if _, err := a.Try(a.Request(http.MethodGet, "https://api.amazon.com/", "")); !errors.As(err, &untrusted) {
		t.Errorf("trusted without its certificate: %v", err)
	}
}

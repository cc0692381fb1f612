package spapi

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp/awshttp"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/test/long"
)

// echoes are ways in which an endpoint repeats what it was sent.
func echoes() map[string]func(string) string {
	return map[string]func(string) string{
		"as it is": func(s string) string { return s }, "URL-encoded": url.QueryEscape, "base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"upper case": strings.ToUpper, "lower case": strings.ToLower, "cut": func(s string) string { return s[:len(s)-3] },
		"hex": func(s string) string { return hex.EncodeToString([]byte(s)) }, "with spaces": func(s string) string { return strings.Join(strings.Split(s, ""), " ") },
		"backwards": func(s string) string {
			b := []byte(s)
			for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
				b[i], b[j] = b[j], b[i]
			}
			return string(b)
		},
	}
}

// places are where an endpoint can repeat it.
func places() map[string]func(http.ResponseWriter, int, string) {
	text := func(format string) func(http.ResponseWriter, int, string) {
		return func(w http.ResponseWriter, status int, echo string) {
			w.WriteHeader(status)
			fmt.Fprintf(w, format, echo)
		}
	}
	return map[string]func(http.ResponseWriter, int, string){
		"code": text(`{"error":%q}`), "description": text(`{"error":"invalid_request","error_description":%q}`), "page": text(`<html>%s`),
		"token": text(`{"access_token":%q}`), "AWS code": text(`<ErrorResponse><Error><Code>%s</Code><Message>no</Message></Error></ErrorResponse>`),
		"AWS message": text(`<ErrorResponse><Error><Code>AccessDenied</Code><Message>%s</Message></Error></ErrorResponse>`),
		"AWS element": text(`<AssumeRoleResponse><%s></x>`),
		"header": func(w http.ResponseWriter, status int, echo string) {
			w.Header().Set("x-amzn-RequestId", echo)
			w.Header().Set("Retry-After", echo)
			w.WriteHeader(status)
		},
		"redirect": func(w http.ResponseWriter, _ int, echo string) {
			w.Header().Set("Location", "http://"+url.PathEscape(echo)+"/")
			w.WriteHeader(http.StatusFound)
		},
		"no HTTP": func(w http.ResponseWriter, _ int, echo string) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, echo+" 200 OK\r\n"+echo+"\r\n\r\n")
				_ = conn.Close()
			}
		},
	}
}

// Nothing of what Login with Amazon or STS answer besides a known code is
// repeated: with another secret, echoed alike, the error is the same, letter for
// letter.
func TestAnEndpointThatEchoesSecrets(t *testing.T) {
	t.Parallel()
	var answer http.HandlerFunc
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	defer server.Close()
	statuses := long.Pick(t, []int{http.StatusBadRequest}, []int{http.StatusOK, http.StatusBadRequest, http.StatusServiceUnavailable})
	for way, change := range echoes() {
		for place, put := range places() {
			for _, status := range statuses {
				said := [2]string{}
				for i := range said {
					secret := randomSecret()
					answer = func(w http.ResponseWriter, r *http.Request) {
						_, _ = io.Copy(io.Discard, r.Body)
						put(w, status, change(secret))
					}
					said[i] = lwaSays(server.URL, secret) + "\n" + stsSays(server.URL, secret)
				}
				if said[0] != said[1] {
					t.Errorf("%s, %s, %d: the error depends on the secret:\n%s\n%s", way, place, status, said[0], said[1])
				}
			}
		}
	}
}

// randomSecret has the characters and the length of LWA's.
func randomSecret() string {
	b := make([]byte, 40)
	for i := range b {
		b[i] = "ABCDEFGHIJabcdefghij0123456789|/+."[rand.IntN(34)]
	}
	return string(b)
}

func lwaSays(endpoint, secret string) string {
	client, err := New(Config{LWAEndpoint: endpoint, Base: http.DefaultTransport, Clock: clock.NewScaled(time.Now(), 1000)})
	if err != nil {
		return err.Error()
	}
	seller := testSeller("acme-eu")
	seller.Application.ClientSecret, seller.RefreshToken = secrets.Literal(secrets.New(secret)), secrets.Literal(secrets.New(secret))
	_, err = client.LWA().SellerToken(context.Background(), seller)
	return withoutPorts(fmt.Sprintf("%v %+v", err, err))
}

func stsSays(endpoint, secret string) string {
	config := aws.Config{
		Region: "eu-west-1", BaseEndpoint: &endpoint, RetryMaxAttempts: 1, HTTPClient: awshttp.Client(http.DefaultClient, awshttp.MaxAnswer, nil),
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", secret, secret),
	}
	_, err := AssumeRole(sts.NewFromConfig(config), Role{ARN: roleARN}).Retrieve(context.Background())
	return withoutPorts(fmt.Sprint(err))
}

// withoutPorts leaves out the ports of our own side, which differ by connection.
func withoutPorts(text string) string {
	return regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(text, "")
}

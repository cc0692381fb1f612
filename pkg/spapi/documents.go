package spapi

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Documents are read from and written to presigned URLs, at a host that is not
// the SP-API. Whoever has such a URL has the document, so it is in no error and
// no log; and since it says where to send a request to, its host is checked.

// documentTimeout is for one transfer; a presigned URL lives five minutes.
const documentTimeout = 4 * time.Minute

// s3Host matches the hosts of Amazon S3, where Amazon keeps documents, and none
// on which somebody else answers, such as a load balancer named s3-…
var s3Host = regexp.MustCompile(`^([a-z0-9.-]+\.)?s3([.-](dualstack\.)?[a-z]{2}(-[a-z]+)+-[0-9]+|-external-1|-accelerate(\.dualstack)?)?\.amazonaws\.com$`)

// documentURL checks where a document is to be sent to or read from.
func (c *caller) documentURL(operation, text string) (*url.URL, *model.Error) {
	at, err := url.Parse(text)
	if err != nil || at.Host == "" || at.User != nil {
		return nil, c.invalid(operation, "Amazon's answer holds no URL for the document")
	}
	if c.client.documentHosts.allow(at) || sameHost(c.base, at) {
		return at, nil
	}
	refusal := c.invalid(operation, fmt.Sprintf("the document is at %s, where documents must not be", shorten(at.Scheme+"://"+at.Host, 300)))
	refusal.Setting = "spapi.document_hosts"
	refusal.Remedy = "if this host is right, add it to " + refusal.Setting
	return nil, refusal
}

// documentHosts is Config.DocumentHosts.
type documentHosts []string

func (hosts documentHosts) allow(at *url.URL) bool {
	name, port := strings.ToLower(at.Hostname()), at.Port()
	secure := at.Scheme == "https"
	if len(hosts) == 0 {
		return secure && (port == "" || port == "443") && s3Host.MatchString(name)
	}
	for _, host := range hosts {
		allowed, plain := strings.CutPrefix(strings.ToLower(host), "http://")
		if plain == secure || !secure && at.Scheme != "http" {
			continue
		}
		if allowed == strings.ToLower(at.Host) {
			return true
		}
		if below, ok := strings.CutPrefix(allowed, "*"); ok && port == "" && len(name) > len(below) && strings.HasSuffix(name, below) {
			return true
		}
	}
	return false
}

// check finds entries that match nothing.
func (hosts documentHosts) check() error {
	var faults []error
	for _, host := range hosts {
		name := strings.TrimPrefix(strings.TrimPrefix(host, "http://"), "*.")
		if name == "" || strings.ContainsAny(name, "/*@ ") {
			faults = append(faults, fmt.Errorf("document host %q: write a name, *.name for all below it, or http://name", host))
		}
	}
	return errors.Join(faults...)
}

// sameHost reports whether a document is where the SP-API is. That is so in a
// simulation alone: it must be one without TLS, which Amazon never is.
func sameHost(base, at *url.URL) bool {
	if base.Scheme != "http" || at.Scheme != "http" {
		return false
	}
	return strings.EqualFold(base.Hostname(), at.Hostname()) || loopback(base.Hostname()) && loopback(at.Hostname())
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// transfer makes a request to a presigned URL. It carries no access token.
func (c *caller) transfer(operation string, req *http.Request) (*http.Response, *model.Error) {
	resp, err := c.client.documents.Do(req)
	if err != nil {
		return nil, c.broken(operation, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 8<<10)) // without it, the status says enough
	refusal := &model.Error{
		Class: model.Unavailable, Operation: operation, Account: c.account, Status: resp.StatusCode,
		Message: "the document's host refused to " + verb(req.Method) + " it", Code: s3Code(text),
		RequestID: shorten(resp.Header.Get("x-amz-request-id"), 100), RetryAfter: retryAfter(resp.Header),
	}
	switch resp.StatusCode {
	case http.StatusForbidden:
		refusal.Message += ": a presigned URL lives five minutes; ask for a new one"
	case http.StatusNotFound, http.StatusGone:
		if req.Method == http.MethodGet {
			refusal.Class = model.NotFound
		}
	}
	return nil, refusal
}

func verb(method string) string {
	if method == http.MethodPut {
		return "take"
	}
	return "give"
}

// broken is a transfer that did not come to its end. A repeat is harmless.
func (c *caller) broken(operation string, err error) *model.Error {
	var named *url.Error
	if errors.As(err, &named) { // it names the URL
		err = named.Err
	}
	return &model.Error{
		Class: model.Unavailable, Operation: operation, Account: c.account,
		Message: "the document's transfer failed", Err: err,
	}
}

// s3Code matches the code in S3's XML error. The rest of it may repeat the
// signature.
var s3ErrorCode = regexp.MustCompile(`<Code>([A-Za-z]{1,60})</Code>`)

func s3Code(text []byte) string {
	if found := s3ErrorCode.FindSubmatch(text); found != nil {
		return string(found[1])
	}
	return ""
}

package simulator

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// documents is the storage behind presigned URLs: the simulator's S3.

const (
	urlLifetime = 5 * time.Minute // Amazon's Feeds model
	// contentLifetime is how long what was uploaded can be made a feed. Amazon
	// keeps it longer; the simulator would run out of memory.
	contentLifetime = time.Hour
	documentsPath   = "/NinetyDays/"
)

type documents struct {
	mu     sync.Mutex
	key    []byte // signs URLs
	base   string // where they lead, without a path; "" for port at the caller's host
	port   string
	stored map[documentKey]*document
	recent []*document // those to upload to, oldest first
}

// documentKey names a document. Its id is unique only with its seller.
type documentKey struct {
	seller sellerKey
	id     string
}

// document is something to upload to, or a feed's report.
type document struct {
	documentKey
	account     string // our name of the one that asked for it
	contentType string
	created     time.Time
	body        []byte // nil until it was uploaded
	uploaded    bool
	gzip        bool         // whether body is compressed
	content     *feedContent // what body says, once a feed was made of it
}

func newDocuments(base string) documents {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails, as of Go 1.24
	return documents{key: key, base: base, stored: make(map[documentKey]*document)}
}

// listenAt tells the address at which documents are served.
func (d *documents) listenAt(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if u, err := url.Parse(address); err == nil {
		d.port = u.Port()
	}
}

// at is where the URLs that a caller gets lead: to the host that it called: it knows
// this machine by that name.
func (d *documents) at(r *http.Request) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.base != "" {
		return d.base
	}
	called := url.URL{Host: r.Host}
	return "http://" + net.JoinHostPort(called.Hostname(), d.port)
}

// put stores a document.
func (d *documents) put(doc *document) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stored[doc.documentKey] = doc
	if doc.contentType == "" {
		return // a report, which lives as long as its feed
	}
	d.recent = append(d.recent, doc)
	for len(d.recent) > 0 && doc.created.Sub(d.recent[0].created) > contentLifetime {
		delete(d.stored, d.recent[0].documentKey)
		d.recent[0] = nil
		d.recent = d.recent[1:]
	}
}

func (d *documents) drop(key documentKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.stored, key)
}

func (d *documents) get(key documentKey) *document {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stored[key]
}

// presign makes a URL of a document. An upload's covers the Content-Type too.
func (d *documents) presign(r *spapiRequest, method string, doc *document) string {
	q := url.Values{
		"X-Amz-Algorithm": {"AWS4-HMAC-SHA256"}, "X-Amz-Date": {r.now.UTC().Format(signatureTime)},
		"X-Amz-Expires": {strconv.Itoa(int(urlLifetime.Seconds()))}, "X-Amz-SignedHeaders": {"host"},
	}
	contentType := ""
	if method == http.MethodPut {
		contentType = doc.contentType
		q.Set("X-Amz-SignedHeaders", "content-type;host")
	}
	path := documentsPath + string(doc.seller.region) + "/" + doc.seller.seller + "/" + doc.id
	q.Set("X-Amz-Signature", d.signature(method, path, q.Get("X-Amz-Date"), contentType))
	return d.at(r.Request) + path + "?" + q.Encode()
}

const signatureTime = "20060102T150405Z"

func (d *documents) signature(method, path, date, contentType string) string {
	mac := hmac.New(sha256.New, d.key)
	fmt.Fprintf(mac, "%s\n%s\n%s\n%s", method, path, date, contentType)
	return hex.EncodeToString(mac.Sum(nil))
}

// Documents is where presigned URLs lead: uploads of feed documents, and
// downloads of reports. It answers as S3 does.
func (s *Simulator) Documents() http.Handler {
	mux := http.NewServeMux()
	serve := func(pattern, operation string, operate func(http.ResponseWriter, *http.Request, *exchange) answer) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			// The signature is a secret: the query stays out of the ledger.
			call := &Call{Part: Documents, Operation: operation, Parameters: requestParameters(r, nil)}
			call.Account = s.accountOf(sellerKey{r.PathValue("seller"), regionOf(r)})
			s.serve(w, r, call, 0, func(x *exchange) answer { return operate(w, r, x) })
		})
	}
	serve("PUT "+documentsPath+"{region}/{seller}/{id}", "putDocument", s.putDocument)
	serve("GET "+documentsPath+"{region}/{seller}/{id}", "getDocument", s.fetchDocument)
	serve("/", "", func(http.ResponseWriter, *http.Request, *exchange) answer {
		return s3Error(http.StatusForbidden, "AccessDenied", "Access Denied")
	})
	return mux
}

// presigned finds the document of a presigned URL, or says why there is none.
// Its checks come in S3's order: first the signature, then the time.
func (s *Simulator) presigned(r *http.Request, contentType string, now time.Time) (*document, answer) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	date, errDate := time.Parse(signatureTime, q.Get("X-Amz-Date"))
	expires, errExpires := strconv.Atoi(q.Get("X-Amz-Expires"))
	if errors.Join(err, errDate, errExpires) != nil {
		return nil, s3Error(http.StatusForbidden, "AccessDenied", "Access Denied")
	}
	want := s.documents.signature(r.Method, r.URL.Path, q.Get("X-Amz-Date"), contentType)
	if !hmac.Equal([]byte(want), []byte(q.Get("X-Amz-Signature"))) {
		return nil, s3Error(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your key and signing method.")
	}
	if lifetime := min(time.Duration(expires)*time.Second, urlLifetime); now.Sub(date) > lifetime {
		return nil, s3Error(http.StatusForbidden, "AccessDenied", "Request has expired")
	}
	doc := s.documents.get(documentKey{sellerKey{r.PathValue("seller"), regionOf(r)}, r.PathValue("id")})
	if doc == nil {
		return nil, s3Error(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	}
	return doc, answer{}
}

func (s *Simulator) putDocument(w http.ResponseWriter, r *http.Request, x *exchange) answer {
	doc, refusal := s.presigned(r, r.Header.Get("Content-Type"), x.call.Time)
	switch {
	case doc == nil:
		return refusal
	case r.ContentLength < 0:
		// S3 takes a chunked body only with its own signature of the chunks.
		return s3Error(http.StatusNotImplemented, "NotImplemented",
			"A header you provided implies functionality that is not implemented: Transfer-Encoding")
	case r.ContentLength > s.config.DocumentLimit:
		return s3Error(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	}
	body, err := readBody(w, r, s.config.DocumentLimit)
	if err != nil {
		return s3Error(http.StatusBadRequest, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
	}
	s.documents.mu.Lock()
	defer s.documents.mu.Unlock()
	doc.body, doc.uploaded, doc.content = body, true, nil
	return answer{status: http.StatusOK}
}

func (s *Simulator) fetchDocument(_ http.ResponseWriter, r *http.Request, x *exchange) answer {
	doc, refusal := s.presigned(r, "", x.call.Time)
	if doc == nil {
		return refusal
	}
	s.documents.mu.Lock()
	defer s.documents.mu.Unlock()
	result := answer{status: http.StatusOK, contentType: "binary/octet-stream", body: doc.body}
	if x.action != nil && x.action.Bomb > 0 {
		result.body = bomb(x.action.Bomb)
	}
	return result
}

// s3Error is an error as S3 writes it.
func s3Error(status int, code, message string) answer {
	type fault struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}
	body, err := xml.Marshal(fault{Code: code, Message: message})
	if err != nil {
		panic(err) // strings always encode
	}
	return answer{status: status, contentType: "application/xml", code: code, body: append([]byte(xml.Header), body...)}
}

// accountOf is our name of a seller; "" if there is none.
func (s *Simulator) accountOf(key sellerKey) string {
	for i := range s.config.Accounts {
		if s.config.Accounts[i].key() == key {
			return s.config.Accounts[i].ID
		}
	}
	return ""
}

// regionOf is the region in a document's URL.
func regionOf(r *http.Request) model.Region { return model.Region(r.PathValue("region")) }

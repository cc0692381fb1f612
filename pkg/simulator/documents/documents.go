package documents

import (
	"bytes"
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
	"strings"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/ledger"
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	urlLifetime = 5 * time.Minute // Amazon's Feeds model
	// Lifetime is how long what was uploaded can be made a feed. Amazon keeps it
	// longer; the simulator would run out of memory.
	Lifetime = time.Hour
	path     = "/NinetyDays/"
	host     = "tortuga-prod-eu.s3.eu-west-1.amazonaws.com"
)

// Store is the documents, and the endpoint to which presigned URLs lead.
type Store struct {
	service exchange.Service
	world   *world.World
	limit   int64  // of an upload, in bytes
	key     []byte // signs URLs

	mu     sync.Mutex
	base   string // where URLs lead, without a path; "" for port at the caller's host
	port   string
	stored map[Key]*Document
	recent []*Document // those to upload to, oldest first
}

// Key names a document. Its id is unique only with its seller.
type Key struct {
	Seller world.SellerKey
	ID     string
}

// Document is something to upload to, or a feed's report.
type Document struct {
	Key
	ContentType string // "" for a report
	Body        []byte // nil until it was uploaded
	Uploaded    bool
	Gzip        bool // whether Body is compressed
	created     time.Time
}

// New makes a store without documents. URLs lead to base, or where it is empty to
// the address that ListenAt names.
func New(desk *exchange.Desk, w *world.World, base string, limit int64) *Store {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails, as of Go 1.24
	return &Store{
		service: exchange.Service{Desk: desk, Part: ledger.Documents, Fail: func(status int) exchange.Answer {
			return refusal(status, "InternalError", "We encountered an internal error. Please try again.")
		}},
		world: w, limit: limit, key: key, base: base, stored: make(map[Key]*Document),
	}
}

// ListenAt tells the address at which documents are served.
func (d *Store) ListenAt(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if u, err := url.Parse(address); err == nil {
		d.port = u.Port()
	}
}

// at is where the URLs that a caller gets lead: to the host that it called: it knows
// this machine by that name.
func (d *Store) at(r *http.Request) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.base != "" {
		return d.base
	}
	called := url.URL{Host: r.Host}
	if r.TLS != nil { // it called one of Amazon's hosts, and this is another
		return "https://" + strings.Replace(r.Host, called.Hostname(), host, 1)
	}
	return "http://" + net.JoinHostPort(called.Hostname(), d.port)
}

// Create makes a document to upload to.
func (d *Store) Create(a *world.Account, contentType string, now time.Time) Document {
	doc := &Document{Key: d.newKey(a), ContentType: contentType, created: now}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stored[doc.Key] = doc
	d.recent = append(d.recent, doc)
	for len(d.recent) > 0 && now.Sub(d.recent[0].created) > Lifetime {
		delete(d.stored, d.recent[0].Key)
		d.recent[0] = nil
		d.recent = d.recent[1:]
	}
	return *doc
}

// Report stores a feed's report, which lives until it is dropped. It returns its id.
func (d *Store) Report(a *world.Account, body []byte, compressed bool) string {
	doc := &Document{Key: d.newKey(a), Body: body, Uploaded: true, Gzip: compressed}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stored[doc.Key] = doc
	return doc.ID
}

// newKey makes an id that looks like Amazon's.
func (d *Store) newKey(a *world.Account) Key {
	ids := d.service.IDs
	return Key{a.Key(), "amzn1.tortuga.4." + string(a.Region) + "." + ids.New() + ".T" + strings.ToUpper(ids.New()[:12])}
}

// Drop forgets a document.
func (d *Store) Drop(key Key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.stored, key)
}

// Get finds a document as it is now.
func (d *Store) Get(key Key) (Document, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	doc := d.stored[key]
	if doc == nil {
		return Document{}, false
	}
	return *doc, true
}

// Presign makes a URL of a document. An upload's covers the Content-Type too.
func (d *Store) Presign(r *http.Request, now time.Time, method string, doc *Document) string {
	q := url.Values{
		"X-Amz-Algorithm": {"AWS4-HMAC-SHA256"}, "X-Amz-Date": {now.UTC().Format(signatureTime)},
		"X-Amz-Expires": {strconv.Itoa(int(urlLifetime.Seconds()))}, "X-Amz-SignedHeaders": {"host"},
	}
	contentType := ""
	if method == http.MethodPut {
		contentType = doc.ContentType
		q.Set("X-Amz-SignedHeaders", "content-type;host")
	}
	target := path + string(doc.Seller.Region) + "/" + doc.Seller.Seller + "/" + doc.ID
	q.Set("X-Amz-Signature", d.signature(method, target, q.Get("X-Amz-Date"), contentType))
	return d.at(r) + target + "?" + q.Encode()
}

const signatureTime = "20060102T150405Z"

func (d *Store) signature(method, target, date, contentType string) string {
	mac := hmac.New(sha256.New, d.key)
	fmt.Fprintf(mac, "%s\n%s\n%s\n%s", method, target, date, contentType)
	return hex.EncodeToString(mac.Sum(nil))
}

// Handler is where presigned URLs lead: uploads of feed documents, and downloads
// of reports. It answers as S3 does.
func (d *Store) Handler() http.Handler {
	mux := http.NewServeMux()
	serve := func(pattern, operation string, operate func(http.ResponseWriter, *http.Request, *exchange.Exchange) exchange.Answer) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			// The signature is a secret: the query stays out of the ledger.
			call := &ledger.Call{Operation: operation, Parameters: exchange.Parameters(r, nil)}
			if a := d.world.Seller(keyOf(r).Seller); a != nil {
				call.Account = a.ID
			}
			d.service.Serve(w, r, call, func(x *exchange.Exchange) exchange.Answer { return operate(w, r, x) })
		})
	}
	serve("PUT "+path+"{region}/{seller}/{id}", "putDocument", d.putDocument)
	serve("GET "+path+"{region}/{seller}/{id}", "getDocument", d.getDocument)
	serve("/", "", func(http.ResponseWriter, *http.Request, *exchange.Exchange) exchange.Answer {
		return refusal(http.StatusForbidden, "AccessDenied", "Access Denied")
	})
	return mux
}

// presigned finds the document of a presigned URL, or says why there is none.
// Its checks come in S3's order: first the signature, then the time.
func (d *Store) presigned(r *http.Request, contentType string, now time.Time) (*Document, exchange.Answer) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	date, errDate := time.Parse(signatureTime, q.Get("X-Amz-Date"))
	expires, errExpires := strconv.Atoi(q.Get("X-Amz-Expires"))
	if errors.Join(err, errDate, errExpires) != nil {
		return nil, refusal(http.StatusForbidden, "AccessDenied", "Access Denied")
	}
	want := d.signature(r.Method, r.URL.Path, q.Get("X-Amz-Date"), contentType)
	if !hmac.Equal([]byte(want), []byte(q.Get("X-Amz-Signature"))) {
		return nil, refusal(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your key and signing method.")
	}
	if lifetime := min(time.Duration(expires)*time.Second, urlLifetime); now.Sub(date) > lifetime {
		return nil, refusal(http.StatusForbidden, "AccessDenied", "Request has expired")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	doc := d.stored[keyOf(r)]
	if doc == nil {
		return nil, refusal(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	}
	return doc, exchange.Answer{}
}

func (d *Store) putDocument(w http.ResponseWriter, r *http.Request, x *exchange.Exchange) exchange.Answer {
	doc, refused := d.presigned(r, r.Header.Get("Content-Type"), x.Call.Time)
	switch {
	case doc == nil:
		return refused
	case r.ContentLength < 0:
		// S3 takes a chunked body only with its own signature of the chunks.
		return refusal(http.StatusNotImplemented, "NotImplemented",
			"A header you provided implies functionality that is not implemented: Transfer-Encoding")
	case r.ContentLength > d.limit:
		return refusal(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	}
	body, err := exchange.ReadBody(w, r, d.limit)
	if err != nil {
		return refusal(http.StatusBadRequest, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	doc.Body, doc.Uploaded = body, true
	return exchange.Answer{Status: http.StatusOK}
}

func (d *Store) getDocument(_ http.ResponseWriter, r *http.Request, x *exchange.Exchange) exchange.Answer {
	doc, refused := d.presigned(r, "", x.Call.Time)
	if doc == nil {
		return refused
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	result := exchange.Answer{Status: http.StatusOK, ContentType: "binary/octet-stream", Body: doc.Body}
	if x.Action.Bomb > 0 {
		result.Body = bomb(x.Action.Bomb)
	}
	return result
}

// refusal is an error as S3 writes it.
func refusal(status int, code, message string) exchange.Answer {
	type fault struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}
	body, err := xml.Marshal(fault{Code: code, Message: message})
	if err != nil {
		panic(err) // strings always encode
	}
	return exchange.Answer{Status: status, ContentType: "application/xml", Code: code, Body: append([]byte(xml.Header), body...)}
}

// keyOf is the document in a URL.
func keyOf(r *http.Request) Key {
	return Key{world.SellerKey{Seller: r.PathValue("seller"), Region: model.Region(r.PathValue("region"))}, r.PathValue("id")}
}

// bomb is a small document that inflates to at least so many bytes of spaces,
// which JSON allows anywhere: a thousand times its size.
func bomb(inflated int64) []byte {
	const piece = 1 << 20
	member := wire.Gzip(bytes.Repeat([]byte(" "), piece))
	return bytes.Repeat(member, int((inflated+piece-1)/piece))
}

package simulator

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// feedsOperations is Feeds 2021-06-30.
func (s *Simulator) feedsOperations() map[string]serve {
	return map[string]serve{
		model.CreateFeedDocument: s.createFeedDocument, model.GetFeedDocument: s.getFeedDocument, model.CreateFeed: s.createFeed,
		model.GetFeeds: s.getFeeds, model.GetFeed: s.getFeed, model.CancelFeed: s.cancelFeed,
	}
}

// invalidParameters is the 400 of the Feeds API, which says no more
// (selling-partner-api-models#5186). The reason is for the ledger.
func invalidParameters(reason string) answer {
	result := spapiError(http.StatusBadRequest, "InvalidInput", "Invalid request parameters", "")
	result.code = "InvalidInput: " + reason
	return result
}

func (s *Simulator) createFeedDocument(r *spapiRequest) answer {
	var body struct {
		ContentType string `json:"contentType"`
	}
	if refusal := decodeBody(r, &body); refusal != nil {
		return *refusal
	}
	if body.ContentType == "" {
		return spapiError(http.StatusBadRequest, "InvalidInput", "One or more required parameters missing", "contentType;")
	}
	doc := &document{
		documentKey: documentKey{r.account.key(), s.newDocumentID(r.account)}, account: r.account.ID,
		contentType: body.ContentType, created: r.now,
	}
	s.documents.put(doc)
	r.call.Parameters["feedDocumentId"] = doc.id
	return answer{status: http.StatusCreated, contentType: jsonType, body: mustJSON(struct {
		ID  string `json:"feedDocumentId"`
		URL string `json:"url"`
	}{doc.id, s.documents.presign(r, http.MethodPut, doc)})}
}

// newDocumentID looks like Amazon's.
func (s *Simulator) newDocumentID(a *Account) string {
	return "amzn1.tortuga.4." + string(a.Region) + "." + s.newID() + ".T" + strings.ToUpper(s.newID()[:12])
}

// feedSpecification is createFeed's body.
type feedSpecification struct {
	Kind         string            `json:"feedType"`
	Marketplaces []string          `json:"marketplaceIds"`
	Document     string            `json:"inputFeedDocumentId"`
	Options      map[string]string `json:"feedOptions"`
}

// check refuses what needs no look at the document.
func (f *feedSpecification) check(a *Account) (answer, bool) {
	missing := ""
	for _, field := range []struct {
		name  string
		empty bool
	}{{"marketplaceIds", len(f.Marketplaces) == 0}, {"feedType", f.Kind == ""}, {"inputFeedDocumentId", f.Document == ""}} {
		if field.empty {
			missing += field.name + ";"
		}
	}
	switch {
	case missing != "":
		return spapiError(http.StatusBadRequest, "InvalidInput", "One or more required parameters missing", missing), true
	case len(f.Marketplaces) > 25:
		return invalidParameters("more than 25 marketplaces"), true
	case f.Kind != listingsFeed && !oldListingsFeed(f.Kind):
		return invalidParameters("feeds of type " + f.Kind + " are not simulated"), true
	case f.Kind == listingsFeed && len(f.Marketplaces) > 1:
		return invalidParameters("a JSON_LISTINGS_FEED has one marketplace"), true
	}
	for _, id := range f.Marketplaces {
		if !slices.Contains(a.Marketplaces, id) {
			return invalidParameters("the seller does not sell in marketplace " + id), true
		}
	}
	return answer{}, false
}

func (s *Simulator) createFeed(r *spapiRequest) answer {
	var body feedSpecification
	if refusal := decodeBody(r, &body); refusal != nil {
		return *refusal
	}
	maps.Copy(r.call.Parameters, map[string]string{
		"feedType": body.Kind, "marketplaceIds": strings.Join(body.Marketplaces, ","), "inputFeedDocumentId": body.Document,
	})
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	if body.Kind == listingsFeed && !s.withinWindow(r.account, r.now) {
		result := spapiStatus(http.StatusTooManyRequests)
		result.throttled = true
		return result
	}
	if refusal, refused := body.check(r.account); refused {
		return refusal
	}
	f := &feed{account: r.account, kind: body.Kind, marketplaces: body.Marketplaces, document: body.Document}
	if err := s.readDocument(f); err != nil {
		return invalidParameters(err.Error())
	}
	if f.kind == listingsFeed {
		key := r.account.key()
		s.feeds.submitted[key] = append(s.feeds.submitted[key], r.now)
	}
	f.id = s.feeds.of(r.account.key()).newID()
	r.call.Parameters["feedId"] = f.id
	r.call.Parameters["sha256"], r.call.Parameters["messages"] = f.sha256, strconv.Itoa(f.messages)
	late, hidden := time.Duration(0), time.Duration(0)
	if r.action != nil {
		late, hidden = r.action.ApplyLate, r.action.ShowLate
	}
	if late > 0 {
		s.agenda.schedule(r.now.Add(late), func() {
			s.feeds.mu.Lock()
			defer s.feeds.mu.Unlock()
			s.submit(f, r.now.Add(late), hidden)
		})
	} else {
		s.submit(f, r.now, hidden)
	}
	return answer{status: http.StatusAccepted, contentType: jsonType, body: mustJSON(struct {
		ID string `json:"feedId"`
	}{f.id})}
}

// withinWindow reports whether the throttle of JSON_LISTINGS_FEED has room: so many
// submissions in any so long time. Call it with the lock held.
func (s *Simulator) withinWindow(a *Account, now time.Time) bool {
	recent := s.feeds.submitted[a.key()]
	for len(recent) > 0 && now.Sub(recent[0]) >= s.config.ListingsFeeds.Per {
		recent = recent[1:]
	}
	s.feeds.submitted[a.key()] = recent
	return len(recent) < s.config.ListingsFeeds.Count
}

// readDocument takes an uploaded document over into a feed.
func (s *Simulator) readDocument(f *feed) error {
	doc := s.documents.get(documentKey{f.account.key(), f.document})
	if doc == nil {
		return fmt.Errorf("the seller has no document %s, or it is older than %s", f.document, contentLifetime)
	}
	s.documents.mu.Lock()
	defer s.documents.mu.Unlock()
	switch {
	case doc.contentType == "":
		return fmt.Errorf("%s is a report", f.document)
	case !doc.uploaded:
		return fmt.Errorf("nothing was uploaded to %s", f.document)
	}
	if doc.content == nil {
		doc.content = readFeed(doc.body)
	}
	f.content, f.sha256, f.messages = doc.content, doc.content.sha256, len(doc.content.messages)
	return nil
}

func (s *Simulator) getFeed(r *spapiRequest) answer {
	if complaint, bad := unknownParameter(r.query); bad {
		return invalidInput(complaint)
	}
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	f := s.ownFeed(r)
	if f == nil {
		return spapiStatus(http.StatusNotFound)
	}
	return answer{status: http.StatusOK, contentType: jsonType, body: mustJSON(f.show(r.now))}
}

// ownFeed finds the feed of the path; call it with the lock held.
func (s *Simulator) ownFeed(r *spapiRequest) *feed {
	id := r.PathValue("feedId")
	r.call.Parameters["feedId"] = id
	return s.feeds.of(r.account.key()).byID[id]
}

func (s *Simulator) cancelFeed(r *spapiRequest) answer {
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	f := s.ownFeed(r)
	switch {
	case f == nil:
		return spapiStatus(http.StatusNotFound)
	case f.statusAt(r.now) != inQueue:
		return spapiError(http.StatusBadRequest, "InvalidInput", "The feed cannot be cancelled: it is not IN_QUEUE.", "")
	}
	s.finish(f, r.now, cancelled)
	return answer{status: http.StatusOK, contentType: jsonType, body: []byte("{}")}
}

func (s *Simulator) getFeedDocument(r *spapiRequest) answer {
	if complaint, bad := unknownParameter(r.query, "enableContentEncodingUrlHeader"); bad {
		return invalidInput(complaint)
	}
	id := r.PathValue("feedDocumentId")
	r.call.Parameters["feedDocumentId"] = id
	doc := s.documents.get(documentKey{r.account.key(), id})
	if doc == nil || doc.contentType != "" {
		return spapiStatus(http.StatusNotFound)
	}
	shown := struct {
		ID          string `json:"feedDocumentId"`
		URL         string `json:"url"`
		Compression string `json:"compressionAlgorithm,omitempty"`
	}{ID: id, URL: s.documents.presign(r, http.MethodGet, doc)}
	if doc.gzip {
		shown.Compression = "GZIP"
	}
	if r.action != nil && r.action.ReportURL != "" {
		shown.URL = r.action.ReportURL
	}
	return answer{status: http.StatusOK, contentType: jsonType, body: mustJSON(shown)}
}

package spapi

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	// maxIssues is how many issues of a report are kept. From half as many on only the
	// first error of each further message is kept: a feed has at most 25,000 messages,
	// so no refused message can pass for accepted.
	maxIssues = 4 * model.MaxFeedMessages
	// maxShown is how many quantities of a report are kept.
	maxShown = 2 * model.MaxFeedMessages
	// maxIssueText bounds an issue's message, maxIssueName each other text of it,
	// in bytes. Amazon's are below 1,000 and 100.
	maxIssueText = 2_000
	maxIssueName = 200
)

// reportParser reads a processing report token by token and keeps what
// model.FeedReport has. It takes what is there: of the fields of an issue only
// severity and message are sure to be.
type reportParser struct {
	issueKeeper
	tokens *jsontext.Decoder
	known  bool // whether it has a field that makes it a report
}

// issueKeeper fills a report with issues, as many as are kept.
type issueKeeper struct {
	report *model.FeedReport
	erred  map[int]struct{} // ids of messages with an error
}

func newIssueKeeper(report *model.FeedReport) issueKeeper {
	return issueKeeper{report: report, erred: make(map[int]struct{})}
}

// parseReport reads the one JSON object that a report is.
func parseReport(from io.Reader, report *model.FeedReport) error {
	p := &reportParser{
		issueKeeper: newIssueKeeper(report),
		tokens:      jsontext.NewDecoder(from, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
	}
	err := p.object(func(name string) error {
		switch name {
		case "header":
			return p.object(p.header)
		case "issues":
			p.known = true
			return p.array(p.issue)
		case "items":
			return p.array(p.item)
		case "summary":
			p.known = true
			return p.object(p.summary)
		}
		return p.tokens.SkipValue()
	})
	if err != nil {
		return malformed(err)
	}
	if _, err := p.tokens.ReadToken(); !errors.Is(err, io.EOF) {
		if err == nil {
			return unreadable("something follows the JSON of the document")
		}
		return malformed(err)
	}
	if !p.known {
		return unreadable("the document is JSON, but no processing report: it has neither issues nor a summary")
	}
	return nil
}

// malformed returns where the document stops being JSON, or which bound it broke.
func malformed(err error) error {
	var bound unreadable
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &bound):
		return bound
	case errors.As(err, &syntax):
		return unreadable(fmt.Sprintf("the document is no valid JSON at byte %d", syntax.ByteOffset))
	}
	return unreadable("the document cannot be read to its end: " + err.Error())
}

func (p *reportParser) header(name string) error {
	if name != "feedId" {
		return p.tokens.SkipValue()
	}
	return p.text(&p.report.FeedID, maxIssueName)
}

func (p *reportParser) summary(name string) error {
	s := &p.report.Summary
	switch name {
	case "errors":
		return p.number(&s.Errors)
	case "warnings":
		return p.number(&s.Warnings)
	case "messagesProcessed":
		return p.number(&s.MessagesProcessed)
	case "messagesAccepted":
		return p.number(&s.MessagesAccepted)
	case "messagesInvalid":
		return p.number(&s.MessagesInvalid)
	}
	return p.tokens.SkipValue()
}

// item reads the quantities of a listing. A SKU that is cut short is another one: it is left out.
func (p *reportParser) item() error {
	id, first := "", len(p.report.Shown)
	err := p.object(func(name string) error {
		switch name {
		case "sku":
			return p.text(&id, maxIssueName)
		case "fulfillmentAvailability":
			return p.array(p.availability)
		}
		return p.tokens.SkipValue()
	})
	if id == "" || len(id) > maxIssueName {
		p.report.Shown = p.report.Shown[:first]
	}
	for i := range p.report.Shown[first:] {
		p.report.Shown[first+i].SKU = id
	}
	return err
}

func (p *reportParser) availability() error {
	shown, quantity := model.ShownQuantity{}, -1
	err := p.object(func(name string) error {
		switch name {
		case "fulfillmentChannelCode":
			return p.text(&shown.FulfillmentChannelCode, maxIssueName)
		case "quantity":
			return p.number(&quantity)
		}
		return p.tokens.SkipValue()
	})
	if shown.Quantity = quantity; quantity >= 0 && shown.FulfillmentChannelCode != "" && len(p.report.Shown) < maxShown {
		p.report.Shown = append(p.report.Shown, shown)
	}
	return err
}

func (p *reportParser) issue() error {
	if p.tokens.PeekKind() != '{' {
		return p.tokens.SkipValue()
	}
	var issue model.FeedIssue
	err := p.object(func(name string) error {
		switch name {
		case "messageId":
			return p.number(&issue.MessageID)
		case "sku":
			return p.text(&issue.SKU, maxIssueName)
		case "code":
			return p.text(&issue.Code, maxIssueName)
		case "severity":
			return p.text(&issue.Severity, maxIssueName)
		case "message":
			return p.text(&issue.Message, maxIssueText)
		case "attributeName":
			return p.text(&issue.AttributeName, maxIssueName)
		}
		return p.tokens.SkipValue()
	})
	if err == nil {
		p.keep(issue)
	}
	return err
}

// keep adds an issue while there is room for it. A severity that nobody knows
// counts as an error.
func (p *issueKeeper) keep(issue model.FeedIssue) {
	first := false
	if issue.Severity != "WARNING" && issue.Severity != "INFO" {
		_, known := p.erred[issue.MessageID]
		first = !known
	}
	if kept := len(p.report.Issues); kept >= maxIssues || kept >= maxIssues/2 && !first {
		p.report.IssuesOmitted++
		return
	}
	if first {
		p.erred[issue.MessageID] = struct{}{}
	}
	p.report.Issues = append(p.report.Issues, issue)
}

// object reads an object; field must read one value. Anything else in its place
// is skipped.
func (p *reportParser) object(field func(name string) error) error {
	if p.tokens.PeekKind() != '{' {
		return p.tokens.SkipValue()
	}
	if _, err := p.tokens.ReadToken(); err != nil {
		return err
	}
	for p.tokens.PeekKind() != '}' {
		name, err := p.tokens.ReadToken()
		if err != nil {
			return err
		}
		if err := field(name.String()); err != nil {
			return err
		}
	}
	_, err := p.tokens.ReadToken()
	return err
}

// array reads an array; element must read one value. Anything else in its place
// is skipped.
func (p *reportParser) array(element func() error) error {
	if p.tokens.PeekKind() != '[' {
		return p.tokens.SkipValue()
	}
	if _, err := p.tokens.ReadToken(); err != nil {
		return err
	}
	for p.tokens.PeekKind() != ']' {
		if err := element(); err != nil {
			return err
		}
	}
	_, err := p.tokens.ReadToken()
	return err
}

// text reads a string and keeps at most limit bytes.
func (p *reportParser) text(into *string, limit int) error {
	if p.tokens.PeekKind() != '"' {
		return p.tokens.SkipValue()
	}
	token, err := p.tokens.ReadToken()
	if err != nil {
		return err
	}
	*into = cutText(token.String(), limit)
	return nil
}

// cutText keeps at most limit bytes of text, and none of the memory of what it cuts off.
func cutText(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return string([]byte(text[:limit])) + "…"
}

// number reads a number that is not negative, also one in quotes; any other is 0.
func (p *reportParser) number(into *int) error {
	kind := p.tokens.PeekKind()
	if kind != '0' && kind != '"' {
		return p.tokens.SkipValue()
	}
	token, err := p.tokens.ReadToken()
	if err != nil {
		return err
	}
	parseCount(token.String(), into)
	return nil
}

// parseCount reads a number that is not negative; any other changes nothing.
func parseCount(text string, into *int) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 && n <= math.MaxInt32 {
		*into = int(n)
	}
}

package spapi

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// This file reads the processing report of a feed in XML, such as those about orders. It
// has a summary, and a result for each message with a fault.

// maxElements is how deep a document may be. A report has 6 elements in each other.
const maxElements = 50

// xmlParser reads a report element by element and keeps what model.FeedReport has.
type xmlParser struct {
	issueKeeper
	tokens *xml.Decoder
	bound  *elementBound
	depth  int
	known  bool // whether it has a ProcessingReport
}

// parseXMLReport reads the one AmazonEnvelope that a report is.
func parseXMLReport(from io.Reader, report *model.FeedReport) error {
	bound := &elementBound{from: from}
	p := &xmlParser{issueKeeper: newIssueKeeper(report), tokens: xml.NewDecoder(bound), bound: bound}
	p.tokens.CharsetReader = charset
	err := p.within(p.root)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return p.malformed(err)
	case !p.known:
		return unreadable("the document is XML, but no processing report: it has no ProcessingReport")
	}
	return nil
}

// malformed returns where the document stops being XML, or which bound it broke.
func (p *xmlParser) malformed(err error) error {
	var bound unreadable
	if errors.As(err, &bound) {
		return bound
	}
	return unreadable(fmt.Sprintf("the document is no valid XML at byte %d, or cannot be read to its end", p.tokens.InputOffset()))
}

// next returns the next token. It is bounded, and holds until the next call.
func (p *xmlParser) next() (xml.Token, error) {
	p.bound.run = 0
	token, err := p.tokens.Token()
	switch token.(type) {
	case xml.StartElement:
		p.depth++
	case xml.EndElement:
		p.depth--
	}
	if p.depth > maxElements {
		return nil, unreadable(fmt.Sprintf("the document is deeper than %d elements", maxElements))
	}
	return token, err
}

// within calls element for each element up to the end of the one that is being read, or
// of the document. It must read that to its end.
func (p *xmlParser) within(element func(name string) error) error {
	for {
		token, err := p.next()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if err := element(token.Name.Local); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		case xml.CharData:
			if p.depth == 0 && p.known && strings.TrimSpace(string(token)) != "" {
				return unreadable("something follows the XML of the document")
			}
		}
	}
}

func (p *xmlParser) skip(string) error { return p.within(p.skip) }

func (p *xmlParser) root(name string) error {
	switch {
	case p.known:
		return unreadable("something follows the XML of the document")
	case name != "AmazonEnvelope":
		return unreadable("the document is XML or HTML, not a processing report")
	}
	return p.within(p.inside("Message", p.inside("ProcessingReport", p.content)))
}

// inside calls element for what stands in the elements of a name, and skips all others.
func (p *xmlParser) inside(name string, element func(string) error) func(string) error {
	return func(found string) error {
		if found != name {
			return p.skip(found)
		}
		return p.within(element)
	}
}

func (p *xmlParser) content(name string) error {
	p.known = true
	switch name {
	case "ProcessingSummary":
		return p.within(p.summary)
	case "Result":
		return p.result()
	}
	return p.skip(name)
}

func (p *xmlParser) summary(name string) error {
	s := &p.report.Summary
	switch name {
	case "MessagesProcessed":
		return p.count(&s.MessagesProcessed)
	case "MessagesSuccessful":
		return p.count(&s.MessagesAccepted)
	case "MessagesWithError":
		return p.count(&s.MessagesInvalid)
	}
	return p.skip(name)
}

func (p *xmlParser) result() error {
	var issue model.FeedIssue
	err := p.within(func(name string) error {
		switch name {
		case "MessageID":
			return p.count(&issue.MessageID)
		case "ResultCode":
			return p.text(&issue.Severity, maxIssueName)
		case "ResultMessageCode":
			return p.text(&issue.Code, maxIssueName)
		case "ResultDescription":
			return p.text(&issue.Message, maxIssueText)
		case "AdditionalInfo":
			return p.within(func(name string) error {
				if name == "SKU" {
					return p.text(&issue.SKU, maxIssueName)
				}
				return p.skip(name)
			})
		}
		return p.skip(name)
	})
	if err != nil {
		return err
	}
	issue.Severity = strings.ToUpper(issue.Severity)
	if issue.Severity == "WARNING" {
		p.report.Summary.Warnings++
	} else {
		p.report.Summary.Errors++
	}
	p.keep(issue)
	return nil
}

// text reads an element's text and keeps at most limit bytes.
func (p *xmlParser) text(into *string, limit int) error {
	var b strings.Builder
	depth := p.depth
	for {
		token, err := p.next()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.CharData:
			if b.Len() <= limit {
				b.Write(token)
			}
		case xml.EndElement:
			if p.depth < depth {
				*into = cutText(strings.TrimSpace(b.String()), limit)
				return nil
			}
		}
	}
}

// count reads a number that is not negative; any other is 0.
func (p *xmlParser) count(into *int) error {
	var text string
	if err := p.text(&text, maxIssueName); err != nil {
		return err
	}
	parseCount(text, into)
	return nil
}

// elementBound refuses XML in which one token is larger than any in a report, because a
// decoder would hold it whole.
type elementBound struct {
	from io.Reader
	run  int // bytes since the last token was done
}

// Read is io.Reader.
func (b *elementBound) Read(p []byte) (int, error) {
	n, err := b.from.Read(p[:min(len(p), 4<<10)])
	b.run += n
	if b.run > maxToken { // and what the decoder had read ahead
		return 0, unreadable(fmt.Sprintf("a value in the document is larger than %d MiB", maxToken>>20))
	}
	return n, err
}

// charset reads the one encoding besides UTF-8 in which Amazon's XML comes.
func charset(name string, input io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "iso-8859-1", "latin1", "us-ascii":
		return &latin1{from: bufio.NewReader(input)}, nil
	}
	return nil, fmt.Errorf("encoding %.40q is not known", name)
}

// latin1 makes UTF-8 of ISO-8859-1.
type latin1 struct{ from *bufio.Reader }

// Read is io.Reader.
func (l *latin1) Read(p []byte) (int, error) {
	n := 0
	for n+utf8.UTFMax <= len(p) {
		if n > 0 && l.from.Buffered() == 0 {
			break
		}
		c, err := l.from.ReadByte()
		if err != nil {
			return n, err
		}
		n += utf8.EncodeRune(p[n:], rune(c))
	}
	return n, nil
}

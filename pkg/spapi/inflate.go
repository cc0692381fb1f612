package spapi

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Bounds of a report. One of 25,000 messages with four issues each has about 30
// MiB, and gzip makes a twentieth of it.
const (
	maxDownload = 32 << 20 // bytes as they come
	maxReport   = 96 << 20 // bytes inflated
	// maxRatio is how many bytes one byte may inflate to on average; deflate itself
	// goes up to 1,032. The first maxUnmeasured bytes are not measured.
	maxRatio      = 200
	maxUnmeasured = 1 << 20
	inflates      = 3 // times its bound a document may have inflated
	// maxToken bounds one string or number: a decoder holds it whole.
	maxToken = 1 << 20
)

// unreadable is why a document is no report. To read it again would not help.
type unreadable string

func (u unreadable) Error() string { return string(u) }

// readReport reads a report. Its error is one of the source; what the document itself
// has of faults is in Unreadable.
func readReport(raw *source, compression string) (*model.FeedReport, error) {
	report := new(model.FeedReport)
	err := parseDocument(raw, compression, report)
	switch {
	case raw.failed != nil:
		return nil, raw.failed
	case err != nil:
		return &model.FeedReport{Unreadable: shorten(err.Error(), maxMessage)}, nil
	}
	return report, nil
}

func parseDocument(raw *source, compression string, report *model.FeedReport) error {
	text, err := open(raw, 32<<10)
	if err != nil {
		return err
	}
	markup, err := recognize(text)
	if err != nil {
		if why := unreadable(""); errors.As(err, &why) && !plainOrGzip(compression) {
			return unreadable(fmt.Sprintf("%s; Amazon calls its compression %.20q, which this client does not know", why, compression))
		}
		return err
	}
	if markup {
		return parseXMLReport(text, report)
	}
	return parseReport(&tokenBound{from: text}, report)
}

// open reads a document as it was before compression, through a buffer of that size. It
// goes by what the document is, not by what Amazon says of it: compressionAlgorithm was
// seen missing though the document was gzip, and GZIP though it was plain. No text begins
// with gzip's two bytes.
func open(raw *source, buffer int) (*bufio.Reader, error) {
	begin := bufio.NewReaderSize(raw, 32<<10)
	var content io.Reader = begin
	magic, err := begin.Peek(2)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case len(magic) == 0:
		return nil, unreadable("the document is empty")
	case string(magic) == gzipMagic:
		unzipped, err := gzip.NewReader(begin)
		if err != nil {
			return nil, unreadable("the document begins like gzip, but its header is cut or broken")
		}
		content = unzipped
	}
	return bufio.NewReaderSize(&inflated{from: content, raw: raw}, buffer), nil
}

// gzipMagic is how every gzip member begins (RFC 1952, 2.3.1).
const gzipMagic = "\x1f\x8b"

func plainOrGzip(compression string) bool {
	return compression == "" || strings.EqualFold(compression, "GZIP")
}

// recognize looks at the beginning of a document, and reports whether it is XML (or HTML)
// in place of JSON.
func recognize(text *bufio.Reader) (markup bool, err error) {
	start, err := text.Peek(1024)
	if len(start) == 0 && err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if bytes.HasPrefix(start, []byte("\xef\xbb\xbf")) { // a byte order mark
		_, _ = text.Discard(3)
		start = start[3:]
	}
	start = bytes.TrimLeft(start, " \t\r\n")
	switch {
	case len(start) == 0:
		return false, unreadable("the document is empty")
	case start[0] != '{' && start[0] != '<':
		return false, unreadable("the document is no JSON object and no XML; it may be the text report of a flat-file feed")
	}
	return start[0] == '<', nil
}

// source reads from the network. It bounds what comes, and remembers whether an error
// was the network's.
type source struct {
	from        io.Reader
	contentType string
	large       func() error // called once if the document turns out to be large; nil after that
	most        int64        // bytes as they come, and inflates times that inflated; 0 for a feed report's
	read        int64
	failed      error
}

// bounds are how many bytes come, and how many they inflate to.
func (s *source) bounds() (raw, inflated int64) {
	if s.most > 0 {
		return s.most, s.most * inflates
	}
	return maxDownload, maxReport
}

// Read is io.Reader.
func (s *source) Read(p []byte) (int, error) {
	most, _ := s.bounds()
	n, err := s.from.Read(p)
	s.read += int64(n)
	switch {
	case s.read > most:
		return 0, unreadable(fmt.Sprintf("the document is larger than %d MiB", most>>20))
	case err != nil && !errors.Is(err, io.EOF):
		s.failed = err
	}
	return n, err
}

// inflated bounds a document after decompression.
type inflated struct {
	from io.Reader
	raw  *source
	read int64
}

// Read is io.Reader.
func (i *inflated) Read(p []byte) (int, error) {
	if i.read > maxUnmeasured && i.raw.large != nil {
		if i.raw.failed = i.raw.large(); i.raw.failed != nil {
			return 0, i.raw.failed
		}
		i.raw.large = nil
	}
	_, most := i.raw.bounds()
	n, err := i.from.Read(p)
	i.read += int64(n)
	switch {
	case i.read > most:
		return 0, unreadable(fmt.Sprintf("the document inflates to more than %d MiB", most>>20))
	case i.read > maxUnmeasured && i.read/maxRatio > i.raw.read:
		return 0, unreadable(fmt.Sprintf("the document inflates to more than %d times its size: a gzip bomb", maxRatio))
	}
	return n, err
}

// tokenBound refuses JSON in which one token is larger than any in a report,
// because a decoder would hold it whole.
type tokenBound struct {
	from    io.Reader
	run     int // bytes since the last border of a token
	quoted  bool
	escaped bool
}

// Read is io.Reader.
func (t *tokenBound) Read(p []byte) (int, error) {
	n, err := t.from.Read(p)
	for _, c := range p[:n] {
		t.run++
		switch {
		case t.escaped:
			t.escaped = false
		case t.quoted && c == '\\':
			t.escaped = true
		case c == '"':
			t.quoted, t.run = !t.quoted, 0
		case !t.quoted && (c == ',' || c == ':' || c == '{' || c == '[' || c == '}' || c == ']'):
			t.run = 0
		}
		if t.run > maxToken {
			return 0, unreadable(fmt.Sprintf("a value in the document is larger than %d MiB", maxToken>>20))
		}
	}
	return n, err
}

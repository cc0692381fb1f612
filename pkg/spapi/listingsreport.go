package spapi

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// This file owns the reader of GET_MERCHANT_LISTINGS_ALL_DATA: lines of columns that tabs
// part, named in the first line. Which columns there are differs by marketplace, their
// names by the seller's language, and the charset by region. Only what is needed of a line
// is decoded and kept.

// Bounds of a report of listings. The descriptions of 100,000 listings have 200 MiB.
const (
	maxListings    = 256 << 20 // bytes as they come; inflated three times as many
	maxListingRows = 1_000_000
	maxListingLine = 256 << 10
	maxListingName = 400 // bytes of a SKU: 40 characters, with room
	maxListingWord = 100 // of another field
	// maxListingWords is how many different channels and states are told apart.
	maxListingWords = 1000
	maxColumns      = 500
)

// Columns that are read, in the order of listingsReader.at.
const (
	columnSKU = iota
	columnQuantity
	columnChannel
	columnStatus
	columns
)

// columnNames are the names of the columns that are read, in lower case, Amazon's English
// one first. Other languages are those that were seen.
func columnNames() [columns][]string {
	return [columns][]string{
		columnSKU:      {"seller-sku", "sku", "出品者sku"},
		columnQuantity: {"quantity", "数量"},
		columnChannel:  {"fulfillment-channel", "fulfilment-channel", "フルフィルメント・チャンネル", "フルフィルメントチャンネル"},
		columnStatus:   {"status", "ステータス"},
	}
}

// readListings reads a report. Its error is one of the source; what the document itself
// has of faults is in Unreadable.
func readListings(raw *source) (*model.ListingsReport, error) {
	raw.most = maxListings
	r := &listingsReader{report: new(model.ListingsReport), words: make(map[string]string), charset: charsetOf(raw.contentType)}
	err := r.read(raw)
	switch {
	case raw.failed != nil:
		return nil, raw.failed
	case err != nil: // half a catalogue would pass for a whole one
		return &model.ListingsReport{Unreadable: shorten(err.Error(), maxMessage)}, nil
	}
	slices.SortStableFunc(r.report.Rows, func(a, b model.ListingsRow) int { return strings.Compare(a.SKU, b.SKU) })
	return r.report, nil
}

// listingsReader reads the lines of a report.
type listingsReader struct {
	report  *model.ListingsReport
	charset encoding.Encoding // nil for UTF-8, or Windows-1252 where a text is not UTF-8
	at      [columns]int      // where each column is; -1 for nowhere
	width   int               // of a line, up to the last column that is needed
	quoted  bool              // whether the fields are quoted, as the names of the columns are
	fields  [][]byte
	words   map[string]string // texts that are in many rows
}

func (r *listingsReader) read(raw *source) error {
	text, err := open(raw, maxListingLine)
	if err != nil {
		return err
	}
	head, err := line(text)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := r.header(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))); err != nil {
		return err
	}
	for err == nil {
		var content []byte
		if content, err = line(text); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("the document cannot be read to its end: %w", err)
		}
		switch {
		case len(content) == 0:
		case len(r.report.Rows) == maxListingRows:
			return unreadable(fmt.Sprintf("the report has more than %d rows", maxListingRows))
		case !r.row(content):
			r.report.Omitted++
		}
	}
	return nil
}

// tooLong stands for a line that is longer than any of a report. It has one column.
const tooLong = "\x00"

// line reads the next line without its end.
func line(text *bufio.Reader) ([]byte, error) {
	content, err := text.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = text.ReadSlice('\n')
		}
		return []byte(tooLong), err
	}
	return bytes.TrimRight(content, "\r\n"), err
}

// header finds the columns.
func (r *listingsReader) header(head []byte) error {
	if bytes.Count(head, []byte("\t")) >= maxColumns {
		return unreadable(fmt.Sprintf("the first line has more than %d columns", maxColumns))
	}
	r.quoted = bytes.HasPrefix(head, []byte(`"`))
	names := bytes.Split(head, []byte("\t"))
	for column, known := range columnNames() {
		r.at[column] = slices.IndexFunc(names, func(name []byte) bool {
			return slices.Contains(known, strings.ToLower(strings.TrimSpace(r.decode(r.unquote(name)))))
		})
		if r.at[column] < 0 {
			r.report.Missing = append(r.report.Missing, known[0])
		}
	}
	if r.at[columnSKU] < 0 {
		return unreadable(fmt.Sprintf("the document is no report of listings: none of its %d columns is %s. It begins with %q",
			len(names), strings.Join(columnNames()[columnSKU], " or "), shorten(strings.ToValidUTF8(r.decode(head), "?"), maxListingWord)))
	}
	r.width = max(r.at[columnSKU], r.at[columnQuantity], r.at[columnChannel]) + 1
	return nil
}

// row takes a line, if it has what is needed.
func (r *listingsReader) row(content []byte) bool {
	r.fields = r.fields[:0]
	for field := range bytes.SplitSeq(content, []byte("\t")) {
		if len(r.fields) == maxColumns {
			break
		}
		r.fields = append(r.fields, field)
	}
	if len(r.fields) < r.width {
		return false
	}
	id := r.field(columnSKU)
	if len(id) == 0 || len(id) > maxListingName {
		return false
	}
	quantity, ok := quantityOf(r.field(columnQuantity))
	if !ok {
		return false
	}
	r.report.Rows = append(r.report.Rows, model.ListingsRow{
		SKU: r.decode(id), Channel: r.word(r.field(columnChannel)), Status: r.word(r.field(columnStatus)), Quantity: quantity,
	})
	return true
}

// field is a column of the present line; nil for none.
func (r *listingsReader) field(column int) []byte {
	if at := r.at[column]; at >= 0 && at < len(r.fields) {
		return r.unquote(r.fields[at])
	}
	return nil
}

func (r *listingsReader) unquote(field []byte) []byte {
	if n := len(field); r.quoted && n > 1 && field[0] == '"' && field[n-1] == '"' {
		return field[1 : n-1]
	}
	return field
}

// quantityOf reads a quantity. An empty text is model.NoQuantity.
func quantityOf(field []byte) (quantity int32, ok bool) {
	field = bytes.TrimSpace(field)
	if len(field) == 0 {
		return model.NoQuantity, true
	}
	n, err := strconv.ParseUint(string(field), 10, 31)
	return int32(min(n, math.MaxInt32)), err == nil
}

// word is a text that many rows have.
func (r *listingsReader) word(field []byte) string {
	if len(field) == 0 || len(field) > maxListingWord {
		return ""
	}
	if known, ok := r.words[string(field)]; ok {
		return known
	}
	if len(r.words) == maxListingWords {
		return ""
	}
	text := strings.TrimSpace(r.decode(field))
	r.words[string(field)] = text
	return text
}

// decode makes a text valid UTF-8. No byte of a tab or of a line's end is part of another
// character in any of the charsets, so the document was split before.
func (r *listingsReader) decode(text []byte) string {
	charset := r.charset
	if charset == nil {
		if utf8.Valid(text) {
			return string(text)
		}
		charset = charmap.Windows1252
	}
	decoded, err := charset.NewDecoder().Bytes(text)
	if err != nil {
		return strings.ToValidUTF8(string(text), "\ufffd")
	}
	return string(decoded)
}

// charsetOf is what Amazon says of a document: nil where it says UTF-8, nothing, or a
// name that nobody knows.
func charsetOf(contentType string) encoding.Encoding {
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil
	}
	switch strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(parameters["charset"])) {
	case "windows1252", "cp1252", "iso88591", "latin1":
		return charmap.Windows1252 // the others are a part of it
	case "iso885915", "latin9":
		return charmap.ISO8859_15
	case "shiftjis", "sjis", "xsjis", "windows31j", "ms932", "cp932":
		return japanese.ShiftJIS
	}
	return nil
}

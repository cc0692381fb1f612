// Package statefile owns the file of `sellerstream state export`: what is in it, line by
// line, and how it is known to be whole. docs/DISASTERS.md describes it for readers.
package statefile

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"
)

const (
	// Format begins a file.
	Format = "sellerstream-state"
	// Version is that of the format. A reader refuses a later one.
	Version = 1
	// maxLine bounds a line: the largest value of a topic as base64, with what is around it.
	maxLine = 8 << 20
)

// Line is a line of the file: one of its fields is set.
type Line struct {
	Header   *Header   `json:"header,omitempty"`
	Schema   *Schema   `json:"schema,omitempty"`
	Entry    *Entry    `json:"entry,omitempty"`
	Position *Position `json:"position,omitempty"`
	Record   *Record   `json:"record,omitempty"`
	End      *End      `json:"end,omitempty"`
}

// Header is the first line.
type Header struct {
	Format     string    `json:"format"`
	Version    int       `json:"version"`
	ID         string    `json:"id"` // of this export
	Time       time.Time `json:"time"`
	Cluster    string    `json:"cluster"` // Kafka's id of it
	Prefix     string    `json:"prefix"`
	Partitions int32     `json:"partitions"`
}

// Schema is an Avro schema, before the first line that needs it.
type Schema struct {
	ID   int    `json:"id"` // in the registry that the values name it by
	Text string `json:"text"`
}

// Entry is the newest value of a key of a compacted topic.
type Entry struct {
	Topic     string `json:"topic"` // logical name
	Partition int32  `json:"partition"`
	Key       []byte `json:"key"`
	Value     []byte `json:"value"`
}

// Position is how far a role has read a partition: what it has not read was appended at
// that time or later.
type Position struct {
	Role      string    `json:"role"`
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Time      time.Time `json:"time"`
}

// Record is a record that not every role has read.
type Record struct {
	Topic     string         `json:"topic"`
	Partition int32          `json:"partition"`
	Time      time.Time      `json:"time,omitzero"` // Kafka's timestamp
	Key       []byte         `json:"key"`           // nil for none
	Value     []byte         `json:"value"`
	Headers   []RecordHeader `json:"headers,omitempty"`
}

// RecordHeader is a record's header.
type RecordHeader struct {
	Key   string `json:"key"`
	Value []byte `json:"value"`
}

// End is the last line. A file without it was cut.
type End struct {
	Lines     int64  `json:"lines"`  // before this one
	SHA256    string `json:"sha256"` // of their bytes, line feeds included
	Namespace string `json:"namespace"`
	// Ends are where the topics ended, by logical name and partition.
	Ends map[string]map[int32]int64 `json:"ends"`
	// Unreadable are the first batches of records that nobody could read, in words.
	Unreadable []string `json:"unreadable,omitempty"`
}

// Writer writes a file.
type Writer struct {
	zip   *gzip.Writer
	sum   hash.Hash
	lines int64
}

// NewWriter begins a file.
func NewWriter(w io.Writer, header Header) (*Writer, error) {
	header.Format, header.Version = Format, Version
	out := &Writer{zip: gzip.NewWriter(w), sum: sha256.New()}
	return out, out.Write(Line{Header: &header})
}

// Write adds a line.
func (w *Writer) Write(line Line) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if len(text) > maxLine {
		return fmt.Errorf("a line of the file would have %d bytes, and %d are the most", len(text), maxLine)
	}
	w.lines++
	w.sum.Write(text)
	_, err = w.zip.Write(text)
	return err
}

// Close writes the last line. A file that is not closed counts as cut.
func (w *Writer) Close(end End) error {
	end.Lines, end.SHA256 = w.lines, hex.EncodeToString(w.sum.Sum(nil))
	if err := w.Write(Line{End: &end}); err != nil {
		return err
	}
	return w.zip.Close()
}

// ErrCut says that a file does not come to its end.
var ErrCut = errors.New("the file ends before its last line: the export was interrupted, or the copy is not whole")

// Reader reads a file.
type Reader struct {
	Header  Header
	scanner *bufio.Scanner
	sum     hash.Hash
	lines   int64
	ended   bool
}

// NewReader begins to read a file.
func NewReader(r io.Reader) (*Reader, error) {
	zip, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("it is no file of `sellerstream state export`: %w", err)
	}
	return newReader(zip)
}

// newReader reads what was unzipped.
func newReader(r io.Reader) (*Reader, error) {
	in := &Reader{scanner: bufio.NewScanner(r), sum: sha256.New()}
	in.scanner.Buffer(nil, maxLine)
	line, err := in.Next()
	switch {
	case err != nil:
		return nil, err
	case line.Header == nil || line.Header.Format != Format:
		return nil, fmt.Errorf("it is no file of `sellerstream state export`: its first line is no header of format %s", Format)
	case line.Header.Version != Version:
		return nil, fmt.Errorf("the file has version %d of the format, and this program reads version %d: import it with the version that wrote it, or a later one", line.Header.Version, Version)
	}
	in.Header = *line.Header
	return in, nil
}

// Lines is how many lines have been read, the header included.
func (r *Reader) Lines() int64 { return r.lines }

// Next returns the next line. It is the End only if all that stands before is as it was
// written; behind it comes io.EOF. The error is ErrCut for a file without one.
func (r *Reader) Next() (Line, error) {
	var line Line
	if !r.scanner.Scan() {
		switch err := r.scanner.Err(); {
		case err == nil && r.ended:
			return line, io.EOF
		case err == nil, errors.Is(err, io.ErrUnexpectedEOF):
			return line, ErrCut
		default:
			return line, fmt.Errorf("line %d: %w", r.lines+1, err)
		}
	}
	text := r.scanner.Bytes()
	if err := json.Unmarshal(text, &line); err != nil {
		if errors.Is(r.scanner.Err(), io.ErrUnexpectedEOF) { // it is the part of a line
			return line, ErrCut
		}
		return line, fmt.Errorf("line %d: %w", r.lines+1, err)
	}
	switch {
	case r.ended:
		return line, fmt.Errorf("line %d stands behind the end", r.lines+1)
	case line.End != nil && (line.End.Lines != r.lines || line.End.SHA256 != hex.EncodeToString(r.sum.Sum(nil))):
		return line, fmt.Errorf("the file was changed: its last line speaks of %d lines with the sum %s, and there are %d with another", line.End.Lines, line.End.SHA256, r.lines)
	}
	r.ended = line.End != nil
	r.sum.Write(text)
	r.sum.Write([]byte{'\n'})
	r.lines++
	return line, nil
}

// Check reads a file to its end.
func Check(r io.Reader) (Header, End, error) {
	in, err := NewReader(r)
	if err != nil {
		return Header{}, End{}, err
	}
	return in.check()
}

// check reads on to the end.
func (r *Reader) check() (Header, End, error) {
	var end End
	for {
		line, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return r.Header, end, nil
		case err != nil:
			return r.Header, end, err
		case line.End != nil:
			end = *line.End
		}
	}
}

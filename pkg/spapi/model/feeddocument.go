package model

import (
	"fmt"
	"io"
)

// FeedDocument is what is uploaded for a feed: a *ListingsFeed or an *OrderFeed.
type FeedDocument interface {
	FeedType() string    // Amazon's
	ContentType() string // for createFeedDocument and, to the letter, for the upload
	Len() int            // messages
	Size() int           // bytes
	Reader() io.Reader   // of the document; may be called again
	Faults() []FeedFault // why Amazon would refuse it
}

// FeedFault is one thing that is wrong with a document.
type FeedFault struct {
	Message int    // index into Messages; -1 for the feed as a whole
	Item    string // SKU or order of the message
	Reason  string
}

// Error is one line that names the message.
func (f FeedFault) Error() string {
	if f.Message < 0 {
		return "the feed " + f.Reason
	}
	return fmt.Sprintf("message %d (%.80q) %s", f.Message+1, f.Item, f.Reason)
}

// chunk is how much of a document is in memory at a time, and what the
// document is hashed and written in.
const chunk = 32 << 10

// feedReader reads a document of parts, such as a header, messages and an end.
type feedReader struct {
	encode func(b []byte, part int) []byte // appends a part
	parts  int
	next   int // part to encode
	buffer []byte
	unread []byte // of buffer
}

// Read is io.Reader.
func (r *feedReader) Read(p []byte) (int, error) {
	if len(r.unread) == 0 && !r.fill() {
		return 0, io.EOF
	}
	n := copy(p, r.unread)
	r.unread = r.unread[n:]
	return n, nil
}

// fill encodes the next chunk and reports whether there was one.
func (r *feedReader) fill() bool {
	if r.next == r.parts {
		return false
	}
	if r.buffer == nil {
		r.buffer = make([]byte, 0, chunk+4<<10)
	}
	b := r.buffer[:0]
	for ; r.next < r.parts && len(b) < chunk; r.next++ {
		b = r.encode(b, r.next)
	}
	r.buffer, r.unread = b, b
	return true
}

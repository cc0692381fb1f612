// Package kcat owns the forms in which values travel between kcat and
// Sellerstream's command line: Debian's kcat is built without Avro.
//
// kcat -C -f '%R%s' writes each value as its length, four bytes big-endian
// (-1 for a null), and its bytes. kcat -P has no such form: it takes values
// apart at a delimiter, and a key before each at another.
package kcat

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
)

// MaxFrameBytes is the longest value that is read.
const MaxFrameBytes = registry.MaxValueBytes

// Decoder turns a value into one line of JSON.
type Decoder interface {
	DecodeJSON(ctx context.Context, data []byte) ([]byte, error)
}

// ErrUndecodable says that some of the values were not decodable. Where they
// stood the output has a line with the reason.
var ErrUndecodable = errors.New("not every value could be decoded")

// Decode reads the output of kcat -C -f '%R%s' until its end and writes a line
// of JSON for each value: the record, null for a null, or an object with error
// and value (base64) for what cannot be decoded. It stops at once when the
// registry cannot be reached.
func Decode(ctx context.Context, in io.Reader, out io.Writer, decoder Decoder) error {
	frames := frameReader{in: bufio.NewReader(in)}
	lines := bufio.NewWriter(out)
	bad, total := 0, 0
	for {
		value, null, err := frames.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.Join(fmt.Errorf("value %d of the input: %w", total+1, err), lines.Flush())
		}
		total++
		line := []byte("null")
		if !null {
			var ok bool
			if line, ok, err = decodeLine(ctx, decoder, value); err != nil {
				return errors.Join(fmt.Errorf("value %d of the input: %w", total, err), lines.Flush())
			}
			if !ok {
				bad++
			}
		}
		if _, err := lines.Write(append(line, '\n')); err != nil {
			return err
		}
		if frames.in.Buffered() == 0 { // nothing more for now: somebody may be watching
			if err := lines.Flush(); err != nil {
				return err
			}
		}
	}
	err := lines.Flush()
	if bad > 0 {
		err = errors.Join(err, fmt.Errorf("%w: %d of %d", ErrUndecodable, bad, total))
	}
	return err
}

// DecodeOne reads one value without a frame around it.
func DecodeOne(ctx context.Context, in io.Reader, out io.Writer, decoder Decoder) error {
	value, err := io.ReadAll(io.LimitReader(in, MaxFrameBytes+1))
	if err != nil {
		return err
	}
	line, err := decoder.DecodeJSON(ctx, value)
	if err != nil {
		return err
	}
	_, err = out.Write(append(line, '\n'))
	return err
}

// decodeLine returns the line for one value, and whether it was decodable. Its
// error is one that the next values would meet as well.
func decodeLine(ctx context.Context, decoder Decoder, value []byte) (line []byte, ok bool, err error) {
	line, err = decoder.DecodeJSON(ctx, value)
	if err == nil {
		return line, true, nil
	}
	if errors.Is(err, registry.ErrUnavailable) {
		return nil, false, err
	}
	line, err = json.Marshal(struct {
		Error string `json:"error"`
		Value string `json:"value"`
	}{err.Error(), base64.StdEncoding.EncodeToString(value)})
	return line, false, err
}

// frameReader reads lengths and values.
type frameReader struct {
	in     *bufio.Reader
	buffer []byte
}

// next returns the next value, valid until the call after it, or io.EOF.
func (r *frameReader) next() (value []byte, null bool, err error) {
	var length [4]byte
	if _, err := io.ReadFull(r.in, length[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the input ends within a length: it is not the output of kcat -f '%R%s'")
		}
		return nil, false, err
	}
	n := int32(binary.BigEndian.Uint32(length[:]))
	switch {
	case n == -1:
		return nil, true, nil
	case n < 0 || n > MaxFrameBytes:
		return nil, false, fmt.Errorf("a length of %d is out of range: the input is not the output of kcat -f '%%R%%s'", n)
	}
	if cap(r.buffer) < int(n) {
		r.buffer = make([]byte, n)
	}
	value = r.buffer[:n]
	if _, err := io.ReadFull(r.in, value); err != nil {
		return nil, false, fmt.Errorf("the input ends within a value of %d bytes: %w", n, io.ErrUnexpectedEOF)
	}
	return value, false, nil
}

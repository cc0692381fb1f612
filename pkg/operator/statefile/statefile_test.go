package statefile

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

// written is a file with a line of each kind, and those lines.
func written(t testing.TB) ([]byte, []Line) {
	t.Helper()
	lines := []Line{
		{Schema: &Schema{ID: 7, Text: `"string"`}},
		{Entry: &Entry{Topic: "state.orders", Partition: 3, Key: []byte("order/a/1"), Value: []byte{0, 0, 0, 0, 7, 'x'}}},
		{Position: &Position{Role: "orders", Topic: "order-changes", Partition: 3, Time: time.Unix(1, 0).UTC()}},
		{Record: &Record{Topic: "orders", Key: []byte{}, Value: []byte("v"), Headers: []RecordHeader{{Key: "h", Value: []byte{0xff}}}}},
	}
	var file bytes.Buffer
	w, err := NewWriter(&file, Header{ID: "1", Prefix: "p.", Partitions: 4})
	for _, line := range lines {
		if err == nil {
			err = w.Write(line)
		}
	}
	if err == nil {
		err = w.Close(End{Namespace: "n", Ends: map[string]map[int32]int64{"orders": {0: 1}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes(), lines
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	file, want := written(t)
	r, err := NewReader(bytes.NewReader(file))
	if err != nil || r.Header.Prefix != "p." || r.Header.Version != Version {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, line := range want {
		if got, err := r.Next(); err != nil || !reflect.DeepEqual(got, line) {
			t.Errorf("got %+v, %v, want %+v", got, err, line)
		}
	}
	if end, err := r.Next(); err != nil || end.End == nil || end.End.Lines != 5 || end.End.Namespace != "n" {
		t.Errorf("the end is %+v, %v", end, err)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end comes %v", err)
	}
}

// A file that was cut anywhere, or in which a byte was changed, is refused.
func TestACutOrChangedFileIsRefused(t *testing.T) {
	t.Parallel()
	file, _ := written(t)
	for n := range len(file) - 1 {
		if _, _, err := Check(bytes.NewReader(file[:n])); err == nil {
			t.Errorf("%d of %d bytes pass for all", n, len(file))
		}
	}
	plain := unzipped(t, file)
	lines := strings.SplitAfter(plain, "\n")
	for name, text := range map[string]string{
		"without a line": strings.Join(append(append([]string{}, lines[:2]...), lines[3:]...), ""),
		"another key":    strings.Replace(plain, `"topic":"orders"`, `"topic":"0rders"`, 1),
		"more behind":    plain + lines[1],
		"two files":      plain + plain,
		"no end":         strings.Join(lines[:5], ""),
		"a later one":    strings.Replace(plain, `"version":1`, `"version":2`, 1),
		"something else": "{}\n",
		"no JSON":        "hello\n",
	} {
		if _, _, err := Check(bytes.NewReader(zipped(t, text))); err == nil {
			t.Errorf("%s: it passes", name)
		}
	}
	if _, _, err := Check(bytes.NewReader(zipped(t, strings.Join(lines[:5], "")))); !errors.Is(err, ErrCut) {
		t.Errorf("without its end: %v", err)
	}
}

func unzipped(t testing.TB, file []byte) string {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func zipped(t testing.TB, text string) []byte {
	t.Helper()
	var file bytes.Buffer
	zip := gzip.NewWriter(&file)
	if _, err := io.WriteString(zip, text); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// FuzzReader: whatever the bytes are, reading ends, with an error or at an end that says
// how many lines came before.
func FuzzReader(f *testing.F) {
	file, _ := written(f)
	f.Add(unzipped(f, file))
	f.Add("{}\n{\"end\":{}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, _, err := Check(strings.NewReader(text)); err == nil {
			t.Errorf("%q passes and is not zipped", text)
		}
		r, err := newReader(strings.NewReader(text))
		if err != nil {
			return
		}
		header, end, err := r.check()
		if err == nil && (header.Format != Format || end.Lines != int64(strings.Count(strings.TrimSuffix(text, "\n"), "\n"))) {
			t.Errorf("%q passes with %+v and %+v", text, header, end)
		}
	})
}

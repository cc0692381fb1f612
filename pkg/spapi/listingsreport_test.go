package spapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const listingsHead = "item-name\titem-description\tlisting-id\tseller-sku\tprice\tquantity\topen-date\tfulfillment-channel\tmerchant-shipping-group\tstatus"

func listingLine(sku, quantity, channel string) string {
	return "a 5\" pan\tIt is \"good\"\t0101\t" + sku + "\t9.99\t" + quantity + "\t2026-01-01\t" + channel + "\tgroup\tActive"
}

func row(sku, channel, status string, quantity int32) model.ListingsRow {
	return model.ListingsRow{SKU: sku, Channel: channel, Status: status, Quantity: quantity}
}

func charsetText(t *testing.T, text string, encode func(string) (string, error)) string {
	t.Helper()
	encoded, err := encode(text)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestListingsThatCanBeRead(t *testing.T) {
	t.Parallel()
	plain := listingsHead + "\n" + listingLine("A-1", "7", "DEFAULT") + "\n" + listingLine("A-2", "", "AMAZON_EU") + "\n"
	rows := []model.ListingsRow{row("A-1", "DEFAULT", "Active", 7), row("A-2", "AMAZON_EU", "Active", model.NoQuantity)}
	for name, test := range map[string]struct {
		text, contentType string
		want              model.ListingsReport
	}{
		"as Amazon writes it":            {text: plain, want: model.ListingsReport{Rows: rows}},
		"CRLF, byte order mark":          {text: "\xef\xbb\xbf" + strings.ReplaceAll(plain, "\n", "\r\n"), want: model.ListingsReport{Rows: rows}},
		"no end of the last line":        {text: strings.TrimSuffix(plain, "\n"), want: model.ListingsReport{Rows: rows}},
		"empty lines":                    {text: strings.ReplaceAll(plain, "\n", "\n\n\r\n"), want: model.ListingsReport{Rows: rows}},
		"other order, case and spelling": {text: "Fulfilment-Channel\tQuantity\t Seller-SKU \nDEFAULT\t3\tB\n", want: model.ListingsReport{Rows: []model.ListingsRow{row("B", "DEFAULT", "", 3)}, Missing: []string{"status"}}},
		"few columns":                    {text: "seller-sku\nB\n", want: model.ListingsReport{Rows: []model.ListingsRow{{SKU: "B", Quantity: model.NoQuantity}}, Missing: []string{"quantity", "fulfillment-channel", "status"}}},
		"the status is left out":         {text: "seller-sku\tquantity\tstatus\nB\t1\nC\t2\tActive\n", want: model.ListingsReport{Rows: []model.ListingsRow{row("B", "", "", 1), row("C", "", "Active", 2)}, Missing: []string{"fulfillment-channel"}}},
		"quoted":                         {text: "\"seller-sku\"\t\"quantity\"\t\"fulfillment-channel\"\t\"status\"\n\"B\"\t\"1\"\t\"DEFAULT\"\tActive\n", want: model.ListingsReport{Rows: []model.ListingsRow{row("B", "DEFAULT", "Active", 1)}}},
		"a SKU in quotes":                {text: "seller-sku\tquantity\tfulfillment-channel\tstatus\n\"B\"\t1\tDEFAULT\tActive\n", want: model.ListingsReport{Rows: []model.ListingsRow{row(`"B"`, "DEFAULT", "Active", 1)}}},
		"no rows":                        {text: listingsHead, want: model.ListingsReport{}},
		"rows that are none": {text: plain + "short\n" + listingLine("", "1", "DEFAULT") + "\n" + listingLine("C", "many", "DEFAULT") + "\n" + listingLine("C", "-1", "DEFAULT") + "\n" +
			listingLine("C", "99999999999", "DEFAULT") + "\n" + listingLine(strings.Repeat("c", maxListingName+1), "1", "DEFAULT") + "\n" + strings.Repeat("x", 3*maxListingLine) + "\n",
			want: model.ListingsReport{Rows: rows, Omitted: 7}},
		"Shift_JIS": {
			text:        charsetText(t, "商品名\t出品者SKU\t数量\tフルフィルメント・チャンネル\tステータス\n表示\tソ-1\t4\tDEFAULT\t出品中\n", japanese.ShiftJIS.NewEncoder().String),
			contentType: "text/plain;charset=Shift_JIS",
			want:        model.ListingsReport{Rows: []model.ListingsRow{row("ソ-1", "DEFAULT", "出品中", 4)}},
		},
		"Windows-1252": {
			text:        charsetText(t, "seller-sku\tquantity\tfulfillment-channel\tstatus\nGrün-€\t4\tDEFAULT\tActive\n", charmap.Windows1252.NewEncoder().String),
			contentType: "text/plain; charset=Cp1252",
			want:        model.ListingsReport{Rows: []model.ListingsRow{row("Grün-€", "DEFAULT", "Active", 4)}},
		},
		"ISO-8859-1 that is not announced": {
			text: "seller-sku\tquantity\tfulfillment-channel\tstatus\nGr\xfcn\t4\tDEFAULT\tActive\n",
			want: model.ListingsReport{Rows: []model.ListingsRow{row("Grün", "DEFAULT", "Active", 4)}},
		},
		"UTF-8": {
			text: "seller-sku\tquantity\tfulfillment-channel\tstatus\nGrün\t4\tDEFAULT\tActive\n", contentType: "text/plain;charset=UTF-8",
			want: model.ListingsReport{Rows: []model.ListingsRow{row("Grün", "DEFAULT", "Active", 4)}},
		},
	} {
		for _, text := range []string{test.text, string(zip(t, test.text))} {
			for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.DataErrReader} {
				got, err := readListings(&source{from: wrap(strings.NewReader(text)), contentType: test.contentType})
				if err != nil || !reflect.DeepEqual(*got, test.want) {
					t.Errorf("%s: %+v, %v\nwant %+v", name, got, err, test.want)
				}
			}
		}
	}
}

func TestDocumentsThatAreNoListings(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, says string }{
		"empty":             {"", "empty"},
		"JSON":              {`{"errors":[]}`, "no report of listings"},
		"localised":         {"artikelname\tmenge\n", "seller-sku"},
		"many columns":      {strings.Repeat("seller-sku\t", maxColumns), "more than 500 columns"},
		"a long first line": {strings.Repeat("x", 2*maxListingLine), "no report of listings"},
		"cut":               {string(zip(t, listingsHead+"\n"+strings.Repeat(listingLine("A", "1", "DEFAULT")+"\n", 100))[:150]), "to its end"},
		"a bomb":            {string(zip(t, listingsHead+strings.Repeat("\n", 8<<20))), "gzip bomb"},
	} {
		got, err := readListings(&source{from: strings.NewReader(test.text)})
		if err != nil || !strings.Contains(got.Unreadable, test.says) || len(got.Rows) > 0 || len(got.Unreadable) > 310 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestListingsAreCutOffByTheNetwork breaks the connection at every byte.
func TestListingsAreCutOffByTheNetwork(t *testing.T) {
	t.Parallel()
	cut := errors.New("connection reset")
	text := listingsHead + "\n" + listingLine("A", "1", "DEFAULT") + "\n"
	for _, text := range []string{text, string(zip(t, text))} {
		for n := range text {
			if _, err := readListings(&source{from: io.MultiReader(strings.NewReader(text[:n]), iotest.ErrReader(cut))}); !errors.Is(err, cut) {
				t.Errorf("cut at %d: %v", n, err)
			}
		}
	}
}

// listingsOf makes the report of so many SKUs, without holding it.
func listingsOf(skus int) io.Reader {
	parts, n := []byte(listingsHead+"\n"), 0
	description := strings.Repeat("It is good. ", 80)
	return readerFunc(func(p []byte) (int, error) {
		for len(parts) == 0 {
			if n == skus {
				return 0, io.EOF
			}
			n++
			parts = fmt.Appendf(parts, "name %d\t%s\t%d\tSKU-%06d\t9.99\t%d\t2026-01-01\tDEFAULT\tgroup\tActive\n", n, description, n, n, n%50)
		}
		read := copy(p, parts)
		parts = parts[read:]
		return read, nil
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

//nolint:paralleltest // it measures the process
func TestManyListingsTakeLittleMemory(t *testing.T) {
	const skus, most = 100_000, 20 << 20
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	report, err := readListings(&source{from: listingsOf(skus)})
	if err != nil || len(report.Rows) != skus {
		t.Fatal(err, report.Unreadable)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	took := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%d rows take %d KiB", skus, took>>10)
	if took > most {
		t.Errorf("%d rows take %d MiB", skus, took>>20)
	}
	runtime.KeepAlive(report)
}

func FuzzReadListings(f *testing.F) {
	for _, text := range []string{
		"", listingsHead, listingsHead + "\n" + listingLine("A", "1", "DEFAULT"), "seller-sku\r\n\"A\"\n\n", "\"seller-sku\"\tquantity\n\"A\"\t\"2\"",
		"\xef\xbb\xbfsku\n\xff\xfe", "\x1f\x8b\x08", "sku\tquantity\nA\t99999999999999999999",
	} {
		for _, kind := range []string{"", "text/plain;charset=Shift_JIS", "text/plain;charset=windows-1252", "nonsense;;"} {
			f.Add([]byte(text), kind)
			f.Add(zip(f, text), kind)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		report, err := readListings(&source{from: bytes.NewReader(body), contentType: contentType})
		if err != nil {
			t.Fatalf("an error of a reader that has none: %v", err)
		}
		if report.Unreadable != "" && (len(report.Rows) > 0 || len(report.Unreadable) > 310) {
			t.Fatalf("%+v", report)
		}
		if bad := slices.IndexFunc(report.Rows, func(r model.ListingsRow) bool {
			return r.SKU == "" || r.Quantity < model.NoQuantity || !utf8.ValidString(r.SKU+r.Channel+r.Status) || len(r.SKU) > 4*maxListingName
		}); bad >= 0 {
			t.Fatalf("row %d: %+v", bad, report.Rows[bad])
		}
	})
}

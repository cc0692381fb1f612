package stock

import (
	"fmt"
	"strings"
	"testing"
)

const merge = `"patches":[{"op":"merge","path":"/attributes/fulfillment_availability","value":[{"fulfillment_channel_code":"DEFAULT","quantity":7}]}]`

func feedOf(messages ...string) string {
	return `{"header":{"sellerId":"A1","version":"2.0"},"messages":[` + strings.Join(messages, ",") + `]}`
}

// Each message has one thing wrong, or nothing.
func TestReadMessage(t *testing.T) {
	t.Parallel()
	head := `{"messageId":1,"sku":"A","operationType":"PATCH","productType":"PRODUCT",`
	tests := map[string]string{
		head + merge + `}`: "",
		head + strings.Replace(merge, "merge", "replace", 1) + `}`:                                                  "",
		head + strings.Replace(merge, "DEFAULT", "AMAZON_EU", 1) + `}`:                                              "",
		head + strings.Replace(merge, "DEFAULT", "WAREHOUSE", 1) + `}`:                                              "90000900",
		head + strings.Replace(merge, "merge", "upsert", 1) + `}`:                                                   "4002008",
		head + strings.Replace(merge, ":7", ":-1", 1) + `}`:                                                         "8015",
		head + strings.Replace(merge, ":7", ":1.5", 1) + `}`:                                                        "8015",
		head + strings.Replace(merge, ":7", `:"7"`, 1) + `}`:                                                        "8015",
		head + strings.Replace(merge, ":7", ":99999999999", 1) + `}`:                                                "8015",
		head + strings.Replace(merge, `"quantity"`, `"amount"`, 1) + `}`:                                            "8015",
		head + strings.Replace(merge, "fulfillment_av", "x/y", 1) + `}`:                                             "90000900",
		head + strings.Replace(merge, "fulfillment_av", "fulfillmentAv", 1) + `}`:                                   "90000900",
		head + `"patches":[{"op":"merge","path":"/attributes/fulfillment_availability","value":[{"quantity":7}]}]}`: "BAD_REQUEST",
		head + `"patches":[{"op":"merge","path":"/attributes/fulfillment_availability"}]}`:                          "4002008",
		head + `"patches":[]}`:                                                       "4002008",
		head + merge + `,"attributes":{"a":[]}}`:                                     "4002008",
		head + merge + `,"requirements":"LISTING"}`:                                  "4002008",
		head + merge + `,"merchant_suggested_asin":"B0"}`:                            "4002008",
		strings.Replace(head, `"productType":"PRODUCT",`, "", 1) + merge + `}`:       "4002008",
		strings.Replace(head, `:1,`, `:0,`, 1) + merge + `}`:                         "4002008",
		strings.Replace(head, `:1,`, `:"1",`, 1) + merge + `}`:                       "4002008",
		strings.Replace(head, `"A"`, `""`, 1) + merge + `}`:                          "4002008",
		`{"messageId":1,"sku":"A","operationType":"DELETE"}`:                         "",
		`{"messageId":1,"sku":"A","operationType":"DELETE","productType":"PRODUCT"}`: "4002008",
		`{"messageId":1,"sku":"A","operationType":"UPDATE","productType":"P","attributes":{"fulfillment_availability":[{"fulfillment_channel_code":"DEFAULT","quantity":7}]}}`: "",
		`{"messageId":1,"sku":"A","operationType":"PARTIAL_UPDATE","productType":"P","attributes":{"fulfillment_availability":7}}`:                                             "4002008",
		`{"messageId":1,"sku":"A","operationType":"NOTHING","productType":"P"}`:                                                                                                "4002008",
		`7`: "4002008",
	}
	for text, want := range tests {
		content := readFeed([]byte(feedOf(text)))
		if content.broken != nil || len(content.messages) != 1 {
			t.Errorf("%s: %+v", text, content)
			continue
		}
		got := ""
		if err := content.messages[0].fault; err != nil {
			got = IssueOf(err).Code
		}
		if got != want {
			t.Errorf("%s: code %q, not %q", text, got, want)
		}
	}
}

// A document that cannot be read as a whole has no messages.
func TestReadFeedRefusesDocuments(t *testing.T) {
	t.Parallel()
	message := `{"messageId":%d,"sku":"A","operationType":"PATCH","productType":"PRODUCT",` + merge + `}`
	tooMany := make([]string, mostMessages+1)
	for i := range tooMany {
		tooMany[i] = fmt.Sprintf(message, i+1)
	}
	one := fmt.Sprintf(message, 1)
	for text, want := range map[string]string{
		"":                        "4002001",
		"[]":                      "4002001",
		"<AmazonEnvelope/>":       "4002001",
		feedOf():                  "4002001",
		feedOf(one) + "x":         "4002001",
		feedOf(one)[:80]:          "4002001",
		feedOf(one) + feedOf(one): "4002001",
		feedOf(tooMany...):        "4002001",
		strings.Replace(feedOf(one), "2.0", "1.0", 1):            "4002001",
		strings.Replace(feedOf(one), `"messages"`, `"items"`, 1): "4002001",
		strings.Replace(feedOf(one), `"sellerId":"A1",`, ``, 1):  "4002005",
	} {
		content := readFeed([]byte(text))
		if content.broken == nil || content.broken.Code != want || content.messages != nil {
			t.Errorf("%.200s: %+v", text, content.broken)
		}
	}
	if content := readFeed([]byte(feedOf(tooMany[1:]...))); content.broken != nil || len(content.messages) != mostMessages {
		t.Errorf("%d messages: %+v", mostMessages, content.broken)
	}
	twice := readFeed([]byte(feedOf(one, one)))
	if len(twice.messages) != 2 || twice.messages[0].fault != nil || twice.messages[1].fault == nil {
		t.Errorf("a message id given twice: %+v", twice.messages)
	}
}

// FuzzReadFeed reads any document: it says what is wrong and never panics, and
// what it accepts is a change that can be applied.
func FuzzReadFeed(f *testing.F) {
	f.Add(feedOf(`{"messageId":1,"sku":"A","operationType":"PATCH","productType":"PRODUCT",` + merge + `}`))
	f.Add(feedOf(`{"messageId":1,"sku":"A","operationType":"UPDATE","productType":"P","attributes":{"fulfillment_availability":[{"fulfillment_channel_code":"DEFAULT","quantity":7}]}}`))
	f.Add(feedOf(`{"messageId":1,"sku":"A","operationType":"DELETE"}`))
	f.Add(`{"header":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		content := readFeed([]byte(text))
		if (content.broken == nil) != (len(content.messages) > 0) {
			t.Errorf("broken %v with %d messages", content.broken, len(content.messages))
		}
		for _, m := range content.messages {
			if m.fault == nil && (m.sku == "" || m.id < 1 || m.change.quantity < 0) {
				t.Errorf("accepted %+v", m)
			}
		}
	})
}

// BenchmarkReadFeed reads the largest feed that Amazon takes, so that what a
// client's benchmark measures is not the simulator.
func BenchmarkReadFeed(b *testing.B) {
	messages := make([]string, mostMessages)
	for i := range messages {
		messages[i] = fmt.Sprintf(`{"messageId":%d,"sku":"SKU-%05d","operationType":"PATCH","productType":"PRODUCT",`, i+1, i) + merge + `}`
	}
	document := []byte(feedOf(messages...))
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		if content := readFeed(document); content.broken != nil {
			b.Fatal(content.broken)
		}
	}
}

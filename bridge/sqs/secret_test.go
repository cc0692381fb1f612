package sqs

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
)

// theSecret is what must never be written. It has no character that an encoding
// would change, so that it is found wherever it stands.
const theSecret = "CANARYq7Zt4xB9mW2kLs5vR8nD3"

// newSecret is Amazon's notification of a new client secret (sample of Amazon's
// use case lwa-rotation).
const newSecret = `{"notificationVersion":"1.0","notificationType":"APPLICATION_OAUTH_CLIENT_NEW_SECRET","payloadVersion":"1.0",
	"eventTime":"2026-11-23T10:00:00.123Z","payload":{"applicationOAuthClientNewSecret":{"clientId":"amzn1.application-oa2-client.1",
	"newClientSecret":"` + theSecret + `","newClientSecretExpiryTime":"2027-05-23T10:00:00.123Z","oldClientSecretExpiryTime":"2026-11-30T10:00:00.123Z"}},
	"notificationMetadata":{"applicationId":"app","subscriptionId":"sub","publishTime":"2026-11-23T10:00:01Z","notificationId":"n1"}}`

// written is all that a bridge writes of bodies: records, their keys, and the log.
func written(t testing.TB, bodies ...string) (letters []*schemas.DeadLetter, all string) {
	t.Helper()
	var out bytes.Buffer
	b, err := New(Options{
		Queue: "https://sqs.test/1/q", Region: "na", Client: struct{ API }{}, Producer: writer{&out}, Encoder: asJSON{&letters},
		Directory: directory, Logger: slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	d := &decoder{region: b.opts.Region, maxBody: b.opts.MaxBodyBytes}
	for i, body := range bodies {
		b.take(context.Background(), d, []types.Message{{MessageId: aws.String(fmt.Sprint("m", i)), Body: &body}})
	}
	if len(b.acked) != len(bodies) {
		t.Errorf("%d of %d messages were written", len(b.acked), len(bodies))
	}
	return letters, out.String()
}

type writer struct{ out *bytes.Buffer }

func (w writer) Produce(_ context.Context, rec *kgo.Record, promise func(*kgo.Record, error)) {
	fmt.Fprintf(w.out, "%s %s %s\n", rec.Topic, rec.Key, rec.Value)
	promise(rec, nil)
}

// asJSON writes values so that any text in them shows, bytes included.
type asJSON struct{ letters *[]*schemas.DeadLetter }

func (e asJSON) AppendEncode(dst []byte, _ string, value any) ([]byte, error) {
	var body []byte
	if letter, ok := value.(*schemas.DeadLetter); ok {
		*e.letters = append(*e.letters, letter)
		body = letter.Value
	}
	return fmt.Appendf(dst, "%q %s", fmt.Sprintf("%+v", value), body), nil
}

// quoted is a text in JSON, as a document holds another.
func quoted(text string) string {
	out, _ := json.Marshal(text)
	return string(out)
}

// shapes are the ways in which a body can hold the secret.
func shapes(text string) map[string]string {
	sns := `{"Type":"Notification","TopicArn":"arn:aws:sns:eu-west-1:1:t","Message":` + quoted(text) + `}`
	escaped := strings.NewReplacer("n", `\u006e`, "S", `\u0053`, "t", `\u0074`).Replace("newClientSecret")
	return map[string]string{
		"plain": text, "misspelled type": strings.Replace(text, "OAUTH_CLIENT_NEW_SECRET", "OAUTH_CLIENT_NEW_SECERT", 1),
		"another type":        strings.Replace(text, "APPLICATION_OAUTH_CLIENT_NEW_SECRET", "ORDER_CHANGE", 1),
		"type in Pascal case": strings.Replace(text, `"notificationType"`, `"NotificationType"`, 1),
		"upper case":          strings.Replace(text, "newClientSecret", "NEWCLIENTSECRET", 1), "snake case": strings.Replace(text, "newClientSecret", "new_client_secret", 1),
		"as words": strings.Replace(text, `"newClientSecret":`, "new client secret = ", 1), "XML": "<newClientSecret>" + theSecret + "</newClientSecret>",
		"SNS": sns, "SNS of SNS": `{"Type":"Notification","TopicArn":"t","Message":` + quoted(sns) + `}`,
		"EventBridge":       `{"version":"0","detail-type":"APPLICATION_OAUTH_CLIENT_NEW_SECRET","source":"aws.partner/sellingpartnerapi.amazon.com","detail":` + text + `}`,
		"cut off behind it": text[:strings.Index(text, theSecret)+len(theSecret)],
		"cut off before it": text[strings.Index(text, "newClientSecret"):],
		"escaped letters":   strings.Replace(text, "newClientSecret", escaped, 1),
		"escaped in a text": quoted(strings.Replace(text, "newClientSecret", escaped, 1)),
		"percent":           "%6EewClient%53ecret=" + theSecret, "entities": "new&#67;lient&#x53;ecret=" + theSecret,
		"too large":          text + strings.Repeat(" ", 300<<10),
		"too deep":           strings.Repeat("[", 200) + text + strings.Repeat("]", 200),
		"name twice":         `{"newClientSecret":"` + theSecret + `","newClientSecret":"` + theSecret + `"}`,
		"name of a member":   `{"newClientSecret` + theSecret + `":1,"newClientSecret` + theSecret + `":1}`,
		"in an order change": strings.Replace(oddOrder, "ODD", `{"newClientSecret":"`+theSecret+`"}`, 1),
		"text of an order":   strings.Replace(oddOrder, "ODD", quoted(`{"newClientSecret":"`+theSecret+`"}`), 1),
	}
}

const oddOrder = `{"NotificationType":"ORDER_CHANGE","EventTime":"2026-11-23T10:00:00Z","Payload":{"OrderChangeNotification":{
	"SellerId":"A3TH9S8BH6GOGM","AmazonOrderId":"903-8868176-2219830","Summary":{"MarketplaceId":"ATVPDKIKX0DER","OrderStatus":ODD}}},
	"NotificationMetadata":{"NotificationId":"n1"}}`

// A new client secret is never written, whatever holds it: one letter says so.
func TestANewClientSecretIsNeverWritten(t *testing.T) {
	t.Parallel()
	for name, body := range shapes(newSecret) {
		letters, all := written(t, body)
		if strings.Contains(all, theSecret) {
			t.Errorf("%s: the secret is written: %s", name, all)
		}
		if len(letters) != 1 || letters[0].Reason != ReasonSecret || letters[0].Value != nil || letters[0].Message == "" || len(letters[0].Attributes) != 1 {
			t.Errorf("%s: letters %+v, want one without a body", name, letters)
		}
	}
}

// In base64 it is found, too.
func TestASecretInBase64IsNotWritten(t *testing.T) {
	t.Parallel()
	for name, encoding := range map[string]*base64.Encoding{"standard": base64.StdEncoding, "raw": base64.RawStdEncoding, "URL": base64.RawURLEncoding} {
		for pad := range 4 {
			letters, _ := written(t, `{"Records":["`+strings.Repeat("x", pad)+encoding.EncodeToString([]byte(newSecret))+`"]}`)
			if len(letters) != 1 || letters[0].Value != nil {
				t.Errorf("%s: the letter has a body", name)
			}
		}
	}
}

// The letter's id says nothing of the secret: whoever knows all else of the
// letter could try secrets against it.
func TestALettersIDHoldsNothingOfTheSecret(t *testing.T) {
	t.Parallel()
	a, _ := written(t, newSecret)
	b, _ := written(t, strings.ReplaceAll(newSecret, theSecret, "another"))
	if len(a) != 1 || len(b) != 1 || a[0].ID != b[0].ID {
		t.Errorf("the id depends on the secret: %+v %+v", a, b)
	}
}

// Tokens and client secrets are known by how they begin, and their names in what
// is set aside anyway.
func TestOtherSecretsAreNotWritten(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"a":"amzn1.oa2-cs.v1.` + theSecret + `"}`, "Atzr|" + theSecret, "Atza|" + theSecret,
		`{"client_secret":"` + theSecret + `","clientSecret":"` + theSecret + `"}`, `{"refresh_token":"` + theSecret + `"}`,
	} {
		if letters, all := written(t, body); strings.Contains(all, theSecret) || len(letters) != 1 {
			t.Errorf("%s is written: %s", body, all)
		}
	}
}

// The token of a subscription's confirmation is written nowhere, whatever wraps it.
func TestASubscriptionsTokenIsNotWritten(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"SubscriptionConfirmation", "UnsubscribeConfirmation"} {
		text := `{"Type":"` + kind + `","MessageId":"1","Token":"` + theSecret + `","TopicArn":"arn:aws:sns:eu-west-1:1:t",` +
			`"SubscribeURL":"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=t&Token=` + theSecret + `"}`
		for name, body := range map[string]string{
			"plain": text, "cut off": text[:len(text)-1], "cut off before": text[len(kind)+15:],
			"escaped": strings.ReplaceAll(strings.ReplaceAll(text, "Confirm", `Con\u0066irm`), "Action=", "Action%3D"),
			"SNS":     `{"Type":"Notification","TopicArn":"t","Message":` + quoted(text) + `}`,
		} {
			letters, all := written(t, body)
			if strings.Contains(all, theSecret) {
				t.Errorf("%s, %s: the token is written: %s", kind, name, all)
			}
			if len(letters) != 1 || letters[0].Reason != ReasonSecret || letters[0].Value != nil || !strings.Contains(letters[0].Message, "aws sns subscribe") {
				t.Errorf("%s, %s: letters %+v", kind, name, letters)
			}
		}
	}
}

// What has no secret keeps its body: the announcement that one expires, and
// orders with the words.
func TestAFalseAlarmIsRare(t *testing.T) {
	t.Parallel()
	expiry := `{"notificationType":"APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY","payload":{"applicationOAuthClientSecretExpiry":{
		"clientId":"c","clientSecretExpiryTime":"2027-05-23T10:00:00.123Z","clientSecretExpiryReason":"PERIODIC_ROTATION"}}}`
	letters, _ := written(t, expiry)
	if len(letters) != 1 || letters[0].Reason != ReasonUnsupportedType || string(letters[0].Value) != expiry {
		t.Errorf("letters %+v", letters)
	}
	for _, name := range []string{"order_change.json", "order_status_change.json", "feed_processing_finished.json", "feed_of_vendor.json"} {
		if letters, _ := written(t, body(t, name)); len(letters) != 0 {
			t.Errorf("%s: %+v", name, letters[0])
		}
	}
}

// The secret stays out of every byte that is produced and logged, whatever stands
// around it and however it is wrapped.
func FuzzANewClientSecretIsNeverWritten(f *testing.F) {
	f.Add("{", "}", "_", byte(0))
	f.Add(`{"NotificationType":"ORDER_CHANGE","Payload":`, `}`, "", byte(1))
	f.Add(`{"Type":"Notification","TopicArn":"a","Message":"`, `"`, `\u002d`, byte(2))
	f.Add(`"DestinationPostalCode":"`, `"}`, ` `, byte(3))
	f.Add(`{"detail-type":"x","source":"y","detail":{"a":"\`, `\u00`, `"`, byte(7))
	f.Add("{", "\"\x9e}", `"`, byte(5))
	f.Add("{", "\"\x9e}", "\t", byte(4))
	f.Fuzz(func(t *testing.T, before, after, gap string, wraps byte) {
		name := "newClientSecret"
		if len(gap) == 1 && strings.Contains("_- .:/\\\"\n\r\t\b\f", gap) {
			name = "new" + gap + "client" + gap + "Secret"
		}
		body := before + `"` + name + `":"` + theSecret + `"` + after
		for range wraps % 6 {
			body = `{"Type":"Notification","TopicArn":"t","Message":` + quoted(body) + `}`
		}
		if len(body) > 64<<10 {
			return
		}
		if _, all := written(t, body); strings.Contains(all, theSecret) {
			t.Errorf("the secret of %q is written: %s", body, all)
		}
	})
}

func BenchmarkHidesSecret(b *testing.B) {
	text := body(b, "order_change.json")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if hidesSecret(text) {
			b.Fatal("a false alarm")
		}
	}
}

// unescaped gives the same as this expression, which takes a hundred times as long.
func TestUnescaped(t *testing.T) {
	t.Parallel()
	escape := regexp.MustCompile(`\\+u00([0-9a-fA-F]{2})|%([0-9a-fA-F]{2})|&#[xX]0*([0-9a-fA-F]{2});|&#0*([0-9]{2,3});`)
	want := func(body string) string {
		return escape.ReplaceAllStringFunc(body, func(found string) string {
			parts := escape.FindStringSubmatch(found)
			digits, base := parts[1]+parts[2]+parts[3], 16
			if digits == "" {
				digits, base = parts[4], 10
			}
			if c, err := strconv.ParseUint(digits, base, 7); err == nil {
				return string(rune(c))
			}
			return found
		})
	}
	tokens := []string{`\`, "u00", "u", "0", "4", "1", "6e", "zz", "%", "&", "&#", "&#x", "&#X00", ";", "x", "E", "99", "ä", "\xff", " "}
	random := rand.New(rand.NewPCG(1, 2))
	for range long.Pick(t, 40_000, 200_000) {
		var b strings.Builder
		for range random.IntN(12) {
			b.WriteString(tokens[random.IntN(len(tokens))])
		}
		if got := unescaped(b.String()); got != want(b.String()) {
			t.Fatalf("%q becomes %q, want %q", b.String(), got, want(b.String()))
		}
	}
}

// A body of the largest size costs milliseconds, whatever is escaped in it.
func BenchmarkHidesSecretOfTheLargest(b *testing.B) {
	const size = 1 << 20
	for name, part := range map[string]string{"escapes": `\u0041`, "escapes of escapes": `\\\\\\\\u0041`, "entities": "&#65;", "percent": "%41%25", "backslashes": `\`, "zeros": "&#0000000000"} {
		text := strings.Repeat(part, size/len(part))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				hidesSecret(text)
			}
		})
	}
}

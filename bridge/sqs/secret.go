package sqs

import (
	"encoding/base64"
	"strings"
)

// ReasonSecret is the reason of a message whose body holds, or may hold, a
// secret: its letter has no body, and neither has the log.
const ReasonSecret = "secret_withheld"

// withheld is all that is said of such a message. It quotes nothing of it.
func withheld(body string) *rejection {
	return reject(ReasonSecret, "the body of %d bytes holds, or may hold, a client secret (newClientSecret, as in APPLICATION_OAUTH_CLIENT_NEW_SECRET): "+
		"it is written nowhere and its message was deleted from the queue. "+
		"Read the secret in Seller Central (Develop Apps) and give that notification a queue of its own, which only the rotation reads", len(body))
}

// confirmation is all that is said of Amazon SNS's request to confirm a subscription.
func confirmation(body string) *rejection {
	return reject(ReasonSecret, "the body of %d bytes is, or may be, Amazon SNS's request to confirm that a topic's subscription ends, or begins, at this queue (SubscriptionConfirmation). "+
		"Whoever has its Token can do so: it is written nowhere and its message was deleted from the queue. "+
		"Have the queue's owner subscribe the queue (`aws sns subscribe`), which asks for no confirmation, with raw message delivery", len(body))
}

// confirmsSubscription reports whether a body that is set aside is, or holds, SNS's
// request to confirm the beginning or the end of a subscription, with its Token.
func confirmsSubscription(body string) bool {
	for range maxUnescapes {
		lower := strings.ToLower(body)
		for _, name := range []string{"subscriptionconfirmation", "unsubscribeconfirmation", "action=confirmsubscription"} {
			if strings.Contains(lower, name) {
				return true
			}
		}
		plain := unescaped(body)
		if plain == body {
			return false
		}
		body = plain
	}
	return true
}

// hidesSecret reports whether a body holds, or may hold, a client secret or a
// token of Login with Amazon. Amazon sends a new client secret in the
// notification APPLICATION_OAUTH_CLIENT_NEW_SECRET, under newClientSecret. The
// names are looked for rather than the type, wherever they stand: in JSON that
// cannot be decoded, and in a text that an envelope of SNS or EventBridge holds.
// A false alarm costs a letter without its body, a miss a secret in the log.
//
// Every body passes here before it is decoded, so what an ordinary one costs
// matters: it has no escape and hardly a "w".
func hidesSecret(body string) bool {
	if !escaped(body) {
		return namesSecret(body)
	}
	for range maxUnescapes {
		if namesSecret(body) {
			return true
		}
		plain := unescaped(body)
		if plain == body {
			return false
		}
		body = plain
	}
	return true // escaped more often than anything honest is
}

// maxUnescapes bounds how often an escape may be escaped: JSON in a text, in the
// text of an envelope, and so on.
const maxUnescapes = 8

func escaped(body string) bool {
	return strings.IndexByte(body, '\\') >= 0 || strings.IndexByte(body, '%') >= 0 || strings.IndexByte(body, '&') >= 0
}

// namesSecret reports whether one of the names stands in a body, in any case and
// with anything but letters and digits between its letters, or the value of a
// secret or token by its fixed beginning.
func namesSecret(body string) bool {
	// One rare byte of each is looked for: an ordinary body has hardly any of them.
	if strings.IndexByte(body, '|') >= 0 && (strings.Contains(body, "Atzr|") || strings.Contains(body, "Atza|")) {
		return true
	}
	return strings.Contains(body, "oa2-cs.") || spelledBehind(body, 'w') || spelledBehind(body, 'W')
}

// spelledBehind reports whether what follows the "new" of one of the names stands
// behind a w.
func spelledBehind(body string, w byte) bool {
	for {
		at := strings.IndexByte(body, w)
		if at < 0 {
			return false
		}
		if body = body[at+1:]; spells(body, "clientsecret") || spells(body, "secret") {
			return true
		}
	}
}

// spells reports whether text begins with a word, whatever its case and whatever
// stands between its letters that is neither letter nor digit. Backslashes are not
// counted, since each text that holds another doubles them, and one makes a gap of
// the letter behind it (\n, \t).
func spells(text, word string) bool {
	const gap = 8 // such characters in a row that are looked past
	gaps := 0
	for i := 0; i < len(text) && word != ""; i++ {
		switch c := text[i]; {
		case c|0x20 == word[0]:
			word, gaps = word[1:], 0
		case c == '\\':
		case separates(c) || i > 0 && text[i-1] == '\\' && strings.IndexByte("nrtbf", c) >= 0:
			if gaps++; gaps > gap {
				return false
			}
		default:
			return false
		}
	}
	return word == ""
}

// separates reports whether c is an ASCII character and neither letter nor digit.
func separates(c byte) bool {
	return c < 0x80 && (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9')
}

// codedSecret reports whether a body that is set aside names a secret in a way
// that hidesSecret has no time for: other names than that of the new secret, and
// base64.
func codedSecret(body string) bool {
	// APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY announces a secret's end and holds no secret.
	lower := strings.ReplaceAll(strings.ToLower(body), "clientsecretexpiry", "")
	if strings.Contains(lower, "clientsecret") || strings.Contains(lower, "refresh_token") {
		return true
	}
	standard := strings.NewReplacer("-", "+", "_", "/")
	for run := range strings.FieldsFuncSeq(body, notBase64) {
		if len(run) < minCoded {
			continue
		}
		run = standard.Replace(run)
		for shift := range 4 { // what stands before it need not be a multiple of four
			text, _ := base64.RawStdEncoding.DecodeString(run[shift : shift+(len(run)-shift)/4*4])
			if hidesSecret(string(text)) {
				return true
			}
		}
	}
	return false
}

// minCoded is the length of the shortest text that is taken for base64.
const minCoded = 20

func notBase64(c rune) bool {
	return (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("+/_-", c)
}

package buyerdata

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// plain reports whether a field that this version does not know is surely not about a
// person. Its place, its names and its values must all say so: it is nowhere below what is,
// no name is one that such things have, each text is a code in capitals or a time, and each
// number is small. What is wrongly taken for personal is encrypted, or named as missing; the
// other way round it could not be taken back.
func plain(u model.Unknown) bool {
	if u.Odd() || personalName(u.Path) {
		return false
	}
	decoder := json.NewDecoder(strings.NewReader(u.Value.Reveal()))
	decoder.UseNumber() // a long one may be a phone's, an exact one a place
	var value any
	return decoder.Decode(&value) == nil && newImpersonal().is(value)
}

func personalName(name string) bool {
	for _, word := range strings.Fields(`access account address alias apartment authorization bank birth building buyer card city
		cnpj collector comment company contact coordinat county cpf customer customiz district document door email fax gate gender
		geo gift greeting iban identi instruction latitude licen location longitude mail message mobile name note owner passport
		password payment person phone photo picture postal province recipient registration sender signature social ssn street tax
		text token town url user vat zip`) {
		if strings.Contains(strings.ToLower(name), word) {
			return true
		}
	}
	return false
}

// impersonal are the forms of texts and numbers that nobody is known by: a code has six
// digits at most, which are no phone number and no tax number.
type impersonal struct{ code, time, number *regexp.Regexp }

func newImpersonal() impersonal {
	return impersonal{
		code:   regexp.MustCompile(`^([A-Z_.:-]*[0-9]?){0,6}[A-Z_.:-]*$`),
		time:   regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]{5,18}(Z|[+-][0-9]{2}:[0-9]{2}))?$`),
		number: regexp.MustCompile(`^-?[0-9]{1,6}([.][0-9]{1,2})?$`),
	}
}

func (i impersonal) is(value any) bool {
	switch v := value.(type) {
	case string:
		return len(v) <= 40 && (i.code.MatchString(v) || i.time.MatchString(v))
	case json.Number:
		return i.number.MatchString(v.String())
	case []any:
		for _, inner := range v {
			if !i.is(inner) {
				return false
			}
		}
	case map[string]any:
		for name, inner := range v {
			if !model.UsualNames(name) || personalName(name) || !i.is(inner) {
				return false
			}
		}
	}
	return true
}

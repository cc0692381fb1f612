package carriers

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/property"
)

// TestCarriersOfTheDay are those that sellers use most, as they write them. near are the
// first of the codes that are suggested for a name that goes as Other.
func TestCarriersOfTheDay(t *testing.T) {
	t.Parallel()
	table := New(nil)
	for _, test := range []struct {
		given, code string
		origin      Origin
		near        string
	}{
		{"DHL-Paket", "DHL-Paket", Listed, ""},
		{"DHL Paket", "DHL-Paket", Spelled, ""},
		{"dhl  paket", "DHL-Paket", Spelled, ""},
		{"DHL", "DHL", Listed, ""},
		{"dhl", "DHL", Spelled, ""},
		{"DHL Express", "DHL Express", Listed, ""},
		{"DHL eCommerce", "DHL eCommerce", Listed, ""},
		{"DHL-ECOMMERCE", "DHL eCommerce", Spelled, ""},
		{"DHL Germany", "Other", Unknown, "DHL"},
		{"Hermes", "Hermes", Listed, ""},
		{"Hermes Logistik Gruppe", "Hermes Logistik Gruppe", Listed, ""},
		{"Hermes (DE)", "Other", Unknown, "Hermes Logistik Gruppe"},
		{"Hermes UK", "Hermes UK", Listed, ""},
		{"Hermes (UK)", "Hermes UK", Spelled, ""},
		{"Evri", "Evri", Listed, ""},
		{"EVRI", "Other", Unknown, "Evri"}, // only programs have that code: rule 2
		{"BRT", "BRT", Listed, ""},
		{"Bartolini", "Bartolini", Listed, ""},
		{"Post NL", "Post NL", Listed, ""},
		{"PostNL", "PostNL", Listed, ""},
		{"postnl", "PostNL", Spelled, ""},
		{"post nl", "Post NL", Spelled, ""},
		{"post-nl", "Other", Unknown, "Post NL"}, // either: rule 3
		{"bpost", "BPOST", Spelled, ""},
		{"Colissimo", "Colissimo", Listed, ""},
		{"COLISSIMO", "Colissimo", Spelled, ""},
		{"Mondial Relay", "Mondial Relay", Listed, ""},
		{"mondialrelay", "Mondial Relay", Spelled, ""},
		{"InPost", "InPost", Listed, ""},
		{"INPOST", "InPost", Spelled, ""},
		{"DPD Local", "DPD Local", Listed, ""},
		{"dpd local", "DPD Local", Spelled, ""},
		{"DPD Germany", "Other", Unknown, "DPD"},
		{"Correos Express", "Correos Express", Listed, ""},
		{"CorreosExpress", "Correos Express", Spelled, ""},
		{"PostNord", "PostNord", Listed, ""},
		{"Postnord", "PostNord", Spelled, ""},
		{"PUROLATOR", "PUROLATOR", Listed, ""},
		{"Purolator", "PUROLATOR", Spelled, ""},
		{"GEODIS", "GEODIS", Listed, ""},
		{"geodis", "geodis", Listed, ""},
		{"Geodis", "Other", Unknown, "GEODIS"},
		{"Japan Post", "Japan Post", Listed, ""},
		{"japan-post", "Japan Post", Spelled, ""},
		{"Royal Mail", "Royal Mail", Listed, ""},
		{"ROYAL MAIL", "Royal Mail", Spelled, ""},
		{"royal_mail", "ROYAL_MAIL", Spelled, ""},
		{"Colis-Prive", "Other", Unknown, "COLIS PRIVE"},
		{"Yanwen", "Yanwen", Listed, ""},
		{"YANWEN", "YANWEN", Listed, ""},
		{"yanwen", "Yanwen", Spelled, ""}, // Amazon's schema has that one alone
		{"Purolater", "Other", Unknown, "PUROLATOR"},
		{"UPS Standard", "Other", Unknown, "UPS"},
		{"Poste/Colissimo", "Other", Unknown, "Colissimo"},
		{"Velo Kurier", "Other", Unknown, ""},
		{"Вело", "Other", Unknown, ""},
	} {
		want := Choice{Code: test.code, Origin: test.origin}
		if test.origin == Unknown {
			want.Name = test.given
		}
		for _, got := range []Choice{table.Choose("", test.given), table.Choose(test.given, ""), table.Choose(" "+test.given+"\t", "Other")} {
			if got.Name == "Other" { // a name, where the code is unknown
				got.Name = want.Name
			}
			if got != want {
				t.Errorf("%q: %+v, want %+v", test.given, got, want)
			}
		}
		near := table.Near(test.given, 3)
		if test.origin == Unknown && (test.near == "") != (len(near) == 0) || test.near != "" && near[0].Code != test.near {
			t.Errorf("near %q are %v, want %q first", test.given, codes(near), test.near)
		}
	}
}

func codes(carriers []Carrier) (codes []string) {
	for _, c := range carriers {
		codes = append(codes, c.Code)
	}
	return codes
}

// TestCodeAndName: the code goes first, Other is no carrier, and what is configured is done.
func TestCodeAndName(t *testing.T) {
	t.Parallel()
	table := New(map[string]string{
		"Haus Kurier": "DHL", "UPS": "UPSMI", "d-p-d": "GLS", "Yodel": "Other", "evri": "Hermes UK", "Rad": "Other", "other": "GLS", "Velo": "VELO", " Hermes ": "Hermes Logistik Gruppe",
	})
	for _, test := range []struct {
		code, name string
		want       Choice
	}{
		{"BRT", "Bartolini", Choice{"BRT", "", Listed}},
		{"XYZ", "Bartolini", Choice{"Bartolini", "", Listed}},
		{"XYZ", "Velocity", Choice{"Other", "Velocity", Unknown}},
		{"XYZ", "", Choice{"Other", "XYZ", Unknown}},
		{"Other", "Velocity", Choice{"Other", "Velocity", Unknown}},
		{"OTHER", "Fedex", Choice{"FedEx", "", Spelled}},
		{"-", "Fedex", Choice{"FedEx", "", Spelled}},
		{"-", "Rad", Choice{"Other", "Rad", Configured}},
		{"Other", "BRT", Choice{"BRT", "", Listed}},
		{"", "other", Choice{"GLS", "", Configured}},
		{"", "haus-kurier", Choice{"DHL", "", Configured}},
		{"HausKurier", "", Choice{"DHL", "", Configured}},
		{"", "UPS", Choice{"UPSMI", "", Configured}}, // written exactly like the code: rule 1
		{"", "ups", Choice{"UPSMI", "", Configured}},
		{"", "Hermes", Choice{"Hermes Logistik Gruppe", "", Configured}},
		{"", "DPD", Choice{"DPD", "", Listed}}, // not written like the code: rule 1
		{"", "dpd", Choice{"GLS", "", Configured}},
		{"Yodel", "", Choice{"Other", "Yodel", Configured}},
		{"yodel", "Yodel Direct", Choice{"Other", "Yodel Direct", Configured}},
		{"", "EVRI", Choice{"Hermes UK", "", Configured}},
		{"", "velo", Choice{"VELO", "", Configured}},
	} {
		if got := table.Choose(test.code, test.name); got != test.want {
			t.Errorf("%q, %q: %+v, want %+v", test.code, test.name, got, test.want)
		}
	}
	if got := New(nil).Choose("", "other"); got != (Choice{"Other", "other", Unknown}) {
		t.Errorf("the name Other: %+v", got)
	}
	if !table.Lists("geodis") || !table.Lists("Other") || table.Lists("Geodis") || table.Lists("VELO") {
		t.Error("Lists")
	}
}

// TestEarlierNamesAreSuggested: what went as a code before the list was whole is found.
func TestEarlierNamesAreSuggested(t *testing.T) {
	t.Parallel()
	table := New(nil)
	for _, of := range []struct{ code, names string }{
		{"DHL", "dhl parcel;DHL Germany;Deutsche Post DHL"},
		{"DPD", "DPD Germany;dpd-uk;dpdgroup"},
		{"FedEx", "Federal Express;FedEx Ground;fedexexpress"},
		{"GLS", "GLS Germany;gls italy"},
		{"Hermes Logistik Gruppe", "Hermes Germany;HLG"},
		{"Parcelforce", "Parcelforce Worldwide"},
		{"TNT", "TNT Express"},
		{"UPS", "United Parcel Service;UPS Ground;UPS-Standard;UPS Express"},
		{"USPS", "United States Postal Service;US Postal Service"},
		{"BlueDart", "Bluedart Express"},
	} {
		for name := range strings.SplitSeq(of.names, ";") {
			if near := codes(table.Near(name, 3)); table.Choose("", name).Origin != Unknown || !slices.Contains(near, of.code) {
				t.Errorf("near %q are %v", name, near)
			}
		}
	}
}

// TestNearestFirst: the same spelling, other names, few edits, a common beginning, a common
// first word, and codes that have the text somewhere.
func TestNearestFirst(t *testing.T) {
	t.Parallel()
	table := New(nil)
	for text, want := range map[string]string{
		"dhl":             "DHL,DHLPL,DHL Kargo",
		"Evri":            "Evri,Hermes UK",
		"Swiss Mail":      "Swiss post",
		"paket":           "DHL-Paket",
		"Geodis Calbersn": "Geodis Calberson,GEODIS,geodis",
		"UPS":             "UPS,USPS,UPSMI",
		"chronopst":       "Chronopost",
	} {
		if got := strings.Join(codes(table.Near(text, 3)), ","); got != want {
			t.Errorf("near %q are %s, want %s", text, got, want)
		}
	}
}

// TestNearLooksAtTheBeginningOfATextAlone, however long it is.
func TestNearLooksAtTheBeginningOfATextAlone(t *testing.T) {
	t.Parallel()
	table := New(nil)
	for words, want := range map[int]int{2: 1, 40: 0} {
		if near := table.Near(strings.Repeat("x ", words)+"Colissimo", 3); len(near) != want {
			t.Errorf("behind %d words: %v", words, codes(near))
		}
	}
}

// TestEveryCodeGoesOutAsItIs, whatever is configured for names that are not written so,
// and whichever of the two fields it is in. Rule 1.
func TestEveryCodeGoesOutAsItIs(t *testing.T) {
	t.Parallel()
	all := List()
	property.Check(t, func(rt *rapid.T) {
		configured := map[string]string{}
		for range rapid.IntRange(0, 5).Draw(rt, "configured") {
			code := rapid.SampledFrom(all).Draw(rt, "named").Code
			name := rapid.SampledFrom([]string{strings.ToLower(code) + ".", strings.ToUpper(code) + " -", "(" + code + ")"}).Draw(rt, "name")
			configured[name] = rapid.SampledFrom(all).Draw(rt, "to").Code
		}
		table := New(configured)
		name := rapid.SampledFrom([]string{"", "DHL", "Velo Kurier", "Other"}).Draw(rt, "with the name")
		for _, c := range all {
			if c.Code == model.CarrierOther {
				continue
			}
			want := Choice{Code: c.Code, Origin: Listed}
			for _, got := range []Choice{table.Choose(c.Code, name), table.Choose("", c.Code), table.Choose("Other", " "+c.Code)} {
				if got != want {
					rt.Fatalf("%q goes as %+v, with %v", c.Code, got, configured)
				}
			}
		}
	})
}

// FuzzChoose takes what any producer may write.
func FuzzChoose(f *testing.F) {
	for _, seed := range [][2]string{{"", "DHL Paket"}, {"Other", "Velo"}, {"geodis", ""}, {"Geodis", "x"}, {"", "Yurti\xe7i"}, {"İ", "ß"}, {"", strings.Repeat("dhl ", 100)}} {
		f.Add(seed[0], seed[1])
	}
	table := New(map[string]string{"Velo": "VELO", "DPD UK": "DPD Local"})
	f.Fuzz(func(t *testing.T, code, name string) {
		got := table.Choose(code, name)
		if table.Lists(strings.TrimSpace(code)) && strings.TrimSpace(code) != model.CarrierOther && got != (Choice{Code: strings.TrimSpace(code), Origin: Listed}) {
			t.Errorf("%q, a code, goes as %+v", code, got)
		}
		switch {
		case got.Code == model.CarrierOther:
			if got.Origin != Unknown || got.Name == "" && Key(code+name) != "" && Key(code+name) != "other" {
				t.Errorf("%q, %q: %+v", code, name, got)
			}
		case got.Name != "" || !table.Lists(got.Code) && got.Origin != Configured:
			t.Errorf("%q, %q: %+v", code, name, got)
		case got.Origin == Spelled && Key(got.Code) != Key(code) && Key(got.Code) != Key(name):
			t.Errorf("%q, %q were made %+v", code, name, got)
		}
		seen := map[string]bool{}
		for _, c := range table.Near(name, 5) {
			if seen[c.Code] || !table.Lists(c.Code) || !utf8.ValidString(c.Code) {
				t.Errorf("near %q is %q", name, c.Code)
			}
			seen[c.Code] = true
		}
		if len(seen) > 5 {
			t.Errorf("%d are near %q", len(seen), name)
		}
	})
}

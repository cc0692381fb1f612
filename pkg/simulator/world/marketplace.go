package world

// Marketplace is what an order shows of the marketplace in which it was placed.
type Marketplace struct {
	name, country, currency  string
	city, region, postalCode string // of the buyers there
}

// Marketplaces lists Amazon's Marketplaces by id (developer pages, 2026-08).
func Marketplaces() map[string]Marketplace {
	return map[string]Marketplace{
		"A28R8C7NBKEWEA": {"Amazon.ie", "IE", "EUR", "Dublin", "", "D02 X285"},
		"A1RKKUPIHCS9HS": {"Amazon.es", "ES", "EUR", "Madrid", "Madrid", "28013"},
		"A1F83G8C2ARO7P": {"Amazon.co.uk", "GB", "GBP", "Leeds", "West Yorkshire", "LS1 4DY"},
		"A13V1IB3VIYZZH": {"Amazon.fr", "FR", "EUR", "Lyon", "", "69002"},
		"AMEN7PMS3EDWL":  {"Amazon.com.be", "BE", "EUR", "Gent", "", "9000"},
		"A1805IZSGTT6HS": {"Amazon.nl", "NL", "EUR", "Utrecht", "", "3511 LX"},
		"A1PA6795UKMFR9": {"Amazon.de", "DE", "EUR", "Leipzig", "Sachsen", "04109"},
		"APJ6JRA9NG5V4":  {"Amazon.it", "IT", "EUR", "Bologna", "BO", "40121"},
		"A2NODRKZP88ZB9": {"Amazon.se", "SE", "SEK", "Uppsala", "", "753 20"},
		"AE08WJ6YKNBMC":  {"Amazon.co.za", "ZA", "ZAR", "Durban", "KwaZulu-Natal", "4001"},
		"A1C3SOZRARQ6R3": {"Amazon.pl", "PL", "PLN", "Gdańsk", "", "80-831"},
		"ARBP9OOSHTCHU":  {"Amazon.eg", "EG", "EGP", "Cairo", "", "11511"},
		"A33AVAJ2PDY3EV": {"Amazon.com.tr", "TR", "TRY", "İzmir", "Konak", "35250"},
		"A17E79C6D8DWNP": {"Amazon.sa", "SA", "SAR", "Jeddah", "", "23325"},
		"A2VIGQ35RCS4UG": {"Amazon.ae", "AE", "AED", "Dubai", "", ""},
		"A21TJRUUN4KGV":  {"Amazon.in", "IN", "INR", "Pune", "MH", "411001"},
		"A2EUQ1WTGCTBG2": {"Amazon.ca", "CA", "CAD", "Halifax", "NS", "B3J 1S9"},
		"ATVPDKIKX0DER":  {"Amazon.com", "US", "USD", "Duluth", "MN", "55802"},
		"A1AM78C64UM0Y8": {"Amazon.com.mx", "MX", "MXN", "Puebla", "PUE", "72000"},
		"A2Q3Y263D00KWC": {"Amazon.com.br", "BR", "BRL", "Curitiba", "PR", "80010-000"},
		"A19VAU5U5O7RUS": {"Amazon.sg", "SG", "SGD", "Singapore", "", "018956"},
		"A39IBJ37TRP1C6": {"Amazon.com.au", "AU", "AUD", "Hobart", "TAS", "7000"},
		"A1VC38T7YXB528": {"Amazon.co.jp", "JP", "JPY", "Kobe", "Hyogo", "650-0001"},
	}
}

// product is something that the sellers sell.
type product struct {
	asin, title string
	cents       int // price of one, in hundredths
}

// products are what the sellers sell.
func products() []product {
	return []product{
		{"B08N5WRWNW", "Stainless steel water bottle, 750 ml", 1899},
		{"B07FZ8S74R", "Merino wool hiking socks, 3 pairs", 2495},
		{"B09V3KXJPB", "Cast iron skillet, 26 cm", 3990},
		{"B0BDHWDR12", "USB-C charging cable, 2 m, braided", 999},
		{"B07XJ8C8F5", "Bamboo cutting board, large", 2149},
		{"B0C1H26C46", "Notebook A5, dotted, 200 pages", 1250},
		{"B08CZS2NDS", "LED desk lamp with dimmer", 4499},
		{"B0000CFN37", "Yoga mat, 6 mm, non-slip", 2999},
		{"B01GEW27DA", "Coffee grinder, manual, ceramic burr", 3475},
		{"B0B3F8V4JG", "Bicycle light set, rechargeable", 2790},
		{"B07PGL2N7J", "Cotton bath towel, 70 × 140 cm", 1695},
		{"B0CHX3QBCH", "Travel adapter, 4 ports", 2399},
	}
}

func buyerNames() []string {
	return []string{
		"Amara Okafor", "Jonas Lindqvist", "Chloé Marchand", "Mateusz Nowak", "Priya Raman",
		"Diego Salazar", "Hana Sugimoto", "Łucja Zielińska", "Tom Ashworth", "Zoë van Dijk",
	}
}

func carriers() []string { return []string{"DHL", "UPS", "FedEx", "DPD"} }

package shipments

import (
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// carrierCodes are the values of CarrierCode in Amazon's order fulfillment feed,
// as two published copies of that list have them: Amazon's own, which its changelog
// entry "CarrierCode value required in shipment confirmations" points to, has not
// been compared. The older copy ends with Yodel; Amazon Shipping, Seur, Correos,
// MRW, Endopack, Chrono Express, Nacex, Correios, Toll Global Express, China Post,
// AUSSIE_POST, EUB, Australia Post, Yun Express, 4PX, YANWEN and SF Express are in
// the newer one alone. Where one is wrong, Config.Carriers corrects it.
func carrierCodes() []string {
	return []string{
		"4PX", "AFL/Fedex", "AUSSIE_POST", "Amazon Shipping", "Aramex", "Australia Post", "Blue Package", "BlueDart",
		"Canada Post", "China Post", "Chrono Express", "Chronopost", "City Link", "Correios", "Correos", "DHL",
		"DHL Global Mail", "DPD", "DTDC", "Delhivery", "Deutsche Post", "EUB", "Endopack", "FEDEX_JP", "Fastway",
		"FedEx", "FedEx SmartPost", "First Flight", "GLS", "GO!", "Hermes Logistik Gruppe", "India Post", "JP_EXPRESS",
		"La Poste", "Lasership", "MRW", "NITTSU", "Nacex", "Newgistics", "NipponExpress", "OSM", "OnTrac",
		"Overnite Express", "Parcelforce", "Parcelnet", "Poste Italiane", "Professional", "Royal Mail", "SAGAWA", "SDA",
		"SF Express", "SagawaExpress", "Seur", "Smartmail", "Streamlite", "TNT", "Target", "Toll Global Express", "UPS",
		"UPS Mail Innovations", "UPSMI", "USPS", "YAMATO", "YANWEN", "YamatoTransport", "Yodel", "Yun Express",
		model.CarrierOther,
	}
}

// carrierAliases are other names of carriers that have a code, as they are spelled
// by model.CarrierKey. They are ours, not Amazon's.
func carrierAliases() map[string]string {
	return map[string]string{
		"dhlpaket": "DHL", "dhlparcel": "DHL", "dhlexpress": "DHL", "dhlgermany": "DHL", "deutschepostdhl": "DHL",
		"dpdgermany": "DPD", "dpduk": "DPD", "dpdgroup": "DPD",
		"federalexpress": "FedEx", "fedexground": "FedEx", "fedexexpress": "FedEx",
		"glsgermany": "GLS", "glsitaly": "GLS",
		"hermes": "Hermes Logistik Gruppe", "hermesgermany": "Hermes Logistik Gruppe", "hlg": "Hermes Logistik Gruppe",
		"parcelforceworldwide": "Parcelforce",
		"tntexpress":           "TNT",
		"unitedparcelservice":  "UPS", "upsground": "UPS", "upsstandard": "UPS", "upsexpress": "UPS",
		"unitedstatespostalservice": "USPS", "uspostalservice": "USPS",
		"yunexpress": "Yun Express", "bluedartexpress": "BlueDart", "sfexpress": "SF Express",
	}
}

// carrierTable gives a code by the key of a carrier's name or code. What overrides
// say goes first.
func carrierTable(overrides map[string]string) map[string]string {
	table := carrierAliases()
	for _, code := range carrierCodes() {
		table[model.CarrierKey(code)] = code
	}
	for name, code := range overrides {
		table[model.CarrierKey(name)] = code
	}
	return table
}

// carrier returns what Amazon is told about a shipment's carrier. A code that the table
// does not have is sent as it is: Amazon may have more codes than are written
// down. A name that it does not have goes as Other.
func (m *Machine) carrier(givenCode, givenName string) (code, name string) {
	givenCode, givenName = strings.TrimSpace(givenCode), strings.TrimSpace(givenName)
	given := givenCode
	if none := model.CarrierKey(given); none == "" || none == model.CarrierKey(model.CarrierOther) {
		given = givenName
	}
	code, known := m.carriers[model.CarrierKey(given)]
	switch {
	case !known && given == givenCode:
		return givenCode, ""
	case !known || code == model.CarrierOther:
		if givenName != "" {
			return model.CarrierOther, givenName
		}
		return model.CarrierOther, given
	}
	return code, ""
}

package inventory

// This file owns which entries are of one listing. A SKU has one for each of its channels,
// and one fulfiller.

// listing is a SKU of an account.
type listing struct{ account, sku string }

// listing is the one that the entry's quantity is of.
func (s *sku) listing() listing { return listing{s.account(), s.id()} }

// enter makes an entry known.
func (m *Machine) enter(s *sku) {
	m.skus[s.Key] = s
	if s.between() != "" {
		m.beside[s.listing()] = append(m.beside[s.listing()], s)
	}
}

// leave forgets an entry.
func (m *Machine) leave(s *sku) {
	delete(m.skus, s.Key)
	if s.between() == "" {
		return
	}
	var rest []*sku
	for _, other := range m.beside[s.listing()] {
		if other != s {
			rest = append(rest, other)
		}
	}
	if len(rest) == 0 {
		delete(m.beside, s.listing())
		return
	}
	m.beside[s.listing()] = rest
}

// entriesOf are the entries of a listing, without those that versions before left for each
// marketplace: they become a part of these.
func (m *Machine) entriesOf(l listing) (list []*sku) {
	if s := m.skus[skuKey(l.account, "", l.sku)]; s != nil {
		list = append(list, s)
	}
	for _, s := range m.beside[l] {
		if s.form != ofMarketplace {
			list = append(list, s)
		}
	}
	return list
}

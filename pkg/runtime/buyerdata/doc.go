// Package buyerdata owns how buyer data is encrypted: the fields of an order's
// buyer and recipient, each by itself, with a key of the order's own, which is
// wrapped with a key of the operator's. README.md describes the form for those
// who decrypt it in another language.
//
// A Sealer stands before the executor: what an answer of Amazon's holds of a
// buyer is encrypted there, so that no machine, state, record or log ever holds
// it in plain text.
package buyerdata

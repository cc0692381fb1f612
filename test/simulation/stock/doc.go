// Package stock drives the inventory and the feeds processor together through
// a day of stock updates in virtual time, with neither Kafka nor HTTP: topics
// are slices, a transaction is atomic, and calls are carried out by a model of
// Amazon (amazon_test.go) that has its quotas, is slow, forgets notifications
// and loses answers. One thread, one random source: a seed is one day.
//
// Its tests take seconds for two hours of 24 accounts; `make simulate24`
// runs 24 hours of 200 accounts.
package stock

// Package simulation runs processors against the simulated Amazon in virtual
// time: Kafka, Login with Amazon and the Selling Partner API are on a virtual
// network inside a testing/synctest bubble, so that hours pass in seconds and
// what is measured does not depend on the machine.
package simulation

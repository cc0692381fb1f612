// Package doctor examines everything that a pipeline stands on, part by part:
// the configuration and its secrets, Kafka, the schema registry, our AWS account
// with its queues, bus and roles, the applications, and each seller account. For
// what is wrong it names the cause and the fix.
//
// It changes nothing anywhere. Of Amazon's notifications operations it makes
// each at most once for an account, and once for an application in a region, and
// never again when it is refused: the running pipeline lives on the same quota.
//
// A part is an examination: small named checks, one after the other. A check
// that needs one that did not pass is skipped, and says so. Parts are examined at
// the same time, except accounts, which come after what they need.
package doctor

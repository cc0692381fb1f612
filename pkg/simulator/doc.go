// Package simulator owns a simulated Amazon, put together from its rooms: Login
// with Amazon (LWA), the Selling Partner API, the S3 behind its documents, SQS and
// EventBridge, on HTTP. Its ledger of every call is what tests take as the oracle of
// what really happened; World knows which packages were confirmed.
//
// Imports run down these floors, never up (depguard in .golangci.yaml):
//
//	simulator          puts the rooms together and serves them
//	admin              the endpoint to watch and steer it
//	scenario, spapi    business that happens; the Selling Partner API
//	stock              listings, and the feeds and patches that change them
//	lwa, notify, documents   tokens; subscriptions and notifications; the S3 of feeds
//	world, sqs, eventbridge, awsjson   accounts and orders; queues; buses; their protocol
//	exchange, fault    what happens to every call; the scripted faults
//	ledger, chance, wire   the record of calls; randomness; times, JSON and GZIP
//
// simulatortest is what their tests share.
//
// It shares no code with the client that it judges (pkg/spapi): only names of
// accounts, regions, the table of operations, the list of carrier codes and the clock.
//
// Amazon's time (quotas, token lifetimes, orders, feeds) runs on Config.Clock, which a
// demo may scale. SQS visibility, long polls, faults' delays and latencies are
// real time, as they are in the pipeline.
package simulator

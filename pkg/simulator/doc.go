// Package simulator stands in for Amazon: Login with Amazon (LWA), the Selling
// Partner API, the S3 behind its documents, SQS and EventBridge, on HTTP. It owns
// a small marketplace whose orders change over time and whose listings have
// quantities, Amazon's quotas, scripted faults, and a ledger of every call, which
// tests take as the oracle of what really happened; World knows which packages
// were confirmed.
//
// It shares no code with the client that it judges (pkg/spapi): only names of
// accounts, regions and the clock.
//
// One file holds one API. A new SP-API operation is one entry in a list of
// operations (see ordersOperations) that names its route, grant and quota.
//
// Amazon's time (quotas, token lifetimes, orders, feeds) runs on Config.Clock, which a
// demo may scale. SQS visibility, long polls, faults' delays and latencies are
// real time, as they are in the pipeline.
package simulator

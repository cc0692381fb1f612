// Package telemetry owns what a process reports about itself: the admin port with
// /livez, /readyz and /metrics, and the metrics, which README.md lists. They are
// in a registry of their own, and their labels are from closed sets: no input,
// however strange, makes a series of its own.
//
// Packages that do the work know nothing of Prometheus. They offer numbers, which
// are read when somebody asks (stream.Processor.Stats), or tell a hook of theirs
// (stream.Observer), which Metrics fulfils.
package telemetry

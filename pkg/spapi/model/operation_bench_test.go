package model

import "testing"

// BenchmarkDescribe looks up every operation in turn, and one alone: the first rows
// are those that are called most. A switch over the names takes 5 ns.
func BenchmarkDescribe(b *testing.B) {
	for name, operations := range map[string][]string{"all": OperationNames(), "getOrder": {GetOrder}, "unknown": {"somethingNew"}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				Describe(operations[i%len(operations)])
			}
		})
	}
}

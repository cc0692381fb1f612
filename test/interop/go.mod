// A module of its own: the archived Avro library that it compares with has
// known faults and must never be part of what is shipped.
module github.com/sellerstream/sellerstream/test/interop

go 1.26.0

require (
	github.com/hamba/avro/v2 v2.31.0
	github.com/sellerstream/sellerstream v0.0.0
	github.com/twmb/avro v1.9.0
)

require (
	github.com/go-viper/mapstructure/v2 v2.4.0 // indirect
	github.com/json-iterator/go v1.1.12 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.2 // indirect
)

replace github.com/sellerstream/sellerstream => ../..

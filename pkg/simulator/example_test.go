package simulator_test

import (
	"fmt"

	"github.com/sellerstream/sellerstream/pkg/simulator"
)

func ExampleNew() {
	s, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{{Name: "shop", ClientID: "id", ClientSecrets: []string{"secret"}}},
		Accounts:     simulator.Sellers(3, "shop"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	change, err := s.World.PlaceOrder("seller-1-de")
	if err != nil {
		fmt.Println(err)
		return
	}
	s.Notify(change) // now an ORDER_CHANGE waits in SQS
	stats, err := s.Queue(simulator.DefaultQueue)
	fmt.Println(stats.Visible, err)
	// Output: 1 <nil>
}

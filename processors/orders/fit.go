package orders

import "github.com/sellerstream/sellerstream/schemas"

// maxOrder is the most bytes of an order's record. The rest of what the topic
// takes is for key, headers and the batch around it (containment rule 1).
const maxOrder = schemas.MaxRecordBytes * 9 / 10

// fit makes an order fit its topic, and reports whether it does. It cuts no line: who
// reads a part of the lines would take it for all.
func fit(event *schemas.Order) bool { return event.Fit(maxOrder, size) }

// size is that of an order's record. The id and what says how we came to it are
// not there yet.
func size(event *schemas.Order) int { return len(event.AppendAvro(make([]byte, 0, 4<<10))) + 1000 }

package accountstatus

import (
	"fmt"

	"github.com/sellerstream/sellerstream/pkg/runtime/role"
)

// Absent is a part of an account's orders that is asked for and that Amazon leaves out.
type Absent role.Absent

// Words say in how many answers the part was looked for.
func (a Absent) Words() string {
	return fmt.Sprintf("none of the last %d answers about %s has it", a.Answers, a.About)
}

package roles

import (
	"reflect"
	"strings"
	"testing"
)

func TestEachRemedyNamesACommand(t *testing.T) {
	t.Parallel()
	remedies := Remedies()
	for field, value := range reflect.ValueOf(remedies).Fields() {
		if field.Type.Kind() == reflect.String && field.Name != "Fault" && !strings.Contains(value.String(), "`sellerstream ") {
			t.Errorf("%s names no command: %q", field.Name, value)
		}
	}
	const reset = "sellerstream replay --reset --role inventory --topic orders --from-offset 3:7"
	if got := remedies.Reset("inventory", "orders", 3, "7"); got != reset {
		t.Errorf("the command is %q, want %q", got, reset)
	}
	if got, want := Remedy("orders", "no_origin"), "copy the record again with `sellerstream replay`; then discard it"; got != want {
		t.Errorf("the remedy of a letter is %q, want %q", got, want)
	}
}

package inventory

import (
	"testing"
	"unsafe"
)

// A settled SKU costs its entry, its key, its places in a map and in a queue: 300 bytes at most.
func TestASettledSKUIsSmall(t *testing.T) {
	t.Parallel()
	const key, places = len("sku/account-0123//SKU-0123456789"), 2*(16+8) + 8
	if n := int(unsafe.Sizeof(sku{})) + key + places; n > 300 {
		t.Errorf("%d bytes", n)
	} else {
		t.Logf("%d bytes", n)
	}
}

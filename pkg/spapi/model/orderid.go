package model

import (
	"errors"
	"strings"
)

// maxOrderID is the longest order id that is taken; Amazon's have 19 characters.
const maxOrderID = 50

var (
	errOrderID     = errors.New("the order id is not one that Amazon gives, such as 202-1234567-8901234")
	errOrderItemID = errors.New("the order item id is not one that Amazon gives, such as 68828574383266")
)

// CheckOrderItemID returns an error for a text that cannot be an order item id, which is a
// number of up to 20 digits.
func CheckOrderItemID(id string) error {
	if len(id) == 0 || len(id) > maxOrderID || strings.Trim(id, "0123456789") != "" {
		return errOrderItemID
	}
	return nil
}

// CheckOrderID returns an error for a text that cannot be an order id. It accepts ids
// of Amazon's form, seller-made ones such as S01-1234567-1234567 included, and nothing
// that could be a path.
func CheckOrderID(id string) error {
	if len(id) == 0 || len(id) > maxOrderID || strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-'
	}) {
		return errOrderID
	}
	return nil
}

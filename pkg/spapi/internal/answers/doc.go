// Package answers decodes the JSON answers of the Selling Partner API. It is the
// one place where their sizes are bounded and where it is decided what an odd
// field costs (containment rule 1):
//
//   - A field that is optional and cannot be read is left out, and the rest of
//     the answer is used. What can be read without a loss is converted: a number
//     where text belongs, text where a number belongs, a time without a zone.
//   - A field that is required and is missing or cannot be read fails the answer,
//     with an *Error that names its JSON path.
//   - Text that is too long is cut where the field allows it, else it counts as
//     text that cannot be read. Lists, and all lists of an answer together, have
//     a bound that is enforced before memory is spent on them.
//
// What the model has no field for is passed over, or kept by the Keeper that it is in.
//
// Each field that was not taken over as it was is an Oddity, whose path comes
// from the model and never from the answer: it can be the label of a metric.
//
// The rules of a field stand in its tag "answer", separated by commas:
//
//	required  the field must be there and readable
//	strict    the field may be missing or null, but what is there must be readable
//	max=N     text has at most N bytes (default 1024), a list N elements (default 1000)
//	cut=N     text of more than N bytes is cut to N bytes
//	partial   an element of the list is kept although a required field of it fails
//
// A list that is required or strict has no element that fails and not more than
// its bound; any other list drops such elements.
package answers

// Package carriers owns what Amazon calls carriers: the list of its carrier codes
// (carriers.tsv, with its sources), and the code that is sent for a carrier as people write
// it. It has no HTTP, so that processors can import it.
//
// The rules of Table.Choose, which the tests cite:
//
//  1. A code of the list goes out as it is, whatever its case: several codes differ in
//     nothing else. Only a configured name that is written exactly like the code changes it.
//  2. A name becomes a code by the configuration, where case, spaces and punctuation do not
//     count. Else it becomes the code of Amazon's schema that is spelled like it, if there is
//     exactly one: at first case and the number of spaces do not count, then no spaces and
//     no punctuation either.
//  3. Every other name goes as Other. Near finds what may be meant; nothing is guessed.
package carriers

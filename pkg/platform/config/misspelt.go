package config

// misspelt reports whether a key is nearly one of the known: up to a third of its
// letters, or two, are added, removed or replaced.
func misspelt(key string, known []string) bool {
	for _, k := range known {
		if Distance(key, k) <= max(2, len(k)/3) {
			return true
		}
	}
	return false
}

// Distance is how many bytes must be added, removed or replaced to make b of a.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

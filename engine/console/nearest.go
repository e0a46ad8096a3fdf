package console

import (
	"slices"
	"strings"
)

// didYouMean names the nearest known word, or nothing where none is near.
func didYouMean(word string, known []string) string {
	best, least := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance counts the letters to insert, delete, replace or swap with their neighbour. Long words are cut: they come
// from outside.
func distance(a, b string) int {
	x, y := []rune(a[:min(len(a), 64)]), []rune(b[:min(len(b), 64)])
	var two []int // the row before the last
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		next := make([]int, len(y)+1)
		next[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			next[j+1] = slices.Min([]int{next[j] + 1, row[j+1] + 1, row[j] + cost})
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				next[j+1] = min(next[j+1], two[j-1]+1)
			}
		}
		two, row = row, next
	}
	return row[len(y)]
}

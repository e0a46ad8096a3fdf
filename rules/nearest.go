package rules

import (
	"slices"
	"strings"
)

// nearest is the candidate that word was most likely meant to be, "" if none is near. Letter case, spaces, `-`
// and `_` cost nothing; ties go to the first.
func nearest(word string, candidates []string) string {
	marks := strings.NewReplacer("-", "", "_", "", " ", "")
	fold := func(s string) string { return marks.Replace(strings.ToLower(s)) }
	if len(word) > 64 {
		return ""
	}
	best, limit := "", max(min(1, len(word)/2), len(word)/3)
	w := []rune(fold(word))
	if len(w) == 0 {
		return ""
	}
	for _, c := range candidates {
		f := fold(c)
		if f == string(w) {
			return c
		}
		if d := distance(w, []rune(f)); d <= limit {
			best, limit = c, d-1
		}
	}
	if best == "" && len(word) >= 4 { // a part of a longer word: average for average_price
		for _, c := range candidates {
			if strings.Contains(fold(c), string(w)) {
				return c
			}
		}
	}
	return best
}

// distance counts insertions, deletions, changes and swaps of neighbours between two words.
func distance(a, b []rune) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i, x := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j, y := range b {
			cost := 1
			if x == y {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && x == b[j-1] && a[i-1] == y {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// didYouMean is a hint with the nearest candidate, else the list of all where it is short.
func didYouMean(word string, candidates []string) string {
	if n := nearest(word, candidates); n != "" {
		return "did you mean " + n + "?"
	}
	if len(candidates) == 0 || len(candidates) > 24 {
		return ""
	}
	return "one of: " + strings.Join(slices.Clone(candidates), ", ")
}

// DidYouMean is a hint with the candidate that is nearest to word, else the list of all where it is short.
func DidYouMean(word string, candidates []string) string { return didYouMean(word, candidates) }

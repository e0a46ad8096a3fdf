package rules

// Glob says whether text fits a pattern in which `*` stands for any number of characters and `?` for one.
// Letter case counts.
func Glob(text, pattern string) bool {
	t, p := []rune(text), []rune(pattern)
	i, j, star, mark := 0, 0, -1, 0
	for i < len(t) {
		switch {
		case j < len(p) && p[j] == '*':
			star, mark = j, i
			j++
		case j < len(p) && (p[j] == '?' || p[j] == t[i]):
			i++
			j++
		case star >= 0: // let the last star take one more
			mark++
			i, j = mark, star+1
		default:
			return false
		}
	}
	for j < len(p) && p[j] == '*' {
		j++
	}
	return j == len(p)
}

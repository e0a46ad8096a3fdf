package lane

// Requests is how many requests a lane holds.
func Requests(l *Lane) int { return len(l.requests) }

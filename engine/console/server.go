package console

import "net/http"

// Server is an http.Server for a handler of this package, bounded against slow and large requests. The caller
// gives it a listener and shuts it down.
func Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerReadWithin,
		ReadTimeout:       requestReadWithin,
		WriteTimeout:      answerWithin,
		IdleTimeout:       idleWithin,
		MaxHeaderBytes:    headerBytesMax,
	}
}

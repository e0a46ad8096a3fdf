package console

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

// healthz says that the process answers, and nothing more.
func (c *console) healthz(*http.Request) (any, *problem) {
	return struct {
		Status string `json:"status"`
	}{"ok"}, nil
}

// ready says whether every check holds; without any nothing is known to hold.
func ready(checks []Check) bool {
	for _, k := range checks {
		if !k.OK {
			return false
		}
	}
	return len(checks) > 0
}

// readyz is 200 only when armed.
func (c *console) readyz(w http.ResponseWriter, _ *http.Request) {
	checks := orEmpty(c.Engine.Ready())
	code, word := http.StatusOK, "ready"
	if !ready(checks) {
		code, word = http.StatusServiceUnavailable, "not ready"
	}
	c.answer(w, code, struct {
		Status string  `json:"status"`
		Checks []Check `json:"checks"`
	}{word, checks})
}

var indexPage = template.Must(template.New("index").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Backstop</title></head><body>
<h1>Backstop{{with .Version}} {{.}}{{end}}</h1>
<p>The private side: JSON, for programs and for you. Pages come in a later version.</p>
<table>{{range .Lines}}
<tr><td>{{.Method}}</td><td>{{if .Link}}<a href="{{.Path}}">{{.Path}}</a>{{else}}{{.Path}}{{end}}</td><td>{{.Doc}}</td></tr>{{end}}
</table></body></html>
`))

type indexLine struct {
	Method, Path, Doc string
	Link              bool
}

// index lists the addresses: a page for browsers, plain text for all else.
func (c *console) index(w http.ResponseWriter, r *http.Request) {
	var lines []indexLine
	for _, rt := range c.routes {
		if rt.doc == "" {
			continue
		}
		l := indexLine{Method: "GET", Path: rt.path, Doc: rt.doc}
		if rt.post != nil {
			l.Method = "POST"
		}
		l.Link = rt.post == nil && !strings.Contains(rt.path, "{")
		lines = append(lines, l)
	}
	var body strings.Builder
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := indexPage.Execute(&body, map[string]any{"Version": c.Version, "Lines": lines}); err != nil {
			c.Log.Error("console: index", "error", err)
			c.refuse(w, &problem{http.StatusInternalServerError, general, "the index could not be written; the log says why"})
			return
		}
	} else {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintln(&body, strings.TrimSpace("Backstop "+c.Version))
		for _, l := range lines {
			fmt.Fprintf(&body, "%-4s %-34s %s\n", l.Method, l.Path, l.Doc)
		}
	}
	_, _ = w.Write([]byte(body.String())) // a client that went away loses its answer
}

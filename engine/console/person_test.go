package console

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestAWordReachesTheEngineWithWhoSaysIt(t *testing.T) {
	t.Parallel()
	s, d := scene()
	h := New(options(s, d))
	for _, c := range []struct{ path, body, want string }{
		{"actions/" + stopID + "/retry", `{"by":"asha"}`, `retry ` + stopID + ` by asha: "" false ""`},
		{"actions/" + place + "/retry", `{"by":" asha "}`, `retry ` + place + ` by asha: "" false ""`}, // a request's id
		{"actions/" + stopID + "/resolve", `{"order_id":"105","by":"asha"}`, `resolve ` + stopID + ` by asha: "105" false ""`},
		{"actions/" + stopID + "/resolve", `{"failed":true,"why":"the line was down","by":"asha"}`, `resolve ` + stopID + ` by asha: "" true "the line was down"`},
	} {
		d.words = nil
		w := post(h, api+c.path, c.body)
		wantCode(t, w, 200, `"state":`)
		if !slices.Equal(d.words, []string{c.want}) {
			t.Errorf("%s %s: the engine heard %q", c.path, c.body, d.words)
		}
	}
	d.words = nil
	wantCode(t, post(h, api+"actions/"+stopID+"/retry", ""), 200)
	if len(d.words) != 1 || !strings.Contains(d.words[0], "by somebody at ") {
		t.Errorf("the engine heard %q", d.words)
	}
}

func TestAWordThatCanNotBeFollowedIsAConflictInOneSentence(t *testing.T) {
	t.Parallel()
	s, d := scene()
	h := New(options(s, d))
	d.err = &Refusal{"order 105 does its work"}
	wantCode(t, post(h, api+"actions/"+stopID+"/retry", "{}"), 409, `"message":"order 105 does its work"`, `"status":"error"`)
	d.err = errors.New("the disk is full")
	wantCode(t, post(h, api+"actions/"+stopID+"/retry", "{}"), 503)
}

func TestAWordOfAnotherFormIsRefusedAndSaysTheForm(t *testing.T) {
	t.Parallel()
	s, d := scene()
	h := New(options(s, d))
	for path, bodies := range map[string][]string{
		"retry":   {"[]", `"x"`, `{"order_id":"1"}`, `{"failed":true}`, `{"why":"x"}`, `{"bye":"x"}`, `{} {}`, "{", `{"by":1}`},
		"resolve": {"", "{}", `{"order_id":""}`, `{"order_id":"1","failed":true}`, `{"failed":false}`, `{"order_id":1}`, `{"order_id":null}`, `{"done":true}`},
	} {
		for _, body := range bodies {
			wantCode(t, post(h, api+"actions/"+stopID+"/"+path, body), 400, "the body must be")
		}
	}
	wantCode(t, post(h, api+"actions/"+stopID+"/retry", `{"by":"`+strings.Repeat("x", wordMax+1)+`"}`), 400, "200 characters")
	wantCode(t, post(h, api+"actions/"+stopID+"/retry", `{"by":"`+strings.Repeat("x", bodyMax)+`"}`), 413)
	wantCode(t, ask(h, "POST", api+"actions/"+stopID+"/retry", "{}", "Content-Type", "application/json", "Origin", "https://evil.example"), 403)
	wantCode(t, ask(h, "POST", api+"actions/"+stopID+"/retry", "{}", "Content-Type", "text/plain"), 415)
	if len(d.words) > 0 {
		t.Errorf("the engine heard %q", d.words)
	}
}

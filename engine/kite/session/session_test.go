package session

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"backstop/engine/order"
)

var morning = time.Date(2026, 11, 25, 8, 31, 0, 0, order.IST)

const token = "MARKEDtokenofthedayMARKED"

func kept(t *testing.T) (*Vault, string) {
	t.Helper()
	v := &Vault{Folder: filepath.Join(t.TempDir(), "data")}
	if _, err := v.Save("AB1234", token, morning); err != nil {
		t.Fatal(err)
	}
	return v, filepath.Join(v.Folder, "session-AB1234.json")
}

func TestATokenComesBackOnlyAsItWasKept(t *testing.T) {
	t.Parallel()
	v, file := kept(t)
	got, ends, err := v.Load("AB1234", morning)
	if err != nil || got != token || !ends.Equal(time.Date(2026, 11, 26, 6, 0, 0, 0, order.IST)) {
		t.Fatal(got, ends, err)
	}
	text, err := os.ReadFile(file)
	if err != nil || bytes.Contains(text, []byte("MARKED")) {
		t.Fatalf("it stands in clear: %s, %v", text, err)
	}
	// Every changed byte is told, and none half read.
	for i := range text {
		changed := bytes.Clone(text)
		changed[i] ^= 1
		if err := os.WriteFile(file, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, _, err := v.Load("AB1234", morning); err == nil && got != token || err != nil && !errors.Is(err, ErrSealed) {
			t.Errorf("byte %d changed: %q, %v", i, got, err)
		} else if err == nil && !sameSealed(text, changed) {
			t.Errorf("byte %d changed and opened: %s", i, changed)
		}
	}
	for n := range text {
		if err := os.WriteFile(file, text[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := v.Load("AB1234", morning); !errors.Is(err, ErrSealed) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

// sameSealed says whether two texts say the same: JSON takes a key in other letters.
func sameSealed(a, b []byte) bool {
	var x, y sealed
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && x.Account == y.Account && x.Ends.Equal(y.Ends) && bytes.Equal(x.Box, y.Box) && x.Version == y.Version
}

func TestATokenIsBoundToItsAccountItsEndAndItsKey(t *testing.T) {
	t.Parallel()
	v, file := kept(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(v.Folder, "session-CD5678.json")
	for _, moved := range [][]byte{text, bytes.Replace(text, []byte("AB1234"), []byte("CD5678"), 1)} {
		if err := os.WriteFile(other, moved, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := v.Load("CD5678", morning); !errors.Is(err, ErrSealed) {
			t.Errorf("another account's: %v", err)
		}
	}
	if err := os.WriteFile(file, bytes.Replace(text, []byte("2026-11-26"), []byte("2027-11-26"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.Load("AB1234", morning); !errors.Is(err, ErrSealed) {
		t.Errorf("a longer life: %v", err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(v.Folder, "session.key"))
	if err != nil || len(key) != keySize {
		t.Fatal(len(key), err)
	}
	elsewhere := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(elsewhere, []byte(hex.EncodeToString(key)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	v2 := &Vault{Folder: v.Folder, KeyFile: elsewhere}
	if got, _, err := v2.Load("AB1234", morning); err != nil || got != token {
		t.Errorf("the same key in hexadecimal: %v", err)
	}
	if err := os.WriteFile(elsewhere, bytes.Repeat([]byte("k"), keySize), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := v2.Load("AB1234", morning); !errors.Is(err, ErrSealed) {
		t.Errorf("another key: %v", err)
	}
	if err := os.WriteFile(elsewhere, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := v2.Load("AB1234", morning); !errors.Is(err, ErrKey) || strings.Contains(err.Error(), "short") {
		t.Errorf("no key: %v", err)
	}
	if _, err := (&Vault{Folder: v.Folder, KeyFile: elsewhere + "x"}).Save("AB1234", token, morning); !errors.Is(err, ErrKey) {
		t.Errorf("a named key that is missing is not made: %v", err)
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(filepath.Join(v.Folder, "session.key"), 0o640); err != nil {
			t.Fatal(err)
		}
		if _, _, err := v.Load("AB1234", morning); !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("a key open to others: %v", err)
		}
		guarded := &Vault{Folder: v.Folder, KeyFile: filepath.Join(v.Folder, "session.key"), Guarded: true}
		if got, _, err := guarded.Load("AB1234", morning); err != nil || got != token {
			t.Errorf("one that the system guards: %v", err)
		}
	}
}

func TestATokenEndsAtSixInTheMorning(t *testing.T) {
	t.Parallel()
	six := time.Date(2026, 11, 26, 6, 0, 0, 0, order.IST)
	for login, want := range map[time.Time]time.Time{morning: six, six.Add(-time.Second): six, six: six.AddDate(0, 0, 1), six.Add(-6 * time.Hour): six, morning.UTC(): six} {
		if got := Ends(login); !got.Equal(want) {
			t.Errorf("login %v: ends %v, not %v", login, got, want)
		}
	}
	v, _ := kept(t)
	if _, _, err := v.Load("AB1234", six.Add(-time.Second)); err != nil {
		t.Error(err)
	}
	if got, _, err := v.Load("AB1234", six); !errors.Is(err, ErrExpired) || got != "" {
		t.Errorf("at six: %q, %v", got, err)
	}
}

func TestFilesAreTheOwnersAloneAndNoneIsLeftHalf(t *testing.T) {
	t.Parallel()
	v, file := kept(t)
	before := v.Stamp("AB1234")
	if _, err := v.Save("AB1234", token+"2", morning.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if before == "" || v.Stamp("AB1234") == before || v.Stamp("CD5678") != "" {
		t.Error("the stamp doesn't tell")
	}
	entries, err := os.ReadDir(v.Folder)
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(v.Folder); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Error(info.Mode(), err)
	}
	if err := v.Forget("AB1234"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, _, err := v.Load("AB1234", morning); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if err := v.Forget("AB1234"); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	for _, account := range []string{"", "../x", "a/b", "a b", "é", strings.Repeat("a", 33)} {
		if _, err := v.Save(account, token, morning); err == nil {
			t.Errorf("%q is a file's name", account)
		}
		if _, err := v.Begin(account, morning, LoginFor); err == nil {
			t.Errorf("%q is a file's name", account)
		}
	}
	if _, err := v.Save("AB1234", "", morning); err == nil {
		t.Error("an empty token was kept")
	}
}

func TestManyMayMakeTheKeyAtOnce(t *testing.T) {
	t.Parallel()
	v := &Vault{Folder: t.TempDir()}
	var all sync.WaitGroup
	for _, account := range []string{"A", "B", "C", "D", "E", "F", "G", "H"} {
		all.Go(func() {
			if _, err := v.Save(account, token+account, morning); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, account := range []string{"A", "B", "C", "D", "E", "F", "G", "H"} {
		if got, _, err := v.Load(account, morning); err != nil || got != token+account {
			t.Errorf("%s: %q, %v", account, got, err)
		}
	}
}

func TestAStateIsTakenOnce(t *testing.T) {
	t.Parallel()
	v := &Vault{Folder: t.TempDir()}
	begin := func(account string, at time.Time, lasts time.Duration) string {
		t.Helper()
		state, err := v.Begin(account, at, lasts)
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	phone, desk := begin("AB1234", morning, LinkFor), begin("AB1234", morning, LoginFor)
	other := begin("CD5678", morning, LoginFor)
	if desk == phone || len(desk) < 26 || !v.Waits("AB1234", phone) || !v.Waits("AB1234", desk) || v.Waits("CD5678", phone) {
		t.Fatal("both wait, each for its account")
	}
	files, err := filepath.Glob(filepath.Join(v.Folder, "login-*"))
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		if text, err := os.ReadFile(name); err != nil || bytes.Contains(text, []byte(phone)) || bytes.Contains(text, []byte(desk)) {
			t.Errorf("a state stands in its file: %s, %v", text, err)
		}
	}
	for _, wrong := range []string{"", "x", desk + "x", strings.ToLower(desk)} {
		if account, err := v.Take(wrong, morning); !errors.Is(err, ErrState) {
			t.Errorf("%q: %q, %v", wrong, account, err)
		}
	}
	var taken atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if account, err := v.Take(phone, morning.Add(time.Hour)); err == nil && account == "AB1234" {
				taken.Add(1)
			}
		})
	}
	all.Wait()
	if taken.Load() != 1 || v.Waits("AB1234", phone) || v.Waits("AB1234", desk) || !v.Waits("CD5678", other) {
		t.Errorf("taken %d times; the account's others end with it, another account's stay", taken.Load())
	}
	late := begin("AB1234", morning, LoginFor)
	if _, err := v.Take(late, morning.Add(LoginFor)); !errors.Is(err, ErrState) {
		t.Errorf("a lapsed one: %v", err)
	}
	given := begin("AB1234", morning, LoginFor)
	kept := begin("AB1234", morning, LinkFor)
	if !v.Drop("AB1234", given) || v.Drop("AB1234", given) || !v.Waits("AB1234", kept) {
		t.Error("one that is given up ends alone, and once")
	}
	for i := range 3 * waitingMax {
		begin("AB1234", morning.Add(time.Duration(i)*time.Second), LinkFor)
	}
	if files, _ := filepath.Glob(filepath.Join(v.Folder, "login-AB1234-*")); len(files) != waitingMax {
		t.Errorf("%d wait", len(files))
	}
}

// FuzzLoad: whatever stands in the file, no other token comes out of it than the one that was sealed.
func FuzzLoad(f *testing.F) {
	v := &Vault{Folder: f.TempDir()}
	if _, err := v.Save("AB1234", token, morning); err != nil {
		f.Fatal(err)
	}
	file := filepath.Join(v.Folder, "session-AB1234.json")
	good, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":1,"account":"AB1234","ends":"2026-11-26T06:00:00+05:30","box":""}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, _, err := v.Load("AB1234", morning); err == nil && got != token {
			t.Fatalf("%q came out", got)
		}
	})
}

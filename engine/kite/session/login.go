package session

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrState means that a return from the login page belongs to no login that was begun here and still waits.
var ErrState = errors.New("no login was begun here, or it has lapsed: begin again with backstop login")

// loginFor is how long a begun login waits for the browser to come back.
const loginFor = 10 * time.Minute

// begun is a login that waits.
type begun struct {
	Account string    `json:"account"`
	Hash    string    `json:"state_sha256"`
	Lapses  time.Time `json:"lapses"`
}

// Begin begins an account's login and gives its state, which comes back from the login page once. An earlier one of the
// account that still waits lapses.
func (v *Vault) Begin(account string, now time.Time) (state string, err error) {
	name, err := fileOf("login", account)
	if err != nil {
		return "", err
	}
	state = rand.Text()
	text, err := json.Marshal(&begun{account, hashOf(state), now.Add(loginFor).UTC()})
	if err != nil {
		return "", err
	}
	return state, v.write(name, text)
}

// Take ends the login that a state belongs to and says whose it is: ErrState for any other, for one that lapsed, and for
// one that was taken before, by this process or another.
func (v *Vault) Take(state string, now time.Time) (account string, err error) {
	names, err := filepath.Glob(filepath.Join(v.Folder, "login-*.json"))
	if err != nil || state == "" {
		return "", ErrState
	}
	hash := hashOf(state)
	for _, name := range names {
		text, err := readBounded(name)
		if err != nil {
			continue
		}
		var b begun
		own := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), "login-"), ".json")
		if json.Unmarshal(text, &b) != nil || b.Account != own || subtle.ConstantTimeCompare([]byte(hash), []byte(b.Hash)) != 1 {
			continue
		}
		if err := os.Remove(name); err != nil { // who removes it has it
			return "", ErrState
		}
		if !now.Before(b.Lapses) {
			return "", ErrState
		}
		return b.Account, nil
	}
	return "", ErrState
}

// Drop ends an account's waiting login; false where none waits.
func (v *Vault) Drop(account string) bool {
	name, err := fileOf("login", account)
	return err == nil && os.Remove(filepath.Join(v.Folder, name)) == nil
}

// Waits says whether an account's login waits for the browser.
func (v *Vault) Waits(account string) bool {
	name, err := fileOf("login", account)
	if err != nil {
		return false
	}
	_, err = os.Stat(filepath.Join(v.Folder, name))
	return !errors.Is(err, fs.ErrNotExist)
}

func hashOf(state string) string {
	sum := sha256.Sum256([]byte(state))
	return hex.EncodeToString(sum[:])
}

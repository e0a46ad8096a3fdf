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
	"slices"
	"time"
)

// ErrState means that a return from the login page belongs to no login that was begun here and still waits.
var ErrState = errors.New("no login was begun here, or it has lapsed: begin again with backstop login")

// How long a begun login waits for the browser to come back.
const (
	LoginFor = 10 * time.Minute // of a person who sits there
	LinkFor  = 12 * time.Hour   // of a link that was sent to a phone
)

// waitingMax is how many logins of an account wait at most; the oldest gives way.
const waitingMax = 8

// begun is a login that waits.
type begun struct {
	Account string    `json:"account"`
	Hash    string    `json:"state_sha256"`
	Began   time.Time `json:"began"`
	Lapses  time.Time `json:"lapses"`
}

// file is the login's name in the folder: each has a file of its own, so that who removes it has it.
func (b *begun) file() (string, error) {
	if _, err := fileOf("login", b.Account); err != nil {
		return "", err
	}
	return "login-" + b.Account + "-" + b.Hash[:16] + ".json", nil
}

// Begin begins an account's login and gives its state, which comes back from the login page once, until it lapses. Others
// of the account that wait go on waiting.
func (v *Vault) Begin(account string, now time.Time, lasts time.Duration) (state string, err error) {
	state = rand.Text()
	b := &begun{account, hashOf(state), now.UTC(), now.Add(lasts).UTC()}
	name, err := b.file()
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(b)
	if err != nil {
		return "", err
	}
	v.makeRoom(account, now)
	return state, v.write(name, text)
}

// makeRoom removes an account's logins that have lapsed, and the oldest where many wait.
func (v *Vault) makeRoom(account string, now time.Time) {
	own := slices.DeleteFunc(v.waiting(), func(b begun) bool { return b.Account != account })
	slices.SortFunc(own, func(a, b begun) int { return b.Began.Compare(a.Began) })
	for i := range own {
		if i >= waitingMax-1 || !now.Before(own[i].Lapses) {
			v.drop(&own[i])
		}
	}
}

// waiting are the logins that wait, of every account; those that lapsed since the last Begin too.
func (v *Vault) waiting() []begun {
	names, err := filepath.Glob(filepath.Join(v.Folder, "login-*.json"))
	if err != nil {
		return nil
	}
	var list []begun
	for _, name := range names {
		text, err := readBounded(name)
		var b begun
		if err != nil || json.Unmarshal(text, &b) != nil || len(b.Hash) != 2*sha256.Size {
			continue
		}
		if own, err := b.file(); err == nil && own == filepath.Base(name) {
			list = append(list, b)
		}
	}
	return list
}

// drop removes a login; true for the one who did.
func (v *Vault) drop(b *begun) bool {
	name, err := b.file()
	return err == nil && os.Remove(filepath.Join(v.Folder, name)) == nil
}

// Take ends the login that a state belongs to and says whose it is: ErrState for any other, for one that lapsed, and for
// one that was taken before, by this process or another. The account's other logins that wait end with it.
func (v *Vault) Take(state string, now time.Time) (account string, err error) {
	hash, list := hashOf(state), v.waiting()
	i := slices.IndexFunc(list, func(b begun) bool {
		return subtle.ConstantTimeCompare([]byte(hash), []byte(b.Hash)) == 1
	})
	if state == "" || i < 0 {
		return "", ErrState
	}
	own := &list[i]
	if !v.drop(own) || !now.Before(own.Lapses) {
		return "", ErrState
	}
	for i := range list {
		if list[i].Account == own.Account {
			v.drop(&list[i])
		}
	}
	return own.Account, nil
}

// Drop ends the login of one state; false where it does not wait.
func (v *Vault) Drop(account, state string) bool {
	return v.drop(&begun{Account: account, Hash: hashOf(state)})
}

// Waits says whether the login of a state waits for the browser.
func (v *Vault) Waits(account, state string) bool {
	name, err := (&begun{Account: account, Hash: hashOf(state)}).file()
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

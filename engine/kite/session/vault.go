package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"backstop/engine/order"
)

var (
	// ErrNone means that no token is kept for the account.
	ErrNone = errors.New("no session is kept")
	// ErrExpired means that the kept token has ended: tokens die at 06:00 IST (docs/kite.md 5.1).
	ErrExpired = errors.New("the kept session has ended at 06:00")
	// ErrSealed means that a kept token can't be opened: another key, or a changed byte.
	ErrSealed = errors.New("the kept session can't be opened: it was sealed with another key, or the file was changed")
	// ErrKey means that the key can't be read, is none, or is open to others.
	ErrKey = errors.New("the key of kept sessions")
)

const (
	keySize   = 32       // bytes: AES-256
	fileMax   = 64 << 10 // bytes of any of the files; more is none of ours
	version   = 1
	endOfDay  = 6 * time.Hour // after midnight IST
	keyName   = "session.key"
	fileMode  = fs.FileMode(0o600)
	otherBits = fs.FileMode(0o077)
)

// Vault keeps tokens in a folder. It holds nothing open and nothing in memory; any number of processes may use one.
type Vault struct {
	// Folder is the data folder; it is made where it is missing, 0700.
	Folder string
	// KeyFile holds the key: 32 bytes, or 64 hexadecimal digits. "" is session.key in Folder, which Save makes.
	KeyFile string
	// Guarded says that the system guards KeyFile (systemd's credentials, whose access list shows as a mode for the
	// group), so that its mode says nothing.
	Guarded bool
}

// sealed is a token as it is kept.
type sealed struct {
	Version int       `json:"version"`
	Account string    `json:"account"`
	Ends    time.Time `json:"ends"`
	Box     []byte    `json:"box"` // nonce and ciphertext
}

// bound is what the box is bound to: a box moved to another account, or given a longer life, doesn't open.
func (s *sealed) bound() []byte {
	return fmt.Appendf(nil, "backstop session %d\x00%s\x00%d", s.Version, s.Account, s.Ends.Unix())
}

// Ends is when a token that was given at the moment of login dies: the next 06:00 IST.
func Ends(login time.Time) time.Time {
	t := login.In(order.IST)
	end := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, order.IST).Add(endOfDay)
	if !end.After(t) {
		end = end.AddDate(0, 0, 1)
	}
	return end
}

// Save keeps an account's token in place of an earlier one, and says when it ends. It is whole on disk when Save returns.
func (v *Vault) Save(account, token string, login time.Time) (ends time.Time, err error) {
	name, err := fileOf("session", account)
	if err != nil {
		return time.Time{}, err
	}
	if token == "" {
		return time.Time{}, errors.New("session: an empty token")
	}
	box, err := v.box(true)
	if err != nil {
		return time.Time{}, err
	}
	s := sealed{Version: version, Account: account, Ends: Ends(login)}
	s.Box = box.Seal(nil, nil, []byte(token), s.bound())
	text, err := json.Marshal(&s)
	if err != nil {
		return time.Time{}, fmt.Errorf("session: %w", err)
	}
	if err := v.write(name, text); err != nil {
		return time.Time{}, err
	}
	return s.Ends, nil
}

// Load is an account's token and when it ends. Errors are ErrNone, ErrExpired, ErrSealed, ErrKey, or those of reading.
func (v *Vault) Load(account string, now time.Time) (token string, ends time.Time, err error) {
	name, err := fileOf("session", account)
	if err != nil {
		return "", time.Time{}, err
	}
	text, err := readBounded(filepath.Join(v.Folder, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", time.Time{}, ErrNone
	case err != nil:
		return "", time.Time{}, fmt.Errorf("session: %w", err)
	}
	var s sealed
	if json.Unmarshal(text, &s) != nil || s.Version != version || s.Account != account {
		return "", time.Time{}, ErrSealed
	}
	box, err := v.box(false)
	if err != nil {
		return "", time.Time{}, err
	}
	plain, err := box.Open(nil, nil, s.Box, s.bound())
	switch {
	case err != nil || len(plain) == 0:
		return "", time.Time{}, ErrSealed
	case !now.Before(s.Ends):
		return "", s.Ends, ErrExpired
	}
	return string(plain), s.Ends, nil
}

// Forget removes an account's token. One that is not kept is ErrNone.
func (v *Vault) Forget(account string) error {
	name, err := fileOf("session", account)
	if err != nil {
		return err
	}
	err = os.Remove(filepath.Join(v.Folder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNone
	}
	return err
}

// Stamp changes whenever the account's kept token does; "" where none is kept. It opens nothing.
func (v *Vault) Stamp(account string) string {
	name, err := fileOf("session", account)
	if err != nil {
		return ""
	}
	info, err := os.Stat(filepath.Join(v.Folder, name))
	if err != nil {
		return ""
	}
	return fmt.Sprint(info.ModTime().UnixNano(), info.Size())
}

// box is the cipher of the key; where none is there yet and create says so, a key is made.
func (v *Vault) box(create bool) (cipher.AEAD, error) {
	key, err := v.key()
	if errors.Is(err, fs.ErrNotExist) && create && v.KeyFile == "" {
		key, err = v.makeKey()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (v *Vault) key() ([]byte, error) {
	name := v.KeyFile
	if name == "" {
		name = filepath.Join(v.Folder, keyName)
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && !v.Guarded && info.Mode().Perm()&otherBits != 0 {
		return nil, fmt.Errorf("%s is open to others (mode %o): chmod 600 it", name, info.Mode().Perm())
	}
	text, err := readBounded(name)
	if err != nil {
		return nil, err
	}
	if len(text) == keySize {
		return text, nil
	}
	if key, err := hex.DecodeString(strings.TrimSpace(string(text))); err == nil && len(key) == keySize {
		return key, nil
	}
	return nil, fmt.Errorf("%s holds no key: want %d bytes, or %d hexadecimal digits", name, keySize, 2*keySize)
}

// makeKey makes the key in the folder. Where another process was faster, its key counts.
func (v *Vault) makeKey() ([]byte, error) {
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	if err := v.write(keyName, key, os.Link); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return v.key()
}

// write puts a whole file in place at once: under another name first, synced, then renamed. With place given (os.Link) it
// takes nobody's place.
func (v *Vault) write(name string, text []byte, place ...func(from, to string) error) (err error) {
	if err := os.MkdirAll(v.Folder, 0o700); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	f, err := os.CreateTemp(v.Folder, "."+name+"-*") // 0600, whatever the umask
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // there no more where it was renamed
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(fileMode), f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	put := os.Rename
	if len(place) > 0 {
		put = place[0]
	}
	if err := put(f.Name(), filepath.Join(v.Folder, name)); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	if folder, err := os.Open(v.Folder); err == nil {
		_ = folder.Sync() // not every system can; the name is there all the same
		_ = folder.Close()
	}
	return nil
}

// plainID is how Kite's user ids look.
var plainID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// fileOf is the name of an account's file; an id that is no plain word could name a file elsewhere.
func fileOf(kind, account string) (string, error) {
	if !plainID.MatchString(account) {
		return "", fmt.Errorf("session: %q is no user id", account)
	}
	return kind + "-" + account + ".json", nil
}

func readBounded(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() || info.Size() > fileMax {
		return nil, fmt.Errorf("%s is no file of this kind", name)
	}
	return os.ReadFile(name)
}

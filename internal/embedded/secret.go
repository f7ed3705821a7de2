package embedded

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// A Login is a user and its password. It prints and logs without the password.
type Login struct {
	User     string
	Password string
}

// String is the user's name alone.
func (l Login) String() string { return l.User }

// GoString keeps the password out of %#v as well.
func (l Login) GoString() string { return l.User }

// LogValue keeps the password out of logs.
func (l Login) LogValue() slog.Value { return slog.StringValue(l.User) }

// Logins are the users of the two engines of one data folder.
type Logins struct {
	NATS       Login // all rights on the broker
	Producer   Login // may publish study events, nothing else
	ClickHouse Login // what Gapwise needs of the database
}

// ReadLogins reads the users that the engines of a data folder know, for a client on the same machine that may read the
// folder. They exist after the folder's first start.
func ReadLogins(dataDir string) (Logins, error) {
	var l Logins
	for _, u := range []struct {
		login      *Login
		user, path string
	}{
		{&l.NATS, internalUser, filepath.Join(dataDir, natsFolder, natsPasswordFile)},
		{&l.Producer, producerUser, filepath.Join(dataDir, natsFolder, producerPasswordFile)},
		{&l.ClickHouse, internalUser, filepath.Join(dataDir, clickHouseFolder, clickHousePasswordFile)},
	} {
		b, err := os.ReadFile(u.path)
		if err != nil {
			return Logins{}, fmt.Errorf("password of %s: %w; start gapwise once on this data folder", u.user, err)
		}
		*u.login = Login{User: u.user, Password: strings.TrimSpace(string(b))}
	}
	return l, nil
}

// login reads the user's password from path or makes one there: 256 random bits, for this folder only.
func login(user, path string) (Login, error) {
	b, err := os.ReadFile(path)
	if known := strings.TrimSpace(string(b)); known != "" {
		return Login{User: user, Password: known}, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Login{}, fmt.Errorf("password of %s: %w", user, err)
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the process instead
	password := base64.RawURLEncoding.EncodeToString(random)
	if err := writeFileAtomic(path, []byte(password+"\n")); err != nil {
		return Login{}, err
	}
	return Login{User: user, Password: password}, nil
}

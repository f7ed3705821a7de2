package stream

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Credentials say who connects. Empty ones connect without.
type Credentials struct {
	User     string
	Password string
	Token    string
	File     string // a .creds file; wins over the others

	// InboxPrefix is where the broker's answers go, for users who may not listen
	// on the usual _INBOX.
	InboxPrefix string
}

// pingInterval is how often a silent connection is asked whether it is alive.
const pingInterval = 5 * time.Second

// Connect opens a connection to one of the servers (nats://host:port, more
// separated by commas) that comes back for ever, with some jitter so that
// many clients don't return at once. The first connection must succeed. Options
// come last and win.
//
// Nothing is buffered while the connection is lost: a publish then fails at once
// with ErrUnavailable instead of being sent later, after its caller gave up.
func Connect(servers string, credentials Credentials, name string, logger *slog.Logger, options ...nats.Option) (*nats.Conn, error) {
	all := []nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, time.Second),
		nats.ReconnectBufSize(-1),
		// A connection on which nothing arrives any more is given up after three pings;
		// with the library's two minutes a producer would hang for six.
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(2),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			if sub != nil {
				logger.Error("broker reported an error", "subject", sub.Subject, "error", err)
				return
			}
			logger.Error("broker reported an error", "error", err)
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				logger.Warn("broker connection lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			logger.Info("broker connection is back", "url", nc.ConnectedUrlRedacted())
		}),
		nats.ClosedHandler(func(nc *nats.Conn) {
			if err := nc.LastError(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
				logger.Warn("broker connection closed", "error", err)
			}
		}),
	}
	switch {
	case credentials.File != "":
		all = append(all, nats.UserCredentials(credentials.File))
	case credentials.Token != "":
		all = append(all, nats.Token(credentials.Token))
	case credentials.User != "":
		all = append(all, nats.UserInfo(credentials.User, credentials.Password))
	}
	if credentials.InboxPrefix != "" {
		all = append(all, nats.CustomInboxPrefix(credentials.InboxPrefix))
	}
	nc, err := nats.Connect(servers, append(all, options...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", withoutSecrets(servers), err)
	}
	return nc, nil
}

// withoutSecrets drops user and password from a list of server addresses.
func withoutSecrets(servers string) string {
	list := strings.Split(servers, ",")
	for i, server := range list {
		if _, address, found := strings.Cut(server, "@"); found {
			list[i] = address
		}
	}
	return strings.Join(list, ",")
}

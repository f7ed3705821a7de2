package httpserver

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/segmentio/ksuid"
)

const (
	// DefaultTokenLife is how long a token lives when [Claims] sets no life.
	DefaultTokenLife = 30 * 24 * time.Hour
	// MaxTokenLife is the longest life a token may be given.
	MaxTokenLife = 365 * 24 * time.Hour

	tokenIssuer   = "gapwise"
	clockSkew     = 30 * time.Second
	maxTokenBytes = 4096 // a cookie holds no more
	maxNameBytes  = 256  // of a learner, source or cohort
)

// Why a token is not accepted. The texts of the errors that [Keys.Verify]
// returns may be shown to whoever sent the token.
var (
	ErrTokenInvalid = errors.New("the token is not a valid Gapwise token")
	ErrTokenExpired = errors.New("the token has expired")
	ErrTokenKey     = errors.New("the token was signed with a key that this instance does not hold")
	ErrTokenRevoked = errors.New("the token was revoked")
)

// Claims is what a token is made of.
type Claims struct {
	Role    Role
	Learner string        // required for a learner, else empty
	Cohorts []string      // at least one for an instructor, optional for a producer, else empty
	Source  string        // required for a producer, else empty
	Life    time.Duration // from now; 0 means [DefaultTokenLife], at most [MaxTokenLife]
}

// Validate tells everything that is wrong with c at once.
func (c Claims) Validate() error {
	var errs []error
	say := func(bad bool, text string) {
		if bad {
			errs = append(errs, errors.New(text))
		}
	}
	if !c.Role.Valid() {
		errs = append(errs, fmt.Errorf("role %q: want operator, instructor, learner or producer", c.Role))
	}
	say(c.Role == RoleLearner && c.Learner == "", "a learner's token needs the learner's id")
	say(c.Role != RoleLearner && c.Learner != "", "only a learner's token names a learner")
	say(c.Role == RoleInstructor && len(c.Cohorts) == 0, "an instructor's token needs at least one cohort")
	say(c.Role != RoleInstructor && c.Role != RoleProducer && len(c.Cohorts) > 0,
		"only an instructor's or a producer's token names cohorts")
	say(c.Role == RoleProducer && c.Source == "", "a producer's token needs its source")
	say(c.Role != RoleProducer && c.Source != "", "only a producer's token names a source")
	say(slices.Contains(c.Cohorts, ""), "a cohort is empty")
	for _, name := range append([]string{c.Learner, c.Source}, c.Cohorts...) {
		if len(name) > maxNameBytes {
			errs = append(errs, fmt.Errorf("%.20q… has %d bytes, at most %d are allowed", name, len(name), maxNameBytes))
		}
	}
	say(c.Life < 0, "the token's life is negative; give a time such as 24h")
	say(c.Life > MaxTokenLife, "a token lives for a year (8760h) at most")
	return errors.Join(errs...)
}

// tokenClaims is the token's payload on the wire.
type tokenClaims struct {
	jwt.RegisteredClaims
	Role    Role     `json:"role"`
	Learner string   `json:"learner,omitempty"`
	Cohorts []string `json:"cohorts,omitempty"`
	Source  string   `json:"source,omitempty"`
}

// Mint returns a token for c, signed with the newest key.
func (k *Keys) Mint(c Claims) (string, error) {
	if err := c.Validate(); err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	id, err := ksuid.NewRandom()
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	life := c.Life
	if life == 0 {
		life = DefaultTokenLife
	}
	now := k.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, tokenClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    tokenIssuer,
			ID:        id.String(),
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(life)),
		},
		Role: c.Role, Learner: c.Learner, Cohorts: c.Cohorts, Source: c.Source,
	})
	key := k.newest()
	token.Header["kid"] = key.ID
	signed, err := token.SignedString(key.Secret)
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	if len(signed) > maxTokenBytes {
		return "", fmt.Errorf("mint token: it has %d bytes, at most %d fit a cookie; name fewer cohorts",
			len(signed), maxTokenBytes)
	}
	return signed, nil
}

// Verify returns the principal of a token that a key of the file signed and
// that is alive, give or take 30 seconds of clock skew. It does not know
// revocations. The error is one of the ErrToken… values.
func (k *Keys) Verify(token string) (Principal, error) {
	if len(token) > maxTokenBytes {
		return Principal{}, fmt.Errorf("%w: it has %d bytes, at most %d are read", ErrTokenInvalid, len(token), maxTokenBytes)
	}
	var claims tokenClaims
	parsed, err := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithStrictDecoding(),
		jwt.WithIssuer(tokenIssuer),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(clockSkew),
		jwt.WithTimeFunc(k.Now),
	).ParseWithClaims(token, &claims, k.secretOf)
	if err != nil {
		return Principal{}, explainToken(err, claims)
	}
	c := Claims{Role: claims.Role, Learner: claims.Learner, Cohorts: claims.Cohorts, Source: claims.Source}
	if err := c.Validate(); err != nil {
		return Principal{}, fmt.Errorf("%w: %w", ErrTokenInvalid, err)
	}
	if claims.ID == "" {
		return Principal{}, fmt.Errorf("%w: it has no id", ErrTokenInvalid)
	}
	kid, _ := parsed.Header["kid"].(string)
	return Principal{
		Role: c.Role, Learner: c.Learner, Cohorts: c.Cohorts, Source: c.Source,
		TokenID: claims.ID, KeyID: kid, Expires: claims.ExpiresAt.UTC(),
	}, nil
}

// secretOf finds the secret that the token's header names.
func (k *Keys) secretOf(token *jwt.Token) (any, error) {
	kid, _ := token.Header["kid"].(string)
	secret, ok := k.secret(kid)
	if !ok {
		return nil, ErrTokenKey
	}
	return secret, nil
}

// explainToken turns a parser's error into words for the token's bearer. Only
// a token whose signature held is told more than that it is not valid.
func explainToken(err error, claims tokenClaims) error {
	switch {
	case errors.Is(err, ErrTokenKey):
		return fmt.Errorf("%w: it belongs to another instance, or that key was removed", ErrTokenKey)
	case errors.Is(err, jwt.ErrTokenExpired):
		return fmt.Errorf("%w at %s", ErrTokenExpired, claims.ExpiresAt.UTC().Format(time.RFC3339))
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued), errors.Is(err, jwt.ErrTokenNotValidYet):
		return fmt.Errorf("%w: it was made in the future; one of the clocks is wrong", ErrTokenInvalid)
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return fmt.Errorf("%w: it has no expiry or no issuer", ErrTokenInvalid)
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return fmt.Errorf("%w: its signature does not fit", ErrTokenInvalid)
	default:
		return ErrTokenInvalid
	}
}

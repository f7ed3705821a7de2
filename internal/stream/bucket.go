package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// BucketName is the key-value bucket's name.
	BucketName = "GAPWISE"

	// bucketStream is the stream that JetStream keeps the bucket in.
	bucketStream = "KV_" + BucketName

	bucketHistory = 5

	// markerTTL is how long the bucket remembers that a key expired, so that
	// watchers which were away learn of it.
	markerTTL = time.Hour
)

// ErrChanged says that the value is no longer the one that the change was based
// on. Read it again and decide anew.
var ErrChanged = errors.New("changed by someone else meanwhile")

// Bucket is the key-value store for what the processes of one deployment agree
// on. It is safe for concurrent use.
type Bucket struct {
	kv     jetstream.KeyValue
	logger *slog.Logger
}

// OpenBucket returns the bucket, which it creates with that many replicas (0: 1)
// when there is none. A bucket with other settings is left alone and told by a
// *MismatchError.
func OpenBucket(ctx context.Context, nc *nats.Conn, replicas int, logger *slog.Logger) (*Bucket, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	want := bucketConfig(replicas)
	kv, err := js.KeyValue(ctx, BucketName)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateKeyValue(ctx, want)
		if errors.Is(err, jetstream.ErrBucketExists) { // created by another process meanwhile
			kv, err = js.KeyValue(ctx, BucketName)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open key-value bucket %s: %w", BucketName, err)
	}
	backing, err := js.Stream(ctx, bucketStream)
	if err != nil {
		return nil, fmt.Errorf("open stream %s of the key-value bucket %s: %w", bucketStream, BucketName, err)
	}
	if found := bucketDifferences(want, backing.CachedInfo().Config); len(found) > 0 {
		return nil, &MismatchError{Stream: bucketStream, Differences: found}
	}
	return &Bucket{kv: kv, logger: logger}, nil
}

func bucketConfig(replicas int) jetstream.KeyValueConfig {
	return jetstream.KeyValueConfig{
		Bucket:         BucketName,
		Description:    "Gapwise pointers, leases and revocations",
		History:        bucketHistory,
		Storage:        jetstream.FileStorage,
		Replicas:       max(replicas, 1),
		LimitMarkerTTL: markerTTL,
	}
}

// bucketDifferences compares what the bucket's use rests on: values outlive the
// broker and are never dropped for age, number or size but by their own expiry,
// and whoever was away learns of one that expired.
func bucketDifferences(want jetstream.KeyValueConfig, have jetstream.StreamConfig) []Difference {
	return compare([]setting{
		{"subjects", []string{"$KV." + BucketName + ".>"}, have.Subjects},
		{"storage", want.Storage, have.Storage},
		{"retention", jetstream.LimitsPolicy, have.Retention},
		{"discard", jetstream.DiscardNew, have.Discard},
		{"num_replicas", want.Replicas, have.Replicas},
		{"max_msgs_per_subject", want.History, have.MaxMsgsPerSubject},
		{"max_bytes", -1, have.MaxBytes},
		{"max_msgs", -1, have.MaxMsgs},
		{"max_age", time.Duration(0), have.MaxAge},
		{"max_msg_size", -1, have.MaxMsgSize},
		{"allow_msg_ttl", true, have.AllowMsgTTL},
		{"subject_delete_marker_ttl", want.LimitMarkerTTL, have.SubjectDeleteMarkerTTL},
		{"allow_rollup_hdrs", true, have.AllowRollup},
		{"deny_delete", true, have.DenyDelete},
		{"allow_direct", true, have.AllowDirect},
		{"sealed", false, have.Sealed},
		{"no_ack", false, have.NoAck},
		{"mirror", false, have.Mirror != nil},
		{"sources", 0, len(have.Sources)},
	})
}

// get reads a key into value and returns its revision; 0 when it has none.
func (b *Bucket) get(ctx context.Context, key string, value any) (revision uint64, err error) {
	entry, err := b.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", key, err)
	}
	if err := json.Unmarshal(entry.Value(), value); err != nil {
		return 0, fmt.Errorf("read %s at revision %d: %w", key, entry.Revision(), err)
	}
	return entry.Revision(), nil
}

// set writes a key that still has the given revision (0: none) and returns the
// new one, or ErrChanged.
func (b *Bucket) set(ctx context.Context, key string, revision uint64, value any) (uint64, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return 0, fmt.Errorf("encode %s: %w", key, err)
	}
	var next uint64
	if revision == 0 {
		next, err = b.kv.Create(ctx, key, data)
	} else {
		next, err = b.kv.Update(ctx, key, data, revision)
	}
	if isConflict(err) {
		return 0, fmt.Errorf("write %s after revision %d: %w", key, revision, ErrChanged)
	}
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", key, err)
	}
	return next, nil
}

// isConflict knows both codes for a wrong last sequence: replicated streams have
// one of their own.
func isConflict(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) &&
		(api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// watch calls seen with the present entries that match the keys, then loaded,
// then seen with all changes, until ctx ends.
func (b *Bucket) watch(ctx context.Context, keys string, loaded func(), seen func(jetstream.KeyValueEntry) error) error {
	watcher, err := b.kv.Watch(ctx, keys)
	if err != nil {
		return fmt.Errorf("watch %s: %w", keys, err)
	}
	defer func() { _ = watcher.Stop() }() // the connection may be gone by now
	for {
		select {
		case <-ctx.Done():
			return nil
		case entry, open := <-watcher.Updates():
			switch {
			case !open && ctx.Err() != nil:
				return nil
			case !open:
				return fmt.Errorf("watch %s: %w", keys, nats.ErrConnectionClosed)
			case entry == nil:
				loaded()
				continue
			}
			if err := seen(entry); err != nil {
				return err
			}
		}
	}
}

package gapwise_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/gapwise/gapwise"
	"github.com/gapwise/gapwise/internal/embedded"
	"github.com/gapwise/gapwise/internal/stream"
)

func Example() {
	url, credentials, stop := runGapwise()
	ctx := context.Background()

	client, err := gapwise.Dial(gapwise.Config{
		URL:         url,
		Credentials: credentials,
		Source:      "lms.example.org/quiz",
		OnResult: func(r gapwise.Result) {
			fmt.Println(r.ID, "duplicate:", r.Duplicate, "error:", r.Err)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 { // sent twice, counted once
		_, err := client.Emit(ctx, gapwise.Event{
			ID:      "attempt-4711", // from the producer's own records
			Learner: "ada",
			Time:    time.Date(2024, 3, 1, 9, 30, 0, 0, time.UTC),
			Data:    &gapwise.Answer{Item: "q-17", Score: 1},
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := client.Close(ctx); err != nil {
		log.Fatal(err)
	}
	stop()
	// Output:
	// attempt-4711 duplicate: false error: <nil>
	// attempt-4711 duplicate: true error: <nil>
}

// runGapwise stands for a deployment: a broker with the log.
func runGapwise() (url string, credentials gapwise.Credentials, stop func()) {
	dir, err := os.MkdirTemp("", "gapwise-example-")
	check(err)
	broker, err := embedded.StartNATS(context.Background(),
		embedded.NATSConfig{Dir: dir, Listen: "127.0.0.1:0", Logger: quiet()})
	check(err)
	conn, err := broker.Connect()
	check(err)
	_, err = stream.Open(context.Background(), conn, stream.Config{}, quiet())
	check(err)
	login := broker.Producer()
	credentials = gapwise.Credentials{User: login.User, Password: login.Password, InboxPrefix: embedded.ProducerInbox}
	return broker.URL(), credentials, func() {
		conn.Close()
		check(broker.Close(context.Background()))
		check(os.RemoveAll(dir))
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

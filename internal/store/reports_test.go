package store_test

import (
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// Joining twice is joining once; who left and came back is new again.
func TestAMembershipBeginsWithTheFirstJoinAfterTheLastLeave(t *testing.T) {
	s := open(t)
	day := func(n int) time.Time { return noon.AddDate(0, 0, n) }
	var b project.Batch
	for i, word := range []struct {
		day    int
		joined bool
	}{{0, true}, {1, true}, {3, false}, {5, true}, {6, true}, {2, true}} { // the last one is late
		b.Memberships = append(b.Memberships, project.Membership{
			Meta: meta(uint64(i+1), "ada", day(word.day)), Membership: event.Membership{Cohort: "spring", Joined: word.joined},
		})
	}
	write(t, s, &b)
	for _, c := range []struct {
		seq    uint64
		day    int
		since  int
		member bool
	}{
		{6, 0, 0, true}, {6, 2, 0, true}, {6, 3, 0, false}, {6, 5, 5, true}, {6, 9, 5, true},
		{2, 9, 0, true}, {3, 9, 0, false}, {4, 9, 5, true}, {6, -1, 0, false},
	} {
		at := query.AsOf{Seq: c.seq, Time: day(c.day)}
		since, member, err := s.Joined(t.Context(), 1, "ada", []string{"spring"}, at)
		if err != nil || member != c.member || member && !since.Equal(day(c.since)) {
			t.Errorf("at %s: a member %v since %s, %v; want %v since day %d", at, member, since, err, c.member, c.since)
		}
		list, err := s.Members(t.Context(), 1, "spring", at)
		if err != nil || len(list) > 0 != c.member || c.member && !list[0].Joined.Equal(day(c.since)) {
			t.Errorf("at %s members are %v, %v", at, list, err)
		}
	}
}

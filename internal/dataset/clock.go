package dataset

import (
	"slices"
	"time"
)

// clock tells the rank of a row among one user's rows of equal time, at the
// price of eight bytes a row while the times rise, whatever their order.
type clock struct {
	rising []int64          // the times that were later than all before them, in microseconds
	ranks  map[int64]uint32 // the next rank of a time that repeats or came out of order
}

// rank returns how many earlier rows had the same time.
func (c *clock) rank(at time.Time) uint32 {
	micros := at.UnixMicro()
	if n := len(c.rising); n == 0 || micros > c.rising[n-1] {
		c.rising = append(c.rising, micros)
		return 0
	}
	rank, known := c.ranks[micros]
	if !known {
		if _, found := slices.BinarySearch(c.rising, micros); found {
			rank = 1
		}
	}
	if c.ranks == nil {
		c.ranks = make(map[int64]uint32)
	}
	c.ranks[micros] = rank + 1
	return rank
}

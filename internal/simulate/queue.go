package simulate

// queue is a priority queue: a binary heap, least first.
type queue[T any] struct {
	items []T
	less  func(a, b *T) bool
}

func (q *queue[T]) len() int { return len(q.items) }

// first returns the least item; the queue must not be empty.
func (q *queue[T]) first() *T { return &q.items[0] }

func (q *queue[T]) push(item T) {
	q.items = append(q.items, item)
	for child := len(q.items) - 1; child > 0; {
		parent := (child - 1) / 2
		if !q.less(&q.items[child], &q.items[parent]) {
			return
		}
		q.items[child], q.items[parent] = q.items[parent], q.items[child]
		child = parent
	}
}

// pop removes the least item; the queue must not be empty.
func (q *queue[T]) pop() T {
	least, last := q.items[0], len(q.items)-1
	q.items[0] = q.items[last]
	var none T
	q.items[last] = none
	q.items = q.items[:last]
	q.settle()
	return least
}

// settle restores the order after the first item has changed.
func (q *queue[T]) settle() {
	for parent := 0; ; {
		child := 2*parent + 1
		if child >= len(q.items) {
			return
		}
		if right := child + 1; right < len(q.items) && q.less(&q.items[right], &q.items[child]) {
			child = right
		}
		if !q.less(&q.items[child], &q.items[parent]) {
			return
		}
		q.items[child], q.items[parent] = q.items[parent], q.items[child]
		parent = child
	}
}

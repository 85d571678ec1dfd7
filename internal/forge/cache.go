package forge

import (
	"container/list"
	"sync"
)

// lru keeps the last values asked for, at most size of them.
type lru[K comparable, V any] struct {
	mu    sync.Mutex
	size  int
	order *list.List
	items map[K]*list.Element
}

type lruItem[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](size int) *lru[K, V] {
	return &lru[K, V]{size: size, order: list.New(), items: make(map[K]*list.Element, size)}
}

func (c *lru[K, V]) get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[key]
	if !ok {
		var zero V
		return zero, false
	}
	c.order.MoveToFront(e)
	item, ok := e.Value.(lruItem[K, V])
	return item.value, ok
}

func (c *lru[K, V]) put(key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.items[key]; ok {
		c.order.Remove(e)
	}
	c.items[key] = c.order.PushFront(lruItem[K, V]{key, value})
	for c.order.Len() > c.size {
		last := c.order.Back()
		if item, ok := last.Value.(lruItem[K, V]); ok {
			delete(c.items, item.key)
		}
		c.order.Remove(last)
	}
}

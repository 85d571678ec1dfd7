package eval

import "math"

// bucket is one [variant, weight] of a rollout.
type bucket struct {
	variant, weight expr
	// fixed weights and variants need no evaluation.
	fixed  bool
	share  int64
	result value
}

// rollout is a compiled fractional.
type rollout struct {
	generation int
	// by is what is hashed; nil for the flag's key and the targeting key. With
	// parts it is a text put together, which is hashed without making it.
	by      expr
	parts   []expr
	buckets []bucket
	// total is the sum of weights that are all fixed.
	total int64
	fixed bool
}

// maxWeight is what all weights together may be.
const maxWeight = math.MaxInt32

func (c *compiler) fractional(v value) expr {
	args := arguments(v)
	if len(args) == 0 {
		return constant(value{})
	}
	r := &rollout{generation: c.o.Bucketing, fixed: true}
	if args[0].kind != list {
		c.bucketingValue(r, args[0])
		args = args[1:]
	}
	for _, arg := range args {
		b, ok := c.bucket(arg)
		if !ok {
			c.problem("fractional", "has a bucket that is not [variant, weight]", `["on", 30]`)
			return constant(value{}) // as flagd: null, not an error
		}
		r.fixed = r.fixed && b.fixed
		r.total += b.share
		r.buckets = append(r.buckets, b)
	}
	if r.fixed && (r.total > maxWeight || r.total <= 0) {
		return constant(value{})
	}
	r.buckets = c.shared.alike(r.buckets)
	if c.tracing {
		return r.tracedPick(c.level)
	}
	return func(e *env) value {
		got, _, _ := r.pick(e)
		return got
	}
}

func (c *compiler) bucketingValue(r *rollout, v value) {
	if v.kind == object && len(v.box.keys) == 1 && v.box.keys[0] == "cat" && r.generation != V3 && !c.tracing {
		r.parts = c.all(v.box.items[0])
		return
	}
	r.by = c.compile(v)
}

func (c *compiler) bucket(v value) (bucket, bool) {
	items := v.items()
	if v.kind != list || len(items) == 0 || len(items) > 2 {
		return bucket{}, false
	}
	b := bucket{fixed: true, share: 1, result: items[0]}
	if items[0].kind == object || items[0].kind == list {
		b.variant, b.fixed = c.compile(items[0]), false
	}
	if len(items) == 2 {
		switch w := items[1]; w.kind {
		case number:
			if w.num != math.Trunc(w.num) || w.num > maxWeight {
				return bucket{}, false
			}
			b.share = int64(math.Max(0, w.num))
		case object:
			b.weight, b.fixed, b.share = c.compile(w), false, 0
		default:
			return bucket{}, false
		}
	}
	return b, true
}

// pick finds the bucket of a context; at of all is where it fell.
func (r *rollout) pick(e *env) (v value, at, all int64) {
	hash, ok := r.hash(e)
	if !ok {
		return value{}, 0, 0
	}
	total := r.total
	var room [8]int64
	shares := room[:0]
	if !r.fixed {
		if total, shares, ok = r.weigh(e, shares); !ok {
			return value{}, 0, 0
		}
	}
	at = r.place(hash, total)
	var sum int64
	for i := range r.buckets {
		b := &r.buckets[i]
		if r.fixed {
			sum += b.share
		} else {
			sum += shares[i]
		}
		if r.generation == V1 && percentOf(hash) < float64(sum)/float64(total)*100 || r.generation != V1 && at < sum {
			if b.variant != nil {
				return scalar(b.variant(e)), at, total
			}
			return scalar(b.result), at, total
		}
	}
	return value{}, at, total
}

// scalar is a variant that a bucket may have; anything else is null.
func scalar(v value) value {
	if v.kind >= list {
		return value{}
	}
	return v
}

func (r *rollout) place(hash uint32, total int64) int64 {
	if r.generation == V1 {
		return int64(percentOf(hash) / 100 * float64(total))
	}
	return int64(uint64(hash) * uint64(total) >> 32)
}

// percentOf is where generation 1 puts a hash.
func percentOf(hash uint32) float64 {
	return math.Abs(float64(int32(hash))) / math.MaxInt32 * 100
}

// weigh evaluates the weights that are not fixed.
func (r *rollout) weigh(e *env, shares []int64) (int64, []int64, bool) {
	var total int64
	for i := range r.buckets {
		share := r.buckets[i].share
		if w := r.buckets[i].weight; w != nil {
			got := w(e)
			if got.kind != number || got.num != math.Trunc(got.num) || got.num > maxWeight {
				return 0, shares, false
			}
			share = int64(math.Max(0, got.num))
		}
		total += share
		shares = append(shares, share)
	}
	return total, shares, total > 0 && total <= maxWeight
}

// hash hashes what decides the bucket; false when there is nothing.
func (r *rollout) hash(e *env) (uint32, bool) {
	var buf [128]byte
	if r.parts != nil {
		return murmur3(e.cat(buf[:0], r.parts)), e.failed == ""
	}
	if r.by == nil {
		key, ok := e.c.TargetingKey()
		if !ok {
			return 0, false
		}
		if r.generation == V3 {
			b := cborHead(buf[:0], 4, 2)
			b, _ = appendCBOR(b, textOf(e.key))
			b, _ = appendCBOR(b, textOf(key))
			return murmur3(b), true
		}
		return murmur3(append(append(buf[:0], e.key...), key...)), true
	}
	v := r.by(e)
	if r.generation == V3 {
		b, ok := appendCBOR(buf[:0], v)
		return murmur3(b), ok
	}
	if v.kind != text {
		return 0, false
	}
	return murmur3(append(buf[:0], v.text...)), true
}

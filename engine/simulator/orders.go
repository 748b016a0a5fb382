package main

import (
	"slices"
	"sync"
	"time"
)

// occasion says when an order of the admin port strikes: Times times (0: always) after Skip that go well.
type occasion struct {
	Skip  int `json:"skip"`
	Times int `json:"times"`

	hits    int
	cleared chan struct{} // closed when the order is taken back: who waits because of it goes on
}

func (o *occasion) of() *occasion { return o }

func (o *occasion) strikes() bool {
	if o.Skip > 0 {
		o.Skip--
		return false
	}
	if o.Times > 0 && o.hits >= o.Times {
		return false
	}
	o.hits++
	return true
}

// pause lets time pass (0: without end) until the order is taken back or end is closed.
func (o *occasion) pause(d time.Duration, end <-chan struct{}) {
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-o.cleared:
	case <-end:
	}
}

func (o *occasion) isCleared() bool {
	select {
	case <-o.cleared:
		return true
	default:
		return false
	}
}

// orders are what the admin port ordered to go wrong, the first that strikes wins.
type orders[O interface{ of() *occasion }] struct {
	sync.Mutex
	all []O
}

func (s *orders[O]) put(order O) {
	order.of().cleared = make(chan struct{})
	s.Lock()
	s.all = append(s.all, order)
	s.Unlock()
}

func (s *orders[O]) clear() {
	s.Lock()
	for _, order := range s.all {
		close(order.of().cleared)
	}
	s.all = nil
	s.Unlock()
}

// hit finds the first order that concerns and strikes now, and counts it.
func (s *orders[O]) hit(concerns func(O) bool) (found O) {
	s.Lock()
	defer s.Unlock()
	for _, order := range s.all {
		if concerns(order) && order.of().strikes() {
			return order
		}
	}
	return found
}

func (s *orders[O]) any(is func(O) bool) bool {
	s.Lock()
	defer s.Unlock()
	return slices.ContainsFunc(s.all, is)
}

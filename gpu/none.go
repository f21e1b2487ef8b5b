package gpu

import (
	"context"
	"time"
)

// None returns a reader of no GPU; its readings give the reason.
func None(reason string) Reader { return none(reason) }

type none string

func (n none) Read(context.Context) []Reading { return unavailable(time.Now(), string(n)) }

// Idle is for ever, nearly.
func (n none) Idle() time.Time { return time.Now().Add(24 * time.Hour) }

func (n none) Close() error { return nil }

func unavailable(now time.Time, reason string) []Reading {
	return []Reading{{At: now, Reason: reason}}
}

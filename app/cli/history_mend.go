package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"carpool/storage"
)

// wipeHistory deletes all of the history, once it was said to be meant.
func (c *cli) wipeHistory(ctx context.Context, yes bool) error {
	size, err := c.running().HistorySize(ctx)
	if err != nil {
		return err
	}
	if !yes {
		agreed, err := c.agreed(fmt.Sprintf("Delete the whole history, %s?", sizeText(size)))
		if err != nil {
			return err
		}
		if !agreed {
			return errors.New("nothing was deleted; --yes answers for you")
		}
	}
	if err := c.running().WipeHistory(ctx); err != nil {
		return err
	}
	return c.print("The history is empty.\n")
}

func (c *cli) compactHistory(ctx context.Context) error {
	freed, err := c.running().CompactHistory(ctx)
	if err != nil {
		return err
	}
	size, err := c.running().HistorySize(ctx)
	if err != nil {
		return err
	}
	return c.print(fmt.Sprintf("%s were given back; the history takes %s.\n", humanize.IBytes(uint64(max(freed, 0))), humanize.IBytes(uint64(size.Bytes))))
}

// sizeText tells what the history holds.
func sizeText(s storage.Size) string {
	text := fmt.Sprintf("%s and %s in %s", counted(s.Requests, "request", "requests"), counted(s.Samples, "second", "seconds"),
		humanize.IBytes(uint64(s.Bytes)))
	if !s.Oldest.IsZero() {
		text += " since " + s.Oldest.Local().Format(time.DateOnly)
	}
	return text
}

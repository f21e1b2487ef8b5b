package trust

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"carpool/backends/backendstest"
)

// problems are what `carpool status` and the window tell.
func (c *carpool) problems() ([]string, error) {
	var s struct{ Problems []string }
	err := c.snapshot(&s)
	return s.Problems, err
}

// awaitProblem waits until one is told that has these words, or none has.
func (c *carpool) awaitProblem(words string, there bool) {
	c.t.Helper()
	c.await(fmt.Sprintf("a problem %q: %v", words, there), func() error {
		all, err := c.problems()
		if has := slices.ContainsFunc(all, func(p string) bool { return strings.Contains(p, words) }); err == nil && has != there {
			err = fmt.Errorf("%q", all)
		}
		return err
	})
}

func Test26_SettingsOfOneThatRuns(t *testing.T) {
	write := func(c *carpool, text string) {
		t.Helper()
		if err := os.WriteFile(c.configFile(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	size := func(c *carpool) string {
		t.Helper()
		var s struct {
			Config struct{ Adaptive struct{ Max int } }
		}
		if err := c.snapshot(&s); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(s.Config.Adaptive.Max)
	}
	serves := func(c *carpool) {
		t.Helper()
		if r := <-c.askAll(1); r.status != http.StatusOK || r.err != nil {
			t.Errorf("%d %q, %v", r.status, r.text, r.err)
		}
	}

	t.Run("ABrokenFileIsToldAndTheLastGoodOneHolds", func(t *testing.T) {
		engine := backendstest.New(t)
		c := begin(t, engine, "adaptive.max=7")
		good, err := os.ReadFile(c.configFile())
		if err != nil {
			t.Fatal(err)
		}
		write(c, "version = 1\n[adaptive\nmax = ")
		c.awaitProblem("settings not taken", true)
		c.awaitProblem("until it is mended the last good ones hold, or the defaults", true)
		if out, err := c.command("set", "adaptive.max=9").CombinedOutput(); err == nil || !strings.Contains(string(out), "not saved") {
			t.Errorf("set over a broken file: %v, %s", err, out)
		}
		serves(c)
		c.stop()

		c.start()
		c.awaitEngine()
		if got := size(c); got != "7" {
			t.Errorf("started with %s, the last good file had 7", got)
		}
		c.awaitProblem("settings not taken", true)
		serves(c)
		write(c, strings.Replace(string(good), "max = 7", "max = 5", 1))
		c.awaitProblem("settings not taken", false)
		if got := size(c); got != "5" {
			t.Errorf("mended it has %s", got)
		}
		c.do("set", "adaptive.max=6")
		c.stop()
		if text, err := os.ReadFile(c.configFile()); err != nil || !strings.Contains(string(text), "max = 6") {
			t.Errorf("saved %v: %s", err, text)
		}
	})

	t.Run("AFolderInItsPlaceIsTold", func(t *testing.T) {
		c := begin(t, backendstest.New(t), "adaptive.max=7")
		if err := os.Remove(c.configFile()); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(c.configFile(), 0o700); err != nil {
			t.Fatal(err)
		}
		c.awaitProblem("is not a file", true)
		serves(c)
		c.stop()
		c.start()
		c.awaitEngine()
		if got := size(c); got != "7" {
			t.Errorf("started with %s, the last good file had 7", got)
		}
		c.awaitProblem("is not a file", true)
		serves(c)
		c.stop()
	})
}

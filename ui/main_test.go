package ui

import (
	"os"
	"testing"
)

// The desktop of the tests is English.
func TestMain(m *testing.M) {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE"} {
		if err := os.Setenv(name, "en_GB.UTF-8"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

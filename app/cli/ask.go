package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
)

// agreed asks a question that is answered with yes or no; anything but yes is no.
func (c *cli) agreed(question string) (bool, error) {
	_, _ = fmt.Fprint(c.stderr, harmless(question)+" [y/N] ")
	answer, err := bufio.NewReader(c.stdin).ReadString('\n')
	if errors.Is(err, io.EOF) {
		c.note("") // nobody ended the line
	} else if err != nil {
		return false, err
	}
	a := strings.ToLower(strings.TrimSpace(answer))
	return a == "y" || a == "yes", nil
}

// consent asks whether a change that was shown is to be made, unless --yes has answered.
func (c *cli) consent(question string, yes bool) error {
	if yes {
		return nil
	}
	if unattended(c.stdin) {
		return errors.New("nothing was changed: there is no terminal to ask at; --yes answers for you")
	}
	agreed, err := c.agreed(question)
	if err == nil && !agreed {
		err = errors.New("nothing was changed; --yes answers for you")
	}
	return err
}

// unattended tells that nobody is there to be asked: the input is a file or a pipe.
func unattended(stdin io.Reader) bool {
	f, ok := stdin.(*os.File)
	return ok && !isatty.IsTerminal(f.Fd()) && !isatty.IsCygwinTerminal(f.Fd())
}

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"

	"carpool/app"
	"carpool/app/takeover"
	"carpool/backends/launch"
)

const (
	engineFirst    = 11436 // the first port that a moved engine is given
	systemUnits    = "/etc/systemd/system"
	movePatience   = 60 * time.Second // for an engine to come back elsewhere
	followPatience = 15 * time.Second // for Carpool to notice
	movePause      = 100 * time.Millisecond
)

func (c *cli) takeoverCommand() *cobra.Command {
	var yes, undo bool
	cmd := &cobra.Command{
		Use:   "takeover",
		Short: "Put Carpool on Ollama's own port, so that all apps go through it",
		Long: `Put Carpool on port 11434, where apps look for Ollama, and move Ollama to 11436 or
the next free port. It shows what will change and asks.

Carpool moves an Ollama that it started itself, or that runs as a service of systemd,
where you may change that service. For all others it prints the steps; do them, then
run this again.

When Carpool quits or crashes, a small guard process passes what comes to 11434 on to
Ollama, until Carpool is back. --undo puts everything back as it was.
docs/takeover.md tells more. On Windows this is not built.`,
		Example: `  carpool takeover
  carpool takeover --yes
  carpool takeover --undo`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if undo {
				return c.giveBack(cmd.Context(), yes)
			}
			return c.takeOver(cmd.Context(), yes)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	cmd.Flags().BoolVar(&undo, "undo", false, "put everything back")
	return cmd
}

func (c *cli) takeOver(ctx context.Context, yes bool) error {
	s, err := c.situation(ctx)
	if err != nil {
		return err
	}
	p := takeover.NewPlan(s)
	if err := c.print(planText(p)); err != nil || p.Do == takeover.DoNothing || p.Do == takeover.DoHand {
		return err
	}
	if err := c.consent("Do this?", yes); err != nil {
		return err
	}
	return c.carryOut(ctx, p)
}

func planText(p takeover.Plan) string {
	var b strings.Builder
	for _, s := range p.Says {
		b.WriteString(s + "\n")
	}
	if p.Steps != "" {
		b.WriteString("\n")
		for line := range strings.Lines(p.Steps + "\n") {
			b.WriteString("    " + line)
		}
	}
	return b.String()
}

// situation looks at the port and at who runs Ollama.
func (c *cli) situation(ctx context.Context) (takeover.Situation, error) {
	s := takeover.Situation{System: runtime.GOOS, Root: os.Geteuid() == 0, SystemUnits: systemUnits,
		UserUnits: filepath.Join(xdg.ConfigHome, "systemd", "user")}
	var err error
	if s.Record, err = takeover.Load(c.place.state); err != nil {
		return s, err
	}
	own := net.JoinHostPort("127.0.0.1", strconv.Itoa(takeover.Port))
	if taken(ctx, own) {
		s.Owner = app.Owner(ctx, own)
		s.Ollama = strings.HasPrefix(s.Owner, "Ollama")
		s.Carpool = strings.HasPrefix(s.Owner, "another Carpool")
	}
	if now, _, err := c.snapshot(ctx); err == nil {
		for _, l := range now.Launch {
			s.Started = s.Started || l.Alive() && l.Kind == launch.Ollama
		}
	}
	found := launch.Detect(launch.Ollama)
	s.Service, s.Unit = string(found.Service), found.Unit
	for port := engineFirst; port < engineFirst+20; port++ {
		at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		switch {
		case !taken(ctx, at):
			if s.NewPort == 0 {
				s.NewPort = port
			}
		case s.Moved == "" && strings.HasPrefix(app.Owner(ctx, at), "Ollama"):
			s.Moved = at
		}
	}
	if s.NewPort == 0 {
		return s, fmt.Errorf("no port from %d on is free", engineFirst)
	}
	return s, nil
}

// taken says whether somebody accepts connections there.
func taken(ctx context.Context, addr string) bool {
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// carryOut moves the engine, waits for it, and has the port taken. What was moved
// goes back where it does not come.
func (c *cli) carryOut(ctx context.Context, p takeover.Plan) error {
	r := &takeover.Record{Port: takeover.Port, Engine: p.Engine, Kind: string(launch.Ollama), By: takeover.ByHand}
	back := func() error { return nil }
	var err error
	switch p.Do {
	case takeover.DoUnit:
		r.By, r.Unit = takeover.ByUnit, p.Unit
		err = p.Unit.Move(ctx, p.Engine)
		back = func() error { return p.Unit.Restore(ctx, p.Engine) }
	case takeover.DoRestart:
		r.By = takeover.ByCarpool
		err = c.restartAt(ctx, p.Engine)
		back = func() error { return c.restartAt(ctx, "127.0.0.1:"+strconv.Itoa(takeover.Port)) }
	}
	if err == nil {
		missing := "Ollama does not answer at " + p.Engine
		if p.Do == takeover.DoUnit {
			missing += ": does an EnvironmentFile of its unit set OLLAMA_HOST?"
		}
		err = c.await(ctx, movePatience, missing, func() bool { return answers(ctx, p.Engine) })
	}
	if err == nil {
		err = r.Save(c.place.state)
	}
	if err != nil {
		return errors.Join(err, back())
	}
	return c.take(ctx, r)
}

// take waits for the Carpool that runs to have the port, or starts the guard.
func (c *cli) take(ctx context.Context, r *takeover.Record) error {
	s, _, err := c.snapshot(ctx)
	if err == nil {
		err = c.await(ctx, followPatience, "Carpool did not take the port", func() bool {
			s, _, err = c.snapshot(ctx)
			return err != nil || s.Takeover.Listening
		})
		if err != nil && s.Takeover.Problem != "" {
			err = errors.New(s.Takeover.Problem)
		}
		if err != nil {
			return fmt.Errorf(`%w; "carpool takeover --undo" puts everything back`, err)
		}
		return c.print(fmt.Sprintf("Carpool has port %d; Ollama listens at %s.\n", r.Port, r.Engine))
	}
	socket, err := app.GuardSocket(c.place.state)
	if err == nil {
		err = takeover.Start(ctx, socket, app.GuardCommand(c.place.state))
	}
	if err != nil {
		return fmt.Errorf(`%w; "carpool takeover --undo" puts everything back`, err)
	}
	return c.print(fmt.Sprintf("Port %d leads to Ollama at %s; Carpool takes it when it starts.\n", r.Port, r.Engine))
}

// restartAt has Carpool start its Ollama again with another port.
func (c *cli) restartAt(ctx context.Context, engine string) error {
	_, text, err := net.SplitHostPort(engine)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	s, _, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(s.Launch, func(l launch.State) bool { return l.Kind == launch.Ollama && l.Alive() })
	if i < 0 {
		return errors.New("Carpool does not run Ollama any more") //nolint:staticcheck // a name
	}
	if err := c.running().StopEngine(ctx, s.Launch[i].Name); err != nil {
		return err
	}
	_, err = c.running().StartEngine(ctx, launch.Wanted{Kind: launch.Ollama, Slots: s.Launch[i].Slots, Port: port})
	return err
}

// await looks until done, and fails saying what did not come.
func (c *cli) await(ctx context.Context, patience time.Duration, missing string, done func() bool) error {
	for end := time.Now().Add(patience); !done(); {
		if time.Now().After(end) {
			return errors.New(missing)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(movePause):
		}
	}
	return nil
}

// answers says whether Ollama is there.
func answers(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/api/version", nil)
	if err != nil {
		return false
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }()
	var v struct {
		Version string `json:"version"`
	}
	return json.NewDecoder(io.LimitReader(answer.Body, 1<<16)).Decode(&v) == nil && v.Version != ""
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"carpool/app/config"
	"carpool/app/control"
)

// settingValue is a setting and its value, for --json.
type settingValue struct {
	config.Setting
	Value string `json:"value"`
}

func (c *cli) configCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "config [KEY]",
		Short: "Explain the settings and show their values",
		Long: `Show every setting with its value, default, range and unit, and what it does:
as it is in force in the running Carpool, or else as it stands in the settings
file. With a key, or the beginning of one, show only those.`,
		Example: `  carpool config
  carpool config batching
  carpool config max_batch_size
  carpool config --json
  carpool config path              where the settings file is`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := c.settings(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(all)
			}
			return c.print(settingsText(all))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.AddCommand(&cobra.Command{
		Use:   "path",
		Short: "Print where the settings file is",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return c.print(c.place.config + "\n") },
	})
	return cmd
}

// settings lists those whose key or alias is key or whose key begins with it.
func (c *cli) settings(ctx context.Context, key string) ([]settingValue, error) {
	inForce, err := c.config(ctx)
	if err != nil {
		return nil, err
	}
	one, known := config.Lookup(key)
	var all []settingValue
	for _, s := range config.Settings() {
		if known && s.Key != one.Key || !known && !strings.HasPrefix(s.Key, key) {
			continue
		}
		value, err := inForce.Get(s.Key)
		if err != nil {
			return nil, err
		}
		all = append(all, settingValue{s, value})
	}
	if all == nil {
		_, err := inForce.Get(key) // names the key that may be meant
		return nil, err
	}
	return all, nil
}

// config is what is in force, or, if no Carpool is running, what the file says.
func (c *cli) config(ctx context.Context) (config.Config, error) {
	s, _, err := c.snapshot(ctx)
	if err == nil {
		return s.Config, nil
	}
	if !errors.Is(err, control.ErrNotRunning) {
		return config.Config{}, err
	}
	file, warnings, err := config.Load(c.place.config)
	for _, w := range warnings {
		c.note("%s", w)
	}
	return file.Masked(), err
}

func settingsText(all []settingValue) string {
	var b strings.Builder
	for i, s := range all {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s = %s\n    %s\n    Values: %s. Default: %s.", s.Key, orNone(s.Value), s.Help, s.RangeUnit(), orNone(s.Default))
		if s.Restart {
			b.WriteString(" Takes effect at the next start.")
		}
		if s.Alias != "" {
			b.WriteString(" Also called " + s.Alias + ".")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func orNone(value string) string {
	if value == "" {
		return "(empty)"
	}
	return value
}

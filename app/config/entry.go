package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// entry is a row of the table: a setting, where it lives in Config and what
// else its value must obey. field returns a *bool, *int, *string or *[]string.
type entry struct {
	Setting
	initial any
	field   func(c *Config) any
	check   func(value string) error // text and each item of a list; nil = anything
}

func find(key string) (entry, bool) {
	for _, e := range table {
		if key == e.Key || e.Alias != "" && key == e.Alias {
			return e, true
		}
	}
	return entry{}, false
}

// get returns c's value: a bool, int, string or []string.
func (e entry) get(c *Config) any {
	switch p := e.field(c).(type) {
	case *bool:
		return *p
	case *int:
		return *p
	case *string:
		return *p
	case *[]string:
		return *p
	}
	panic("config: " + e.Key + " has a field of an unknown type")
}

// set stores v, of the type that get returns, after a check.
func (e entry) set(c *Config, v any) error {
	if err := e.verify(v); err != nil {
		return err
	}
	switch p := e.field(c).(type) {
	case *bool:
		*p = v.(bool)
	case *int:
		*p = v.(int)
	case *string:
		*p = v.(string)
	case *[]string:
		*p = slices.Clone(v.([]string))
	}
	return nil
}

// verify says what is wrong with v, or nil.
func (e entry) verify(v any) error {
	switch v := v.(type) {
	case int:
		if v < e.Min || v > e.Max {
			return fmt.Errorf("%d is out of range (%s)", v, e.RangeUnit())
		}
	case string:
		if !utf8.ValidString(v) {
			return fmt.Errorf("%q is not valid UTF-8", v)
		}
		if e.Values != nil && !slices.Contains(e.Values, v) {
			return fmt.Errorf("%q is none of %s", v, e.Range)
		}
		if e.check != nil {
			return e.check(v)
		}
	case []string:
		for _, item := range v {
			if !utf8.ValidString(item) {
				return fmt.Errorf("%q is not valid UTF-8", e.shown(item))
			}
			if err := e.check(item); err != nil {
				return err
			}
		}
	}
	return nil
}

// parse reads a value as With takes it.
func (e entry) parse(value string) (any, error) {
	value = strings.TrimSpace(value)
	switch e.initial.(type) {
	case bool:
		switch strings.ToLower(value) {
		case "true", "on", "yes", "1":
			return true, nil
		case "false", "off", "no", "0":
			return false, nil
		}
		return nil, fmt.Errorf("%q is neither true nor false", value)
	case int:
		n, err := strconv.Atoi(value)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number (%s)", value, e.RangeUnit())
		}
		return n, nil
	case []string:
		items := []string{}
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
		return items, nil
	}
	return value, nil
}

// plain writes a value as With takes it.
func plain(v any) string {
	if items, ok := v.([]string); ok {
		return strings.Join(items, ", ")
	}
	return fmt.Sprint(v)
}

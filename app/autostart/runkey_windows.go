package autostart

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows/registry"
)

const (
	runKey      = `Software\Microsoft\Windows\CurrentVersion\Run`
	approvedKey = `Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run`
	valueName   = "Carpool"
)

func status() (State, error) {
	s := State{Where: `HKEY_CURRENT_USER\` + runKey + `\` + valueName}
	key, err := registry.OpenKey(registry.CURRENT_USER, runKey, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("start at login: %w", err)
	}
	defer func() { _ = key.Close() }()
	command, _, err := key.GetStringValue(valueName)
	if errors.Is(err, registry.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("start at login: %w", err)
	}
	s.Program = programOf(command)
	s.On, s.Missing = approvedNow(), !exists(s.Program)
	return s, nil
}

func approvedNow() bool {
	key, err := registry.OpenKey(registry.CURRENT_USER, approvedKey, registry.QUERY_VALUE)
	if err != nil {
		return true // the list is made when something is switched off
	}
	defer func() { _ = key.Close() }()
	value, _, err := key.GetBinaryValue(valueName)
	return err != nil || approved(value)
}

func enable(e Entry) error {
	key, _, err := registry.CreateKey(registry.CURRENT_USER, runKey, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("start at login: %w", err)
	}
	defer func() { _ = key.Close() }()
	if err := key.SetStringValue(valueName, RunCommand(e)); err != nil {
		return fmt.Errorf("start at login: %w", err)
	}
	return forget(approvedKey)
}

func disable() error { return errors.Join(forget(runKey), forget(approvedKey)) }

// forget takes Carpool's value out of a key.
func forget(path string) error {
	key, err := registry.OpenKey(registry.CURRENT_USER, path, registry.SET_VALUE)
	if err == nil {
		defer func() { _ = key.Close() }()
		err = key.DeleteValue(valueName)
	}
	if err != nil && !errors.Is(err, registry.ErrNotExist) {
		return fmt.Errorf("start at login: %w", err)
	}
	return nil
}

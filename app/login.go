package app

import "carpool/app/autostart"

// Autostart is whether Carpool starts at login.
type Autostart = autostart.State

// StartsHidden says that the window is to wait in the tray until it is asked for.
func (a *App) StartsHidden() bool { return a.options.Hidden }

// Autostart reads from the system whether Carpool starts at login.
func (a *App) Autostart() (Autostart, error) { return autostart.Status() }

// SetAutostart has Carpool start at login, with the files of this one, or not.
func (a *App) SetAutostart(on bool) error {
	if !on {
		return autostart.Disable()
	}
	entry, err := autostart.Own(a.options.LoginArgs...)
	if err != nil {
		return err
	}
	return autostart.Enable(entry)
}

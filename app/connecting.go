package app

import (
	"carpool/app/connect"
	"carpool/backends"
)

// ConnectGuides are how the usual apps are pointed at this Carpool, with a model
// that the preferred engine has.
func (a *App) ConnectGuides() []ConnectGuide {
	return connect.Guides("http://"+a.address(), SomeModel(a.engines.Snapshot()))
}

// SomeModel is one to name in an example: of the preferred engine a loaded one, else the
// first; "" = there is none.
func SomeModel(engines []backends.Info) string {
	e, ok := active(engines)
	if !ok || len(e.Models) == 0 {
		return ""
	}
	for _, m := range e.Models {
		if m.Loaded {
			return m.Name
		}
	}
	return e.Models[0].Name
}

package app

import "carpool/app/connect"

// ConnectGuides are how the usual apps are pointed at this Carpool, with a model
// that the preferred engine has.
func (a *App) ConnectGuides() []ConnectGuide {
	return connect.Guides("http://"+a.address(), a.someModel())
}

// someModel is one to name in an example: a loaded one, else the first; "" = there is
// none.
func (a *App) someModel() string {
	e, ok := active(a.engines.Snapshot())
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

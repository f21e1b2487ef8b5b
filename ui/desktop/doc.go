// Package desktop opens Carpool's window and tray: the only place that needs a
// display and graphics libraries. Built with the tag headless it needs neither
// and says so.
package desktop

// Package launch runs engines: it finds their programs, decides how to start
// them, starts them, watches them, starts them again, and leaves nothing behind.
// For engines that others run it says, step by step, what to change for more
// slots.
//
// NewPlan, GuideFor and what reads an engine's log are pure. A Supervisor owns
// every process that it starts: when its Run returns, none is left, and where it
// is killed itself, its engines end within seconds. It never asks an engine
// anything; whether one answers as it should is the registry's to find out.
package launch

package cli

import (
	"log"
	"log/slog"
	"os"
	"path/filepath"

	"gopkg.in/natefinch/lumberjack.v2"
)

// runLog is the log of a Carpool that runs: a rotating file in the state folder,
// mode 0600. The file is opened with the first line, so a second start that
// finds the lock taken does not touch it.
type runLog struct {
	logger *slog.Logger
	level  *slog.LevelVar
	path   string
	file   *lumberjack.Logger
}

func newLog(stateDir string) runLog {
	l := runLog{level: new(slog.LevelVar), path: filepath.Join(stateDir, "carpool.log")}
	l.file = &lumberjack.Logger{Filename: l.path, MaxSize: 10 /* MiB */, MaxBackups: 2}
	l.logger = slog.New(slog.NewTextHandler(l.file, &slog.HandlerOptions{Level: l.level}))
	return l
}

// takeOthers puts into the log what libraries tell Go's own, such as Fyne that no
// program of the desktop shows notifications, until undo: whoever started Carpool
// in a terminal could not tell whether it matters.
func (l runLog) takeOthers() (undo func()) {
	flags := log.Flags()
	log.SetFlags(0) // the log has the time
	log.SetOutput(slog.NewLogLogger(l.logger.Handler(), slog.LevelWarn).Writer())
	return func() {
		log.SetFlags(flags)
		log.SetOutput(os.Stderr)
	}
}

func (l runLog) close() error { return l.file.Close() }

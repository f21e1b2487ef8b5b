package config

import "fmt"

// migrate brings a file of an older version to the present one, after a copy to
// *.v<version>.bak.
func migrate(path string, text []byte, d document) error {
	if err := replace(fmt.Sprintf("%s.v%d.bak", path, d.version), text); err != nil {
		return err
	}
	upgraded, _, err := revise(path, upgrade(text, d), d.config)
	if err != nil {
		return fmt.Errorf("migrate settings: %w", err)
	}
	return write(path, upgraded)
}

// upgrade takes out of the text what the present version has no place for.
//
// Version 0 names no version and may use the reference's names at the top
// level (enable_batching, max_batch_size, max_batch_wait_ms), which now have a
// section.
func upgrade(text []byte, d document) []byte {
	var changes []splice
	for _, p := range d.values {
		if e, ok := find(p.key()); ok && p.key() == e.Alias {
			changes = append(changes, splice{p.start, p.end, ""})
		}
	}
	return apply(text, changes)
}

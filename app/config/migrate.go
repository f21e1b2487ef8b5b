package config

import "fmt"

// migrate brings a file of an older version to the present one, after a copy to
// *.v<version>.bak.
//
// Version 0 names no version and may use the reference's names at the top
// level (enable_batching, max_batch_size, max_batch_wait_ms); they move into
// their section.
func migrate(path string, text []byte, d document) error {
	if err := replace(fmt.Sprintf("%s.v%d.bak", path, d.version), text); err != nil {
		return err
	}
	var old []splice
	for _, p := range d.values {
		if e, ok := find(p.key()); ok && p.key() == e.Alias {
			old = append(old, splice{p.start, p.end, ""})
		}
		if p.key() == "version" {
			old = append(old, splice{p.nameEnd, p.end, fmt.Sprintf(" = %d", Version)})
		}
	}
	without := apply(text, old)
	rest, err := decode(path, without)
	if err != nil {
		return fmt.Errorf("migrate settings: %w", err)
	}
	moved := edit(without, rest, d.config)
	if got, err := decode(path, moved); err != nil || !got.config.Equal(d.config) {
		moved = render(d.config)
	}
	return write(path, moved)
}

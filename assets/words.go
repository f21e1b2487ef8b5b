package assets

import (
	"embed"
	"path"
	"strings"
)

//go:embed translations/*.json
var translations embed.FS

// Languages are those that there is a file of, in the order of their tags. English
// has none: it is what the files translate.
func Languages() []string {
	files, err := translations.ReadDir("translations")
	if err != nil {
		panic(err)
	}
	var all []string
	for _, f := range files {
		all = append(all, strings.TrimSuffix(f.Name(), path.Ext(f.Name())))
	}
	return all
}

// Translation is the file of one of Languages, as go-i18n reads it. It panics for
// another.
func Translation(language string) []byte {
	b, err := translations.ReadFile("translations/" + language + ".json")
	if err != nil {
		panic(err)
	}
	return b
}

// Chinese and ChineseBold have the 3,755 most used Chinese characters and those of
// the translation, for machines without a font of them. subset.sh makes them.
var (
	//go:embed fonts/NotoSansSC-Regular.otf
	Chinese []byte
	//go:embed fonts/NotoSansSC-Bold.otf
	ChineseBold []byte
)

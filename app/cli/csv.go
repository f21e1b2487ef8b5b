package cli

import (
	"encoding/csv"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

func (c *cli) printCSV(rows [][]string) error {
	var b strings.Builder
	if err := csv.NewWriter(&b).WriteAll(rows); err != nil {
		return err
	}
	return c.print(b.String())
}

// csvRows is a header and one row for each struct, with the columns of its JSON
// form. Texts that a spreadsheet would run as a formula are made harmless.
func csvRows[T any](structs []T) [][]string {
	t := reflect.TypeFor[T]()
	header := make([]string, t.NumField())
	for i := range header {
		header[i], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
	}
	rows := [][]string{header}
	for _, s := range structs {
		v := reflect.ValueOf(s)
		row := make([]string, v.NumField())
		for i := range row {
			row[i] = csvField(v.Field(i))
		}
		rows = append(rows, row)
	}
	return rows
}

func csvField(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	switch value := v.Interface().(type) {
	case time.Time:
		return value.Format(time.RFC3339Nano)
	case time.Duration:
		return strconv.FormatInt(int64(value), 10) // nanoseconds, as in JSON
	case string:
		if value != "" && strings.ContainsRune("=+-@\t\r", rune(value[0])) {
			return "'" + value
		}
		return value
	default:
		return fmt.Sprint(value)
	}
}

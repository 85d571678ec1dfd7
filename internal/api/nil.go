package api

import (
	"encoding/json"
	"reflect"
	"time"
)

// fillNil makes nil lists and maps in an answer empty ones, so that clients
// get [] and {} where the schema promises a list or an object. It follows only
// what the answer itself holds: no pointers, which may lead to shared data.
func fillNil(v any) {
	p := reflect.ValueOf(v)
	if p.Kind() == reflect.Pointer && p.Elem().Kind() == reflect.Struct {
		fill(p.Elem())
	}
}

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for _, field := range v.Fields() {
			if field.CanSet() {
				fill(field)
			}
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() || v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
			return
		}
		if kind := v.Type().Elem().Kind(); kind != reflect.Struct && kind != reflect.Slice {
			return
		}
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	}
}

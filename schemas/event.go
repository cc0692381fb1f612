package schemas

// EventDetail says which event a record becomes on EventBridge: its
// detail-type, and its detail, which is the record as JSON behind the event's
// id. The same record always gives the same bytes. ok is false for a record
// that is no event.
func EventDetail(_ string, value any) (detailType string, detail []byte, ok bool, err error) {
	switch record := value.(type) {
	case *Order:
		detail, err = detailJSON(record.EventID, record)
		return record.EventType, detail, true, err
	}
	return "", nil, false, nil
}

// detailJSON puts the id, by which consumers drop repeats, before the record's fields.
func detailJSON(id string, record any) ([]byte, error) {
	prefix, err := AppendJSON([]byte(`{"id":`), id)
	if err != nil {
		return nil, err
	}
	fields, err := AppendJSON(nil, record)
	if err != nil {
		return nil, err
	}
	return append(append(prefix, ','), fields[1:]...), nil
}

package parts

import "testing"

func TestMissingPartsFailWhereTheyAreRequired(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		env  map[string]string
		want bool
	}{
		{"on a developer's machine", nil, false},
		{"in make integration", map[string]string{"SELLERSTREAM_INTEGRATION": "1"}, true},
		{"in CI", map[string]string{"CI": "true"}, true},
		{"in CI's make test", map[string]string{"SELLERSTREAM_INTEGRATION": "0", "CI": "true"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := required(func(name string) string { return test.env[name] }); got != test.want {
				t.Errorf("required = %v, want %v", got, test.want)
			}
		})
	}
}

// TestDockerIsReportedNotPanicked holds whether or not this machine has Docker.
func TestDockerIsReportedNotPanicked(t *testing.T) {
	t.Parallel()
	host, err := dockerHost(t.Context())
	if (host == "") != (err != nil) {
		t.Errorf("dockerHost = %q, %v: want either a host or a reason", host, err)
	}
}

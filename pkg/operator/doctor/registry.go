package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	neturl "net/url"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
)

const (
	checkSchemas    = "schemas"
	checkLevels     = "compatibility"
	checkLatest     = "latest versions"
	registryTimeout = 15 * time.Second
)

// registry examines the schema registry. One question for all subjects also
// shows whether it can be reached.
func (d *doctor) registry(ctx context.Context) *exam {
	e := &exam{part: partRegistry}
	defer d.tell(e)
	var subjects []registry.Subject
	e.check(ctx, checkReachable, nil, func(ctx context.Context) Finding {
		ctx, cancel := context.WithTimeout(ctx, registryTimeout)
		defer cancel()
		options, err := d.Parts.Registry(ctx)
		if err == nil {
			subjects, err = registry.Check(ctx, registry.Config{Client: options, Prefix: d.Config.Prefix})
		}
		if err != nil {
			return registryFault(d.Config.Registry.URL, err)
		}
		return good("%s", d.Config.Registry.URL)
	})
	e.check(ctx, checkSchemas, []string{checkReachable}, func(context.Context) Finding {
		return d.standing(subjects)
	})
	e.check(ctx, checkLevels, []string{checkReachable}, func(ctx context.Context) Finding {
		ctx, cancel := context.WithTimeout(ctx, registryTimeout)
		defer cancel()
		options, err := d.Parts.Registry(ctx)
		if err != nil {
			return registryFault(d.Config.Registry.URL, err)
		}
		levels, err := registry.Compatibilities(ctx, registry.Config{Client: options, Prefix: d.Config.Prefix})
		if err != nil {
			return registryFault(d.Config.Registry.URL, err)
		}
		return levelsOf(slices.DeleteFunc(levels, func(l registry.Compatibility) bool {
			// The level is set with the subject's first registration.
			return d.Config.Registry.Register && slices.ContainsFunc(subjects, func(s registry.Subject) bool {
				return s.Name == l.Subject && s.Standing == registry.Absent
			})
		}))
	})
	e.check(ctx, checkLatest, []string{checkReachable}, func(ctx context.Context) Finding {
		ctx, cancel := context.WithTimeout(ctx, registryTimeout)
		defer cancel()
		options, err := d.Parts.Registry(ctx)
		if err != nil {
			return registryFault(d.Config.Registry.URL, err)
		}
		smaller, err := registry.SmallerVersions(ctx, registry.Config{Client: options, Prefix: d.Config.Prefix})
		if err != nil {
			return registryFault(d.Config.Registry.URL, err)
		}
		return latestOf(smaller)
	})
	return e
}

// latestOf sums up the latest versions of subjects that others write.
func latestOf(smaller []registry.Smaller) Finding {
	var lacking []string
	for _, s := range smaller {
		lacking = append(lacking, fmt.Sprintf("version %d of %s lacks %s", s.Version, s.Subject, strings.Join(s.Lacks, ", ")))
	}
	if len(lacking) > 0 {
		return warn(few(lacking), "another producer has registered its own schema, and producers that take the latest version lose these fields",
			registry.SmallerRemedy).at("registry")
	}
	return good("the latest versions have all fields of this version's schemas")
}

// levelsOf sums up what the registry demands of the schemas that others register.
func levelsOf(levels []registry.Compatibility) Finding {
	var open []string
	for _, l := range levels {
		switch {
		case l.Err != nil:
			open = append(open, l.Subject+" ("+oneLine(l.Err.Error())+")")
		case !l.Protects():
			open = append(open, l.Subject+" ("+l.Level+")")
		}
	}
	if len(open) > 0 {
		return warn(few(open), "a producer could register a schema there whose records cannot be read, and become dead letters",
			"set "+registry.WantedCompatibility+" at the registry for each, by PUT /config/SUBJECT").at("registry")
	}
	return good("%d subjects that others write take only schemas that can be read", len(levels))
}

func registryFault(url string, err error) Finding {
	var answer *sr.ResponseError
	if errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden) {
		return fail(oneLine(err.Error()), "the schema registry refuses our credentials", "write registry.username and registry.password as the registry knows them").at("registry")
	}
	if errors.As(err, &answer) {
		return fail(oneLine(err.Error()), "what answers at "+url+" is no schema registry with Confluent's API, or it is ill", "correct the URL, path included").at("registry.url")
	}
	var lost *neturl.Error
	if errors.As(err, &lost) {
		err = lost.Err // without the address, which the cause names
	}
	return fail(oneLine(err.Error()), "the schema registry at "+url+" does not answer", "start it, or correct its URL and credentials").at("registry.url")
}

// standing sums up how our schemas stand.
func (d *doctor) standing(subjects []registry.Subject) Finding {
	names := map[registry.Standing][]string{}
	reason := ""
	for _, s := range subjects {
		names[s.Standing] = append(names[s.Standing], s.Name)
		if s.Reason != "" && reason == "" {
			reason = ": " + oneLine(s.Reason)
		}
	}
	missing := len(names[registry.Absent]) + len(names[registry.Acceptable])
	found := fmt.Sprintf("%d of %d are not registered: %s", missing, len(subjects), few(append(names[registry.Absent], names[registry.Acceptable]...)))
	switch {
	case len(names[registry.Incompatible]) > 0:
		return fail(few(names[registry.Incompatible])+reason, "the subjects hold schemas that this version's are not compatible with",
			"run the version that wrote them, or set another prefix").at("prefix")
	case missing > 0 && !d.Config.Registry.Register:
		return fail(found, "registry.register is false, and this version's schemas are not there", "start once with registry.register: true, or register what `sellerstream encode --topic TOPIC --schema` prints for each topic").at("registry.register")
	case missing > 0:
		return warn(found, "no pipeline of this version has run here yet", "nothing: `sellerstream run` registers them")
	}
	return good("all %d are registered", len(subjects))
}

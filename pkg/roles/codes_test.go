package roles

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
)

// code is the form of a reason.
var code = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// TestEachReasonIsDescribed: a reason that a role's code has and its description has
// not would be counted as "other", and nobody would be told what to do; one that only
// the description has is of the past.
func TestEachReasonIsDescribed(t *testing.T) {
	t.Parallel()
	runtime := sources(t, "../runtime/stream", "../runtime/machine", "../platform/kafka/kclient", "../../schemas")
	accepts := sources(t, "../runtime/machine").reasons
	if got := codes(slices.Concat(machine.Reasons(), machine.SubjectReasons())); !same(got, accepts) {
		t.Errorf("pkg/runtime/machine sets aside for %v and describes %v", accepts, got)
	}
	for _, r := range All() {
		folder := map[string]string{"bridge": "bridge/sqs", "events": "bridge/eventbridge", "subscriptions": "bridge/subscriptions"}[r.Name]
		if folder == "" {
			folder = "processors/" + r.Name
		}
		own := sources(t, "../../"+folder)
		described := map[string]bool{}
		for _, reason := range r.Reasons {
			described[reason.Code] = true
			if !own.literals[reason.Code] && !runtime.literals[reason.Code] {
				t.Errorf("role %s describes the reason %s, which its code does not have", r.Name, reason.Code)
			}
		}
		for _, found := range own.reasons {
			if !described[found] {
				t.Errorf("%s writes dead letters of reason %q: describe it in %s/role.go", folder, found, folder)
			}
		}
		for _, found := range sources(t, "../runtime/stream").reasons {
			if len(r.State) > 0 && !described[found] {
				t.Errorf("the runtime writes dead letters of reason %q: describe it in pkg/runtime/stream/reasons.go", found)
			}
		}
		if len(r.Reasons) > 0 && len(own.reasons) == 0 {
			t.Errorf("%s: no reason was found: the search no longer fits the source", folder)
		}
		for _, kind := range own.alerts {
			if !slices.Contains(r.Alerts, kind) {
				t.Errorf("%s writes alerts of type %q: describe it in %s/role.go", folder, kind, folder)
			}
		}
		for _, found := range own.givesUp {
			if !slices.Contains(r.GivesUp, found) {
				t.Errorf("%s gives up with the code %q: describe it in %s/role.go", folder, found, folder)
			}
		}
	}
}

func codes(reasons []role.Reason) (codes []string) {
	for _, reason := range reasons {
		codes = append(codes, reason.Code)
	}
	return codes
}

// source is what the code of some folders has, except their descriptions.
type source struct {
	literals                 map[string]bool // of the form of a reason
	reasons, alerts, givesUp []string
}

func sources(t *testing.T, folders ...string) *source {
	t.Helper()
	s := &source{literals: map[string]bool{}}
	for _, folder := range folders {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", folder, err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "/role.go") || strings.HasSuffix(path, "/reasons.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, s.visit)
		}
	}
	return s
}

// visit finds the codes by where they stand: in a call that sets something aside, in a
// field Reason, in a pair of results whose second is for a person, or as a
// constant that is named after what it is.
func (s *source) visit(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.BasicLit:
		if text, ok := literal(n); ok && code.MatchString(text) {
			s.literals[text] = true
		}
	case *ast.CallExpr:
		switch name := called(n); {
		case name == "Reject" && len(n.Args) == 3:
			s.take(&s.reasons, n.Args[1])
		case name == "SetAside" && len(n.Args) == 4:
			s.take(&s.reasons, n.Args[2])
		case name == "unknown" && len(n.Args) == 2:
			s.take(&s.givesUp, n.Args[0])
		}
	case *ast.KeyValueExpr:
		switch key, _ := n.Key.(*ast.Ident); {
		case key == nil:
		case key.Name == "Reason":
			s.take(&s.reasons, n.Value)
		case key.Name == "code":
			s.take(&s.givesUp, n.Value)
		}
	case *ast.ReturnStmt:
		if len(n.Results) == 2 && isText(n.Results[1]) {
			s.take(&s.reasons, n.Results[0])
		}
	case *ast.ValueSpec:
		s.constant(n)
	}
	return true
}

// take adds a code, be it of a reason or of an outcome, to its list.
func (s *source) take(list *[]string, e ast.Expr) {
	if text, ok := literal(e); ok && code.MatchString(text) {
		*list = append(*list, text)
	}
}

func (s *source) constant(n *ast.ValueSpec) {
	for i, value := range n.Values {
		text, ok := literal(value)
		switch name := strings.ToLower(n.Names[i].Name); {
		case !ok:
		case strings.HasPrefix(name, "reason"):
			s.take(&s.reasons, value)
		case strings.HasPrefix(name, "code") && text != "already_fulfilled": // by which nothing is given up
			s.take(&s.givesUp, value)
		case strings.HasPrefix(name, "alert") && strings.ToUpper(text[:1]) == text[:1]:
			s.alerts = append(s.alerts, text)
		}
	}
}

// isText reports whether an expression is a text, or makes one.
func isText(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING && strings.Contains(e.Value, " ")
	case *ast.BinaryExpr:
		return isText(e.X) || isText(e.Y)
	case *ast.CallExpr:
		return called(e) == "Sprintf"
	}
	return false
}

func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil && text != ""
}

package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// expression is a filter expression: the part of CEL that compares fields of a
// notification's payload with texts, with has(), !, && and || and parentheses.
// It fails on a field that is not there, as CEL does.
type expression func(payload any) (bool, error)

// maxExpression is how long an expression may be, in characters.
const maxExpression = 256

var tokenText = regexp.MustCompile(`^\s*(?:(&&|\|\||==|!=|[!()])|'([^'\\]*)'|([A-Za-z_][A-Za-z_0-9.]*))`)

// compile reads an expression.
func compile(text string) (expression, error) {
	if len(text) == 0 || len(text) > maxExpression {
		return nil, fmt.Errorf("the filterExpression must have 1 to %d characters", maxExpression)
	}
	p := &parser{}
	for rest := text; strings.TrimSpace(rest) != ""; {
		found := tokenText.FindStringSubmatch(rest)
		if found == nil {
			return nil, fmt.Errorf("the filterExpression is not supported from %.20q on", rest)
		}
		p.tokens = append(p.tokens, token{operator: found[1], literal: found[2], path: found[3]})
		rest = rest[len(found[0]):]
	}
	read := p.chain("||", func() expression { return p.chain("&&", p.term) })
	if p.broken || len(p.tokens) > 0 {
		return nil, errors.New("the filterExpression cannot be read")
	}
	return read, nil
}

type token struct{ operator, literal, path string }

// parser consumes tokens. Once something is not as expected, it is broken.
type parser struct {
	tokens []token
	broken bool
}

func (p *parser) take(operator string) bool {
	if len(p.tokens) == 0 || p.tokens[0].operator != operator || operator == "" {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *parser) need(operator string) { p.broken = !p.take(operator) || p.broken }

// next takes a path or a literal.
func (p *parser) next() (t token) {
	if len(p.tokens) == 0 || p.tokens[0].operator != "" {
		p.broken = true
		return t
	}
	t, p.tokens = p.tokens[0], p.tokens[1:]
	return t
}

// chain reads operands with one operator between them.
func (p *parser) chain(operator string, operand func() expression) expression {
	terms := []expression{operand()}
	for p.take(operator) {
		terms = append(terms, operand())
	}
	decided := operator == "||" // the value of a term that ends the chain
	return func(payload any) (bool, error) {
		var first error // counts only where no other term decides
		for _, term := range terms {
			is, err := term(payload)
			if err == nil && is == decided {
				return decided, nil
			}
			first = errors.Join(first, err)
		}
		return !decided && first == nil, first
	}
}

func (p *parser) term() expression {
	switch {
	case p.broken:
		return nil
	case p.take("!"):
		term := p.term()
		return func(payload any) (bool, error) {
			is, err := term(payload)
			return !is, err
		}
	case p.take("("):
		inner := p.chain("||", func() expression { return p.chain("&&", p.term) })
		p.need(")")
		return inner
	}
	left := p.next()
	if left.path == "has" {
		p.need("(")
		field := p.next().path
		p.need(")")
		return func(payload any) (bool, error) {
			_, err := lookup(payload, field)
			return err == nil, nil
		}
	}
	equal := p.take("==")
	if !equal {
		p.need("!=")
	}
	right := p.next()
	if left.path == "" || right.path != "" {
		p.broken = true
	}
	return func(payload any) (bool, error) {
		value, err := lookup(payload, left.path)
		return (value == right.literal) == equal, err
	}
}

// lookup finds a field below the payload.
func lookup(payload any, path string) (any, error) {
	for name := range strings.SplitSeq(path, ".") {
		fields, _ := payload.(map[string]any)
		value, ok := fields[name]
		if !ok {
			return nil, fmt.Errorf("no such field: %s", name)
		}
		payload = value
	}
	return payload, nil
}

// matches reports whether a notification passes an expression.
func (e expression) matches(body []byte) bool {
	var n struct{ Payload any }
	if json.Unmarshal(body, &n) != nil {
		return false
	}
	is, err := e(n.Payload)
	return err == nil && is
}

package rules

import (
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
)

// spans finds the source text of each node of a parsed expression: expr keeps only where a node's operator or
// name stands.
type spans struct {
	tokens []lexer.Token
	at     map[int]int // index of the token that begins at a character
	match  map[int]int // of brackets, both ways
}

func newSpans(source string) *spans {
	s := &spans{at: map[int]int{}, match: map[int]int{}}
	tokens, err := lexer.Lex(file.NewSource(source))
	if err != nil {
		return s
	}
	var open []int
	for _, t := range tokens {
		if t.Kind == lexer.EOF {
			continue
		}
		i := len(s.tokens)
		s.tokens = append(s.tokens, t)
		s.at[t.From] = i
		if t.Kind != lexer.Bracket {
			continue
		}
		if strings.Contains("([{", t.Value) {
			open = append(open, i)
		} else if len(open) > 0 {
			s.match[i], s.match[open[len(open)-1]] = open[len(open)-1], i
			open = open[:len(open)-1]
		}
	}
	return s
}

// of is where a node's text begins and ends, in characters; parentheses around it are not part of it.
func (s *spans) of(n ast.Node) (from, to int) {
	i, j := s.tokensOf(n)
	if i < 0 || j >= len(s.tokens) || j < i {
		loc := n.Location()
		return loc.From, max(loc.From, loc.To)
	}
	return s.tokens[i].From, s.tokens[j].To
}

// tokensOf is the first and the last token of a node.
func (s *spans) tokensOf(n ast.Node) (int, int) {
	own, ok := s.at[n.Location().From]
	if !ok {
		own = -1
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		i, j := s.around(n.Node)
		if own >= 0 && own < i {
			i = own
		} else if i > 0 && s.tokens[i-1].Value == "not" {
			i--
		}
		return i, j
	case *ast.BinaryNode:
		i, _ := s.around(n.Left)
		_, j := s.around(n.Right)
		return i, j
	case *ast.ConditionalNode:
		i, _ := s.around(n.Cond)
		_, j := s.around(n.Exp2)
		return i, j
	case *ast.ChainNode:
		return s.tokensOf(n.Node)
	case *ast.PredicateNode:
		return s.around(n.Node)
	case *ast.MemberNode:
		i, _ := s.around(n.Node)
		return i, s.closing(own)
	case *ast.SliceNode:
		i, _ := s.around(n.Node)
		return i, s.closing(own)
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.MemberNode); ok {
			i, _ := s.around(callee.Node)
			return i, s.call(own)
		}
		return own, s.call(own)
	case *ast.BuiltinNode:
		return own, s.call(own)
	case *ast.PointerNode:
		if n.Name != "" && own >= 0 {
			return own, own + 1
		}
		return own, own
	default:
		return own, s.closing(own)
	}
}

// around is tokensOf with the parentheses that a person put around the node.
func (s *spans) around(n ast.Node) (int, int) {
	i, j := s.tokensOf(n)
	for i > 0 && j+1 < len(s.tokens) && s.tokens[i-1].Value == "(" && s.tokens[i-1].Kind == lexer.Bracket {
		if m, ok := s.match[i-1]; !ok || m != j+1 {
			break
		}
		if i > 1 && s.tokens[i-2].Kind == lexer.Identifier { // the parentheses of a call
			break
		}
		i, j = i-1, j+1
	}
	return i, j
}

// closing is the bracket that closes token i, or i where it opens none.
func (s *spans) closing(i int) int {
	if m, ok := s.match[i]; ok && m > i {
		return m
	}
	return i
}

// call is the closing parenthesis of the call whose name is token i.
func (s *spans) call(i int) int {
	if i >= 0 && i+1 < len(s.tokens) && s.tokens[i+1].Value == "(" {
		return s.closing(i + 1)
	}
	return i
}

// pathOf is a dotted word (order.status, event.previous.status) as its names, nil for anything else.
func pathOf(n ast.Node) []string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return []string{n.Value}
	case *ast.MemberNode:
		name, ok := n.Property.(*ast.StringNode)
		if !ok || n.Method || n.Optional {
			return nil
		}
		if before := pathOf(n.Node); before != nil {
			return append(before, name.Value)
		}
	}
	return nil
}

func dotted(path []string) string { return strings.Join(path, ".") }

func splitDots(path string) []string { return strings.Split(path, ".") }

// operands are the parts of a chain of `and`, nested ones included.
func operands(n ast.Node) []ast.Node {
	if b, ok := n.(*ast.BinaryNode); ok && isAnd(b) {
		return append(operands(b.Left), operands(b.Right)...)
	}
	return []ast.Node{n}
}

func isAnd(b *ast.BinaryNode) bool { return b.Operator == "and" || b.Operator == "&&" }
func isOr(b *ast.BinaryNode) bool  { return b.Operator == "or" || b.Operator == "||" }

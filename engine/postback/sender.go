package postback

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// ParseProxies reads the setting trusted_proxies: addresses and networks ("10.0.0.0/8").
func ParseProxies(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		s = strings.TrimSpace(s)
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, addressErr := netip.ParseAddr(s)
			if addressErr != nil || a.Zone() != "" {
				return nil, fmt.Errorf("trusted_proxies: %q is neither an address nor a network", s)
			}
			a = a.Unmap()
			p = netip.PrefixFrom(a, a.BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// sender is who sent a request: the peer, or, as long as the peer is a trusted proxy, who it says it speaks for.
// X-Forwarded-For is read from the right, since what stands to the left of the first stranger is that stranger's word.
func (r *Receiver) sender(q *http.Request) netip.Addr {
	peer := addressOf(q.RemoteAddr)
	if !r.trusted(peer) {
		return peer
	}
	lines := q.Header["X-Forwarded-For"]
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			hop := rest
			if at := strings.LastIndexByte(rest, ','); at >= 0 {
				hop, rest = rest[at+1:], rest[:at]
			} else {
				more = false
			}
			a := addressOf(strings.TrimSpace(hop))
			if !a.IsValid() {
				return peer // the proxy wrote no address: what stands left of it is not believed
			}
			peer = a
			if hops++; hops == hopsMax || !r.trusted(a) {
				return a
			}
		}
	}
	return peer
}

func (r *Receiver) trusted(a netip.Addr) bool {
	for _, p := range r.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// addressOf reads an address with or without a port; the zero one where it is neither (a Unix socket).
func addressOf(s string) netip.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap().WithZone("")
	}
	return netip.Addr{}
}

// network is what counts as one sender: an IPv4 address, or an IPv6 /64, which one host has to itself.
func network(a netip.Addr) netip.Addr {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

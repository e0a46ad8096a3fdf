package kite

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func benchBody(b *testing.B) []byte {
	b.Helper()
	raw, err := os.ReadFile("testdata/updates/postback_complete_market.txt")
	if err != nil {
		b.Fatal(err)
	}
	_, body, _ := strings.Cut(string(raw), "\n---\n")
	return []byte(strings.Replace(body, strings.Repeat("c", 64), Checksum(signedID, signedAt, signedSecret), 1))
}

func BenchmarkVerify(b *testing.B) {
	body := benchBody(b)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(body, signedSecret); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodePostback(b *testing.B) {
	body := benchBody(b)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodePostback(body, tested); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyAndDecodePostback(b *testing.B) {
	body := benchBody(b)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(body, signedSecret); err != nil {
			b.Fatal(err)
		}
		if _, err := DecodePostback(body, tested); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeBookOf1000(b *testing.B) {
	row := benchBody(b)
	book := fmt.Appendf(nil, `{"status":"success","data":[%s]}`, strings.TrimSuffix(strings.Repeat(string(row)+",", 1000), ","))
	b.SetBytes(int64(len(book)))
	b.ReportAllocs()
	for b.Loop() {
		rows, bad, err := DecodeBook(book, began, tested)
		if err != nil || len(bad) > 0 || len(rows) != 1000 {
			b.Fatal(len(rows), bad, err)
		}
	}
}

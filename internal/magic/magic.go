// Package magic tells the format of a file by its first bytes.
//
// It defends from uploads that are called one thing and are another: a program
// sent as a picture, a page with scripts sent as text. It knows the formats that
// are uploaded and those that do harm. What begins like a picture may still hold
// something else behind: the first bytes can refute a claim, never prove one.
package magic

import (
	"bytes"
	"strings"
)

// Unknown is what [Of] returns for bytes that it does not know.
const Unknown = ""

// signature is a format and how its files begin.
type signature struct {
	mediaType string
	offset    int
	bytes     string
	also      string // at offset 8, for containers that say there what is in them
}

// signatures stand with the longer before the shorter of a common beginning. The
// media types are those of the IANA registry, or what is in use where it has none.
var signatures = []signature{
	{"image/png", 0, "\x89PNG\r\n\x1A\n", ""},
	{"image/jpeg", 0, "\xFF\xD8\xFF", ""},
	{"image/gif", 0, "GIF87a", ""},
	{"image/gif", 0, "GIF89a", ""},
	{"image/webp", 0, "RIFF", "WEBP"},
	{"audio/wav", 0, "RIFF", "WAVE"},
	{"video/x-msvideo", 0, "RIFF", "AVI "},
	{"image/avif", 4, "ftypavif", ""},
	{"image/heic", 4, "ftyphei", ""},
	{"image/heic", 4, "ftypmif1", ""},
	{"video/quicktime", 4, "ftypqt  ", ""},
	{"audio/mp4", 4, "ftypM4A", ""},
	{"video/3gpp", 4, "ftyp3g", ""},
	{"video/mp4", 4, "ftyp", ""},
	{"image/tiff", 0, "II*\x00", ""},
	{"image/tiff", 0, "MM\x00*", ""},
	{"image/jxl", 0, "\x00\x00\x00\x0CJXL \r\n\x87\n", ""},
	{"image/vnd.adobe.photoshop", 0, "8BPS", ""},
	{"image/x-icon", 0, "\x00\x00\x01\x00", ""},
	{"image/bmp", 0, "BM", ""},
	{"application/pdf", 0, "%PDF-", ""},
	{"application/postscript", 0, "%!PS", ""},
	{"application/rtf", 0, `{\rtf`, ""},
	{"application/zip", 0, "PK\x03\x04", ""},
	{"application/zip", 0, "PK\x05\x06", ""},
	{"application/gzip", 0, "\x1F\x8B", ""},
	{"application/x-bzip2", 0, "BZh", ""},
	{"application/x-xz", 0, "\xFD7zXZ\x00", ""},
	{"application/zstd", 0, "\x28\xB5\x2F\xFD", ""},
	{"application/x-7z-compressed", 0, "7z\xBC\xAF\x27\x1C", ""},
	{"application/vnd.rar", 0, "Rar!\x1A\x07", ""},
	{"application/x-tar", 257, "ustar", ""},
	{"application/x-ole-storage", 0, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", ""},
	{"application/vnd.sqlite3", 0, "SQLite format 3\x00", ""},
	{"application/vnd.apache.parquet", 0, "PAR1", ""},
	{"application/x-elf", 0, "\x7FELF", ""},
	{"application/x-msdownload", 0, "MZ", ""},
	{"application/x-mach-binary", 0, "\xFE\xED\xFA", ""},
	{"application/x-mach-binary", 0, "\xCE\xFA\xED\xFE", ""},
	{"application/x-mach-binary", 0, "\xCF\xFA\xED\xFE", ""},
	{"application/java-vm", 0, "\xCA\xFE\xBA\xBE", ""},
	{"application/wasm", 0, "\x00asm", ""},
	{"audio/amr", 0, "#!AMR", ""},
	{"application/x-shellscript", 0, "#!", ""},
	{"application/x-ms-shortcut", 0, "L\x00\x00\x00\x01\x14\x02\x00", ""},
	{"audio/mpeg", 0, "ID3", ""},
	{"audio/mpeg", 0, "\xFF\xFB", ""},
	{"audio/mpeg", 0, "\xFF\xF3", ""},
	{"audio/mpeg", 0, "\xFF\xF2", ""},
	{"audio/ogg", 0, "OggS", ""},
	{"audio/flac", 0, "fLaC", ""},
	{"video/webm", 0, "\x1A\x45\xDF\xA3", ""},
	{"font/woff", 0, "wOFF", ""},
	{"font/woff2", 0, "wOF2", ""},
	{"font/otf", 0, "OTTO", ""},
}

// texts are how pages that a browser runs begin, in lower case, behind white space
// and a byte order mark.
var texts = []struct{ mediaType, prefix string }{
	{"text/html", "<!doctype html"}, {"text/html", "<html"}, {"text/html", "<head"}, {"text/html", "<body"}, {"text/html", "<script"},
	{"text/html", "<iframe"}, {"text/html", "<title"}, {"text/html", "<style"}, {"text/html", "<table"}, {"text/html", "<div"},
	{"image/svg+xml", "<svg"}, {"application/xml", "<?xml"}, {"application/x-httpd-php", "<?php"}, {"application/x-httpd-php", "<?="},
}

// Of returns the media type that the first bytes speak for, or [Unknown].
func Of(b []byte) string {
	for i := range signatures {
		s := &signatures[i]
		if len(b) < s.offset+len(s.bytes) || string(b[s.offset:s.offset+len(s.bytes)]) != s.bytes {
			continue
		}
		if s.also == "" || len(b) >= 12 && string(b[8:12]) == s.also {
			return s.mediaType
		}
	}
	return text(b)
}

// text looks for markup: behind an XML declaration there may be a picture or a
// page.
func text(b []byte) string {
	b = bytes.TrimPrefix(b[:min(len(b), 1024)], []byte("\xEF\xBB\xBF"))
	b = bytes.TrimLeft(b, " \t\r\n\f")
	for _, t := range texts {
		if len(b) < len(t.prefix) || !strings.EqualFold(string(b[:len(t.prefix)]), t.prefix) {
			continue
		}
		if t.mediaType == "application/xml" {
			for _, inner := range [...]struct{ mediaType, tag string }{{"image/svg+xml", "<svg"}, {"text/html", "<html"}} {
				if bytes.Contains(bytes.ToLower(b), []byte(inner.tag)) {
					return inner.mediaType
				}
			}
		}
		return t.mediaType
	}
	return Unknown
}

// aliases are other names of formats, and the formats that are written in another:
// office documents are zip or OLE files.
var aliases = map[string]string{
	"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png", "image/heif": "image/heic", "image/vnd.microsoft.icon": "image/x-icon",
	"image/x-ms-bmp": "image/bmp", "audio/x-wav": "audio/wav", "audio/wave": "audio/wav", "audio/vnd.wave": "audio/wav", "video/avi": "video/x-msvideo",
	"audio/mp3": "audio/mpeg", "video/ogg": "audio/ogg", "application/ogg": "audio/ogg", "audio/webm": "video/webm", "video/x-matroska": "video/webm",
	"audio/x-flac": "audio/flac", "text/rtf": "application/rtf", "application/x-zip-compressed": "application/zip", "application/x-gzip": "application/gzip",
	"application/x-rar-compressed": "application/vnd.rar", "application/x-sqlite3": "application/vnd.sqlite3", "audio/x-m4a": "audio/mp4", "text/xml": "application/xml",
	"application/java-archive": "application/zip", "application/epub+zip": "application/zip", "application/vnd.android.package-archive": "application/zip",
	"application/msword": "application/x-ole-storage", "application/vnd.ms-excel": "application/x-ole-storage", "application/vnd.ms-powerpoint": "application/x-ole-storage",
	"application/vnd.ms-outlook": "application/x-ole-storage", "application/xhtml+xml": "text/html",
}

// family returns the media type under which a format's signature is known.
func family(mediaType string) string {
	if to, ok := aliases[mediaType]; ok {
		return to
	}
	if strings.HasPrefix(mediaType, "application/vnd.openxmlformats-officedocument.") || strings.HasPrefix(mediaType, "application/vnd.oasis.opendocument.") {
		return "application/zip"
	}
	return mediaType
}

// Known reports whether files of the media type, in lower case, begin in a way
// that [Fits] can tell. Text formats do not.
func Known(mediaType string) bool {
	mediaType = family(mediaType)
	for i := range signatures {
		if signatures[i].mediaType == mediaType {
			return true
		}
	}
	return mediaType == "image/svg+xml"
}

// Fits reports whether b may be a file of the media type, in lower case. What is
// of a format without a beginning of its own must not begin like another one.
func Fits(b []byte, mediaType string) bool {
	is, claimed := Of(b), family(mediaType)
	switch {
	case is == claimed:
		return true
	case Known(claimed):
		return false
	case claimed == "application/octet-stream":
		return true // it claims nothing
	}
	xml := claimed == "application/xml" || strings.HasSuffix(claimed, "+xml")
	switch is {
	case Unknown:
		return true
	case "application/xml":
		return xml
	case "audio/mpeg", "image/bmp", "application/x-msdownload", "application/x-bzip2":
		// Two or three bytes that a text may begin with as well.
		return textual(claimed) && plain(b)
	}
	return false
}

func textual(mediaType string) bool {
	return strings.HasPrefix(mediaType, "text/") || mediaType == "application/json" || strings.HasSuffix(mediaType, "+json") || mediaType == "application/yaml"
}

// plain reports text without control characters but those of lines.
func plain(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f' || c == 0x7F {
			return false
		}
	}
	return true
}

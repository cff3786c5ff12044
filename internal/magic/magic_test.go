package magic_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/magic"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

func TestTheFirstBytesRefuteAClaim(t *testing.T) {
	const (
		png  = "\x89PNG\r\n\x1A\n...."
		jpeg = "\xFF\xD8\xFF\xE0...."
		webp = "RIFF\x10\x00\x00\x00WEBPVP8 "
		exe  = "MZ\x90\x00\x03\x00"
		zip  = "PK\x03\x04...."
		svg  = "<?xml version=\"1.0\"?>\n<svg onload=alert(1)>"
		html = "\xEF\xBB\xBF \n<HTML><script>"
	)
	for _, c := range []struct {
		content, claim string
		fits           bool
	}{
		{png, "image/png", true}, {png, "image/jpeg", false}, {jpeg, "image/jpg", true}, {webp, "image/webp", true}, {webp, "audio/wav", false},
		{exe, "image/png", false}, {exe, "text/plain", false}, {exe, "application/pdf", false}, {exe, "application/octet-stream", true}, {exe, "application/x-custom", false},
		{"MZ is a text", "text/plain", true}, {"BMW", "text/csv", true}, {"#!/bin/sh", "text/plain", false}, {"<?php system($_GET[0]);", "text/plain", false},
		{html, "text/plain", false}, {html, "text/html", true}, {html, "image/gif", false}, {html, "application/xhtml+xml", true},
		{svg, "image/svg+xml", true}, {svg, "application/xml", false}, {"<?xml version=\"1.0\"?><a/>", "application/xml", true}, {"<?xml version=\"1.0\"?><a/>", "application/soap+xml", true},
		{"<?xml version=\"1.0\"?><a/>", "text/plain", false}, {"<a/>", "text/xml", true},
		{zip, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", true}, {exe, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", false},
		{"a,b\n1,2\n", "text/csv", true}, {png, "text/csv", false}, {"", "text/plain", true}, {"", "image/png", false}, {"anything", "application/x-custom", true},
		{"%PDF-1.7", "application/pdf", true}, {" %PDF-1.7", "application/pdf", false}, {"GIF89a<script>", "image/gif", true},
		{strings.Repeat("\x00", 257) + "ustar", "application/x-tar", true}, {"\x00\x00\x00\x18ftypmp42", "video/mp4", true}, {"\x00\x00\x00\x18ftypavif", "video/mp4", false},
	} {
		if got := magic.Fits([]byte(c.content), c.claim); got != c.fits {
			t.Errorf("%.20q as %s: %v, begins like %q", c.content, c.claim, got, magic.Of([]byte(c.content)))
		}
	}
}

func TestWhatCanBeToldIsKnown(t *testing.T) {
	for mediaType, want := range map[string]bool{"image/png": true, "image/jpg": true, "application/pdf": true, "text/plain": false, "application/json": false, "image/x-foo": false, "image/svg+xml": true} {
		if magic.Known(mediaType) != want {
			t.Errorf("%s: %v", mediaType, !want)
		}
	}
}

func TestLookingAllocatesNothing(t *testing.T) {
	b := []byte("\x89PNG\r\n\x1A\n....")
	if n := testing.AllocsPerRun(100, func() { _ = magic.Fits(b, "image/png") }); n != 0 && !race.Enabled {
		t.Errorf("%v allocations", n)
	}
}

package schema_test

import (
	"bytes"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"
)

// What the clients that people use write is taken: strictness must not cost them
// anything. Each body is as the client sends it, with "\n" for line ends.
func TestWhatClientsSendIsTaken(t *testing.T) {
	list := formSteps(t, "upload", nil)
	const gif = "GIF89a"
	for client, c := range map[string]struct{ contentType, body, want string }{
		"curl 8": {"multipart/form-data; boundary=------------------------d74496d66958873e",
			"--------------------------d74496d66958873e\nContent-Disposition: form-data; name=\"title\"\n\nhello\n--------------------------d74496d66958873e\nContent-Disposition: form-data; name=\"any\"; filename=\"a b.gif\"\nContent-Type: image/gif\n\n" + gif + "\n--------------------------d74496d66958873e--\n", ""},
		"Chrome": {"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
			"------WebKitFormBoundary7MA4YWxkTrZu0gW\nContent-Disposition: form-data; name=\"title\"\n\nhello\n------WebKitFormBoundary7MA4YWxkTrZu0gW\nContent-Disposition: form-data; name=\"any\"; filename=\"a%22b.gif\"\nContent-Type: image/gif\n\n" + gif + "\n------WebKitFormBoundary7MA4YWxkTrZu0gW\nContent-Disposition: form-data; name=\"photo\"; filename=\"\"\nContent-Type: application/octet-stream\n\n\n------WebKitFormBoundary7MA4YWxkTrZu0gW--\n", ""},
		"Firefox": {"multipart/form-data; boundary=---------------------------9051914041544843365972754266",
			"-----------------------------9051914041544843365972754266\nContent-Disposition: form-data; name=\"title\"\n\nh\u00e9llo\n-----------------------------9051914041544843365972754266--\n", ""},
		"undici":          {"multipart/form-data; boundary=----formdata-undici-073442586178", "------formdata-undici-073442586178\nContent-Disposition: form-data; name=\"title\"\n\nhello\n------formdata-undici-073442586178--", ""},
		"python-requests": {"multipart/form-data; boundary=1b8c4a1a4e1b4c6a9d0f", "--1b8c4a1a4e1b4c6a9d0f\nContent-Disposition: form-data; name=\"title\"\n\nhello\n--1b8c4a1a4e1b4c6a9d0f\nContent-Disposition: form-data; name=\"any\"; filename=\"a.gif\"\n\n" + gif + "\n--1b8c4a1a4e1b4c6a9d0f--\n", ""},
		"OkHttp": {"multipart/form-data; boundary=9f2c3b1e-2c53-4f1c-8b6b-0b6d3a4f1f11",
			"--9f2c3b1e-2c53-4f1c-8b6b-0b6d3a4f1f11\nContent-Disposition: form-data; name=\"title\"\nContent-Transfer-Encoding: binary\nContent-Type: text/plain; charset=utf-8\nContent-Length: 5\n\nhello\n--9f2c3b1e-2c53-4f1c-8b6b-0b6d3a4f1f11--\n", ""},
		"Apache HttpClient": {"multipart/form-data; boundary=httpclient_boundary_7d1f; charset=ISO-8859-1",
			"--httpclient_boundary_7d1f\nContent-Disposition: form-data; name=\"title\"\nContent-Type: text/plain; charset=ISO-8859-1\nContent-Transfer-Encoding: 8bit\n\nhello\n--httpclient_boundary_7d1f--\n", ""},
		"Apache HttpClient with umlauts in ISO-8859-1": {"multipart/form-data; boundary=b7d1f",
			"--b7d1f\nContent-Disposition: form-data; name=\"title\"\nContent-Type: text/plain; charset=ISO-8859-1\n\nh\xe9llo\n--b7d1f--\n", "schema.part"},
		"Spring":      {"multipart/form-data;charset=UTF-8;boundary=tFwF_3KpM9gDqqm1", "--tFwF_3KpM9gDqqm1\nContent-Disposition: form-data; name=\"title\"\nContent-Type: text/plain;charset=UTF-8\nContent-Length: 5\n\nhello\n--tFwF_3KpM9gDqqm1--\n", ""},
		".NET, texts": {"multipart/form-data; boundary=\"0b3c1c2e-8f0e-4d6b-9c0b-d1c1a5d7a3e9\"", "--0b3c1c2e-8f0e-4d6b-9c0b-d1c1a5d7a3e9\nContent-Type: text/plain; charset=utf-8\nContent-Disposition: form-data; name=title\n\nhello\n--0b3c1c2e-8f0e-4d6b-9c0b-d1c1a5d7a3e9--\n", ""},
		// Two file names are refused, also those that .NET writes: docs/configuration.md says what to do.
		".NET, files": {"multipart/form-data; boundary=\"b3c1\"", "--b3c1\nContent-Disposition: form-data; name=any; filename=a.gif; filename*=utf-8''a.gif\n\n" + gif + "\n--b3c1--\n", "schema.multipart"},
		"Guzzle":      {"multipart/form-data; boundary=5f3c1b", "--5f3c1b\nContent-Disposition: form-data; name=\"title\"\nContent-Length: 5\n\nhello\n--5f3c1b--\n", ""},
		"Dart":        {"multipart/form-data; boundary=dart-http-boundary-Z1u+q_", "--dart-http-boundary-Z1u+q_\ncontent-disposition: form-data; name=\"title\"\ncontent-type: text/plain; charset=utf-8\ncontent-transfer-encoding: binary\n\nh\u00e9llo\n--dart-http-boundary-Z1u+q_--\n", ""},
	} {
		if rule, detail := run(t, list, post(c.contentType, strings.ReplaceAll(c.body, "\n", "\r\n"))); rule != c.want {
			t.Errorf("%s: %q (%s), want %q", client, rule, detail, c.want)
		}
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.WriteField("title", "hello")
	p, _ := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="photo"; filename="a.png"`}, "Content-Type": {"image/png"}, "X-Kind": {"face"}})
	_, _ = p.Write([]byte(png))
	_ = w.Close()
	if rule, detail := run(t, list, post(w.FormDataContentType(), b.String())); rule != "" {
		t.Errorf("Go: %q (%s)", rule, detail)
	}
}
